import Library
import Stash

/// Passes events on to all who listen, each at a pace of its own: one who does not keep up loses the oldest, and holds
/// nobody up.
final class SyncEventHub: Sendable {
    private struct State {
        var listeners: [Int: AsyncStream<SyncEvent>.Continuation] = [:]
        var next = 0
        /// Of each instance the last event of each sort, so that who comes later sees how things are.
        var latest: [InstanceNumber: [Int: SyncEvent]] = [:]
        var isClosed = false
    }

    private let state = Lock(State())

    func send(_ event: SyncEvent, of instance: InstanceNumber) {
        let listeners = state.withLock { state in
            state.latest[instance, default: [:]][event.what.sort] = event
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.yield(event) }
    }

    func forget(_ instance: InstanceNumber) {
        state.withLock { $0.latest[instance] = nil }
    }

    /// Begins with how things are; ends with the scheduler, or when its reader is cancelled.
    func stream(keeping limit: Int) -> AsyncStream<SyncEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: SyncEvent.self, bufferingPolicy: .bufferingNewest(limit))
        let number: Int? = state.withLock { state in
            guard !state.isClosed else { return nil }
            defer { state.next += 1 }
            state.listeners[state.next] = continuation
            for (_, events) in state.latest.sorted(by: { $0.key < $1.key }) {
                for (_, event) in events.sorted(by: { $0.key < $1.key }) { continuation.yield(event) }
            }
            return state.next
        }
        guard let number else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { $0.listeners[number] = nil }
        }
        return stream
    }

    func close() {
        let listeners = state.withLock { state in
            state.isClosed = true
            defer { state.listeners = [:] }
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.finish() }
    }
}

extension SyncEvent.What {
    /// Events of one sort replace each other: how reachable a server is, and what is being done.
    fileprivate var sort: Int {
        switch self {
        case .health: 0
        case .began, .progress, .ended, .waiting: 1
        }
    }
}
