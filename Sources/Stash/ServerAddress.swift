/// Where a Stash server is, and what it takes to be let in: address, key, trust. Nothing here touches the network.

/// The base URL of a Stash server, parsed and normalised: `http://nas:9999/stash`.
///
/// Every URL of a request is built from it and from the routes of Stash; URLs that a server hands out are never used
/// (they can point to another host or carry the key; Stash 1.5). Two addresses are equal when requests to them are.
package struct ServerAddress: Sendable, Hashable, Codable, CustomStringConvertible {
    /// Scheme of the connection.
    package enum Scheme: String, Sendable, Codable {
        case http
        case https
    }

    package let scheme: Scheme
    /// Host name in lower case, IPv4 address, or IPv6 address without brackets.
    package let host: String
    /// The port, the scheme's own when none was written.
    package let port: Int
    /// Empty, or a path that starts with a slash and does not end with one, as it goes on the wire: `/stash`.
    package let basePath: String

    /// Reads what a person typed or pasted.
    ///
    /// A trailing slash, `/graphql`, `/playground`, `/login`, a fragment and the default port are dropped.
    /// - Throws: `AddressError` with a sentence for people.
    package init(_ text: String) throws(AddressError) {
        let text = Substring(text).trimmingSpace
        guard !text.isEmpty else { throw .empty }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { throw .badCharacter }

        guard let separator = text.firstRange(of: "://") else { throw .noScheme(suggestion: "http://\(text)") }
        guard let scheme = Scheme(rawValue: text[..<separator.lowerBound].lowercased()) else {
            throw .unknownScheme(String(text[..<separator.lowerBound]))
        }

        let rest = text[separator.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let afterAuthority = rest[authority.endIndex...]
        guard !authority.contains("@") else { throw .credentials }
        let path = afterAuthority.prefix { $0 != "?" && $0 != "#" }
        let query = afterAuthority[path.endIndex...].prefix { $0 != "#" }
        guard query.isEmpty else {
            throw query.lowercased().contains("apikey=") ? .keyInURL : .query
        }

        self.scheme = scheme
        (host, port) = try Self.hostAndPort(authority, scheme: scheme)
        basePath = try Self.normalised(path: path)
    }

    /// The URL without the default port: what is stored, shown, and used as a prefix of every request.
    package var url: String {
        let shownHost = host.contains(":") ? "[\(host)]" : host
        let shownPort = port == Self.defaultPort(of: scheme) ? "" : ":\(port)"
        return "\(scheme.rawValue)://\(shownHost)\(shownPort)\(basePath)"
    }

    package var description: String { url }

    /// Whether a key that was meant for one of them may be sent to the other: scheme, host and port are equal. Behind
    /// another path of the same origin is another program of the same owner at worst.
    package func hasSameOrigin(as other: ServerAddress) -> Bool {
        (scheme, host, port) == (other.scheme, other.host, other.port)
    }

    package init(from decoder: any Decoder) throws {
        try self.init(try decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(url)
    }
}

extension ServerAddress {
    private static func defaultPort(of scheme: Scheme) -> Int {
        scheme == .http ? 80 : 443
    }

    private static func hostAndPort(
        _ authority: Substring, scheme: Scheme
    ) throws(AddressError) -> (host: String, port: Int) {
        let host: Substring
        let portText: Substring?
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw .badHost(String(authority)) }
            host = authority[authority.index(after: authority.startIndex)..<end]
            let tail = authority[authority.index(after: end)...]
            guard tail.isEmpty || tail.hasPrefix(":") else { throw .badHost(String(authority)) }
            portText = tail.isEmpty ? nil : tail.dropFirst()
            // A zone (`fe80::1%eth0`) is allowed: it is how a link-local server is named.
            let address = host.prefix { $0 != "%" }
            guard address.contains(":"), address.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else {
                throw .badHost(String(authority))
            }
        } else {
            let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2 else { throw .bareIPv6(String(authority)) }
            host = parts.first ?? ""
            portText = parts.count == 2 ? parts[1] : nil
            guard host.allSatisfy({ $0.isLetter || $0.isNumber || "-._".contains($0) }) else {
                throw .badHost(String(authority))
            }
        }
        guard !host.isEmpty else { throw .noHost }

        guard let portText, !portText.isEmpty else { return (host.lowercased(), defaultPort(of: scheme)) }
        guard portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(portText),
            (1...65_535).contains(port)
        else { throw .badPort(String(portText)) }
        return (host.lowercased(), port)
    }

    /// The pages that people copy out of the browser's address bar; none of them can be part of a base path.
    private static let knownPages: Set<String> = ["graphql", "playground", "login", "healthz"]

    private static func normalised(path: Substring) throws(AddressError) -> String {
        var segments = path.split(separator: "/")
        if let last = segments.last, knownPages.contains(last.lowercased()) { segments.removeLast() }
        guard !segments.contains(where: { $0 == "." || $0 == ".." }) else { throw .badPath(String(path)) }
        let allowed = Set("-._~!$&'()*+,;=:@%".utf8)
        var encoded = ""
        for segment in segments {
            encoded += "/"
            for byte in segment.utf8 {
                if byte.isASCIIAlphanumeric || allowed.contains(byte) {
                    encoded.unicodeScalars.append(Unicode.Scalar(byte))
                } else {
                    encoded += byte.percentEncoded
                }
            }
        }
        return encoded
    }
}

