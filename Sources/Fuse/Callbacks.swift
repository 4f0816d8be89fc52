internal import CFuse
internal import Glibc

/// The table of functions that libfuse calls: each takes the arguments apart, builds the request and the reply, and hands
/// both to the file system. Nothing is decided here. What comes after the end of the session is refused, except what
/// gives something back: forget and release.
///
/// What is missing is answered ENOSYS by libfuse, after which the kernel does not ask again and does what suits us: flush and
/// fsync succeed (nothing is ever written), locks are kept by the kernel, lseek goes by the size, an ioctl is ENOTTY,
/// write and fallocate cannot come because no open for writing is granted.
///
/// In a plain enum, because a closure that is written where the main actor is assumed dies on libfuse's threads.
enum Callbacks {
    static var table: fuse_lowlevel_ops {
        var table = fuse_lowlevel_ops()
        table.`init` = { _, connection in Capabilities.choose(connection) }
        names(&table)
        newNames(&table)
        nodes(&table)
        files(&table)
        directories(&table)
        extendedAttributes(&table)
        return table
    }

    /// FUSE_INTERRUPT reached libfuse: whoever waits with this request is told, unless it was answered in the meantime.
    static func interrupt(_ request: fuse_req_t?) {
        guard let request else { return }
        Connection.of(request).interrupts.take(request)?.interrupted()
    }

    private static func names(_ table: inout fuse_lowlevel_ops) {
        table.lookup = { request, parent, name in
            guard let request, let name, let connection = Connection.serving(request) else { return }
            let question = NameRequest(request, parent, name)
            let reply = EntryReply(ticket: Ticket(request, .lookup, of: connection))
            // statfs says 255, but since Linux 6.14 the kernel passes longer ones on. Every new name is looked up first.
            guard question.name.bytes.count <= NAME_MAX else { return reply.fail(.nameTooLong) }
            connection.fileSystem.lookup(question, reply)
        }
        table.forget = { request, inode, lookups in
            guard let request else { return }
            Connection.of(request).fileSystem.forget(Inode(rawValue: inode), lookups: lookups)
            fuse_reply_none(request)
        }
        table.forget_multi = { request, count, list in
            guard let request else { return }
            for forgotten in UnsafeBufferPointer(start: list, count: count) {
                Connection.of(request).fileSystem.forget(Inode(rawValue: forgotten.ino), lookups: forgotten.nlookup)
            }
            fuse_reply_none(request)
        }
        table.unlink = { request, parent, name in
            guard let request, let name, let connection = Connection.serving(request) else { return }
            let question = NameRequest(request, parent, name)
            connection.fileSystem.unlink(question, EmptyReply(ticket: Ticket(request, .unlink, of: connection)))
        }
        table.rmdir = { request, parent, name in
            guard let request, let name, let connection = Connection.serving(request) else { return }
            let question = NameRequest(request, parent, name)
            connection.fileSystem.removeDirectory(question, EmptyReply(ticket: Ticket(request, .rmdir, of: connection)))
        }
        table.rename = { request, parent, name, newParent, newName, flags in
            guard let request, let name, let newName, let connection = Connection.serving(request) else { return }
            let question = RenameRequest(
                caller: Caller(request), parent: Inode(rawValue: parent), name: FileName(name),
                newParent: Inode(rawValue: newParent), newName: FileName(newName), flags: .init(rawValue: flags))
            connection.fileSystem.rename(question, EmptyReply(ticket: Ticket(request, .rename, of: connection)))
        }
    }

