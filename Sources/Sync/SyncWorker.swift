import Dispatch
import Foundation
import Library
import Logging
import Stash

/// The thread of one instance: does what the agenda says, and waits until something is due.
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
        var agenda: Agenda
        var demand = PassDemand()
        var isStopping = false
        var hasEnded = false
        /// Passes that were begun.
        var passes = 0
    }

    private enum Job {
        case pass(Instance, PassOccasion, PassDemand, Cancellation)
        case probe(Instance, Cancellation)
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
        var status = InstanceSyncStatus(instance: instance.number, phase: .waiting(next: nil))
        // What was found before a restart holds until something else is found.
        status.health = (try? surroundings.index.health())?[instance.number]
        state = Lock(State(instance: instance, status: status, agenda: Agenda(surroundings.schedule)))
        let thread = Thread { self.work() }
        thread.name = "sync-\(instance.number.rawValue)"
        thread.start()
    }

    var status: InstanceSyncStatus { state.withLock { $0.status } }

    /// Begins a pass at once, or after the one that runs.
    ///
    /// - Returns: Its number.
    func request(_ demand: PassDemand) -> Int {
        defer { wake.signal() }
        return state.withLock { state in
            state.agenda.request()
            state.demand.formUnion(demand)
            return state.passes + 1
        }
    }

    /// Something was done at the server.
    func news() {
        state.withLock { $0.agenda.news(at: now) }
        wake.signal()
    }

    /// Takes over what was changed. Another address, key or trust ends the pass that runs and begins a new one.
    func replace(_ instance: Instance) {
        let outdated: Cancellation? = state.withLock { state in
            let old = state.instance
            state.instance = instance
            let isSame = (old.url, old.apiKey, old.trust) == (instance.url, instance.apiKey, instance.trust)
            guard !isSame else { return nil }
            state.agenda.restart()
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

    /// Since the thread began.
    private var now: Duration { ContinuousClock.now - start }

    private func work() {
        // What the server's newest rows were before the last pass that got through everything.
        var known: CatalogueState?
        if let health = status.health { tell(.health(health)) }
        while let job = next() {
            switch job {
            case .pass(let instance, let occasion, let demand, let cancellation):
                tell(.began(SyncEvent.Began(occasion: occasion)))
                let began = now
                let before = surroundings.schedule.probeInterval == nil ? nil : try? newest(instance, cancellation)
                let report = pass(instance, occasion, demand, cancellation)
                if report.error == nil { known = before }
                note(report, took: now - began)
            case .probe(let instance, let cancellation):
                let look = look(instance, known: &known, cancellation)
                var generator = SystemRandomNumberGenerator()
                state.withLock { $0.agenda.probed(look, at: now, using: &generator) }
                noteHealth(look.error)
            }
        }
        state.withLock { $0.hasEnded = true }
        ended.signal()
    }

    /// Waits until something is due; nil when the thread shall end.
    private func next() -> Job? {
        while true {
            let (job, due): (Job?, Duration?) = state.withLock { state in
                guard !state.isStopping else { return (nil, nil) }
                switch state.agenda.step(at: now) {
                case nil: return (nil, state.agenda.nextStep ?? .seconds(86_400))
                case .probe: return (.probe(state.instance, state.cancellation), nil)
                case .pass(let occasion):
                    defer { state.demand = PassDemand() }
                    state.agenda.passBegan()
                    state.passes += 1
                    state.status.phase = .syncing(SyncProgress(instance: state.instance.number, stage: .connecting))
                    return (.pass(state.instance, occasion, state.demand, state.cancellation), nil)
                }
            }
            if let job { return job }
            guard let due else { return nil }
            _ = wake.wait(timeout: .now() + max(.zero, due - now) / .seconds(1))
        }
    }

    private func newest(_ instance: Instance, _ cancellation: Cancellation) throws -> CatalogueState {
        try surroundings.makeClient(instance).newest(cancel: cancellation)
    }

    /// Asks whether anything is new since the last pass.
    private func look(
        _ instance: Instance, known: inout CatalogueState?, _ cancellation: Cancellation
    ) -> Agenda.Look {
        do {
            let found = try newest(instance, cancellation)
            defer { known = known ?? found }
            return known == nil || known == found ? .same : .new
        } catch let error as StashError {
            let address = try? ServerAddress(instance.url)
            return .failed(address.map { .server(error, $0) } ?? .configuration("\(error)"))
        } catch {
            return .failed(.configuration("\(error)"))
        }
    }

    private func pass(
        _ instance: Instance, _ occasion: PassOccasion, _ demand: PassDemand, _ cancellation: Cancellation
    ) -> SyncReport {
        let client: StashClient
        do {
            client = try surroundings.makeClient(instance)
        } catch {
            var report = SyncReport(instance: instance.number, startedAt: Self.unixTime)
            report.occasion = occasion
            report.error = .configuration("\(error)")
            return report
        }
        let options = options(occasion, demand)
        let synchroniser = Synchroniser(
            instance: instance.number, client: client, index: surroundings.index,
            state: surroundings.state, lockDirectory: surroundings.lockDirectory, options: options)
        var events = ProgressEvents()
        return synchroniser.run(
            cancel: cancellation,
            progress: { progress in
                self.state.withLock { $0.status.phase = .syncing(progress) }
                if let event = events.event(progress, at: self.now) {
                    self.tell(.progress(event))
                }
            },
            derive: surroundings.derive)
    }

    private func options(_ occasion: PassOccasion, _ demand: PassDemand) -> SyncOptions {
        var options = surroundings.options
        options.force = options.force || demand.force
        options.occasion = occasion
        switch occasion {
        case .request: options.scope = demand.isFull ? .full : .incremental
        case .news:
            options.scope = .incremental
            // They may come often. What has gone of many waits for the pass of the hour.
            options.sweptAtOnce = 10_000
        case .time:
            let lastFull = (try? surroundings.index.lastFullPass(of: instance)) ?? nil
            let isDue = lastFull.map { Self.unixTime - $0 >= surroundings.schedule.fullInterval.components.seconds }
            options.scope = isDue ?? true ? .full : .sweep
        }
        return options
    }

    private func tell(_ what: SyncEvent.What) {
        let instance = state.withLock { $0.instance }
        surroundings.hub.send(
            SyncEvent(at: Self.unixTime, instance: instance.id, name: instance.name, what: what), of: instance.number)
    }

    /// Remembers and tells when the server is found to be up or down where it was not before.
    private func noteHealth(_ error: SyncError?) {
        guard let isUp = SyncError.provesUp(error) else { return }
        let reason = isUp ? nil : error.map { "\($0)" }
        let news: ServerHealthRecord? = state.withLock { state in
            let before = state.status.health
            guard before?.isUp != isUp || before?.reason != reason else { return nil }
            // Another reason is news, but it has been down since the first one.
            let since = before?.isUp == isUp ? before?.since : nil
            let health = ServerHealthRecord(isUp: isUp, since: since ?? Self.unixTime, reason: reason)
            state.status.health = health
            return health
        }
        guard let news else { return }
        // Kept for who asks while nothing runs; that it cannot be kept is no reason to stop.
        try? surroundings.index.note(news, of: instance)
        tell(.health(news))
    }

    private func note(_ report: SyncReport, took: Duration) {
        var generator = SystemRandomNumberGenerator()
        let isOver = report.error != .cancelled && report.error != .busy
        let next: Int64? = state.withLock { state in
            state.agenda.passEnded(report.occasion, error: report.error, took: took, at: now, using: &generator)
            if isOver {
                state.status.lastReport = report
                if report.error == nil {
                    state.status.failingSince = nil
                    state.status.lastSuccess = Self.unixTime
                } else {
                    state.status.failingSince = state.status.failingSince ?? Self.unixTime
                }
            }
            let next = state.agenda.nextPass.map { Self.unixTime + ($0 - now).components.seconds }
            state.status.phase = .waiting(next: next)
            return next
        }
        if isOver {
            log(report)
            surroundings.onReport(report)
        }
        let number = state.withLock { $0.passes }
        if report.error != .cancelled { tell(.ended(SyncEvent.Ended(report, pass: number))) }
        noteHealth(report.error)
        tell(.waiting(SyncEvent.Waiting(nextPass: next)))
    }

    private func log(_ report: SyncReport) {
        let name = state.withLock { $0.instance.name }
        if let error = report.error {
            surroundings.logger.warning("sync of \(name) failed: \(error)")
        } else {
            surroundings.logger.info(
                "synced \(name): \(report.rows) rows, \(report.changed) changed, \(report.removed) removed")
        }
    }

    private static var unixTime: Int64 { Int64(Date().timeIntervalSince1970) }
}

extension Agenda.Look {
    var error: SyncError? {
        if case .failed(let error) = self { error } else { nil }
    }
}
