internal import Glibc

/// Why a mount point could not be freed.
package enum UnmountError: Error, Hashable {
    /// The path cannot be reached.
    case unreachable(path: String, Errno)
    case notMounted(path: String)
    /// Something else is mounted there, which is left alone.
    case foreign(path: String, type: String)
    /// A live tree is mounted there.
    case alreadyMounted(path: String)
    case busy(path: String, holders: [MountHolder])
    /// The system refused, for a reason that it gives itself.
    case refused(path: String, reason: String)
}

extension UnmountError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreachable(let path, let error): "cannot reach \(path): \(error)"
        case .notMounted(let path): "\(path) is not mounted"
        case .foreign(let path, let type): "\(path) is not ours to unmount: it is a mount of type \(type)"
        case .alreadyMounted(let path): "\(path) is already mounted"
        case .busy(let path, let holders) where holders.isEmpty:
            "\(path) is in use, by a process of another user or by another mount inside it"
        case .busy(let path, let holders):
            "\(path) is in use by \(holders.map(\.description).joined(separator: ", "))"
        case .refused(let path, let reason): "cannot unmount \(path): \(reason)"
        }
    }
}

/// A process that keeps a mount from being unmounted.
package struct MountHolder: Hashable, Sendable, CustomStringConvertible {
    package let pid: Int32
    package let command: String

    package var description: String {
        "\(command) (process \(pid))"
    }
}

/// Removes mounts of our type from outside of the process that answers for them.
package enum Unmount {
    /// Unmounts a live, a stale or a silent mount, as root by umount2(2), else by fusermount3(1).
    ///
    /// From a silent one, whose daemon hangs, those who wait for it are cut off first. A daemon can be beyond the reach of
    /// SIGKILL: when it was killed while its `Notifier` waited for a page that only it could have delivered.
    package static func unmount(_ path: String) throws(UnmountError) {
        let resolved = try resolve(path)
        switch try state(of: resolved) {
        case .free:
            throw .notMounted(path: path)
        case .mounted(let entry):
            guard entry.type == MountOptions.type else { throw .foreign(path: path, type: entry.type) }
            try remove(resolved, isLazy: false)
        case .stale(let entry):
            guard entry.type == MountOptions.type else { throw .foreign(path: path, type: entry.type) }
            try remove(resolved, isLazy: true)
        case .silent(let entry):
            guard entry.type == MountOptions.type else { throw .foreign(path: path, type: entry.type) }
            abort(entry)
            // A forced unmount may have been enough.
            guard try state(of: resolved) == .stale(entry) else { return }
            try remove(resolved, isLazy: true)
        }
    }

    /// Makes a mount point usable whose daemon died without unmounting. True when there was such a mount, which is gone now; false
    /// when nothing had to be done. A live mount of ours is `alreadyMounted`; a dead one of another type is `foreign`.
    package static func repair(at path: String) throws(UnmountError) -> Bool {
        let resolved = try resolve(path)
        var isRepaired = false
        while true {
            switch try state(of: resolved) {
            case .free:
                return isRepaired
            case .mounted(let entry), .silent(let entry):
                guard entry.type != MountOptions.type else { throw .alreadyMounted(path: path) }
                return isRepaired
            case .stale(let entry):
                guard entry.type == MountOptions.type else { throw .foreign(path: path, type: entry.type) }
                try remove(resolved, isLazy: true)
                isRepaired = true
            }
        }
    }

    /// Takes the uppermost mount away from a resolved path. Lazily: at once, even when it is in use.
    static func remove(_ resolved: String, isLazy: Bool) throws(UnmountError) {
        let flags = (isLazy ? MNT_DETACH : 0) | UMOUNT_NOFOLLOW
        guard umount2(resolved, Int32(flags)) != 0 else { return }
        let error = Errno.current
        var reason = "\(error)"
        if error == .notPermitted {
            // Not root. fusermount3 is, and unmounts for the user who mounted.
            guard let complaint = Fusermount.unmount(resolved, isLazy: isLazy) else { return }
            reason = complaint
        }
        if reason.contains("\(Errno.busy)") {
            throw .busy(path: resolved, holders: MountHolder.all(of: resolved))
        }
        throw error == .invalid ? .notMounted(path: resolved) : .refused(path: resolved, reason: reason)
    }

    /// Ends the connection between the kernel and a daemon, as far as this user may: everybody who waits gets ECONNABORTED.
    private static func abort(_ entry: MountTable.Entry) {
        // The file system of connections belongs to the user who mounted, but is not mounted everywhere. Root can ask for
        // the same with a forced umount2(2), which is refused while the tree is in use, but aborts before it finds out.
        let number = entry.device.split(separator: ":").last ?? ""
        let descriptor = open("/sys/fs/fuse/connections/\(number)/abort", O_WRONLY | O_CLOEXEC)
        if descriptor >= 0 {
            _ = write(descriptor, "1", 1)
            close(descriptor)
        } else {
            umount2(entry.mountPoint, Int32(MNT_FORCE | UMOUNT_NOFOLLOW))
        }
    }

    private static func resolve(_ path: String) throws(UnmountError) -> String {
        do {
            return try MountPoint.resolve(path)
        } catch {
            throw .unreachable(path: path, error)
        }
    }

    private static func state(of resolved: String) throws(UnmountError) -> MountPoint.State {
        do {
            return try MountPoint.state(of: resolved)
        } catch {
            throw .unreachable(path: "/proc/self/mountinfo", error)
        }
    }
}

