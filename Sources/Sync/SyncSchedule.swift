package import Library
import Stash

/// When passes run.
package struct SyncSchedule: Sendable {
    /// From the end of a pass to the next one, which compares the time of every row with what is known.
    /// nil: only news and requests begin one.
    package var interval: Duration? = .seconds(3600)
    /// After this long such a pass reads every row, for some changes leave no trace in any time (Stash 3.2). That takes the server of
    /// a large library minutes.
    package var fullInterval: Duration = .seconds(86_400)
    /// How often a server is asked, by one small question, whether anything is new; nil: never.
    package var probeInterval: Duration? = .seconds(60)
    /// From the first news to the pass, so that what is done in quick succession makes one.
    package var newsDelay: Duration = .seconds(2)
    /// A pass for news begins no sooner after the last one than this, and than so many times what that one took: a server
    /// that is always busy spends a tenth of its time with us at most.
    package var shortestRest: Duration = .seconds(5)
    package var restFactor = 10
    /// After the first failure that may pass by itself; it doubles with every further one.
    package var firstPause: Duration = .seconds(1)
    package var longestPause: Duration = .seconds(60)
    /// While another process has the instance.
    package var busyPause: Duration = .seconds(5)

    package init() {}

    /// How long to wait after a pass that ended with this error, being one of so many that failed in a row; nil when only
    /// a person can make another one worth while.
    func pause(
        after error: SyncError?, failures: Int, using generator: inout some RandomNumberGenerator
    ) -> Duration? {
        // Several instances on one server, or several servers on one disk, shall not run in step for ever.
        func jittered(_ duration: Duration) -> Duration { duration * Double.random(in: 0.5...1, using: &generator) }
        switch error {
        case nil: return interval.map { $0 * Double.random(in: 0.9...1.1, using: &generator) }
        case .busy: return jittered(busyPause)
        case .server(.tripwire, _): return nil
        case let error? where error.passesByItself:
            // Doubling stops at 2^20, where every pause is at its limit and nothing can overflow.
            return jittered(min(firstPause * (1 << min(max(failures, 1) - 1, 20)), longestPause))
        default: return interval ?? .seconds(3600)
        }
    }

    /// From one look at the server to the next.
    func probePause(using generator: inout some RandomNumberGenerator) -> Duration? {
        probeInterval.map { $0 * Double.random(in: 0.9...1.1, using: &generator) }
    }
}

/// How an instance's sync stands.
package struct InstanceSyncStatus: Sendable, Equatable {
    package enum Phase: Sendable, Equatable {
        /// Unix seconds of the next pass; nil when only a request or a change of the instance starts one.
        case waiting(next: Int64?)
        case syncing(SyncProgress)
    }

    package let instance: InstanceNumber
    package var phase: Phase
    /// Whether the server can be worked with, and since when; nil before that is known.
    package var health: ServerHealthRecord?
    /// Unix seconds of the end of the first pass that failed since one succeeded.
    package var failingSince: Int64?
    /// Unix seconds of the end of the last pass that got through everything.
    package var lastSuccess: Int64?
    /// Of the last pass that was not stopped; with its error.
    package var lastReport: SyncReport?
}
