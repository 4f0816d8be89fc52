import Dispatch
package import Library
package import Logging
package import Stash

/// Keeps every enabled instance in sync, each on a thread of its own: a slow server delays nobody but itself.
package final class SyncScheduler: Sendable {
    /// How long a stop waits for threads. They end at once; only a running `derive` or a commit can take longer, and
    /// these may be left alone: they are transactions.
    private static let patience = DispatchTimeInterval.seconds(1)

    private let surroundings: SyncWorker.Surroundings
    private let workers = Lock<[InstanceNumber: SyncWorker]>([:])
    private let hub = SyncEventHub()

    /// - Parameters:
    ///   - index: Where everything goes.
    ///   - state: Has the instances, and remembers what their catalogues are recognised by.
    ///   - lockDirectory: An existing directory, shared with other processes that sync into the same index.
    ///   - options: How a pass goes about it.
    ///   - schedule: When passes run.
    ///   - logger: Told of every pass.
    ///   - makeClient: The client for an instance; asked before every pass, so it may keep one. What it throws is told
    ///     as it is.
    ///   - derive: Computes the derived tables. It is never run twice at the same time.
    ///   - onReport: Called on the instance's thread after every pass that was not stopped.
    package init(
        index: IndexDatabase, state: StateDatabase, lockDirectory: String, options: SyncOptions = SyncOptions(),
        schedule: SyncSchedule = SyncSchedule(), logger: Logger,
        makeClient: @escaping @Sendable (Instance) throws -> StashClient,
        derive: @escaping @Sendable () throws -> Void,
        onReport: @escaping @Sendable (SyncReport) -> Void = { _ in }
    ) {
        surroundings = SyncWorker.Surroundings(
            index: index, state: state, lockDirectory: lockDirectory, options: options, schedule: schedule,
            makeClient: makeClient,
            derive: derive, onReport: onReport, hub: hub, logger: logger)
    }

    /// Brings the threads in line with what is configured: new and newly enabled instances begin a pass at once, those
    /// with another address, key or trust begin anew, and those that are gone or disabled have stopped when this
    /// returns (within about a second), so that what the index has of them can be forgotten.
    package func update(_ instances: [Instance]) {
        let enabled = instances.filter(\.enabled)
        let gone = workers.withLock { workers in
            let numbers = Set(enabled.map(\.number))
            let gone = workers.filter { !numbers.contains($0.key) }
            for number in gone.keys { workers[number] = nil }
            return Array(gone.values)
        }
        Self.stop(gone)
        for worker in gone { hub.forget(worker.instance) }
        for instance in enabled {
            let known = workers.withLock { workers in
                let known = workers[instance.number]
                if known == nil { workers[instance.number] = SyncWorker(instance, surroundings) }
                return known
            }
            known?.replace(instance)
        }
    }

    /// Begins a pass at once, or after the one that runs.
    ///
    /// - Parameters:
    ///   - instance: Which one.
    ///   - demand: What it shall do beyond what a pass does.
    /// - Returns: The number of the pass that answers the request, as `SyncEvent.Ended` tells it; nil when no such instance is
    ///   enabled.
    @discardableResult
    package func request(_ instance: InstanceNumber, _ demand: PassDemand = PassDemand()) -> Int? {
        workers.withLock { $0[instance] }?.request(demand)
    }

    /// Something was done at a server: a pass begins soon, one for all that is told in quick succession.
    package func news(of instance: InstanceNumber) {
        workers.withLock { $0[instance] }?.news()
    }

    /// Begins a pass of every enabled instance.
    package func requestAll() {
        for worker in workers.withLock({ Array($0.values) }) { _ = worker.request(PassDemand()) }
    }

    /// How each enabled instance stands, in the order of their numbers.
    package func status() -> [InstanceSyncStatus] {
        workers.withLock { Array($0.values) }.map(\.status).sorted { $0.instance < $1.instance }
    }

    /// What happens from now on, after the events that say how each enabled instance stands; for as many readers as there are.
    ///
    /// - Parameter limit: So many events wait for a slow reader; after that the oldest are lost.
    /// - Returns: A stream that ends when the scheduler is stopped.
    package func events(keeping limit: Int = 256) -> AsyncStream<SyncEvent> { hub.stream(keeping: limit) }

    /// Stops everything; returns within about a second, also while requests hang.
    package func stop() {
        let all = workers.withLock { workers in
            defer { workers = [:] }
            return Array(workers.values)
        }
        Self.stop(all)
        hub.close()
    }

    private static func stop(_ workers: [SyncWorker]) {
        for worker in workers { worker.stop() }
        let deadline = DispatchTime.now() + patience
        for worker in workers { worker.waitForEnd(until: deadline) }
    }
}
