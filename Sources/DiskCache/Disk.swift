import CXXHash
import Glibc

/// Calls of the system, whole: a call that a signal interrupts or that does a part is repeated until all is done.
enum Disk {
    /// What is known of a file.
    struct Facts {
        let size: Int64
        /// The room that it takes, in bytes; less than its size where it has holes.
        let room: Int64
        let links: Int
        let owner: uid_t
        let kind: mode_t
        /// Seconds since 1970.
        let modified: Int64

        init(_ status: stat) {
            size = Int64(status.st_size)
            // In units of 512 bytes whatever st_blksize says: stat(3type).
            room = Int64(status.st_blocks) * 512
            links = Int(status.st_nlink)
            owner = status.st_uid
            kind = status.st_mode & S_IFMT
            modified = Int64(status.st_mtim.tv_sec)
        }
    }

    static func facts(_ descriptor: Int32) -> Facts? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Facts(status) : nil
    }

    /// 0, or the number of the error; a file that ends before the range does is `EIO`.
    static func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int32 {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer.dropFirst(done))
            let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(done))
            if count > 0 {
                done += count
            } else if count == 0 {
                return EIO
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }

    /// 0, or the number of the error.
    static func write(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, at offset: Int64) -> Int32 {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeRawBufferPointer(rebasing: buffer.dropFirst(done))
            let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(done))
            if count > 0 {
                done += count
            } else if count == 0 {
                return ENOSPC
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }

    /// Writes pieces one behind the other, 1,024 at most (`UIO_MAXIOV`, which is what Linux takes at once), and has the page cache keep
    /// none of them where that can be; 0, or the number of the error.
    static func write(_ descriptor: Int32, _ pieces: [UnsafeRawBufferPointer], at offset: Int64) -> Int32 {
        var list = pieces.map { iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count) }
        var place = off_t(offset)
        var first = 0
        while first < list.count {
            let count = list[first...].withUnsafeBufferPointer {
                cxxhash_write_uncached(descriptor, $0.baseAddress, Int32($0.count), place)
            }
            guard count > 0 else {
                if count < 0, errno == EINTR { continue }
                return count == 0 ? ENOSPC : errno
            }
            place += off_t(count)
            var left = count
            while first < list.count, left >= list[first].iov_len {
                left -= list[first].iov_len
                first += 1
            }
            guard first < list.count else { return 0 }
            list[first].iov_base = list[first].iov_base.map { $0 + left }
            list[first].iov_len -= left
        }
        return 0
    }

    /// Has the file system find room for a range before it is written: in one piece, for half the work that it takes to find it
    /// page by page.
    ///
    /// - Returns: 0, also where the file system cannot do that, or the number of the error.
    static func reserve(_ descriptor: Int32, _ range: Range<Int64>) -> Int32 {
        guard cxxhash_reserve(descriptor, off_t(range.lowerBound), off_t(range.count)) != 0 else { return 0 }
        return errno == ENOSPC || errno == EDQUOT ? errno : 0
    }

    /// Gives the room of a range back.
    static func punch(_ descriptor: Int32, _ range: Range<Int64>) -> Bool {
        cxxhash_punch(descriptor, off_t(range.lowerBound), off_t(range.count)) == 0
    }

    /// Bytes that may still be written to the file system of a directory, and those it has in all.
    static func room(at path: String) -> (free: Int64, total: Int64)? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        let unit = UInt64(status.f_frsize)
        // What is kept for root does not count: it is not for caches.
        return (Int64(clamping: UInt64(status.f_bavail) * unit), Int64(clamping: UInt64(status.f_blocks) * unit))
    }

    /// Makes a directory with all that it is in; 0, or the number of the error.
    static func makeDirectory(_ path: String) -> Int32 {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return 0 }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return errno }
        let status = makeDirectory(String(path[..<slash]))
        guard status == 0 else { return status }
        return mkdir(path, 0o700) == 0 || errno == EEXIST ? 0 : errno
    }

    /// The names in a directory, those that begin with a dot only if `hidden`; empty when it cannot be read.
    static func names(in path: String, hidden: Bool = false) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if hidden ? name != "." && name != ".." : !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }

    static func words(_ error: Int32) -> String { String(cString: strerror(error)) }
}