    private static func newNames(_ table: inout fuse_lowlevel_ops) {
        table.mknod = { request, parent, name, mode, _ in
            guard let request, let name, let connection = Connection.serving(request) else { return }
            let question = MakeNodeRequest(
                caller: Caller(request), parent: Inode(rawValue: parent), name: FileName(name), mode: mode)
            connection.fileSystem.makeNode(question, EntryReply(ticket: Ticket(request, .mknod, of: connection)))
        }
        table.mkdir = { request, parent, name, mode in
            guard let request, let name, let connection = Connection.serving(request) else { return }
            let question = MakeDirectoryRequest(
                caller: Caller(request), parent: Inode(rawValue: parent), name: FileName(name),
                permissions: mode & 0o7777)
            connection.fileSystem.makeDirectory(question, EntryReply(ticket: Ticket(request, .mkdir, of: connection)))
        }
        table.symlink = { request, target, parent, name in
            guard let request, let target, let name, let connection = Connection.serving(request) else { return }
            let question = SymlinkRequest(
                caller: Caller(request), parent: Inode(rawValue: parent), name: FileName(name),
                target: FileName(target))
            connection.fileSystem.symlink(question, EntryReply(ticket: Ticket(request, .symlink, of: connection)))
        }
        table.link = { request, inode, newParent, newName in
            guard let request, let newName, let connection = Connection.serving(request) else { return }
            let question = LinkRequest(
                caller: Caller(request), inode: Inode(rawValue: inode), newParent: Inode(rawValue: newParent),
                newName: FileName(newName))
            connection.fileSystem.link(question, EntryReply(ticket: Ticket(request, .link, of: connection)))
        }
        table.create = { request, parent, name, mode, info in
            guard let request, let name, let info, let connection = Connection.serving(request) else { return }
            let question = CreateRequest(
                caller: Caller(request), parent: Inode(rawValue: parent), name: FileName(name),
                permissions: mode & 0o7777, flags: OpenFlags(rawValue: info.pointee.flags))
            connection.fileSystem.create(question, CreateReply(ticket: Ticket(request, .create, of: connection)))
        }
    }

    private static func nodes(_ table: inout fuse_lowlevel_ops) {
        table.getattr = { request, inode, info in
            guard let request, let connection = Connection.serving(request) else { return }
            let question = AttributesRequest(
                caller: Caller(request), inode: Inode(rawValue: inode),
                handle: info.map { HandleNumber(rawValue: $0.pointee.fh).handle })
            connection.fileSystem.attributes(
                question, AttributesReply(ticket: Ticket(request, .getattr, of: connection)))
        }
        table.setattr = { request, inode, stat, asked, info in
            guard let request, let stat, let connection = Connection.serving(request) else { return }
            let question = SetAttributesRequest(
                request, inode, stat.pointee, asked, info.map { HandleNumber(rawValue: $0.pointee.fh).handle })
            connection.fileSystem.setAttributes(
                question, AttributesReply(ticket: Ticket(request, .setattr, of: connection)))
        }
        table.readlink = { request, inode in
            guard let request, let connection = Connection.serving(request) else { return }
            let question = NodeRequest(request, inode)
            connection.fileSystem.readLink(question, LinkReply(ticket: Ticket(request, .readlink, of: connection)))
        }
        table.statfs = { request, inode in
            guard let request, let connection = Connection.serving(request) else { return }
            let question = NodeRequest(request, inode)
            connection.fileSystem.statistics(
                question, StatisticsReply(ticket: Ticket(request, .statfs, of: connection)))
        }
        table.access = { request, inode, mask in
            guard let request, let connection = Connection.serving(request) else { return }
            let question = AccessRequest(
                caller: Caller(request), inode: Inode(rawValue: inode), mask: .init(rawValue: mask))
            connection.fileSystem.access(question, EmptyReply(ticket: Ticket(request, .access, of: connection)))
        }
    }

    private static func files(_ table: inout fuse_lowlevel_ops) {
        table.open = { request, inode, info in
            guard let request, let info, let connection = Connection.serving(request) else { return }
            let question = OpenRequest(request, inode, info.pointee)
            connection.fileSystem.open(question, OpenReply(ticket: Ticket(request, .open, of: connection)))
        }
        table.read = { request, inode, size, offset, info in
            guard let request, let info, let connection = Connection.serving(request) else { return }
            let question = ReadRequest(
                caller: Caller(request), inode: Inode(rawValue: inode),
                handle: HandleNumber(rawValue: info.pointee.fh).handle,
                offset: UInt64(offset), size: size)
            connection.fileSystem.read(question, ReadReply(ticket: Ticket(request, .read, of: connection), size: size))
        }
        table.release = { request, inode, info in
            guard let request, let info else { return }
            let question = ReleaseRequest(
                inode: Inode(rawValue: inode), handle: HandleNumber(rawValue: info.pointee.fh).take())
            Connection.of(request).fileSystem.release(question)
            fuse_reply_err(request, 0)
        }
    }

