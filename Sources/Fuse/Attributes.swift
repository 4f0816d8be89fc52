internal import CFuse
internal import Glibc

/// The number by which the kernel knows a node of the mounted tree, for as long as it remembers it.
package struct Inode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The directory that is seen at the mount point; the kernel knows it without a lookup.
    package static let root = Inode(rawValue: 1)
}

/// What a node is, as far as this binding can present one.
package enum FileKind: Hashable, Sendable {
    case file
    case directory
    case symlink

    var typeBits: UInt32 {
        switch self {
        case .file: S_IFREG
        case .directory: S_IFDIR
        case .symlink: S_IFLNK
        }
    }
}

/// A moment in seconds and nanoseconds since 1970, UTC.
package struct FileTime: Hashable, Sendable {
    package var seconds: Int64
    /// 0 ..< 1,000,000,000
    package var nanoseconds: UInt32

    package init(seconds: Int64, nanoseconds: UInt32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    init(_ time: timespec) {
        self.init(seconds: Int64(time.tv_sec), nanoseconds: UInt32(clamping: time.tv_nsec))
    }

    var timespec: timespec {
        Glibc.timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds))
    }
}

/// What stat(2) shows of a node.
package struct FileAttributes: Hashable, Sendable {
    package var inode: Inode
    package var kind: FileKind
    /// The lower twelve bits of the mode, without the type: 0o444.
    package var permissions: UInt32
    /// At least 2 for a file with several names, because `du` and `tar` compare inodes only then.
    package var linkCount: UInt64
    package var uid: UInt32
    package var gid: UInt32
    /// Bytes. For a symlink the length of its target, as lstat(2) promises.
    package var size: UInt64
    /// Units of 512 bytes. Fewer than the size needs make `cp` believe in holes.
    package var blocks: UInt64
    /// The size in which programs like to read, in bytes (`st_blksize`).
    package var blockSize: UInt32
    package var accessed: FileTime
    package var modified: FileTime
    package var changed: FileTime

    /// All three times are `modified`, and the blocks are as many as the size fills, unless they are set afterwards.
    package init(
        inode: Inode, kind: FileKind, permissions: UInt32, linkCount: UInt64 = 1, uid: UInt32, gid: UInt32,
        size: UInt64 = 0, blockSize: UInt32 = 4096, modified: FileTime
    ) {
        self.inode = inode
        self.kind = kind
        self.permissions = permissions
        self.linkCount = linkCount
        self.uid = uid
        self.gid = gid
        self.size = size
        blocks = size / 512 + (size % 512 == 0 ? 0 : 1)
        self.blockSize = blockSize
        accessed = modified
        self.modified = modified
        changed = modified
    }

    var stat: stat {
        var stat = Glibc.stat()
        stat.st_ino = UInt(inode.rawValue)
        stat.st_mode = kind.typeBits | (permissions & 0o7777)
        stat.st_nlink = UInt(linkCount)
        stat.st_uid = uid
        stat.st_gid = gid
        stat.st_size = Int(clamping: size)
        stat.st_blocks = Int(clamping: blocks)
        stat.st_blksize = Int(blockSize)
        stat.st_atim = accessed.timespec
        stat.st_mtim = modified.timespec
        stat.st_ctim = changed.timespec
        return stat
    }
}

/// A node as an answer to "what is called so in that directory": what it is, and how long the kernel may believe it unasked.
///
/// Each one that reaches the kernel (`lookup`, what makes a node, and `readDirectory` with attributes) counts as one lookup
/// of its inode, until `forget` gives the count back.
package struct EntryAttributes: Hashable, Sendable {
    package var attributes: FileAttributes
    /// By which number the kernel knows it; what stat(2) shows is that of the attributes.
    package var inode: Inode
    /// Tells two nodes apart that had the same inode number one after the other.
    package var generation: UInt64
    /// Seconds for which the name may be taken from the kernel's cache. 0 asks again each time.
    package var entryLifetime: Double
    /// Seconds for which the attributes may be taken from the kernel's cache.
    package var attributeLifetime: Double

    package init(
        _ attributes: FileAttributes, inode: Inode? = nil, generation: UInt64 = 0, entryLifetime: Double,
        attributeLifetime: Double
    ) {
        self.attributes = attributes
        self.inode = inode ?? attributes.inode
        self.generation = generation
        self.entryLifetime = entryLifetime
        self.attributeLifetime = attributeLifetime
    }

    var parameter: fuse_entry_param {
        var parameter = fuse_entry_param()
        parameter.ino = inode.rawValue
        parameter.generation = generation
        parameter.attr = attributes.stat
        parameter.attr_timeout = attributeLifetime
        parameter.entry_timeout = entryLifetime
        return parameter
    }
}

/// What statvfs(3) shows of the mount.
package struct FileSystemStatistics: Hashable, Sendable {
    /// The unit of the block counts, in bytes.
    package var blockSize: UInt64
    package var blocks: UInt64
    package var freeBlocks: UInt64
    package var files: UInt64
    package var freeFiles: UInt64
    /// The longest name, in bytes.
    package var longestName: UInt64

    package init(
        blockSize: UInt64 = 4096, blocks: UInt64, freeBlocks: UInt64 = 0, files: UInt64, freeFiles: UInt64 = 0,
        longestName: UInt64 = 255
    ) {
        self.blockSize = blockSize
        self.blocks = blocks
        self.freeBlocks = freeBlocks
        self.files = files
        self.freeFiles = freeFiles
        self.longestName = longestName
    }

    var statvfs: statvfs {
        var statvfs = Glibc.statvfs()
        statvfs.f_bsize = UInt(blockSize)
        statvfs.f_frsize = UInt(blockSize)
        statvfs.f_blocks = UInt(blocks)
        statvfs.f_bfree = UInt(freeBlocks)
        statvfs.f_bavail = UInt(freeBlocks)
        statvfs.f_files = UInt(files)
        statvfs.f_ffree = UInt(freeFiles)
        statvfs.f_favail = UInt(freeFiles)
        statvfs.f_namemax = UInt(longestName)
        return statvfs
    }
}
