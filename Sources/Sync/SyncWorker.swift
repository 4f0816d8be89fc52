import Dispatch
import Foundation
import Library
import Logging
import Stash

/// The thread of one instance: a pass, a pause, and again.
final class SyncWorker: Sendable {
    /// What all workers of a scheduler share.
    struct Surroundings: Sendable {
        let index: IndexDatabase
        let state: StateDatabase
        let lockDirectory: String
        let options: SyncOptions
        let schedule: SyncSchedule
        let makeClient: @Sendable (Instance) throws -> StashClient
        let derive: @Sendable () throws -> Void
        let onReport: @Sendable (SyncReport) -> Void
        let hub: SyncEventHub
        let logger: Logger
    }

    private struct State {
        var instance: Instance
        var status: InstanceSyncStatus
        /// Of the pass that runs, or of the next one.
        var cancellation = Cancellation()
        var isRequested = true
        var isForced = false
        var isStopping = false
        var hasEnded = false
        var failures = 0
        /// Passes that were begun.
        var passes = 0
    }

    let instance: InstanceNumber
    private let surroundings: Surroundings
    private let state: Lock<State>
    private let start = ContinuousClock.now
    private let wake = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    /// Starts the thread; its first pass begins at once.
    init(_ instance: Instance, _ surroundings: Surroundings) {
        self.instance = instance.number
        self.surroundings = surroundings
        state = Lock(
            State(
                instance: instance,
                status: InstanceSyncStatus(instance: instance.number, phase: .waiting(next: nil))))
        let thread = Thread { self.work() }
        thread.name = "sync-\(instance.number.rawValue)"
        thread.start()
    }

    var status: InstanceSyncStatus { state.withLock { $0.status } }

    /// Begins a pass at once, or after the one that runs.
    ///
    /// - Returns: Its number.
    func request(force: Bool) -> Int {
        defer { wake.signal() }
        return state.withLock { state in
            state.isRequested = true
            state.isForced = state.isForced || force
            return state.passes + 1
        }
    }

    /// Takes over what was changed. Another address, key or trust ends the pass that runs and begins a new one.
    func replace(_ instance: Instance) {
        let outdated: Cancellation? = state.withLock { state in
            let old = state.instance
            state.instance = instance
            let isSame = (old.url, old.apiKey, old.trust) == (instance.url, instance.apiKey, instance.trust)
            guard !isSame else { return nil }
            state.isRequested = true
            state.failures = 0
            defer { state.cancellation = Cancellation() }
            return state.cancellation
        }
        guard let outdated else { return }
        outdated.cancel()
        wake.signal()
    }

    /// Ends the thread soon; `waitForEnd` tells when.
    func stop() {
        let cancellation = state.withLock { state in
            state.isStopping = true
            return state.cancellation
        }
        cancellation.cancel()
        wake.signal()
    }

    /// Waits until the thread has ended, but no longer than that.
    ///
    /// - Returns: Whether it has.
    @discardableResult
    func waitForEnd(until deadline: DispatchTime) -> Bool {
        if state.withLock({ $0.hasEnded }) { return true }
        guard ended.wait(timeout: deadline) == .success else { return false }
        // For whoever else waits.
        ended.signal()
        return true
    }

    // MARK: - The thread

    private func work() {
        while let (instance, force, cancellation) = next() {
            tell(.began)
            let report = pass(instance, force: force, cancellation)
            let pause = note(report)
            let number = state.withLock { $0.passes }
            if report.error != .cancelled { tell(.ended(SyncEvent.Ended(report, pass: number))) }
            tellHealth(report.error)
            tell(.waiting(SyncEvent.Waiting(nextPass: pause.map { Self.now + $0.components.seconds })))
            if report.error != .cancelled, report.error != .busy {
                log(report, instance)
                surroundings.onReport(report)
            }
            rest(pause)
        }
        state.withLock { $0.hasEnded = true }
        ended.signal()
    }

    private func next() -> (Instance, Bool, Cancellation)? {
        state.withLock { state in
            guard !state.isStopping else { return nil }
            defer {
                state.isRequested = false
                state.isForced = false
            }
            state.passes += 1
            state.status.phase = .syncing(SyncProgress(instance: state.instance.number, stage: .connecting))
            return (state.instance, state.isForced, state.cancellation)
        }
    }

    private func pass(_ instance: Instance, force: Bool, _ cancellation: Cancellation) -> SyncReport {
        let client: StashClient
        do {
            client = try surroundings.makeClient(instance)
        } catch {
            var report = SyncReport(instance: instance.number, startedAt: Self.now)
            report.error = .configuration("\(error)")
            return report
        }
        var options = surroundings.options
        options.force = options.force || force
        let synchroniser = Synchroniser(
            instance: instance.number, client: client, index: surroundings.index,
            state: surroundings.state, lockDirectory: surroundings.lockDirectory, options: options)
        var events = ProgressEvents()
        return synchroniser.run(
            cancel: cancellation,
            progress: { progress in
                self.state.withLock { $0.status.phase = .syncing(progress) }
                if let event = events.event(progress, at: ContinuousClock.now - self.start) {
                    self.tell(.progress(event))
                }
            },
            derive: surroundings.derive)
    }

    private func tell(_ what: SyncEvent.What) {
        let instance = state.withLock { $0.instance }
        surroundings.hub.send(
            SyncEvent(at: Self.now, instance: instance.id, name: instance.name, what: what), of: instance.number)
    }

    /// Tells when the server is found to be up or down where it was not before.
    private func tellHealth(_ error: SyncError?) {
        guard let isUp = SyncError.provesUp(error) else { return }
        let news: SyncEvent.Health? = state.withLock { state in
            guard state.status.health?.isUp != isUp else { return nil }
            let health = SyncEvent.Health(isUp: isUp, since: Self.now, reason: isUp ? nil : error.map { "\($0)" })
            state.status.health = health
            return health
        }
        if let news { tell(.health(news)) }
    }

    /// Returns how long to wait for the next pass.
    private func note(_ report: SyncReport) -> Duration? {
        state.withLock { state in
            switch report.error {
            case nil:
                state.failures = 0
                state.status.failingSince = nil
                state.status.lastSuccess = Self.now
            case .cancelled, .busy: break
            default:
                state.failures += 1
                state.status.failingSince = state.status.failingSince ?? Self.now
            }
            if report.error != .cancelled, report.error != .busy { state.status.lastReport = report }
            var generator = SystemRandomNumberGenerator()
            let pause = surroundings.schedule.pause(
                after: report.error, failures: state.failures, using: &generator)
            state.status.phase = .waiting(next: pause.map { Self.now + $0.components.seconds })
            return pause
        }
    }

    /// Waits that long, or until somebody wants something.
    private func rest(_ pause: Duration?) {
        let end = pause.map { ContinuousClock.now + $0 }
        while !state.withLock({ $0.isRequested || $0.isStopping }) {
            guard let end else {
                wake.wait()
                continue
            }
            let left = end - ContinuousClock.now
            guard left > .zero else { return }
            _ = wake.wait(timeout: .now() + left / .seconds(1))
        }
    }

    private func log(_ report: SyncReport, _ instance: Instance) {
        if let error = report.error {
            surroundings.logger.warning("sync of \(instance.name) failed: \(error)")
        } else {
            surroundings.logger.info(
                "synced \(instance.name): \(report.rows) rows, \(report.changed) changed, \(report.removed) removed")
        }
    }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970) }
}
