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
