internal import CFuse
internal import Glibc
internal import Synchronization

/// A mounted tree, from mount to unmount.
///
/// The order of the end, whoever causes it (`stop`, umount(8), or the kernel):
/// 1. `stop` takes the mount out of the tree, lazily, so that it works while files are open; no new caller comes in.
/// 2. The last operation of the file system returns. Requests that come from here on are refused with ENOTCONN.
/// 3. `FileSystem.sessionEnded` answers what is parked; whoever waits gets that answer.
/// 4. The notifier's thread ends. It may have waited for a page that was parked: the kernel asks again for a page that failed,
///    so that requests have to be refused for as long as it is under way.
/// 5. The threads that read requests end, and the connection is closed. Whoever still waits gets ECONNABORTED or ENOTCONN, and
///    files still open give ENOTCONN from now on. `run` returns, and nothing of the mount is left.
///
/// Step 3 needs 2: only when no operation is under way is "everything that is parked" all there will be.
///
/// Handles of files that are open at the end get no `release`; the kernel does not send it any more.
package final class Session: Sendable {
    /// How many threads answer. They never wait for a network, but for a disk: eight writers that wait for a commit leave as
    /// many for everybody else. A thread that has nothing to do costs a stack that was never touched.
    private static let threads = 16

    /// Where the tree is mounted: absolute, without symbolic links.
    package let mountPoint: String
    /// Valid from the start to the end of the session.
    package let notifier = Notifier()
    let connection: Connection
    private let device: String?
    private let loop: RequestLoop
    private let isOver = Atomic(false)

    /// Mounts. When this returns, the kernel has agreed on how to speak, and requests wait for `run` to answer them.
    ///
    package init(
        fileSystem: any FileSystem, mountPoint path: String, options: MountOptions = MountOptions()
    ) throws(SessionError) {
        mountPoint = try Self.check(path)
        guard let connection = Connection(fileSystem: fileSystem, arguments: ["peekfs"] + options.arguments) else {
            throw .refused(path: path)
        }
        self.connection = connection
        do {
            loop = try RequestLoop(connection)
        } catch {
            throw .broken(error)
        }
        guard connection.mount(at: mountPoint) else { throw .refused(path: path) }
        device = (try? MountTable.current())?.top(at: mountPoint)?.device
        guard connection.negotiate() else {
            unmount()
            throw .incompatible
        }
        if let device {
            Self.raiseReadAhead(of: device, to: options.readAhead)
        }
        fileSystem.sessionBegan(notifier: notifier)
    }

    /// Answers the kernel until the tree is unmounted or `stop` is called, then cleans up. To be called once.
    package func run() throws(SessionError) {
        let notifier = notifier
        let connection = connection
        guard let notifying = Thread({ notifier.run(connection) }) else {
            unmount()
            connection.close()
            throw .noThreads
        }
        // One descriptor for all threads. With one each (FUSE_DEV_IOC_CLONE) the kernel looks for an interrupted request only among
        // those of the thread by which libfuse says "ask me again", and the signal is lost when the request is another's.
        let threads = loop.start(threads: Self.threads)
        if threads > 0 {
            loop.waitForEnd()
        }
        let obstacle = unmount()
        isOver.store(true, ordering: .sequentiallyConsistent)
        connection.gate.close()
        connection.fileSystem.sessionEnded()
        notifier.stop()
        notifying.join()
        let error = loop.finish(threads)
        connection.close()
        if threads == 0 { throw .noThreads }
        if let obstacle { throw .left(obstacle) }
        if let error { throw .broken(error) }
    }

    /// Takes the tree away and makes `run` return soon. From any thread but those that answer requests; at any time, also before
    /// `run`, and more than once.
    package func stop() {
        guard !isOver.load(ordering: .sequentiallyConsistent) else { return }
        unmount()
        loop.end()
    }

    /// Removes our mount, if it is still there: not one that somebody made at the same place after ours was unmounted.
    @discardableResult
    private func unmount() -> UnmountError? {
        guard let entry = (try? MountTable.current())?.top(at: mountPoint) else { return nil }
        guard entry.type == MountOptions.type, device == nil || entry.device == device else { return nil }
        do {
            try Unmount.remove(mountPoint, isLazy: true)
            return nil
        } catch .notMounted {
            // Somebody else was quicker.
            return nil
        } catch {
            return error
        }
    }

    private static func check(_ path: String) throws(SessionError) -> String {
        let resolved: String
        let state: MountPoint.State
        do {
            resolved = try MountPoint.resolve(path)
            state = try MountPoint.state(of: resolved)
        } catch {
            throw .unreachable(path: path, error)
        }
        switch state {
        case .mounted(let entry) where entry.type == MountOptions.type: throw .alreadyMounted(path: path)
        case .silent(let entry) where entry.type == MountOptions.type: throw .alreadyMounted(path: path)
        case .stale: throw .stale(path: path)
        case .free, .mounted, .silent: break
        }
        var attributes = stat()
        guard stat(resolved, &attributes) == 0 else { throw .unreachable(path: path, .current) }
        guard attributes.st_mode & S_IFMT == S_IFDIR else { throw .unreachable(path: path, .notDirectory) }
        guard access("/dev/fuse", F_OK) == 0 else { throw .noDevice }
        return resolved
    }

    /// Best effort: where /sys is not ours to write to, reads are smaller and nothing else changes.
    private static func raiseReadAhead(of device: String, to bytes: Int) {
        let descriptor = open("/sys/class/bdi/\(device)/read_ahead_kb", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        let text = "\(bytes / 1024)"
        _ = write(descriptor, text, text.utf8.count)
        close(descriptor)
    }
}

/// Why there is no mount, or not any more.
package enum SessionError: Error, Hashable {
    case unreachable(path: String, Errno)
    case alreadyMounted(path: String)
    /// `Unmount.repair` helps.
    case stale(path: String)
    /// /dev/fuse is missing.
    case noDevice
    /// libfuse, fusermount3 or the kernel refused, and wrote the reason to standard error.
    case refused(path: String)
    /// The kernel and libfuse do not agree on a protocol.
    case incompatible
    case noThreads
    /// Reading requests failed.
    case broken(Errno)
    /// The session is over, but the mount is still there, stale.
    case left(UnmountError)
}

extension SessionError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreachable(let path, let error): "cannot mount on \(path): \(error)"
        case .alreadyMounted(let path): "\(path) is already mounted"
        case .stale(let path): "\(path) is still mounted by a daemon that died: unmount it first"
        case .noDevice: "there is no /dev/fuse: load the kernel's module fuse, or give the device to the container"
        case .refused(let path): "mounting on \(path) was refused, for the reason printed above"
        case .incompatible: "the kernel's FUSE protocol does not fit libfuse"
        case .noThreads: "no thread could be started"
        case .left(let error): "the mount is left behind: \(error)"
        case .broken(let error): "the connection to the kernel broke: \(error)"
        }
    }
}
