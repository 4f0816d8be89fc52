/// How a tree is mounted.
///
/// It is mounted read-write, because setxattr(2) on a read-only mount is EROFS before we are asked, and without
/// `default_permissions`, because the kernel would then refuse `user.*` attributes on files that nobody may write.
package struct MountOptions: Hashable, Sendable {
    /// What distinguishes our mounts from those of other programs: in the mount table the type is `fuse.peekfs`.
    package static let subtype = "peekfs"
    static let type = "fuse.\(subtype)"

    /// Users other than the one who mounts may enter. Needs `user_allow_other` in /etc/fuse.conf, unless root mounts.
    package var allowOther: Bool
    /// What `mount` and `df` show as the source.
    package var fileSystemName: String
    /// How far the kernel reads ahead of a reader, in bytes; it also bounds the size of its reads through the page cache.
    ///
    /// 1 MiB is the largest request there is, so that a sequential reader costs one round through this process a MiB. Only root can
    /// raise it above the kernel's 128 KiB; for others the kernel's value stays.
    package var readAhead: Int
    private(set) var others: [String]

    package init(allowOther: Bool = false, fileSystemName: String = "peekfs", readAhead: Int = 1 << 20) {
        self.allowOther = allowOther
        self.fileSystemName = fileSystemName
        self.readAhead = readAhead
        others = []
    }

    /// Takes what a person gave with `-o`, or fstab in its fourth column: options with commas between them.
    package mutating func add(_ list: String) throws(MountOptionError) {
        for option in list.split(separator: ",").map(String.init) {
            let (name, value) = Self.split(option)
            switch name {
            case "allow_other":
                allowOther = true
            case "fsname":
                fileSystemName = value
            case "default_permissions":
                throw .harmful(option: name, reason: "the kernel would refuse ratings on files that are not writable")
            case "subtype", "max_read", "blkdev", "rootmode", "fd", "user_id", "group_id":
                throw .harmful(option: name, reason: "it is set by peekfs itself")
            case _ where Self.forMount.contains(name):
                break
            case _ where name.hasPrefix("x-") || name == "comment":
                break
            case _ where Self.known.contains(name):
                others.append(option)
            default:
                throw .unknown(option: option)
            }
        }
    }

    private static func split(_ option: String) -> (name: String, value: String) {
        let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
    }

    /// For libfuse, fusermount3 or the kernel (mount.fuse3(8)).
    private static let known: Set<String> = [
        "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "async", "sync", "dirsync", "atime", "noatime",
        "allow_root", "auto_unmount", "context", "fscontext", "defcontext", "rootcontext",
    ]

    /// For mount(8) and systemd, which pass them on although they have seen to them.
    private static let forMount: Set<String> = [
        "defaults", "auto", "noauto", "user", "nouser", "users", "owner", "group", "_netdev", "nofail",
    ]

    /// As an argument vector for libfuse, without the program's name.
    var arguments: [String] {
        var options = ["fsname=\(Self.escape(fileSystemName))", "subtype=\(Self.subtype)"] + others
        if allowOther {
            options.append("allow_other")
        }
        return options.flatMap { ["-o", $0] }
    }

    /// libfuse splits at commas that have no backslash before them.
    private static func escape(_ value: String) -> String {
        value.reduce(into: "") { result, character in
            if character == "," || character == "\\" {
                result.append("\\")
            }
            result.append(character)
        }
    }
}

/// A mount option that is not accepted.
package enum MountOptionError: Error, Hashable {
    case unknown(option: String)
    case harmful(option: String, reason: String)
}

extension MountOptionError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unknown(let option): "unknown mount option \(option)"
        case .harmful(let option, let reason): "mount option \(option) cannot be used: \(reason)"
        }
    }
}
