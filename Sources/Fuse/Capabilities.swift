internal import CFuse

/// What is agreed with the kernel when the connection starts (FUSE_INIT), each item with its reason.
enum Capabilities {
    /// The largest read that is answered at once, in bytes: the kernel's ceiling (FUSE_MAX_MAX_PAGES, 256 pages). libfuse derives
    /// the number of pages a request may have from the largest *write*, so that is where it is set.
    static let largestRequest: UInt32 = 1 << 20

    static let wanted: [Int32] = [
        // Several reads of one file are under way at once; without, the kernel sends them one by one, in order of offset.
        FUSE_CAP_ASYNC_READ,
        // Lookups and listings in one directory do not wait for each other.
        FUSE_CAP_PARALLEL_DIROPS,
        // O_TRUNC comes with the open, which refuses it. Without, the kernel would open first and truncate afterwards.
        FUSE_CAP_ATOMIC_O_TRUNC,
        // Cached pages go only when we say so. By default a getattr that brings a new time or size throws them away, and
        // waits for locked pages meanwhile: `ls -l` would hang behind a read that waits for a server.
        FUSE_CAP_EXPLICIT_INVAL_DATA,
        // `ls -l` gets names and attributes in one go; AUTO returns to plain listings where nobody asks for attributes.
        FUSE_CAP_READDIRPLUS,
        FUSE_CAP_READDIRPLUS_AUTO,
    ]
    // Not wanted, though libfuse or the kernel offers them:
    // - ASYNC_DIO: an O_DIRECT read is then waited for where no signal reaches, so that not even SIGKILL ends it.
    // - AUTO_INVAL_DATA: see EXPLICIT_INVAL_DATA.
    // - WRITEBACK_CACHE: nothing is written, and with it the kernel, not we, would know size and times.
    // - CACHE_SYMLINKS: a link's text would be one more thing to invalidate when its target is renamed, to save 20 µs.
    // - SPLICE_READ: requests are short; reading them by way of a pipe is one system call more.
    // - SPLICE_WRITE, SPLICE_MOVE: bytes of the cache are held against their checksums, so they are in memory when they are given. And
    //   an answer of 1 MiB with its header does not fit into the largest pipe that a user may have.
    // - EXPORT_SUPPORT: has the kernel look up "." and ".." of inodes alone, for NFS.
    // - NO_OPEN_SUPPORT, NO_OPENDIR_SUPPORT: every open is an object here.
    // - POSIX_LOCKS, FLOCK_LOCKS: the kernel keeps locks itself, which is right for one machine.
    // - POSIX_ACL, DONT_MASK, HANDLE_KILLPRIV, IOCTL_DIR: about writing, or not used.

    /// How many requests that no system call waits for (read-ahead) may be under way. The default of 12 would let a dozen parked
    /// reads of a server that hangs hold back all reads through the page cache of every other server.
    static let background: UInt32 = 1024
    /// From so many on the kernel reads no further ahead than somebody waits for.
    static let congestion: UInt32 = 768

    static func choose(_ connection: UnsafeMutablePointer<fuse_conn_info>?) {
        guard let connection else { return }
        let wanted = wanted.reduce(0) { $0 | UInt32(bitPattern: $1) }
        // Asking for what the kernel lacks would end the session; each of these only costs speed, or comfort, when absent.
        connection.pointee.want = wanted & connection.pointee.capable
        connection.pointee.max_write = largestRequest
        connection.pointee.max_background = background
        connection.pointee.congestion_threshold = congestion
        // libfuse has put the kernel's own read-ahead there, and only less could be asked for. `Session` raises it elsewhere.
    }
}

/// The libfuse that this process runs with.
package enum LibraryVersion {
    /// `3.14.0`
    package static var text: String { String(cString: fuse_pkgversion()) }
}
