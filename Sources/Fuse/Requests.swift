internal import CFuse
internal import Glibc

/// Who made the system call. A process id of 0 stands for one that this process cannot see.
package struct Caller: Hashable, Sendable {
    package let uid: UInt32
    package let gid: UInt32
    package let pid: Int32

    package init(uid: UInt32, gid: UInt32, pid: Int32) {
        self.uid = uid
        self.gid = gid
        self.pid = pid
    }

    init(_ request: fuse_req_t) {
        let context = fuse_req_ctx(request).pointee
        self.init(uid: context.uid, gid: context.gid, pid: context.pid)
    }
}

/// One component of a path as the kernel passes it: any bytes but `/` and NUL, at most 255 of them in a tree.
package struct FileName: Hashable, Sendable {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    package init(_ string: String) {
        bytes = Array(string.utf8)
    }

    init(_ text: UnsafePointer<CChar>) {
        bytes = Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }

    /// The name as text, or nil when it is not valid UTF-8.
    package var string: String? {
        String(validating: bytes, as: UTF8.self)
    }
}

extension FileName: CustomStringConvertible {
    /// For messages: bytes that are not UTF-8 show as replacement characters.
    package var description: String {
        String(decoding: bytes, as: UTF8.self)
    }
}

/// What `open` gave for an open file or directory: the object itself, retained from the answer until `release`.
package typealias Handle = any AnyObject & Sendable

/// A handle as the number that the kernel keeps with the open file and sends back with each call on it. The number *is* the
/// object's address: no table to search, no lock to take.
struct HandleNumber {
    let rawValue: UInt64

    init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Retains the object until `take`.
    init(retaining handle: Handle) {
        rawValue = UInt64(UInt(bitPattern: Unmanaged<AnyObject>.passRetained(handle).toOpaque()))
    }

    /// The object of an open file.
    var handle: Handle {
        convert { $0.takeUnretainedValue() }
    }

    /// The object, which the number no longer retains.
    func take() -> Handle {
        convert { $0.takeRetainedValue() }
    }

    private func convert(_ get: (Unmanaged<AnyObject>) -> AnyObject) -> Handle {
        guard let address = UnsafeRawPointer(bitPattern: UInt(rawValue)) else {
            preconditionFailure("the kernel sent a handle that no open gave")
        }
        // Sendable has no representation of its own, so the reference is the same; only a Handle ever became a number.
        return unsafeBitCast(get(Unmanaged.fromOpaque(address)), to: Handle.self)
    }
}

/// `lookup`, `unlink`, `removeDirectory`: a name in a directory.
package struct NameRequest: Sendable {
    package let caller: Caller
    package let parent: Inode
    package let name: FileName

    init(_ request: fuse_req_t, _ parent: fuse_ino_t, _ name: UnsafePointer<CChar>) {
        caller = Caller(request)
        self.parent = Inode(rawValue: parent)
        self.name = FileName(name)
    }
}

/// `readLink`, `statistics`, `listExtendedAttributes`: nothing but a node.
package struct NodeRequest: Sendable {
    package let caller: Caller
    package let inode: Inode

    init(_ request: fuse_req_t, _ inode: fuse_ino_t) {
        caller = Caller(request)
        self.inode = Inode(rawValue: inode)
    }
}

/// `attributes`: fstat(2) brings the handle, stat(2) does not.
package struct AttributesRequest: Sendable {
    package let caller: Caller
    package let inode: Inode
    package let handle: Handle?
}

/// `setAttributes`: chmod, chown, truncate and utimensat in one; what is nil was not asked for.
package struct SetAttributesRequest: Sendable {
    /// A time that is to be set.
    package enum Time: Hashable, Sendable {
        case now
        case at(FileTime)
    }

    package let caller: Caller
    package let inode: Inode
    package let handle: Handle?
    package let permissions: UInt32?
    package let uid: UInt32?
    package let gid: UInt32?
    package let size: UInt64?
    package let accessed: Time?
    package let modified: Time?

    init(_ request: fuse_req_t, _ inode: fuse_ino_t, _ stat: stat, _ asked: Int32, _ handle: Handle?) {
        func value<Value>(_ flag: Int32, _ value: Value) -> Value? {
            asked & flag == 0 ? nil : value
        }
        func time(_ flag: Int32, _ now: Int32, _ time: timespec) -> Time? {
            asked & now != 0 ? .now : value(flag, .at(FileTime(time)))
        }
        caller = Caller(request)
        self.inode = Inode(rawValue: inode)
        self.handle = handle
        permissions = value(FUSE_SET_ATTR_MODE, stat.st_mode & 0o7777)
        uid = value(FUSE_SET_ATTR_UID, stat.st_uid)
        gid = value(FUSE_SET_ATTR_GID, stat.st_gid)
        size = value(FUSE_SET_ATTR_SIZE, UInt64(clamping: stat.st_size))
        accessed = time(FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, stat.st_atim)
        modified = time(FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, stat.st_mtim)
    }
}

