/// What listening to a server comes to.
package enum PushNews: Sendable, Equatable {
    /// The server tells from now on when something is done. Told once for each time that it begins to.
    case listening
    /// Something was done that may have changed what the server has: whoever copies it should look.
    case changed(Reason)
    /// The server does not tell, and why. Told once, until it does again.
    case unavailable(String)

    package enum Reason: String, Sendable, Equatable {
        /// A job (identify, auto-tag, generate, import, a plugin's task) is over.
        case jobEnded
        /// A scan or a clean is over.
        case scanCompleted
        /// The connection was lost and is there again: what was told meanwhile is not known.
        case resumed
    }
}

/// How long things may take.
package struct PushTimes: Sendable {
    /// Until the connection is there.
    package var connect = Duration.seconds(5)
    /// From the connection to the acknowledgement that messages may come.
    package var answer = Duration.seconds(15)
    /// So long after the last message the server is asked whether it is still there: the server never asks (Stash 3.3).
    package var quiet = Duration.seconds(25)
    /// So long after the last message it is not.
    package var silence = Duration.seconds(50)
    /// How often it is looked at the clock.
    package var tick = Duration.seconds(5)
    /// The pause after the first failure; it doubles with every further one.
    package var firstPause = Duration.seconds(1)
    package var longestPause = Duration.seconds(60)
    /// After an answer that says that there is nobody to listen to here: a proxy's settings change seldom.
    package var refusedPause = Duration.seconds(600)

    package init() {}

    /// How long to wait before the next try. Drawn from the upper half, so that those who failed together do not come back
    /// together.
    func pause(
        afterFailures failures: Int, isRefused: Bool, using generator: inout some RandomNumberGenerator
    ) -> Duration {
        // Doubling stops at 2^20, where every pause is at its limit and nothing can overflow.
        let limit = isRefused ? refusedPause : min(firstPause * (1 << min(max(failures, 1) - 1, 20)), longestPause)
        return limit * Double.random(in: 0.5...1, using: &generator)
    }
}

/// Why a connection is over.
enum PushFault: Error, Equatable {
    /// It could not be made, or was lost, or fell silent: another one may fare better.
    case broken(String)
    /// What is there does not speak this protocol, or not with us.
    case refused(String)
}
