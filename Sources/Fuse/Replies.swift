internal import CFuse
internal import Glibc

/// The answer to what either succeeds or fails and has nothing else to say.
package struct EmptyReply: ~Copyable, Reply {
    let ticket: Ticket

    package consuming func succeed() {
        ticket.spend { fuse_reply_err($0, 0) }
    }

    package consuming func fail(_ error: Errno) {
        ticket.fail(error)
    }

    package borrowing func onInterrupt(_ object: any Interruptible) -> Bool {
        ticket.onInterrupt(object)
    }
}

/// The answer to `lookup` and to what makes a node: the node.
package struct EntryReply: ~Copyable, Reply {
    let ticket: Ticket

    /// Counts as one lookup of the inode, unless the asking process has gone: then false, and nothing was counted.
    @discardableResult
    package consuming func send(_ entry: EntryAttributes) -> Bool {
        var parameter = entry.parameter
        return ticket.spend { fuse_reply_entry($0, &parameter) } == 0
    }

    /// There is no such name, and the kernel may believe that for so many seconds. `fail(.noEntry)` is not remembered.
    package consuming func sendAbsent(lifetime: Double) {
        var parameter = fuse_entry_param()
        parameter.entry_timeout = lifetime
        ticket.spend(code: ENOENT) { fuse_reply_entry($0, &parameter) }
    }

    package consuming func fail(_ error: Errno) {
        ticket.fail(error)
    }

    package borrowing func onInterrupt(_ object: any Interruptible) -> Bool {
        ticket.onInterrupt(object)
    }
}

/// The answer to `attributes` and `setAttributes`.
package struct AttributesReply: ~Copyable, Reply {
    let ticket: Ticket

    /// The kernel may believe the attributes for `lifetime` seconds.
    package consuming func send(_ attributes: FileAttributes, lifetime: Double) {
        var stat = attributes.stat
        ticket.spend { fuse_reply_attr($0, &stat, lifetime) }
    }

    package consuming func fail(_ error: Errno) {
        ticket.fail(error)
    }

    package borrowing func onInterrupt(_ object: any Interruptible) -> Bool {
        ticket.onInterrupt(object)
    }
}

/// The answer to `readLink`.
package struct LinkReply: ~Copyable, Reply {
    let ticket: Ticket

    /// The link's text, shorter than a page (4096 bytes).
    package consuming func send(_ target: FileName) {
        ticket.spend { request in target.bytes.withUnsafeBytes { reply(request, $0) } }
    }

    package consuming func fail(_ error: Errno) {
        ticket.fail(error)
    }

    package borrowing func onInterrupt(_ object: any Interruptible) -> Bool {
        ticket.onInterrupt(object)
    }
}

/// What an open file or directory may do with the kernel's caches.
///
/// Pages that are cached of a file always stay when it is opened again (FOPEN_KEEP_CACHE). Otherwise a second open, while a
/// read of the first is parked, would wait for the parked page in a state that not even SIGKILL ends. So old pages go by
/// `Notifier.invalidate(_:)` only.
package struct OpenOptions: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Reads bypass the page cache: each read(2) asks, and nothing is read ahead.
    package static let directIO = OpenOptions(rawValue: 1)
    /// The kernel may keep the listing and give it to later readers of the directory unasked.
    package static let cacheDirectory = OpenOptions(rawValue: 2)

    func fill(_ info: inout fuse_file_info) {
        info.keep_cache = 1
        // Nothing is ever written, so there is nothing to flush; and a close(2) that waits for an answer is deaf to SIGKILL.
        info.noflush = 1
        info.direct_io = contains(.directIO) ? 1 : 0
        info.cache_readdir = contains(.cacheDirectory) ? 1 : 0
    }
}

/// The answer to `open` and `openDirectory`: the object that the later calls on this open get back.
package struct OpenReply: ~Copyable, Reply {
    let ticket: Ticket

    /// Keeps the object until `release`. When the process that asked has gone away, it is let go at once, without a `release`.
    package consuming func send(_ handle: Handle, _ options: OpenOptions = []) {
        var info = fuse_file_info()
        options.fill(&info)
        let number = HandleNumber(retaining: handle)
        info.fh = number.rawValue
        if ticket.spend({ fuse_reply_open($0, &info) }) != 0 {
            _ = number.take()
        }
    }

    package consuming func fail(_ error: Errno) {
        ticket.fail(error)
    }

    package borrowing func onInterrupt(_ object: any Interruptible) -> Bool {
        ticket.onInterrupt(object)
    }
}

