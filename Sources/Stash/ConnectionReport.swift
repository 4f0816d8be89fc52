/// What a test of a connection found out, for a person who is adding a server.
package struct ConnectionReport: Sendable, Hashable {
    /// One case for each thing that a person would do something different about.
    package enum Diagnosis: Sendable, Hashable {
        case badAddress(AddressError)
        case nameNotResolved
        case refused
        /// No route, or no answer in time, or an answer that broke off.
        case unreachable(StashError)
        case tls(String)
        case notStash(StashError.Misfit)
        case needsKey
        case wrongKey
        /// The server has no key, and so refuses every one (Stash 1.2).
        case keyButServerHasNone
        case notSetUp(ServerStatus)
        case tooOld(version: String?)
        case tripwire
        /// It is a Stash, but it reports an error.
        case failed(StashError)
        case ok(ServerDescription, counts: [WireKind: Int64])
    }

    package let diagnosis: Diagnosis
    /// Nil when the address could not even be read.
    package let address: ServerAddress?

    package init(_ diagnosis: Diagnosis, address: ServerAddress?) {
        self.diagnosis = diagnosis
        self.address = address
    }

    package var isOK: Bool {
        if case .ok = diagnosis { true } else { false }
    }

    /// A word for scripts and for JSON, stable.
    package var code: String {
        switch diagnosis {
        case .badAddress: "bad-address"
        case .nameNotResolved: "name-not-resolved"
        case .refused: "refused"
        case .unreachable: "unreachable"
        case .tls: "tls"
        case .notStash: "not-stash"
        case .needsKey: "needs-key"
        case .wrongKey: "wrong-key"
        case .keyButServerHasNone: "key-but-server-has-none"
        case .notSetUp: "not-set-up"
        case .tooOld: "too-old"
        case .tripwire: "tripwire"
        case .failed: "failed"
        case .ok: "ok"
        }
    }

    /// What was found, as one lower-case sentence. Never holds a key.
    package var sentence: String {
        let server = address.map { "\($0)" } ?? "the server"
        return switch diagnosis {
        case .badAddress(let error): error.description
        case .nameNotResolved: "the host name \(address?.host ?? "") cannot be resolved"
        case .refused: "\(server) refuses the connection"
        case .unreachable(let error), .failed(let error): "\(server): \(error)"
        case .tls(let reason): "no trusted TLS connection to \(server): \(reason)"
        case .notStash(let misfit): "\(server) is not a Stash server: \(StashError.notStash(misfit))"
        case .needsKey: "\(server) needs an API key"
        case .wrongKey: "\(server) does not accept this API key"
        case .keyButServerHasNone: "an API key was given, but \(server) has none"
        case .notSetUp(let status): "stash at \(server) is not ready: \(status)"
        case .tooOld(let version): "stash at \(server) is too old: \(version ?? "older than v0.22")"
        case .tripwire:
            "stash at \(server) has locked itself: it was reached from the public internet without a password"
        case .ok(let description, let counts):
            "\(server) is Stash \(description.version ?? "of an unnamed version") with "
                + "\(counts[.scene] ?? 0) scenes, \(counts[.performer] ?? 0) performers and "
                + "\(counts[.image] ?? 0) images"
        }
    }

    /// What a person can do about it, as one lower-case sentence; nil when all is well.
    package var hint: String? {
        switch diagnosis {
        case .badAddress(let error): error.hint
        case .nameNotResolved: "check the spelling, or give the IP address"
        case .refused: "check that Stash is running and that the port is right (Stash's own is 9999)"
        case .unreachable: "check the address, the network and the firewall between here and there"
        case .tls(let reason) where reason.contains("wrong version number"):
            "the server may not speak https on this port: try http://"
        case .tls: "for a certificate of one's own give it with --ca-file, or --insecure-tls to trust any"
        case .notStash(.speaksTLS): "use https:// instead of http://"
        case .notStash(.redirect(let target?)): "use the address \(target)"
        case .notStash: "give the address of Stash's start page, with the sub-path if it has one"
        case .needsKey: "create a key in Stash under Settings, Security, and give it with --api-key-file"
        case .wrongKey: "copy the key from Stash again (Settings, Security); an older one stops working"
        case .keyButServerHasNone: "leave the key out, or create one in Stash under Settings, Security"
        case .notSetUp: "open Stash in a browser and finish what it asks for"
        case .tooOld: "update Stash to version 0.22 or newer"
        case .tripwire: "set a password in Stash, remove the tripwire line from its config.yml, and restart it"
        case .failed: "look into Stash's own log"
        case .ok: nil
        }
    }
}

extension ConnectionReport: CustomStringConvertible {
    package var description: String {
        hint.map { "\(sentence); \($0)" } ?? sentence
    }
}

/// Tests what a person typed.
package func testConnection(
    to text: String, apiKey: APIKey?, trust: TLSTrust = .system, engine: TransferEngine,
    timeouts: TransferTimeouts = .test, cancel: Cancellation = Cancellation()
) -> ConnectionReport {
    do throws(AddressError) {
        let access = ServerAccess(address: try ServerAddress(text), apiKey: apiKey, trust: trust)
        return testConnection(access, engine: engine, timeouts: timeouts, cancel: cancel)
    } catch {
        return ConnectionReport(.badAddress(error), address: nil)
    }
}

/// Asks a server what it is and what it has. Blocks for as long as `timeouts` allow, at most four times.
package func testConnection(
    _ access: ServerAccess, engine: TransferEngine, timeouts: TransferTimeouts = .test,
    cancel: Cancellation = Cancellation()
) -> ConnectionReport {
    let client = StashClient(access: access, engine: engine, graphQLTimeouts: timeouts)
    do throws(StashError) {
        let description = try client.describe(cancel: cancel)
        guard !description.isTooOld else {
            return ConnectionReport(.tooOld(version: description.version), address: access.address)
        }
        guard description.status == .ready else {
            return ConnectionReport(.notSetUp(description.status), address: access.address)
        }
        let counts = try client.newest(cancel: cancel).kinds.mapValues(\.count)
        return ConnectionReport(.ok(description, counts: counts), address: access.address)
    } catch .unauthorised(.keyRejected) {
        // A wrong key and a key where there is none are answered alike; only asking without a key tells them apart.
        var keyless = access
        keyless.apiKey = nil
        let answers = try? StashClient(access: keyless, engine: engine, graphQLTimeouts: timeouts)
            .describe(cancel: cancel)
        return ConnectionReport(answers == nil ? .wrongKey : .keyButServerHasNone, address: access.address)
    } catch {
        return ConnectionReport(ConnectionReport.Diagnosis(error), address: access.address)
    }
}

extension ConnectionReport.Diagnosis {
    fileprivate init(_ error: StashError) {
        self =
            switch error {
            case .unreachable(.nameNotResolved): .nameNotResolved
            case .unreachable(.connectionRefused): .refused
            case .unreachable, .timedOut, .shortBody: .unreachable(error)
            case .tls(let reason): .tls(reason)
            case .notStash(let misfit): .notStash(misfit)
            case .unauthorised(.needsKey): .needsKey
            case .unauthorised(.keyRejected): .wrongKey
            case .notReady(let status): .notSetUp(status)
            // The describing document is understood by every server since 0.3; who does not is older still.
            case .schemaMismatch: .tooOld(version: nil)
            case .tripwire: .tripwire
            case .notFound, .changed, .rangeNotSatisfiable, .refused, .server, .cancelled: .failed(error)
            }
    }
}