extension Substring {
    var trimmingSpace: Substring {
        var text = self
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }
}

extension UInt8 {
    var isASCIIAlphanumeric: Bool {
        (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
    }

    /// `%2F`, as RFC 3986 section 2.1 writes a byte that may not stand for itself.
    var percentEncoded: String {
        let digits = String(self, radix: 16, uppercase: true)
        return digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
    }
}

/// Why a text is no address of a server. Never repeats a part of the text that could hold a secret.
package enum AddressError: Error, Sendable, Hashable, CustomStringConvertible {
    case empty
    case noScheme(suggestion: String)
    case unknownScheme(String)
    case credentials
    case keyInURL
    case query
    case noHost
    case badHost(String)
    case bareIPv6(String)
    case badPort(String)
    case badPath(String)
    case badCharacter

    /// What is wrong, as one lower-case sentence.
    package var description: String {
        switch self {
        case .empty: "the address is empty"
        case .noScheme: "the address has no scheme"
        case .unknownScheme: "the address must start with http:// or https://"
        case .credentials: "the address contains a user name or a password"
        case .keyInURL: "the address contains an API key"
        case .query: "the address contains a query (the part after the question mark)"
        case .noHost: "the address has no host name"
        case .badHost(let host): "\(host) is not a host name"
        case .bareIPv6: "an IPv6 address needs square brackets"
        case .badPort(let port): "\(port) is not a port (1 to 65535)"
        case .badPath(let path): "the path \(path) cannot be used"
        case .badCharacter: "the address contains a space or a control character"
        }
    }

    /// What to do about it, as one lower-case sentence.
    package var hint: String {
        switch self {
        case .empty, .noHost, .badHost, .badCharacter: "write it like http://nas:9999"
        case .noScheme(let suggestion):
            suggestion.contains("@") || suggestion.contains("?")
                ? "write it like http://nas:9999"
                : "did you mean \(suggestion)"
        case .unknownScheme: "use the address that the browser shows for Stash"
        case .credentials: "Stash is entered with an API key; give the key by itself, not in the address"
        case .keyInURL: "give the key by itself, not in the address"
        case .query: "leave out the question mark and what follows"
        case .bareIPv6(let host): "write it like http://[\(host)]:9999"
        case .badPort: "Stash's own port is 9999"
        case .badPath: "give the address of Stash's start page"
        }
    }
}