/// The answer to `create`: a new node, and the object of its first open.
package struct CreateReply: ~Copyable, Reply {
    let ticket: Ticket

    /// As `EntryReply.send` and `OpenReply.send` together.
    package consuming func send(_ entry: EntryAttributes, _ handle: Handle, _ options: OpenOptions = []) {
        var parameter = entry.parameter
        var info = fuse_file_info()
        options.fill(&info)
        let number = HandleNumber(retaining: handle)
        info.fh = number.rawValue
        if ticket.spend({ fuse_reply_create($0, &parameter, &info) }) != 0 {
            _ = number.take()
        }
    }

    package consuming func fail(_ error: Errno) {
        ticket.fail(error)
    }

    package borrowing func onInterrupt(_ object: any Interruptible) -> Bool {
        ticket.onInterrupt(object)
    }
}

/// The answer to `read`: as many bytes as were asked for, fewer only at the end of the file.
package struct ReadReply: ~Copyable, Reply {
    let ticket: Ticket
    /// The most that may be sent, in bytes.
    package let size: Int

    /// Sends the bytes; they are copied before this returns.
    package consuming func send(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count <= size, "more bytes than the kernel asked for")
        ticket.spend { reply($0, bytes) }
    }

    /// Sends the bytes; they are copied before this returns.
    package consuming func send(_ bytes: RawSpan) {
        precondition(bytes.byteCount <= size, "more bytes than the kernel asked for")
        ticket.spend { request in bytes.withUnsafeBytes { reply(request, $0) } }
    }

    /// Sends the parts one after the other, without putting them together first. At most 1023 parts (IOV_MAX).
    package consuming func send(parts: [UnsafeRawBufferPointer]) {
        precondition(parts.count < 1024, "more parts than writev(2) takes")
        precondition(parts.reduce(0) { $0 + $1.count } <= size, "more bytes than the kernel asked for")
        let vector = parts.map { iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count) }
        ticket.spend { fuse_reply_iov($0, vector, Int32(vector.count)) }
    }

    package consuming func fail(_ error: Errno) {
        ticket.fail(error)
    }

    package borrowing func onInterrupt(_ object: any Interruptible) -> Bool {
        ticket.onInterrupt(object)
    }
}

/// The answer to `extendedAttribute` and `listExtendedAttributes`: always the whole value. Whether the caller asked for the
/// value or for its size, and whether there is room, is seen to here.
package struct ValueReply: ~Copyable, Reply {
    /// XATTR_SIZE_MAX and XATTR_LIST_MAX of linux/limits.h: no system call passes more.
    package static let longest = 65_536

    let ticket: Ticket
    let room: Int

    package consuming func send(_ value: UnsafeRawBufferPointer) {
        send(count: value.count) { reply($0, value) }
    }

    package consuming func send(_ value: [UInt8]) {
        send(count: value.count) { request in value.withUnsafeBytes { reply(request, $0) } }
    }

    private consuming func send(count: Int, _ bytes: (fuse_req_t) -> Int32) {
        if count > Self.longest {
            ticket.fail(.tooBig)
        } else if room == 0 {
            ticket.spend { fuse_reply_xattr($0, count) }
        } else if count > room {
            ticket.fail(.range)
        } else {
            ticket.spend(bytes)
        }
    }

    package consuming func send(_ value: String) {
        send(Array(value.utf8))
    }

    /// A list of attributes: each name with a NUL behind it.
    package consuming func send(names: some Sequence<String>) {
        var list: [UInt8] = []
        for name in names {
            list.append(contentsOf: name.utf8)
            list.append(0)
        }
        send(list)
    }

    package consuming func fail(_ error: Errno) {
        ticket.fail(error)
    }

    package borrowing func onInterrupt(_ object: any Interruptible) -> Bool {
        ticket.onInterrupt(object)
    }
}

/// The answer to `statistics`.
package struct StatisticsReply: ~Copyable, Reply {
    let ticket: Ticket

    package consuming func send(_ statistics: FileSystemStatistics) {
        var statvfs = statistics.statvfs
        ticket.spend { fuse_reply_statfs($0, &statvfs) }
    }

    package consuming func fail(_ error: Errno) {
        ticket.fail(error)
    }

    package borrowing func onInterrupt(_ object: any Interruptible) -> Bool {
        ticket.onInterrupt(object)
    }
}

private func reply(_ request: fuse_req_t, _ bytes: UnsafeRawBufferPointer) -> Int32 {
    fuse_reply_buf(request, bytes.bindMemory(to: CChar.self).baseAddress, bytes.count)
}
