import Stash

/// Lets people's reads of a server go before the questions of a pass.
struct Courtesy: Sendable {
    /// How long one question waits at most: about as long as a slow server takes to answer a read, and short enough that a
    /// library of 100,000 scenes (200 pages) is read within half an hour while somebody never stops to wait.
    static let longest = Duration.seconds(5)
    /// How often it is looked whether they still wait.
    private static let step = Duration.milliseconds(20)

    /// Whether somebody waits for the server.
    let isAwaited: @Sendable () -> Bool
    let cancel: Cancellation

    /// Returns when nobody waits, when it has been long enough, or when the pass is cancelled.
    func wait() {
        let end = ContinuousClock.now + Self.longest
        while isAwaited(), !cancel.isCancelled, ContinuousClock.now < end { cancel.pause(Self.step) }
    }
}
