import Foundation
package import Library
package import Stash

/// Copies one server into the index.
///
/// A pass blocks its thread, which should be one of its own. Everything that came is stored page by page, so that
/// nothing is read twice after a crash; nothing is concluded from what did not come (see `KindReading.isComplete`).
package struct Synchroniser: Sendable {
    package let instance: InstanceNumber
    let client: StashClient
    let index: IndexDatabase
    let state: StateDatabase
    let options: SyncOptions
    private let lockDirectory: String

    /// - Parameters:
    ///   - instance: Whose rows they become.
    ///   - client: Of this instance's server.
    ///   - index: Where they go.
    ///   - state: Has the instance, and remembers what its catalogue is recognised by.
    ///   - lockDirectory: An existing directory for the locks that keep passes of several processes apart.
    ///   - options: How it is gone about.
    package init(
        instance: InstanceNumber, client: StashClient, index: IndexDatabase, state: StateDatabase,
        lockDirectory: String,
        options: SyncOptions = SyncOptions()
    ) {
        self.instance = instance
        self.client = client
        self.index = index
        self.state = state
        self.lockDirectory = lockDirectory
        self.options = options
    }

    /// Tags first, then what carries them: whatever is shown early has its names.
    private static let order: [Kind] = [.tag, .studio, .performer, .group, .gallery, .scene, .image]

    /// Runs one pass.
    ///
    /// - Parameters:
    ///   - cancel: Ends the pass soon, also in the middle of a request.
    ///   - progress: Called on this thread, at least once for each page.
    ///   - derive: Computes the derived tables; called after the scenes, if this pass had news until then, and at the end, when the
    ///     tables have not followed what the instance said, now or before a crash. By one pass at a time among all that share
    ///     the lock directory.
    /// - Returns: What was done. When another pass over this instance is running, the error is `.busy` and nothing was.
    package func run(
        cancel: Cancellation = Cancellation(), progress: @escaping (SyncProgress) -> Void = { _ in },
        derive: @escaping () throws -> Void
    ) -> SyncReport {
        let began = ContinuousClock.now
        var report = SyncReport(instance: instance, startedAt: Int64(Date().timeIntervalSince1970))
        report.occasion = options.occasion
        do throws(SyncError) {
            guard let lock = try FileLock.take(lockDirectory + "/sync-\(instance.rawValue).lock") else {
                throw .busy
            }
            var work = PassWork(
                synchroniser: self, cancel: cancel, progress: progress, derive: derive, report: report)
            work.run(Self.order)
            report = work.report
            _ = consume lock
        } catch {
            report.error = error
        }
        report.seconds = (ContinuousClock.now - began) / .seconds(1)
        return report
    }

    /// Runs `body` while no other pass, of whichever instance or process, runs its own.
    func withDeriveLock(_ cancel: Cancellation, _ body: () throws -> Void) throws(SyncError) {
        let lock = try FileLock.wait(lockDirectory + "/derive.lock", cancel)
        try local(body)
        _ = consume lock
    }
}

/// Runs something that works on this machine only; every failure of it is a `SyncError.local`.
func local<Result>(_ body: () throws -> Result) throws(SyncError) -> Result {
    do {
        return try body()
    } catch let error as SyncError {
        throw error
    } catch {
        throw .local("\(error)")
    }
}
