/// When a failed request is asked again: at most so many times, after growing pauses that differ between callers.
package struct Retry: Sendable, Hashable {
    /// How many times a request is sent at most, the first time included.
    package var attempts: Int
    /// The longest pause after the first failure; it doubles with every further one.
    package var firstPause: Duration
    /// The longest pause of all.
    package var longestPause: Duration

    package init(attempts: Int, firstPause: Duration, longestPause: Duration) {
        precondition(attempts >= 1, "a request is sent at least once")
        self.attempts = attempts
        self.firstPause = firstPause
        self.longestPause = longestPause
    }

    /// A page of a sync: nobody waits for it, so the server gets time to recover.
    package static let page = Retry(attempts: 4, firstPause: .milliseconds(500), longestPause: .seconds(10))

    /// A read of a person: one more try, soon, because the whole read has 20 s.
    package static let media = Retry(attempts: 2, firstPause: .milliseconds(200), longestPause: .seconds(1))

    /// How long to wait before the next try, or nil when there must be none.
    ///
    /// Only what `StashError.isTransient` says is tried again. The pause is drawn from the upper half of its limit, so
    /// that callers which failed together do not come back together.
    /// - Parameters:
    ///   - attempt: How many tries have failed, this one included; 1 after the first.
    ///   - error: What the last one failed with.
    ///   - generator: The source of the jitter.
    /// - Returns: The pause before the next try.
    package func pause(
        afterAttempt attempt: Int, failing error: StashError, using generator: inout some RandomNumberGenerator
    ) -> Duration? {
        precondition(attempt >= 1, "no attempt has failed yet")
        guard error.isTransient, attempt < attempts else { return nil }
        // Doubling stops at 2^20, where every pause is at its limit and nothing can overflow.
        let limit = min(firstPause * (1 << min(attempt - 1, 20)), longestPause)
        return limit * Double.random(in: 0.5...1, using: &generator)
    }

    /// The same with the system's generator.
    package func pause(afterAttempt attempt: Int, failing error: StashError) -> Duration? {
        var generator = SystemRandomNumberGenerator()
        return pause(afterAttempt: attempt, failing: error, using: &generator)
    }
}
