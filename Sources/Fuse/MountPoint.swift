internal import CFuse
internal import Glibc
internal import Synchronization

/// A directory on which a tree is, was, or will be mounted. Nothing here waits for the program that answers for what is
/// mounted there, for that may hang or be dead.
package enum MountPoint {
    /// What is to be seen at a mount point.
    package enum State: Equatable {
        /// Nothing is mounted there.
        case free
        case mounted(MountTable.Entry)
        /// The program that answered for it is gone: every access is ENOTCONN.
        case stale(MountTable.Entry)
        /// The program that answers for it does not, or it takes longer than two seconds.
        case silent(MountTable.Entry)
    }

    /// The path as the mount table has it: absolute and without symbolic links. The last component is not touched when it is
    /// a mount point, so that this works for a stale one.
    static func resolve(_ path: String) throws(Errno) -> String {
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.hasSuffix("/") {
            trimmed.removeLast()
        }
        let last = trimmed.split(separator: "/").last ?? "."
        guard last != ".", last != "..", !isSymlink(String(trimmed)) else { return try realPath(path) }
        let parent = trimmed.dropLast(last.count)
        let directory = try realPath(parent.isEmpty ? "." : String(parent))
        return directory == "/" ? "/\(last)" : "\(directory)/\(last)"
    }

    package static func state(of resolved: String) throws(Errno) -> State {
        guard let entry = try MountTable.current().top(at: resolved) else { return .free }
        switch probe(resolved, seconds: 2) {
        case .some(.some(.notConnected)): return .stale(entry)
        case .some: return .mounted(entry)
        case .none: return .silent(entry)
        }
    }

    private static func realPath(_ path: String) throws(Errno) -> String {
        guard let resolved = realpath(path, nil) else { throw .current }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// By readlink(2), because it asks no file system about a directory, nor a dead one about anything.
    private static func isSymlink(_ path: String) -> Bool {
        var byte: CChar = 0
        return readlink(path, &byte, 1) >= 0
    }

    /// The error of stat(2), if any; nil when nobody answered. A mount may take any time to answer, so somebody else waits for it.
    private static func probe(_ path: String, seconds: Int) -> Errno?? {
        let answer = Answer()
        let thread = Thread {
            var attributes = stat()
            answer.give(stat(path, &attributes) == 0 ? nil : .current)
        }
        guard let thread else { return .some(nil) }
        thread.detach()
        return answer.error(seconds: seconds)
    }

    private final class Answer: Sendable {
        private let value = Mutex<Errno?>(nil)
        private let given = Semaphore()

        func give(_ error: Errno?) {
            value.withLock { $0 = error }
            given.signal()
        }

        func error(seconds: Int) -> Errno?? {
            given.wait(seconds: seconds) ? .some(value.withLock { $0 }) : nil
        }
    }
}
