internal import Glibc
import Synchronization

/// A thread for what may wait for a disk and must not be done on the thread that asks for it.
final class Errands: Sendable {
    private struct State {
        var queue: [@Sendable () -> Void] = []
        var isRunning = false
    }

    private let state = Mutex(State())

    /// Runs the errand soon, after all that were given before. The thread lives only while there is something to do.
    func run(_ errand: @escaping @Sendable () -> Void) {
        let mustStart = state.withLock { state in
            state.queue.append(errand)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if mustStart { start() }
    }

    private func start() {
        var thread = pthread_t()
        let box = Unmanaged.passRetained(self)
        let failed = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Errands>.fromOpaque(context).takeRetainedValue().work()
                return nil
            }, box.toOpaque())
        guard failed == 0 else {
            // No thread to be had: late is better than never.
            box.takeRetainedValue().work()
            return
        }
        pthread_detach(thread)
    }

    private func work() {
        while true {
            let next = state.withLock { state -> (@Sendable () -> Void)? in
                guard state.queue.isEmpty else { return state.queue.removeFirst() }
                state.isRunning = false
                return nil
            }
            guard let next else { return }
            next()
        }
    }
}