    private static func directories(_ table: inout fuse_lowlevel_ops) {
        table.opendir = { request, inode, info in
            guard let request, let info, let connection = Connection.serving(request) else { return }
            let question = OpenRequest(request, inode, info.pointee)
            connection.fileSystem.openDirectory(question, OpenReply(ticket: Ticket(request, .opendir, of: connection)))
        }
        table.readdir = { request, inode, size, offset, info in
            guard let request, let info else { return }
            Callbacks.readDirectory(request, inode, size, offset, info.pointee, wantsAttributes: false)
        }
        table.readdirplus = { request, inode, size, offset, info in
            guard let request, let info else { return }
            Callbacks.readDirectory(request, inode, size, offset, info.pointee, wantsAttributes: true)
        }
        table.releasedir = { request, inode, info in
            guard let request, let info else { return }
            let question = ReleaseRequest(
                inode: Inode(rawValue: inode), handle: HandleNumber(rawValue: info.pointee.fh).take())
            Connection.of(request).fileSystem.releaseDirectory(question)
            fuse_reply_err(request, 0)
        }
    }

    private static func readDirectory(
        _ request: fuse_req_t, _ inode: fuse_ino_t, _ size: Int, _ offset: Int, _ info: fuse_file_info,
        wantsAttributes: Bool
    ) {
        guard let connection = Connection.serving(request) else { return }
        let question = ReadDirectoryRequest(
            caller: Caller(request), inode: Inode(rawValue: inode), handle: HandleNumber(rawValue: info.fh).handle,
            offset: UInt64(bitPattern: Int64(offset)))
        let reply = DirectoryReply(
            ticket: Ticket(request, wantsAttributes ? .readdirplus : .readdir, of: connection), room: size,
            wantsAttributes: wantsAttributes)
        connection.fileSystem.readDirectory(question, reply)
    }

    private static func extendedAttributes(_ table: inout fuse_lowlevel_ops) {
        table.setxattr = { request, inode, name, value, size, flags in
            guard let request, let name, let connection = Connection.serving(request) else { return }
            let question = SetExtendedAttributeRequest(
                caller: Caller(request), inode: Inode(rawValue: inode), name: FileName(name),
                value: Array(UnsafeRawBufferPointer(start: value, count: size)), flags: .init(rawValue: flags))
            connection.fileSystem.setExtendedAttribute(
                question, EmptyReply(ticket: Ticket(request, .setxattr, of: connection)))
        }
        table.getxattr = { request, inode, name, room in
            guard let request, let name, let connection = Connection.serving(request) else { return }
            let question = ExtendedAttributeRequest(request, inode, name)
            let reply = ValueReply(ticket: Ticket(request, .getxattr, of: connection), room: room)
            connection.fileSystem.extendedAttribute(question, reply)
        }
        table.listxattr = { request, inode, room in
            guard let request, let connection = Connection.serving(request) else { return }
            let question = NodeRequest(request, inode)
            let reply = ValueReply(ticket: Ticket(request, .listxattr, of: connection), room: room)
            connection.fileSystem.listExtendedAttributes(question, reply)
        }
        table.removexattr = { request, inode, name in
            guard let request, let name, let connection = Connection.serving(request) else { return }
            let question = ExtendedAttributeRequest(request, inode, name)
            let reply = EmptyReply(ticket: Ticket(request, .removexattr, of: connection))
            connection.fileSystem.removeExtendedAttribute(question, reply)
        }
    }
}
