import Foundation
import Library

/// The lock that makes a state directory belong to one daemon: `flock` on `daemon.lock`, which the kernel lets go
/// however the daemon ends. What the file says is for people and for other commands.
final class DaemonLock: Sendable {
    /// Who holds the lock.
    struct Holder: Codable, Equatable, Sendable {
        let pid: Int32
        let mountPoint: String
        /// Unix seconds.
        let since: Int64
        /// Where it can be asked; nil while it is starting.
        let socket: String?
        /// The address of the page, where there is one.
        let page: String?
    }

    private let descriptor: Int32

    /// Takes the lock, in a directory that is made when it is missing.
    ///
    /// - Throws: `CommandError` with `.busy` that says who holds it.
    init(stateDirectory: String, mountPoint: String) throws {
        try Files.makePrivateDirectory(stateDirectory)
        let path = Self.path(stateDirectory)
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CommandError.system(path, errno: errno, status: .ioError) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            let holder = Self.read(path)
            let who = holder.map { "process \($0.pid), which mounts \($0.mountPoint)" } ?? "another process"
            throw CommandError(
                .busy, "the state directory \(stateDirectory) is used by \(who)",
                hint: holder.map { "unmount it with `peekfs unmount \($0.mountPoint)`, or choose another --state-dir" })
        }
        self.descriptor = descriptor
        note(mountPoint: mountPoint)
    }

    /// Writes who holds the lock.
    ///
    /// - Parameters:
    ///   - mountPoint: Absolute; once it is mounted as the kernel has it, without symbolic links.
    ///   - socket: Where it can be asked from now on.
    ///   - page: The address of the page, where there is one.
    func note(mountPoint: String, socket: String? = nil, page: String? = nil) {
        let holder = Holder(
            pid: getpid(), mountPoint: mountPoint, since: Int64(Date().timeIntervalSince1970), socket: socket,
            page: page)
        guard let data = try? JSONEncoder().encode(holder) + Data("\n".utf8) else { return }
        ftruncate(descriptor, 0)
        _ = data.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    deinit { close(descriptor) }

    /// Who holds the lock of a state directory now; nil when nobody does.
    static func holder(stateDirectory: String) -> Holder? {
        let path = path(stateDirectory)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // A shared lock that is given at once proves that nobody holds the exclusive one.
        guard flock(descriptor, LOCK_SH | LOCK_NB) != 0 else { return nil }
        return read(path)
    }

    private static func path(_ stateDirectory: String) -> String { stateDirectory + "/daemon.lock" }

    private static func read(_ path: String) -> Holder? {
        FileManager.default.contents(atPath: path).flatMap { try? JSONDecoder().decode(Holder.self, from: $0) }
    }
}
