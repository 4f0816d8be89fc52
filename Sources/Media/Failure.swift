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
            // No HTTP: the five bytes of a killed stream (Stash 4.2) can come right behind a whole body, and are then
            // taken for the head of the next answer on that connection.
            case .shortBody, .server(_, retryable: true), .notStash(.notHTTP): .file
            case .changed, .rangeNotSatisfiable: .changed
            case .notFound, .refused(.status(410)): .final(.gone)
            case .tripwire: .locked
            case .tls, .unauthorised, .notStash, .refused, .server, .schemaMismatch: .final(.refused)
            }
    }
}

/// How long to wait before a file is asked for again after a failure that may pass.
struct Backoff: Sendable {
    /// Short enough that one lost connection is not noticed by who watches a film.
    static let first = Duration.milliseconds(200)
    /// Long enough for a server that starts, short enough for several tries within a read's 18 s.
    static let longest = Duration.seconds(3)
    /// Answers of 5xx after which a file is given up: 200 + 400 + 800 + 1600 ms of waiting. The server is there, so
    /// it is not marked down, and more of the same would only add to its work.
    static let statusTries = 5

    private(set) var failures = 0
    private(set) var until: ContinuousClock.Instant?

    /// Notes a failure; `jitter`, from 0 to 1, spreads the retries of many clients over half the time.
    mutating func fail(at now: ContinuousClock.Instant, jitter: Double) {
        failures += 1
        let full = min(Self.first * (1 << min(failures - 1, 10)), Self.longest)
        until = now + full / 2 + full / 2 * jitter
    }

    mutating func succeed() {
        failures = 0
        until = nil
    }

    func isOver(at now: ContinuousClock.Instant) -> Bool {
        until.map { $0 <= now } ?? true
    }
}
