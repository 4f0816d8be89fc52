import Glibc
import Stash

/// A lock on a file that keeps threads and processes apart (flock(2)); it ends with the value, or with the process.
struct FileLock: ~Copyable {
    private let descriptor: Int32

    /// Takes the lock now; nil when somebody else has it.
    static func take(_ path: String) throws(SyncError) -> FileLock? {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .local("\(path) cannot be opened (\(String(cString: strerror(errno))))")
        }
        let lock = FileLock(descriptor: descriptor)
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            guard errno == EWOULDBLOCK else {
                throw .local("\(path) cannot be locked (\(String(cString: strerror(errno))))")
            }
            return nil
        }
        return lock
    }

    /// Takes the lock as soon as it is free. Asks again and again, for a blocked flock(2) could not be cancelled.
    static func wait(_ path: String, _ cancel: Cancellation) throws(SyncError) -> FileLock {
        while true {
            guard !cancel.isCancelled else { throw .cancelled }
            if let lock = try take(path) { return lock }
            cancel.pause(.milliseconds(20))
        }
    }

    deinit {
        // A child process between fork and exec has the descriptor, too: closing ours alone would leave it locked (flock(2)).
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}

extension Cancellation {
    /// Waits that long, or until it is cancelled.
    func pause(_ duration: Duration) {
        let end = ContinuousClock.now + duration
        while !isCancelled {
            let left = end - ContinuousClock.now
            guard left > .zero else { return }
            // Short enough that nobody notices how late a cancellation is seen.
            let slice = min(left, .milliseconds(20))
            usleep(UInt32(slice.components.attoseconds / 1_000_000_000_000))
        }
    }
}
