/// Why a pass runs.
package enum PassOccasion: String, Sendable, Codable {
    /// Somebody asked for it, or the server is new here, or reached in another way.
    case request
    /// The server told that something was done, or a look at it showed that something is new.
    case news
    /// It is time again: much changes at a server without a trace (Stash 3.2).
    case time
}

/// What an instance's thread does next, and when. Pure: times are since any beginning.
struct Agenda {
    enum Step: Equatable {
        case pass(PassOccasion)
        /// One small question: is anything new?
        case probe
    }

    /// What a look at the server came to.
    enum Look {
        case same
        case new
        case failed(SyncError)
    }

    private let schedule: SyncSchedule
    private var isRequested = true
    private var newsDue: Duration?
    private var timeDue: Duration?
    private var timeOccasion = PassOccasion.time
    private var probeDue: Duration?
    /// News do not begin a pass before this.
    private var restsUntil = Duration.zero
    private var failures = 0

    init(_ schedule: SyncSchedule) {
        self.schedule = schedule
    }

    /// What is due; nil when nothing is.
    func step(at now: Duration) -> Step? {
        if isRequested { return .pass(.request) }
        if let newsDue, newsDue <= now { return .pass(.news) }
        if let timeDue, timeDue <= now { return .pass(timeOccasion) }
        if let probeDue, probeDue <= now { return .probe }
        return nil
    }

    /// When something is due next; nil when nothing is by itself.
    var nextStep: Duration? { [newsDue, timeDue, probeDue].compactMap { $0 }.min() }

    /// When a pass is due next by itself.
    var nextPass: Duration? { [newsDue, timeDue].compactMap { $0 }.min() }

    mutating func request() { isRequested = true }

    /// Begins anew with a server that is reached in another way.
    mutating func restart() { self = Agenda(schedule) }

    /// Something is new at the server. What is told in quick succession makes one pass, and passes leave the server time.
    mutating func news(at now: Duration) {
        let due = max(now + schedule.newsDelay, restsUntil)
        newsDue = min(newsDue ?? due, due)
    }

    mutating func passBegan() {
        isRequested = false
        (newsDue, timeDue, probeDue) = (nil, nil, nil)
    }

    /// A pass is over that ran for this reason and took so long; a failed one is tried again for the same reason.
    mutating func passEnded(
        _ occasion: PassOccasion, error: SyncError?, took: Duration, at now: Duration,
        using generator: inout some RandomNumberGenerator
    ) {
        count(error)
        timeDue = schedule.pause(after: error, failures: failures, using: &generator).map { now + $0 }
        timeOccasion = error?.passesByItself == true ? occasion : .time
        guard error == nil else { return }
        restsUntil = now + max(schedule.shortestRest, took * schedule.restFactor)
        // What was told while the pass ran may have come after the page that it is on.
        if let due = newsDue { newsDue = max(due, restsUntil) }
        probeDue = schedule.probePause(using: &generator).map { now + $0 }
    }

    mutating func probed(
        _ look: Look, at now: Duration, using generator: inout some RandomNumberGenerator
    ) {
        switch look {
        case .same:
            failures = 0
            probeDue = schedule.probePause(using: &generator).map { now + $0 }
        case .new:
            failures = 0
            // Asked again after the pass that finds out what it is.
            probeDue = nil
            news(at: now)
        case .failed(let error):
            count(error)
            probeDue = schedule.pause(after: error, failures: failures, using: &generator).map { now + $0 }
        }
    }

    private mutating func count(_ error: SyncError?) {
        switch error {
        case nil: failures = 0
        case .busy, .cancelled: break
        default: failures += 1
        }
    }
}
