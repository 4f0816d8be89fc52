import Foundation
import Fuse
import Library
import Stash

/// Whether this machine can mount at all, and for whom.
package struct MachineExamination {
    private let device: String
    private let configuration: String
    private let searchPath: String
    private let isRoot: Bool

    /// - Parameters:
    ///   - device: where the kernel's FUSE is.
    ///   - configuration: the settings of fusermount3(1).
    ///   - searchPath: directories as in `PATH`.
    ///   - isRoot: whether root asks, who needs no help to mount.
    package init(
        device: String = "/dev/fuse", configuration: String = "/etc/fuse.conf", searchPath: String, isRoot: Bool
    ) {
        self.device = device
        self.configuration = configuration
        self.searchPath = searchPath
        self.isRoot = isRoot
    }

    package func findings() -> [Finding] {
        [fuseDevice, helper, others, versions]
    }

    private var fuseDevice: Finding {
        let descriptor = open(device, O_RDWR | O_CLOEXEC)
        if descriptor >= 0 {
            close(descriptor)
            return .fine("fuse-device", "\(device) can be opened")
        }
        return switch errno {
        case ENOENT:
            .problem(
                "fuse-device", .machine, "\(device) is missing, so nothing can be mounted",
                mend:
                    "load the module with `modprobe fuse`; in a container start it with --device /dev/fuse and --cap-add SYS_ADMIN"
            )
        case EACCES, EPERM:
            .problem(
                "fuse-device", .machine, "\(device) may not be opened by this user",
                mend: "let everybody use it: `chmod 666 \(device)`; in a container start it with --device /dev/fuse")
        case let code:
            .problem(
                "fuse-device", .machine, "\(device) cannot be opened: \(Errno(rawValue: code))",
                mend: "load the module with `modprobe fuse`")
        }
    }

    private var helper: Finding {
        let paths = searchPath.split(separator: ":").map { "\($0)/fusermount3" }
        guard let path = paths.first(where: { access($0, X_OK) == 0 }) else {
            guard !isRoot else {
                return .fine("fusermount3", "fusermount3 is missing, which root does not need to mount")
            }
            return .problem(
                "fusermount3", .machine, "fusermount3 is missing, and without it only root can mount",
                mend: "install the package fuse3")
        }
        var status = stat()
        let isSetUID = stat(path, &status) == 0 && status.st_mode & mode_t(S_ISUID) != 0 && status.st_uid == 0
        guard isSetUID || isRoot else {
            return .problem(
                "fusermount3", .machine, "\(path) may not mount, because it is not setuid root",
                mend: "restore that with `chown root \(path) && chmod 4755 \(path)`, or install the package fuse3 again"
            )
        }
        return .fine("fusermount3", "\(path) can mount")
    }

    private var others: Finding {
        guard !isRoot else { return .fine("allow-other", "root may let other users in, with --allow-other") }
        let lines = (try? String(contentsOfFile: configuration, encoding: .utf8))?.split(separator: "\n") ?? []
        guard lines.contains(where: { $0.trimmingCharacters(in: .whitespaces) == "user_allow_other" }) else {
            return .remark(
                "allow-other", "only you can look into what you mount: --allow-other is not allowed here",
                mend:
                    "if others, such as a media server, shall see it, add the line user_allow_other to \(configuration)"
            )
        }
        return .fine("allow-other", "other users can be let in, with --allow-other")
    }

    private var versions: Finding {
        var system = utsname()
        uname(&system)
        let kernel = withUnsafeBytes(of: &system.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return .fine(
            "versions",
            "Linux \(kernel), libfuse \(Fuse.LibraryVersion.text), \(Stash.LibraryVersion.text), SQLite \(Library.LibraryVersion.text)"
        )
    }
}
