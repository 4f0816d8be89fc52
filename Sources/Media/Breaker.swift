/// Whether reads of one server are tried, and when to look for its return.
///
/// It opens only when a read has waited its full time and the server gave no byte for any read since. It closes when
/// a probe succeeds. A server that answers probes but no reads opens it again; each time the first probe comes later.
struct Breaker: Sendable {
    /// Before the first probe: a server that was restarted is noticed within seconds.
    static let firstProbe = Duration.seconds(1)
    /// Between probes, at most.
    static let longestWait = Duration.seconds(8)

    private(set) var downSince: ContinuousClock.Instant?
    private(set) var reason = MediaError.unavailable
    /// When the server was last heard.
    private(set) var lastAnswer: ContinuousClock.Instant?
    private(set) var probeAt: ContinuousClock.Instant?
    private var wait = Breaker.firstProbe

    var isOpen: Bool { downSince != nil }

    var health: ServerHealth {
        downSince.map { .down(since: $0, reason: reason) } ?? .up
    }

    /// Notes that a file's bytes or an answer to a request for them arrived.
    mutating func heard(at now: ContinuousClock.Instant) {
        lastAnswer = now
        wait = Self.firstProbe
    }

    /// Whether the server was silent since `start`.
    func isSilent(since start: ContinuousClock.Instant) -> Bool {
        lastAnswer.map { $0 < start } ?? true
    }

    /// Marks the server as down; without `probes`, for when asking makes it worse, only `setServer` ends that.
    mutating func open(at now: ContinuousClock.Instant, reason: MediaError, probes: Bool = true) {
        downSince = now
        self.reason = reason
        probeAt = probes ? now + wait : nil
        wait = min(wait * 2, Self.longestWait)
    }

    /// Whether a probe is due; then none is due until its result is noted.
    mutating func takeProbe(at now: ContinuousClock.Instant) -> Bool {
        guard isOpen, let at = probeAt, at <= now else { return false }
        probeAt = nil
        return true
    }

    /// Notes the result of a probe.
    ///
    /// - Returns: whether the server is back.
    mutating func probed(_ succeeded: Bool, at now: ContinuousClock.Instant) -> Bool {
        guard isOpen else { return false }
        guard succeeded else {
            probeAt = now + Self.firstProbe
            return false
        }
        downSince = nil
        probeAt = nil
        return true
    }
}

/// Whether a server's files can be read at present.
package enum ServerHealth: Hashable, Sendable {
    /// Reads are tried.
    case up
    /// Reads fail at once while a probe in the background looks for the server's return.
    case down(since: ContinuousClock.Instant, reason: MediaError)
    /// No such server was set.
    case absent
}
