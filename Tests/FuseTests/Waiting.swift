import CFuse
import Glibc
import Synchronization

@testable import Fuse

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

    /// Nil when it takes longer than ten seconds.
    func value() -> Value? {
        guard isThere.wait() else { return nil }
        isThere.signal()
        return result.withLock { $0 }
    }

    var isKept: Bool {
        result.withLock { $0 != nil }
    }
}

/// A child process. Reads that are parked are made in one: a process that dies while it waits for an answer that only itself
/// could give can never be got rid of.
final class Child: Sendable {
    enum End: Equatable {
        case exited(Int32)
        case killed(Int32)
    }

    let pid: pid_t
    private let end: Promise<(end: End, message: String)>

    init(_ arguments: String...) throws {
        var texts: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer {
            for text in texts { free(text) }
        }
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw Errno.current
        }
        let (mine, its) = (ends[0], ends[1])
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, its, STDERR_FILENO)
        // The test's thread takes no signals, and a child would inherit that.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var pid = pid_t()
        let error = posix_spawnp(&pid, arguments[0], &actions, &attributes, &texts, &environment)
        close(its)
        guard error == 0 else {
            close(mine)
            throw Errno(rawValue: error)
        }
        self.pid = pid
        end = Promise { [pid] in
            var message: [UInt8] = []
            var part = [UInt8](repeating: 0, count: 4096)
            while case let count = read(mine, &part, part.count), count > 0 {
                message += part[..<count]
            }
            close(mine)
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            let end: End = status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .killed(status & 0x7f)
            return (end, String(decoding: message, as: UTF8.self))
        }
    }

    var hasEnded: Bool {
        end.isKept
    }

    /// How it ended; nil when it does not.
    func wait() -> End? {
        end.value()?.end
    }

    /// The error that it complained about when it failed; nil when it did not.
    func error() -> Errno? {
        guard let (end, message) = end.value(), end != .exited(0) else { return nil }
        let known: [Errno] = [.io, .notConnected, .interrupted, .stale, .noEntry, .aborted]
        return known.first { message.contains("\($0)") }
    }

    /// A process that makes one read of a page.
    static func reader(of path: String, isDirect: Bool, page: Int) throws -> Child {
        try Child(
            "dd", "if=\(path)", "of=/dev/null", "bs=4096", "count=1", "skip=\(page)",
            isDirect ? "iflag=direct" : "iflag=fullblock")
    }

    /// Runs something on a thread that nobody joins.
    static func detached(_ body: @escaping @Sendable () -> Void) {
        guard let thread = Thread(body) else { preconditionFailure("no more threads") }
        thread.detach()
    }
}

extension Errno {
    static let aborted = Errno(rawValue: ECONNABORTED)
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
        let part = bytes.withUnsafeMutableBytes {
            pread(descriptor, $0.baseAddress.map { $0 + done }, count - done, offset + done)
        }
        if part == 0 { break }
        guard part > 0 else { throw .current }
        done += part
    }
    return Array(bytes[..<done])
}
