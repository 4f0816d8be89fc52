internal import CFuse
internal import Glibc

/// The answer to `readDirectory`: entries, as many as the kernel left room for. None at all says that the listing is over.
///
/// Each entry has an offset, which the kernel passes back to go on *behind* that entry (telldir(3), seekdir(3)). It is not 0,
/// and has to lead to the same place for as long as the directory is open.
package struct DirectoryReply: ~Copyable, Reply {
    let ticket: Ticket
    /// True when the kernel would like the attributes too (READDIRPLUS), which spares it a lookup of each name. Without, only
    /// inode and kind of an entry are used, and nothing counts as a lookup.
    package let wantsAttributes: Bool
    private var buffer: Buffer

    init(ticket: consuming Ticket, room: Int, wantsAttributes: Bool) {
        self.ticket = ticket
        self.wantsAttributes = wantsAttributes
        buffer = Buffer(room: room)
    }

    /// Adds an entry that stands for a node, which then counts as looked up once if `wantsAttributes`. Not for "." and "..".
    /// False when there is no room: it was not added, and `send` is next.
    package mutating func add(_ name: String, _ entry: @autoclosure () -> EntryAttributes, offset: UInt64) -> Bool {
        let entry = entry()
        guard wantsAttributes else {
            return add(name, inode: entry.attributes.inode, kind: entry.attributes.kind, offset: offset)
        }
        return buffer.add(name, entry.parameter, isPlus: true, offset)
    }

    /// Adds a name with no more than inode and kind: ".", "..", and whatever shall not count as looked up.
    /// False when there is no room: it was not added, and `send` is next.
    package mutating func add(_ name: String, inode: Inode, kind: FileKind, offset: UInt64) -> Bool {
        // A node number of 0 with READDIRPLUS: list it, remember nothing.
        var parameter = fuse_entry_param()
        parameter.attr.st_ino = UInt(inode.rawValue)
        parameter.attr.st_mode = kind.typeBits
        return buffer.add(name, parameter, isPlus: wantsAttributes, offset)
    }

    package consuming func send() {
        let bytes = buffer.bytes
        ticket.spend { fuse_reply_buf($0, bytes.baseAddress, bytes.count) }
    }

    package consuming func fail(_ error: Errno) {
        ticket.fail(error)
    }

    package borrowing func onInterrupt(_ object: any Interruptible) -> Bool {
        ticket.onInterrupt(object)
    }
}

/// Memory of the size that the kernel gave, filled from the front. Sendable, because it has one owner.
private struct Buffer: ~Copyable, @unchecked Sendable {
    private let memory: UnsafeMutableBufferPointer<CChar>
    private var used = 0

    init(room: Int) {
        memory = .allocate(capacity: max(room, 0))
    }

    var bytes: UnsafeBufferPointer<CChar> {
        UnsafeBufferPointer(rebasing: memory[..<used])
    }

    mutating func add(_ name: String, _ parameter: fuse_entry_param, isPlus: Bool, _ offset: UInt64) -> Bool {
        guard let base = memory.baseAddress else { return false }
        let (place, room) = (base + used, memory.count - used)
        var parameter = parameter
        let needed = name.withCString { text in
            // Without a request: libfuse does not use it.
            isPlus
                ? fuse_add_direntry_plus(nil, place, room, text, &parameter, Int(offset))
                : fuse_add_direntry(nil, place, room, text, &parameter.attr, Int(offset))
        }
        guard needed <= room else { return false }
        used += needed
        return true
    }

    deinit {
        memory.deallocate()
    }
}
