import DiskCache
import Foundation
package import Fuse
package import Library

/// Whether our directories are ours, private, and have room.
package enum PlaceExamination {
    /// Less than this and a sync of a large library does not fit.
    private static let leastRoom: Int64 = 200 << 20

    /// - Parameters:
    ///   - path: a directory that need not be there yet.
    ///   - what: what it is for, such as `people's data`.
    ///   - isPrecious: whether its files can not be made again.
    /// - Returns: what was found; nothing is made.
    package static func directory(_ path: String, _ what: String, isPrecious: Bool) -> [Finding] {
        let check = isPrecious ? "state-dir" : "cache-dir"
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT else {
                return [
                    .problem(
                        check, .files, "\(path), for \(what), cannot be reached: \(Errno.current)",
                        mend: "look at the permissions of the directories above it, or choose another one")
                ]
            }
            return [missing(path, what, check)]
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            return [
                .problem(
                    check, .files, "\(path), for \(what), is no directory", mend: "move it away, or choose another one")
            ]
        }
        guard access(path, W_OK | X_OK) == 0 else {
            let owner = getpwuid(status.st_uid).map { String(cString: $0.pointee.pw_name) } ?? "user \(status.st_uid)"
            return [
                .problem(
                    check, .files, "\(path), for \(what), belongs to \(owner) and cannot be written",
                    mend: "run it as \(owner), or choose another directory with --\(check)")
            ]
        }
        var findings = [Finding.fine(check, "\(path) holds \(what)")]
        if status.st_mode & 0o077 != 0 {
            findings[0] = .problem(
                check, .files, "\(path), for \(what), can be looked into by others",
                mend: "make it private: `chmod 700 \(path)`")
        }
        if isPrecious { findings += files(in: path) }
        findings.append(room(at: path, check))
        return findings
    }

    private static func missing(_ path: String, _ what: String, _ check: String) -> Finding {
        var above = path
        while access(above, F_OK) != 0, above.utf8.count > 1 {
            above = above.lastIndex(of: "/").map { String(above[..<$0]) } ?? "/"
            if above.isEmpty { above = "/" }
        }
        guard access(above, W_OK | X_OK) == 0 else {
            return .problem(
                check, .files, "\(path), for \(what), is not there and cannot be made in \(above)",
                mend: "make it, and give it to the user who mounts, or choose another one with --\(check)")
        }
        return .fine(check, "\(path), for \(what), will be made when it is needed")
    }

    /// The database holds keys and what people watch.
    private static func files(in directory: String) -> [Finding] {
        let names = ["state.sqlite", "state.sqlite-wal", "state.sqlite-shm"]
        let open = names.map { directory + "/" + $0 }.filter { path in
            var status = stat()
            return stat(path, &status) == 0 && status.st_mode & 0o077 != 0
        }
        guard !open.isEmpty else { return [] }
        return [
            .problem(
                "state-file", .files, "the servers' keys can be read by others, in \(open.joined(separator: " and "))",
                mend: "make them private: `chmod 600 \(open.joined(separator: " "))`")
        ]
    }

    private static func room(at path: String, _ check: String) -> Finding {
        guard let room = DiskCache.room(at: path) else {
            return .remark("\(check)-room", "how much is free at \(path) cannot be told")
        }
        let free = ByteCountFormatStyle(style: .memory).format(room.free)
        guard room.free >= leastRoom else {
            return .problem(
                "\(check)-room", .files, "only \(free) are free at \(path)",
                mend: "make room, or choose another disk with --\(check)")
        }
        return .fine("\(check)-room", "\(free) are free there")
    }

    /// Reads the whole of a state database, which is small.
    package static func database(_ state: StateDatabase) -> Finding {
        do {
            let faults = try state.faults()
            guard let first = faults.first else { return .fine("state-file", "the database of people's data is sound") }
            return .problem(
                "state-file", .files, "\(state.path) is damaged: \(first)",
                mend: "restore the last backup with `peekfs restore FILE`, and look at the health of that disk")
        } catch {
            return .problem(
                "state-file", .files, "\(state.path) cannot be read: \(error)",
                mend: "restore the last backup with `peekfs restore FILE`")
        }
    }

    /// Mounts of ours, as this process sees them. A stale one takes two seconds at most.
    package static func mounts(_ table: MountTable) -> [Finding] {
        let ours = table.entries.filter { $0.type == "fuse.\(MountOptions.subtype)" }
        guard !ours.isEmpty else { return [.fine("mounts", "nothing is mounted")] }
        return ours.map { entry in
            switch try? MountPoint.state(of: entry.mountPoint) {
            case .stale:
                .problem(
                    "mounts", .mount,
                    "the daemon of \(entry.mountPoint) has died, and whoever looks there gets an error",
                    mend: "free it with `peekfs unmount \(entry.mountPoint)`, or mount again")
            case .silent:
                .problem(
                    "mounts", .mount, "the daemon of \(entry.mountPoint) does not answer",
                    mend: "end that daemon, then `peekfs unmount \(entry.mountPoint)`")
            case .free, .mounted, .none: .fine("mounts", "\(entry.mountPoint) is mounted and answers")
            }
        }
    }
}
