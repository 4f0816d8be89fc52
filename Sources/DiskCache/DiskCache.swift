import Glibc
import Synchronization

/// Blocks of media files on a disk, which survive the process: a sparse file for each media file, within limits.
///
/// Everything may fail, and then there is only less in it: a disk that is full, read-only or gone is no error of a read.
package final class DiskCache: Sendable {
    private struct Weak {
        weak var file: CacheFile?
    }

    package let directory: String
    private let ledger: CacheLedger
    /// The one object of a file that is open, so that all who read it see the same pins.
    private let open = Mutex<[CachePath: Weak]>([:])
    /// Files that were looked through; one that is left to itself must not fill the disk for ever.
    private let isScanned = Atomic(false)

    /// Nothing is read or written yet.
    ///
    /// - Parameters:
    ///   - directory: made with 0700 when it is needed; nothing else may be in it.
    ///   - limits: how much room it may take.
    ///   - report: a sentence for people when storing does not work, and when it works again; on any thread.
    package init(directory: String, limits: DiskCacheLimits, report: @escaping @Sendable (String) -> Void) {
        self.directory = directory
        ledger = CacheLedger(directory: directory, limits: limits, report: report)
    }

    package var limits: DiskCacheLimits { ledger.limits }

    /// What is there of a file, of whichever version; nil when there is nothing.
    package func open(_ key: CacheKey) -> CacheFile? {
        guard let path = CachePath(key) else { return nil }
        if let file = known(path) { return file.header.key == key ? file : nil }
        let descriptor = Glibc.open(absolute(path), O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        let room = Disk.facts(descriptor)?.room ?? 0
        // The order of use, which survives the process.
        futimens(descriptor, nil)
        guard let file = CacheFile(opening: descriptor, key: key, path: path, ledger: ledger) else { return nil }
        ledger.opened(path, room: room)
        return register(file)
    }

    /// Makes a file for a version, in place of any other; nil when nothing can be written.
    package func create(_ key: CacheKey, _ version: CacheVersion) -> CacheFile? {
        guard let path = CachePath(key), ledger.maySpend(0) else { return nil }
        let header = CacheHeader(key: key, version: version)
        guard header.encoded() != nil else { return nil }
        let shelf = directory + "/" + path.shelf
        var status = Disk.makeDirectory(shelf)
        guard status == 0 else {
            ledger.failed(status)
            return nil
        }
        // Behind a dot, where no scan looks for files; the name becomes the file's only when the header is there.
        let temporary = shelf + "/.\(path.file).\(getpid())"
        let descriptor = Glibc.open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            ledger.failed(errno)
            return nil
        }
        guard let file = CacheFile(making: descriptor, header, path: path, ledger: ledger) else {
            ledger.failed(errno)
            unlink(temporary)
            return nil
        }
        guard rename(temporary, absolute(path)) == 0 else {
            status = errno
            unlink(temporary)
            ledger.failed(status)
            return nil
        }
        ledger.removed(path)
        ledger.opened(path, room: Int64(CacheHeader.size))
        open.withLock { $0[path] = Weak(file: file) }
        return file
    }

    /// Removes what is there of a file. Who has it open keeps it.
    package func remove(_ key: CacheKey) {
        if let path = CachePath(key) { remove(path) }
    }

    /// Gives back what is too much: files that were not used for long, then the least recently used ones, and of files that
    /// are open the parts that were least recently read. To be called after writes, on the thread that writes.
    package func trim() {
        if isScanned.load(ordering: .relaxed) { expire() }
        var excess = ledger.excess()
        guard excess > 0 else { return }
        // Some more, so that not every block written has another one searched.
        excess += ledger.limits.bytes / 64
        let inUse = open.withLock { open in
            open = open.filter { $0.value.file != nil }
            return open.compactMapValues(\.file)
        }
        for (path, entry) in ledger.entries().sorted(by: { $0.value.used < $1.value.used }) where inUse[path] == nil {
            guard excess > 0 else { return }
            remove(path)
            excess -= entry.room
        }
        let extents = inUse.values.flatMap { file in file.extents.map { (file, $0.extent, $0.used) } }
        for (file, extent, _) in extents.sorted(by: { $0.2 < $1.2 }) {
            guard excess > 0 else { return }
            let before = ledger.total
            file.giveBack(extent: extent)
            excess -= before - ledger.total
        }
    }

    /// Looks through the directory: what is there counts, what is of no instance that is configured goes. May take long.
    ///
    /// - Parameter folders: those of the instances that are configured.
    package func scan(keeping folders: Set<String>) {
        for folder in Disk.names(in: directory) {
            for shelf in Disk.names(in: directory + "/" + folder) {
                for name in Disk.names(in: directory + "/" + folder + "/" + shelf) {
                    let path = CachePath(folder: folder, file: name)
                    var status = stat()
                    guard lstat(absolute(path), &status) == 0 else { continue }
                    let facts = Disk.Facts(status)
                    ledger.found(path, CacheLedger.Entry(room: facts.room, used: facts.modified))
                }
            }
            if !folders.contains(folder) { _ = clear(folder: folder) }
        }
        isScanned.store(true, ordering: .relaxed)
        trim()
    }

    /// Removes all files of a folder, or all. Who has one open keeps it.
    ///
    /// - Returns: Files that could not be removed.
    package func clear(folder wanted: String? = nil) -> Int {
        var left = 0
        for folder in Disk.names(in: directory) where wanted == nil || folder == wanted {
            for shelf in Disk.names(in: directory + "/" + folder) {
                let shelfPath = directory + "/" + folder + "/" + shelf
                for name in Disk.names(in: shelfPath, hidden: true) {
                    if unlink(shelfPath + "/" + name) != 0, errno != ENOENT { left += 1 }
                    let path = CachePath(folder: folder, file: name)
                    ledger.removed(path)
                    open.withLock { $0[path] = nil }
                }
                rmdir(shelfPath)
            }
            rmdir(directory + "/" + folder)
        }
        return left
    }

    /// What is on the disk now, folder by folder; counts nothing that others have written beside it.
    package func usage() -> [String: (files: Int, bytes: Int64)] {
        var usage: [String: (files: Int, bytes: Int64)] = [:]
        for folder in Disk.names(in: directory) {
            for shelf in Disk.names(in: directory + "/" + folder) {
                for name in Disk.names(in: directory + "/" + folder + "/" + shelf) {
                    var status = stat()
                    guard lstat(absolute(CachePath(folder: folder, file: name)), &status) == 0 else { continue }
                    usage[folder, default: (0, 0)].files += 1
                    usage[folder, default: (0, 0)].bytes += Disk.Facts(status).room
                }
            }
        }
        return usage
    }

    /// The disk at a path, in bytes; nil when there is none.
    package static func room(at path: String) -> (free: Int64, total: Int64)? { Disk.room(at: path) }

    /// What it takes, in bytes: all of it once it was looked through.
    package var room: Int64 { ledger.total }
    /// Free bytes on the disk, nil when there is none.
    package var free: Int64? { Disk.room(at: directory)?.free }
    /// Why storing is suspended, nil when it is not.
    package var trouble: String? { ledger.trouble }

    private func expire() {
        let oldest = ledger.now - ledger.limits.age
        for (path, entry) in ledger.entries() where entry.used < oldest && known(path) == nil { remove(path) }
    }

    private func remove(_ path: CachePath) {
        unlink(absolute(path))
        ledger.removed(path)
        open.withLock { $0[path] = nil }
    }

    private func known(_ path: CachePath) -> CacheFile? { open.withLock { $0[path]?.file } }

    /// The object that is used from now on: another thread may have been quicker.
    private func register(_ file: CacheFile) -> CacheFile {
        open.withLock { open in
            if let other = open[file.path]?.file { return other }
            open[file.path] = Weak(file: file)
            return file
        }
    }

    private func absolute(_ path: CachePath) -> String { directory + "/" + path.relative }
}
