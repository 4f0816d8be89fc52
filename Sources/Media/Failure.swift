import Stash

/// What a failed transfer means for the reads that wait for it: the one place where errors of the network become
/// decisions.
enum Failure: Hashable, Sendable {
    /// The way to the server, or the server, is disturbed: again, as long as a read may wait.
    case network
    /// The server is there and this file fails: again, a few times.
    case file
    /// The file has other bytes than before.
    case changed
    /// Not again, for this file.
    case final(MediaError)
    /// Not again, for the whole server, until a person did something.
    case locked

    init(_ error: StashError) {
        self =
            switch error {
            case .unreachable, .timedOut, .notReady, .cancelled: .network
            case .shortBody, .server(_, retryable: true): .file
            case .changed, .rangeNotSatisfiable: .changed
            case .notFound, .refused(.status(410)): .final(.gone)
            case .tripwire: .locked
            case .tls, .unauthorised, .notStash, .refused, .server, .schemaMismatch: .final(.refused)
            }
    }
}
