/// Why a server could not give what was asked, by what the caller can do about it.
///
/// No case holds a key, a URL or a query. Texts of the server are cut to a sentence's length.
package enum StashError: Error, Sendable, Hashable {
    /// No connection. Every other request to this server will fare the same: try the next member, come back later.
    case unreachable(Unreachability)
    /// Connected, but too slow (disks spin up, a pool is saturated). Try again later.
    case timedOut(Phase)
    /// The connection is not private or the certificate is not believed. Nothing but a person can mend it.
    case tls(String)
    /// The server wants other credentials. Nothing but a person can mend it; stop asking.
    case unauthorised(CredentialFault)
    /// What answered is no Stash, or not at this address. Nothing but a person can mend it.
    case notStash(Misfit)
    /// The server has locked itself after an access from the public internet (Stash 1.4). Never ask again by itself.
    case tripwire
    /// Stash waits for its owner: first set-up, or a migration of its database. The local index goes on serving.
    case notReady(ServerStatus)
    /// There is no such thing for this request only; it proves no deletion (Stash 4.1).
    case notFound
    /// Other bytes than before: forget what is cached of this file.
    case changed
    /// The range begins behind the end; the file is this long now.
    case rangeNotSatisfiable(total: Int64)
    /// The answer ended early. What was received before the withheld tail is right; ask again for the rest.
    case shortBody(received: Int64, expected: Int64)
    /// An answer that must not be used.
    case refused(Refusal)
    /// The server says that something went wrong on its side. A page can be bisected.
    case server(message: String, retryable: Bool)
    /// The server does not know a field that it had: detect its capabilities again.
    case schemaMismatch(String)
    /// The caller, or the end of the program, stopped it.
    case cancelled

    /// Why there is no connection.
    package enum Unreachability: Sendable, Hashable {
        case nameNotResolved
        case connectionRefused
        case noRoute
        case connectTimedOut
        /// The connection ended before an answer came.
        case connectionLost
    }

    /// What took too long.
    package enum Phase: Sendable, Hashable {
        case firstByte
        case stalled
        case total
    }

    /// What is wrong with the credentials.
    package enum CredentialFault: Sendable, Hashable {
        /// No key was sent, and the server wants one.
        case needsKey
        /// A key was sent, and it is not the server's; or the server has none at all (Stash 1.2).
        case keyRejected
    }

    /// How an answer shows that it does not come from Stash's API.
    package enum Misfit: Sendable, Hashable {
        /// A web page: a wrong base path, a proxy's login, a removed route (Stash 1.3).
        case webPage
        /// A redirect, to this origin when it was readable.
        case redirect(to: String?)
        case notFound
        case notJSON
        /// The server speaks TLS on this port and was addressed as http.
        case speaksTLS
        /// What answered does not speak HTTP.
        case notHTTP
    }

    /// Why an answer must not be used.
    package enum Refusal: Sendable, Hashable {
        /// The bytes are encoded; a slice of a gzip is no slice of the file (Stash 4.1).
        case contentEncoding(String)
        /// A 206 without a Content-Range, or with another one than was asked for.
        case contentRange
        /// The whole file in answer to a part of it.
        case wholeInsteadOfRange
        /// No Content-Length: the end of the body could not be told from a killed stream (Stash 4.2).
        case noLength
        /// The file is there, but the server may not read it.
        case forbidden
        case status(Int)
        /// More than this many bytes where a page of JSON was expected.
        case tooLarge(Int)
        case malformed(String)
        case transport(String)
    }

    /// Whether the same request may succeed later without anybody doing anything.
    package var isTransient: Bool {
        switch self {
        case .unreachable, .timedOut, .shortBody: true
        case .server(_, let retryable): retryable
        case .tls, .unauthorised, .notStash, .tripwire, .notReady, .notFound, .changed, .rangeNotSatisfiable, .refused,
            .schemaMismatch, .cancelled:
            false
        }
    }

    /// Whether the server as a whole is the trouble, so that other requests to it will fail as well.
    package var concernsServer: Bool {
        switch self {
        case .unreachable, .timedOut, .tls, .unauthorised, .notStash, .tripwire, .notReady: true
        case .notFound, .changed, .rangeNotSatisfiable, .shortBody, .refused, .server, .schemaMismatch, .cancelled:
            false
        }
    }

    /// What failed on which server, as one lower-case sentence.
    package func sentence(about server: ServerAddress) -> String {
        "\(server): \(self)"
    }
}

extension StashError: CustomStringConvertible {
    /// What failed, as one lower-case sentence.
    package var description: String {
        switch self {
        case .unreachable(.nameNotResolved): "the host name cannot be resolved"
        case .unreachable(.connectionRefused): "the connection was refused"
        case .unreachable(.noRoute): "there is no route to the host"
        case .unreachable(.connectTimedOut): "the host does not answer"
        case .unreachable(.connectionLost): "the connection was lost before an answer came"
        case .timedOut(.firstByte): "no answer came in time"
        case .timedOut(.stalled): "the answer stopped coming"
        case .timedOut(.total): "the answer took too long"
        case .tls(let reason): "no trusted TLS connection: \(reason)"
        case .unauthorised(.needsKey): "the server needs an API key"
        case .unauthorised(.keyRejected): "the server does not accept the API key"
        case .notStash(.webPage): "a web page came where an answer of Stash's API was expected"
        case .notStash(.redirect(let target)): "the server redirects\(target.map { " to \($0)" } ?? "")"
        case .notStash(.notFound): "there is no Stash API at this address"
        case .notStash(.notJSON): "something answered that is not Stash's API"
        case .notStash(.speaksTLS): "the server speaks https on this port"
        case .notStash(.notHTTP): "something answered that is no web server"
        case .tripwire: "stash has locked itself because it was reached from the public internet"
        case .notReady(let status): "stash is not ready: \(status)"
        case .notFound: "not found"
        case .changed: "the file has changed at its source"
        case .rangeNotSatisfiable(let total): "the file is shorter: \(total) bytes"
        case .shortBody(let received, let expected): "the answer ended after \(received) of \(expected) bytes"
        case .refused(let refusal): "an answer that cannot be used: \(refusal)"
        case .server(let message, _): "the server reports an error: \(message)"
        case .schemaMismatch(let message): "the server's API has changed: \(message)"
        case .cancelled: "cancelled"
        }
    }
}

extension StashError.Refusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .contentEncoding(let encoding): "its bytes are encoded (\(encoding))"
        case .contentRange: "it is not the range that was asked for"
        case .wholeInsteadOfRange: "the whole file came instead of a range"
        case .noLength: "it does not say its length"
        case .forbidden: "the server may not read the file"
        case .status(let code): "http status \(code)"
        case .tooLarge(let limit): "more than \(limit) bytes"
        case .malformed(let what): what
        case .transport(let what): what
        }
    }
}

/// What Stash says of its own state (`systemStatus.status`, Stash 2.5).
package enum ServerStatus: Sendable, Hashable, CustomStringConvertible {
    case ready
    /// Never set up: no configuration, no database.
    case setup
    /// Newer than its database; the owner has to agree to the migration in Stash's own page.
    case needsMigration
    case unknown(String)

    init(_ text: String) {
        switch text {
        case "OK": self = .ready
        case "SETUP": self = .setup
        case "NEEDS_MIGRATION": self = .needsMigration
        default: self = .unknown(text)
        }
    }

    package var description: String {
        switch self {
        case .ready: "ready"
        case .setup: "it waits for its first set-up"
        case .needsMigration: "its database waits for a migration"
        case .unknown(let text): text.lowercased()
        }
    }
}
