import Glibc
import Stash

/// The one thread of the store: it sleeps until something is due, or until something is due earlier than it knew.
///
/// Unchecked because it owns the two ends of a pipe, made once and closed in deinit; all else is behind the lock.
final class Timekeeper: @unchecked Sendable {
    private struct State {
        var isStopped = false
        var thread: pthread_t?
        /// When the thread will wake by itself; nil while it is awake, for then it looks again before it sleeps.
        var sleepsUntil: ContinuousClock.Instant?
    }

    /// What the thread listens to, and where others ring.
    private let ear: Int32
    private let bell: Int32
    private let state = Lock(State())

    /// Nil when the process may open no more files.
    init?() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        (ear, bell) = (ends[0], ends[1])
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
    }

    deinit {
        close(ear)
        close(bell)
    }

    /// Starts the thread, which calls `work` whenever time may have come; `work` says when it wants to be called next.
    func start(_ work: @escaping @Sendable () -> ContinuousClock.Instant?) {
        let body = Unmanaged.passRetained(ThreadBody { [self] in run(work) })
        var thread = pthread_t()
        let status = pthread_create(&thread, nil, runThreadBody, body.toOpaque())
        guard status == 0 else {
            body.release()
            return
        }
        let made = thread
        state.withLock { $0.thread = made }
    }

    /// Makes the thread look again when it would sleep beyond `time`.
    func wake(by time: ContinuousClock.Instant) {
        let isLate = state.withLock { state in
            guard let until = state.sleepsUntil, time < until else { return false }
            state.sleepsUntil = nil
            return true
        }
        if isLate { ring() }
    }

    /// Ends the thread and waits for it, unless it is the thread itself that asks.
    func stop() {
        let thread = state.withLock { state in
            state.isStopped = true
            let thread = state.thread
            state.thread = nil
            return thread
        }
        ring()
        guard let thread else { return }
        // The last reference to the store may go away on this very thread.
        if pthread_equal(thread, pthread_self()) != 0 {
            pthread_detach(thread)
        } else {
            pthread_join(thread, nil)
        }
    }

    private func ring() {
        var one: UInt8 = 1
        // A full pipe will wake the thread just as well.
        _ = write(bell, &one, 1)
    }

    private func run(_ work: () -> ContinuousClock.Instant?) {
        while !state.withLock({ $0.isStopped }) {
            // Asleep first, then the question: what comes due in between rings the bell and the poll below returns.
            state.withLock { $0.sleepsUntil = .now + .seconds(3600) }
            let next = work()
            var milliseconds: Int32 = 3_600_000
            if let next {
                state.withLock { state in
                    if let until = state.sleepsUntil { state.sleepsUntil = min(until, next) }
                }
                let wait = ContinuousClock.now.duration(to: next).components
                let left = wait.seconds * 1000 + wait.attoseconds / 1_000_000_000_000_000 + 1
                milliseconds = Int32(max(0, min(left, 3_600_000)))
            }
            var descriptor = pollfd(fd: ear, events: Int16(POLLIN), revents: 0)
            if poll(&descriptor, 1, milliseconds) > 0 {
                var rings: UInt64 = 0
                _ = read(ear, &rings, MemoryLayout.size(ofValue: rings))
            }
        }
    }
}

private final class ThreadBody: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
    }
}

/// The C function of the thread; outside of any type, so that no actor is inferred for it.
private func runThreadBody(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().body()
    return nil
}
