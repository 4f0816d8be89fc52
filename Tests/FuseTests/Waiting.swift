@testable import Fuse
import CFuse
import Glibc
import Synchronization

/// Something that another thread does, to be waited for: no test waits longer than ten seconds for what comes at once.
final class Signal: Sendable {
    private let semaphore = Semaphore()

    func signal() {
        semaphore.signal()
    }

    func wait() -> Bool {
        semaphore.wait(seconds: 10)
    }
}

final class Counter: Sendable {
    private let count = Mutex(0)

    var value: Int {
        count.withLock { $0 }
    }

    func add(_ more: Int) {
        count.withLock { $0 += more }
    }
}

/// A value that another thread works out.
final class Promise<Value: Sendable>: Sendable {
    private let result = Mutex<Value?>(nil)
    private let isThere = Signal()

    init(_ body: @escaping @Sendable () -> Value) {
        Child.detached {
            let value = body()
            self.result.withLock { $0 = value }
            self.isThere.signal()
        }
    }

    /// Nil when it takes longer than ten seconds. To be asked once.
    func value() -> Value? {
        isThere.wait() ? result.withLock { $0 } : nil
    }
}

/// A child process: what a signal is sent to must not be this process.
final class Child: Sendable {
    enum End: Equatable {
        case exited(Int32)
        case killed(Int32)
    }

    let pid: pid_t
    private let end: Promise<End>

    init(_ arguments: String...) throws {
        var texts: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer {
            for text in texts { free(text) }
        }
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        var pid = pid_t()
        let error = posix_spawnp(&pid, arguments[0], &actions, nil, &texts, &environment)
        guard error == 0 else { throw Errno(rawValue: error) }
        self.pid = pid
        end = Promise { [pid] in
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            return status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .killed(status & 0x7f)
        }
    }

    /// How it ended; nil when it does not.
    func wait() -> End? {
        end.value()
    }

    /// Runs something on a thread that nobody joins.
    static func detached(_ body: @escaping @Sendable () -> Void) {
        guard let thread = Thread(body) else { preconditionFailure("no more threads") }
        thread.detach()
    }
}

// What tests ask of a path, as values: success or errno.

func outcome(_ result: Int32) -> Errno? {
    result == 0 ? nil : .current
}

func attributes(_ path: String) throws(Errno) -> stat {
    var attributes = stat()
    guard lstat(path, &attributes) == 0 else { throw .current }
    return attributes
}

/// Opens, reads a range, closes.
func read(_ path: String, at offset: Int = 0, count: Int, flags: Int32 = 0) throws(Errno) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | flags)
    guard descriptor >= 0 else { throw .current }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
        let part = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress.map { $0 + done }, count - done, offset + done) }
        if part == 0 { break }
        guard part > 0 else { throw .current }
        done += part
    }
    return Array(bytes[..<done])
}