/// `makeNode`: mknod(2), and open(2) with O_CREAT on kernels that ask in two steps.
package struct MakeNodeRequest: Sendable {
    package let caller: Caller
    package let parent: Inode
    package let name: FileName
    /// Type and permissions, the caller's umask applied.
    package let mode: UInt32
}

/// `makeDirectory`.
package struct MakeDirectoryRequest: Sendable {
    package let caller: Caller
    package let parent: Inode
    package let name: FileName
    /// The caller's umask is applied.
    package let permissions: UInt32
}

/// `symlink`: a name that is to stand for a path.
package struct SymlinkRequest: Sendable {
    package let caller: Caller
    package let parent: Inode
    package let name: FileName
    /// The text of the link: a path, so it may hold slashes.
    package let target: FileName
}

/// `rename`.
package struct RenameRequest: Sendable {
    /// The flags of renameat2(2).
    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt32

        package init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        /// Fails with EEXIST when the new name exists.
        package static let noReplace = Flags(rawValue: 1)
        /// Swaps the two.
        package static let exchange = Flags(rawValue: 2)
    }

    package let caller: Caller
    package let parent: Inode
    package let name: FileName
    package let newParent: Inode
    package let newName: FileName
    package let flags: Flags
}

/// `link`: another name for a node.
package struct LinkRequest: Sendable {
    package let caller: Caller
    package let inode: Inode
    package let newParent: Inode
    package let newName: FileName
}

/// The flags of open(2).
package struct OpenFlags: RawRepresentable, Hashable, Sendable {
    package let rawValue: Int32

    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// True for anything but O_RDONLY.
    package var writes: Bool {
        rawValue & O_ACCMODE != O_RDONLY
    }

    /// O_TRUNC reaches `open` itself, so that it can be refused before anything is lost.
    package var truncates: Bool {
        rawValue & O_TRUNC != 0
    }

    package var creates: Bool {
        rawValue & O_CREAT != 0
    }

    /// O_DIRECT: reads come one by one, past the page cache.
    package var isDirect: Bool {
        rawValue & cfuse_o_direct != 0
    }
}

/// `open`, `openDirectory`.
package struct OpenRequest: Sendable {
    package let caller: Caller
    package let inode: Inode
    package let flags: OpenFlags

    init(_ request: fuse_req_t, _ inode: fuse_ino_t, _ info: fuse_file_info) {
        caller = Caller(request)
        self.inode = Inode(rawValue: inode)
        flags = OpenFlags(rawValue: info.flags)
    }
}

/// `create`: open(2) with O_CREAT of a name that does not exist.
package struct CreateRequest: Sendable {
    package let caller: Caller
    package let parent: Inode
    package let name: FileName
    package let permissions: UInt32
    package let flags: OpenFlags
}

/// `read`.
package struct ReadRequest: Sendable {
    package let caller: Caller
    package let inode: Inode
    package let handle: Handle
    package let offset: UInt64
    /// Bytes wanted. Fewer may be sent only at the end of the file: the kernel takes a short answer for the end.
    package let size: Int
}

/// `readDirectory`.
package struct ReadDirectoryRequest: Sendable {
    package let caller: Caller
    package let inode: Inode
    package let handle: Handle
    /// 0 for the start, else the `offset` that was given with the entry after which to go on.
    package let offset: UInt64
}

/// `release`, `releaseDirectory`: the last descriptor of an open was closed.
package struct ReleaseRequest: Sendable {
    package let inode: Inode
    package let handle: Handle
}

/// `setExtendedAttribute`.
package struct SetExtendedAttributeRequest: Sendable {
    /// The flags of setxattr(2).
    package struct Flags: OptionSet, Sendable {
        package let rawValue: Int32

        package init(rawValue: Int32) {
            self.rawValue = rawValue
        }

        /// XATTR_CREATE: EEXIST when it has a value.
        package static let create = Flags(rawValue: Int32(XATTR_CREATE))
        /// XATTR_REPLACE: ENODATA when it has none.
        package static let replace = Flags(rawValue: Int32(XATTR_REPLACE))
    }

    package let caller: Caller
    package let inode: Inode
    package let name: FileName
    package let value: [UInt8]
    package let flags: Flags
}

/// `extendedAttribute`, `removeExtendedAttribute`.
package struct ExtendedAttributeRequest: Sendable {
    package let caller: Caller
    package let inode: Inode
    package let name: FileName

    init(_ request: fuse_req_t, _ inode: fuse_ino_t, _ name: UnsafePointer<CChar>) {
        caller = Caller(request)
        self.inode = Inode(rawValue: inode)
        self.name = FileName(name)
    }
}

/// `access`: may the caller?
package struct AccessRequest: Sendable {
    /// The mask of access(2); empty asks only whether the node exists.
    package struct Mask: OptionSet, Sendable {
        package let rawValue: Int32

        package init(rawValue: Int32) {
            self.rawValue = rawValue
        }

        package static let execute = Mask(rawValue: 1)
        package static let write = Mask(rawValue: 2)
        package static let read = Mask(rawValue: 4)
    }

    package let caller: Caller
    package let inode: Inode
    package let mask: Mask
}
