import Foundation

/// A directory on which something is or will be mounted, as `/proc/self/mountinfo` (proc(5)) sees it.
struct MountPoint: Sendable {
    /// Absolute, without symbolic links.
    let path: String

    /// Resolves all but the last component by itself: the last one may be a stale mount, which cannot even be looked at.
    init(_ typed: String) throws(CommandError) {
        if let whole = Self.resolved(typed) {
            path = whole
            return
        }
        let code = errno
        let url = URL(fileURLWithPath: Locations.absolute(typed)).standardizedFileURL
        guard code == ENOTCONN || code == EIO, let parent = Self.resolved(url.deletingLastPathComponent().path) else {
            throw .system(
                typed, errno: code, status: .notFound, hint: code == ENOENT ? "make it with `mkdir -p`" : nil)
        }
        path = (parent == "/" ? "" : parent) + "/" + url.lastPathComponent
    }

    /// What is mounted on top here.
    enum Occupant: Equatable {
        case nothing
        /// A PeekFS that answers.
        case peekfs
        /// A FUSE filesystem whose process is gone.
        case stale
        /// Another filesystem, by its type.
        case other(String)
    }

    func occupant() -> Occupant {
        guard let mount = Self.mounts().last(where: { $0.path == path }) else { return .nothing }
        var status = stat()
        if stat(path, &status) != 0, errno == ENOTCONN { return .stale }
        return mount.isPeekfs ? .peekfs : .other(mount.type)
    }

    /// Takes away what is mounted here; `lazily` also when files are open on it.
    ///
    /// Root asks the kernel; others need fusermount3, which is set-uid.
    func unmount(lazily: Bool) throws(CommandError) {
        if getuid() == 0 {
            guard umount2(path, lazily ? Int32(MNT_DETACH) : 0) == 0 else { throw failure(errno) }
            return
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["fusermount3", lazily ? "-uqz" : "-uq", "--", path]
        process.standardInput = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            throw CommandError(.system, "fusermount3 cannot be started", hint: "install the package fuse3")
        }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw failure(EBUSY) }
    }

    private func failure(_ code: Int32) -> CommandError {
        guard code == EBUSY else { return .system("unmounting \(path)", errno: code) }
        return CommandError(
            .busy, "\(path) is in use",
            hint: "see who uses it with `fuser -vm \(path)`, or let go of it when they are done with --lazy")
    }

    private static func resolved(_ path: String) -> String? {
        guard let found = realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(cString: found)
    }
}

extension MountPoint {
    /// One line of mountinfo.
    struct Mount: Equatable {
        let path: String
        let type: String
        let source: String

        /// libfuse's subtype makes it `fuse.peekfs`; without one the source tells.
        var isPeekfs: Bool { type == "fuse.peekfs" || (type.hasPrefix("fuse") && source == "peekfs") }
    }

    /// All mounts in the order in which they were made.
    static func mounts() -> [Mount] {
        guard let data = FileManager.default.contents(atPath: "/proc/self/mountinfo") else { return [] }
        return parse(mountinfo: String(decoding: data, as: UTF8.self))
    }

    /// Fields: id, parent, device, root, mount point, options, optional ones, `-`, type, source, superblock's options.
    static func parse(mountinfo: String) -> [Mount] {
        mountinfo.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ").map(String.init)
            guard let dash = fields.firstIndex(of: "-"), fields.count > max(4, dash + 2) else { return nil }
            return Mount(path: unescaped(fields[4]), type: fields[dash + 1], source: unescaped(fields[dash + 2]))
        }
    }

    /// Blank, tab, newline and backslash stand there as `\040`, `\011`, `\012` and `\134`.
    private static func unescaped(_ text: String) -> String {
        guard text.contains("\\") else { return text }
        var bytes: [UInt8] = []
        var rest = Substring(text)
        while let character = rest.first {
            let digits = rest.dropFirst().prefix(3)
            if character == "\\", digits.count == 3, let byte = UInt8(digits, radix: 8) {
                bytes.append(byte)
                rest = rest.dropFirst(4)
            } else {
                bytes.append(contentsOf: String(character).utf8)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
