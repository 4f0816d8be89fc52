/// A server's API key, which nothing prints.
///
/// Stash has one key for everything, its configuration included (Stash 1.2), so it goes to its own server's origin in
/// the `ApiKey` header and nowhere else. The text can be read inside this module only.
package struct APIKey: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The key itself; for the request header and for nothing else.
    let secret: String

    /// Nil when the text is empty or holds what cannot stand in a header (RFC 9110 section 5.5); surrounding white
    /// space, which a file or a paste adds, is dropped.
    package init?(_ text: String) {
        let text = Substring(text).trimmingSpace
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        secret = String(text)
    }

    package var description: String { "<key>" }
    package var debugDescription: String { "<key>" }
    package var customMirror: Mirror { Mirror(self, children: [(label: String?, value: Any)]()) }

    /// `text` without the key, for the case that a server repeats it in an error message.
    func redacted(in text: String) -> String {
        text.replacing(secret, with: "<key>")
    }
}

/// Whose certificates are believed on https.
package enum TLSTrust: Sendable, Hashable, Codable {
    /// The system's certificate authorities.
    case system
    /// Any certificate: the connection is encrypted, but nobody knows with whom.
    case insecure
    /// The authorities or the self-signed certificate in this PEM file, and no other.
    case file(String)
}

/// Everything that one request to a server needs besides its path.
package struct ServerAccess: Sendable, Hashable, CustomStringConvertible {
    package var address: ServerAddress
    /// Nil for a server without a key: such a server refuses any key, even an empty placeholder (Stash 1.2).
    package var apiKey: APIKey?
    package var trust: TLSTrust

    package init(address: ServerAddress, apiKey: APIKey? = nil, trust: TLSTrust = .system) {
        self.address = address
        self.apiKey = apiKey
        self.trust = trust
    }

    /// The header that the key goes in; for requests to `address` and for nothing else.
    package var keyHeaders: [(name: String, value: String)] {
        apiKey.map { [(name: "ApiKey", value: $0.secret)] } ?? []
    }

    package var description: String { "\(address)\(apiKey == nil ? "" : " with <key>")" }
}
