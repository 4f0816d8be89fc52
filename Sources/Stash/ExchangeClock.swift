/// When the parts of a request began, and so when each has taken too long.
struct ExchangeClock {
    enum Deadline: Equatable {
        case passed(StashError.Phase)
        case at(ContinuousClock.Instant)
        /// Curl itself watches over connecting, which includes waiting for a free connection.
        case none
    }

    var begun: ContinuousClock.Instant?
    /// When the request went out; while it waits for a free connection nothing is too slow but this program.
    var sent: ContinuousClock.Instant?
    var lastByte: ContinuousClock.Instant?

    func deadline(at now: ContinuousClock.Instant, _ timeouts: TransferTimeouts) -> Deadline {
        var limits: [(ContinuousClock.Instant, StashError.Phase)] = []
        if let lastByte {
            limits.append((lastByte + timeouts.stall, .stalled))
        } else if let sent {
            limits.append((sent + timeouts.firstByte, .firstByte))
        }
        if let begun, let total = timeouts.total { limits.append((begun + total, .total)) }
        guard let (instant, phase) = limits.min(by: { $0.0 < $1.0 }) else { return .none }
        return instant <= now ? .passed(phase) : .at(instant)
    }
}

extension Duration {
    /// At least 1: zero would mean no limit to curl.
    var milliseconds: Int {
        let (seconds, attoseconds) = components
        return max(1, Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000))
    }
}
