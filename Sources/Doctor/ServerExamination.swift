import Foundation
package import Stash

/// Whether a server can be used, from its name to its version.
package struct ServerExamination {
    /// Beyond this people see other dates here than there.
    private static let clockTolerance = 60.0

    private let access: ServerAccess
    private let engine: TransferEngine

    package init(_ access: ServerAccess, engine: TransferEngine) {
        self.access = access
        self.engine = engine
    }

    /// Blocks for as long as a person waits at a prompt, a minute in the worst case.
    package func findings() -> [Finding] {
        let addresses = Self.addresses(of: access.address.host)
        var findings: [Finding] = []
        if !Self.isAddress(access.address.host) {
            guard !addresses.isEmpty else {
                return [
                    .problem(
                        "name", .name, "the host name \(access.address.host) cannot be resolved",
                        mend: "check the spelling and this machine's name server, or use the IP address")
                ]
            }
            findings.append(.fine("name", "\(access.address.host) is \(addresses.joined(separator: ", "))"))
        }
        findings.append(contentsOf: exposure(addresses))
        let report = testConnection(access, engine: engine)
        findings.append(contentsOf: encryption(report))
        findings.append(connection(report))
        if report.hasAnswered { findings.append(clock) }
        return findings
    }

    private func connection(_ report: ConnectionReport) -> Finding {
        guard !report.isOK else { return .fine("connection", report.sentence) }
        let mend = elsewhere(report) ?? report.hint ?? "look into Stash's own log"
        return .problem("connection", report.cause, report.sentence, mend: mend)
    }

    /// Whether the server would be found without the path, or where it was moved.
    private func elsewhere(_ report: ConnectionReport) -> String? {
        guard case .notStash = report.diagnosis, !access.address.basePath.isEmpty else { return nil }
        let origin = String(access.address.url.dropLast(access.address.basePath.utf8.count))
        guard let address = try? ServerAddress(origin) else { return nil }
        var bare = access
        bare.address = address
        guard testConnection(bare, engine: engine).isOK else { return nil }
        return "leave out \(access.address.basePath): there is a Stash at \(origin)"
    }

    private func encryption(_ report: ConnectionReport) -> [Finding] {
        guard access.address.scheme == .https else {
            guard access.apiKey != nil, !Self.isHere(access.address.host) else { return [] }
            return [
                .remark("tls", "the key goes over the network unencrypted, because the address begins with http://")
            ]
        }
        switch report.diagnosis {
        // The connection says it.
        case .tls: return []
        case _ where access.trust == .insecure:
            return [
                .remark(
                    "tls", "any certificate is believed, so anybody in between could pretend to be this server",
                    mend: "give its certificate with --ca-file instead of --insecure-tls")
            ]
        case _ where report.hasAnswered:
            return [.fine("tls", "the connection is encrypted, and the certificate is believed")]
        default: return []
        }
    }

    /// A server without a password that is reached from the public internet locks itself, for everybody (Stash 1.4).
    private func exposure(_ addresses: [String]) -> [Finding] {
        guard access.apiKey == nil, let open = addresses.first(where: { !Self.isLocal($0) }) else { return [] }
        return [
            .remark(
                "exposure",
                "\(open) is a public address, and a Stash without a password locks itself when it is reached that way",
                mend: "set a password and a key in Stash, or use its address in the local network")
        ]
    }

    private var clock: Finding {
        let client = StashClient(access: access, engine: engine, graphQLTimeouts: .test)
        guard let ahead = try? client.clockDifference() else {
            return .remark("clock", "the server does not say what time it is")
        }
        let size = abs(ahead)
        guard size > Self.clockTolerance else { return .fine("clock", "its clock agrees with this machine's") }
        let amount = Duration.seconds(size.rounded()).formatted(.units(width: .wide, maximumUnitCount: 2))
        return .remark(
            "clock", "its clock is \(amount) \(ahead > 0 ? "ahead of" : "behind") this machine's",
            mend: "let both machines take the time from the network; nothing is missed in syncs, but dates are off")
    }
}

extension ServerExamination {
    /// What a name stands for, without doubles; empty when it cannot be resolved.
    private static func addresses(of host: String) -> [String] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [String] = []
        var next = list
        while let entry = next {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let length = socklen_t(text.count)
            if getnameinfo(
                entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, length, nil, 0, Int32(NI_NUMERICHOST)) == 0
            {
                let address = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
                if !found.contains(address) { found.append(address) }
            }
            next = entry.pointee.ai_next
        }
        return found
    }

    private static func isAddress(_ host: String) -> Bool {
        var bytes = in6_addr()
        return inet_pton(AF_INET, host, &bytes) == 1 || inet_pton(AF_INET6, host, &bytes) == 1
    }

    private static func isHere(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    /// Whether Stash takes it for one of the local network: private, loopback, link-local or 100.64.0.0/10 (Stash 1.4).
    static func isLocal(_ address: String) -> Bool {
        let text = address.prefix { $0 != "%" }
        var four = in_addr()
        if inet_pton(AF_INET, String(text), &four) == 1 {
            let number = UInt32(bigEndian: four.s_addr)
            let ranges: [(UInt32, UInt32)] = [
                (0x0A00_0000, 8), (0xAC10_0000, 12), (0xC0A8_0000, 16), (0x7F00_0000, 8), (0xA9FE_0000, 16),
                (0x6440_0000, 10),
            ]
            return ranges.contains { number >> (32 - $0.1) == $0.0 >> (32 - $0.1) }
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, String(text), &six) == 1 else { return false }
        let bytes = withUnsafeBytes(of: &six) { Array($0) }
        let isLoopback = bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
        return isLoopback || bytes[0] & 0xFE == 0xFC || (bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80)
    }
}

extension ConnectionReport {
    /// Whether an HTTP server answered.
    fileprivate var hasAnswered: Bool {
        switch diagnosis {
        case .badAddress, .nameNotResolved, .refused, .unreachable, .tls: false
        case .notStash(.speaksTLS), .notStash(.notHTTP): false
        case .notStash, .needsKey, .wrongKey, .keyButServerHasNone, .notSetUp, .tooOld, .tripwire, .failed, .ok: true
        }
    }

    fileprivate var cause: Finding.Cause {
        switch diagnosis {
        case .badAddress: .files
        case .nameNotResolved: .name
        case .refused, .unreachable, .failed, .notSetUp, .tripwire, .ok: .server
        case .tls, .notStash, .tooOld: .misfit
        case .needsKey, .wrongKey, .keyButServerHasNone: .key
        }
    }
}