extension MountHolder {
    /// Who has a directory or file below the mount point open, runs from it, or stands in it; as far as this user may see.
    /// Reads only links below /proc, which ask nothing of the mount.
    static func all(of mountPoint: String) -> [MountHolder] {
        directory("/proc").compactMap { Int32($0) }.filter { pid in
            let links = ["cwd", "root", "exe"] + directory("/proc/\(pid)/fd").map { "fd/\($0)" }
            return links.contains { isBelow(mountPoint, link: "/proc/\(pid)/\($0)") }
        }.map { pid in
            let name = (try? readFile("/proc/\(pid)/comm")) ?? []
            return MountHolder(
                pid: pid, command: String(decoding: name.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
        }
    }

    private static func isBelow(_ mountPoint: String, link: String) -> Bool {
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = target.withUnsafeMutableBytes { bytes in
            bytes.bindMemory(to: CChar.self).baseAddress.map { readlink(link, $0, bytes.count) } ?? 0
        }
        guard count > 0 else { return false }
        let path = String(decoding: target[..<count], as: UTF8.self)
        return path == mountPoint || path.hasPrefix(mountPoint + "/")
    }

    private static func directory(_ path: String) -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." {
                names.append(name)
            }
        }
        return names
    }
}

/// The helper of libfuse that is root on a user's behalf.
enum Fusermount {
    /// Nil when it unmounted, else what it wrote to stderr.
    static func unmount(_ resolved: String, isLazy: Bool) -> String? {
        let arguments = ["fusermount3", "-u"] + (isLazy ? ["-z"] : []) + ["--", resolved]
        var ends: [Int32] = [-1, -1]
        // A pipe would do, but glibc hides pipe2(2), and without O_CLOEXEC a child of another thread could keep the end open.
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { return "\(Errno.current)" }
        defer { close(ends[0]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO)
        var texts: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer {
            for text in texts { free(text) }
        }
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var pid = pid_t()
        let error = posix_spawnp(&pid, "fusermount3", &actions, nil, &texts, &environment)
        close(ends[1])
        guard error == 0 else { return "cannot run fusermount3: \(Errno(rawValue: error))" }
        var output: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while case let count = read(ends[0], &part, part.count), count > 0 {
            output.append(contentsOf: part[..<count])
        }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        guard status != 0 else { return nil }
        let reason = String(decoding: output, as: UTF8.self).split(separator: "\n").joined(separator: "; ")
        return reason.isEmpty ? "fusermount3 failed without a reason" : reason
    }
}
