internal import CFuse
internal import Glibc
internal import Synchronization

/// The threads that read requests and have them answered.
///
/// Not libfuse's own loop (`fuse_session_loop_mt`): its threads sleep in read(2), from which only a request or a signal wakes
/// them, and it would have to be told to end by a signal handler that belongs to the whole process. These sleep in
/// epoll_wait(2) on the device and on an eventfd, which ends them.
final class RequestLoop: Sendable {
    private let connection: Connection
    private let isOver = Atomic(false)
    private let error = Mutex<Errno?>(nil)
    private let ending = Semaphore()
    private let done = Semaphore()
    private let wakeUp: Int32

    /// Fails when there are no descriptors left.
    init(_ connection: Connection) throws(Errno) {
        self.connection = connection
        wakeUp = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard wakeUp >= 0 else { throw .current }
    }

    deinit {
        close(wakeUp)
    }

    /// Starts so many threads, fewer when the system has no more. Gives their number, for `finish`.
    func start(threads: Int) -> Int {
        // Another thread may be quicker than the one that was woken; it must not sleep in read(2) then.
        let device = fuse_session_fd(connection.session)
        cfuse_set_nonblocking(device)
        for started in 0..<threads {
            guard let thread = Thread({ self.work(device) }) else { return started }
            thread.detach()
        }
        return threads
    }

    /// Makes `waitForEnd` return. From any thread, at any time, also before `start`.
    func end() {
        ending.signal()
    }

    /// Returns after `end`, or when there is no mount any more. The threads go on.
    func waitForEnd() {
        ending.wait()
    }

    /// Ends the threads after the requests that they are at, and gives what made reading impossible, if anything did.
    func finish(_ threads: Int) -> Errno? {
        isOver.store(true, ordering: .sequentiallyConsistent)
        // Never read, so it wakes every thread, now or when it comes to sleep.
        var one: UInt64 = 1
        _ = write(wakeUp, &one, 8)
        for _ in 0..<threads {
            done.wait()
        }
        return error.withLock { $0 }
    }

    private func work(_ device: Int32) {
        defer { done.signal() }
        let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        defer { close(epoll) }
        // Of all who wait for a request one is woken, not all: the one who has waited longest.
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | EPOLLEXCLUSIVE.rawValue
        epoll_ctl(epoll, EPOLL_CTL_ADD, device, &event)
        event.events = EPOLLIN.rawValue
        epoll_ctl(epoll, EPOLL_CTL_ADD, wakeUp, &event)
        // libfuse gives it memory for the largest request, most of which is never touched.
        var buffer = fuse_buf()
        defer { free(buffer.mem) }
        while !isOver.load(ordering: .sequentiallyConsistent) {
            let count = fuse_session_receive_buf(connection.session, &buffer)
            switch count {
            case 1...:
                let isServed = connection.gate.enter()
                fuse_session_process_buf(connection.session, &buffer)
                if isServed { connection.gate.leave() }
            case 0:
                return end()
            case -EAGAIN:
                epoll_wait(epoll, &event, 1, -1)
            case -EINTR:
                continue
            default:
                error.withLock { $0 = Errno(rawValue: -count) }
                return end()
            }
        }
    }
}
