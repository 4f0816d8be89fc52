import Glibc
import Synchronization

/// How much room the cache may take.
package struct DiskCacheLimits: Sendable {
    /// All files together, in bytes.
    package var bytes: Int64
    /// Files that were not opened for so many seconds go.
    package var age: Int64 = 30 * 86_400
    /// What stays free on the disk for others, in bytes.
    package var floor: Int64

    /// - Parameters:
    ///   - bytes: nil for 10 GiB or a tenth of the free space of the disk, whichever is less.
    ///   - directory: a place on that disk, which need not be there yet.
    package init(bytes: Int64? = nil, directory: String) {
        var place = directory
        // It may not have been made yet.
        while Disk.room(at: place) == nil, place.utf8.count > 1 {
            place = place.lastIndex(of: "/").map { String(place[..<$0]) } ?? "."
            if place.isEmpty { place = "/" }
        }
        let room = Disk.room(at: place) ?? (free: 0, total: 0)
        self.bytes = bytes ?? min(10 << 30, room.free / 10)
        // A twentieth is what ext4 keeps, too; on a large disk 1 GiB is enough for everything else to go on.
        floor = min(1 << 30, room.total / 20)
    }
}

/// The books: what each file takes, and whether more may be written. It touches no file but to ask for free space.
final class CacheLedger: Sendable {
    struct Entry {
        var room: Int64
        /// Seconds since 1970.
        var used: Int64
    }

    private struct State {
        var entries: [CachePath: Entry] = [:]
        var total: Int64 = 0
        /// Since the free space was looked at.
        var unchecked: Int64 = 0
        var trouble: String?
        var retryAt: Int64 = 0
        var wait: Int64 = 0
    }

    /// After a failed write, in seconds: a disk that is full may have room again soon; one that is read-only stays so.
    private static let waits: ClosedRange<Int64> = 5...300
    /// How much may be written between two looks at the free space.
    private static let stride: Int64 = 16 << 20

    let limits: DiskCacheLimits
    private let directory: String
    private let report: @Sendable (String) -> Void
    private let state = Mutex(State())
    private let ticks = Atomic<UInt64>(0)

    init(directory: String, limits: DiskCacheLimits, report: @escaping @Sendable (String) -> Void) {
        self.directory = directory
        self.limits = limits
        self.report = report
    }

    /// Grows with every use of a block.
    func tick() -> UInt64 { ticks.add(1, ordering: .relaxed).newValue }

    var now: Int64 { Int64(time(nil)) }
    var total: Int64 { state.withLock { $0.total } }
    var trouble: String? { state.withLock { $0.trouble } }

    func entries() -> [CachePath: Entry] { state.withLock { $0.entries } }

    /// Whether storing is not suspended.
    func maySpend(_ bytes: Int) -> Bool {
        let now = now
        return Int64(bytes) <= limits.bytes && state.withLock { $0.retryAt <= now }
    }

    func spent(_ bytes: Int64, on path: CachePath) {
        let hasRecovered = state.withLock { state in
            state.total += bytes
            state.unchecked += max(0, bytes)
            state.entries[path, default: Entry(room: 0, used: now)].room += bytes
            guard bytes > 0, state.trouble != nil else { return false }
            state.trouble = nil
            state.wait = 0
            return true
        }
        if hasRecovered { report("the disk cache can be written again") }
    }

    func failed(_ error: Int32) {
        let words = "the disk cache cannot be written: \(Disk.words(error)); reading goes on without it"
        let isNew = state.withLock { state in
            state.wait = min(max(Self.waits.lowerBound, state.wait * 2), Self.waits.upperBound)
            state.retryAt = now + state.wait
            defer { state.trouble = words }
            return state.trouble == nil
        }
        if isNew { report(words) }
    }

    func opened(_ path: CachePath, room: Int64) {
        let now = now
        state.withLock { state in
            if state.entries[path] == nil {
                state.entries[path] = Entry(room: room, used: now)
                state.total += room
            }
            state.entries[path]?.used = now
        }
    }

    /// Notes what was found on the disk, if nothing is known of it yet.
    func found(_ path: CachePath, _ entry: Entry) {
        state.withLock { state in
            guard state.entries[path] == nil else { return }
            state.entries[path] = entry
            state.total += entry.room
        }
    }

    func removed(_ path: CachePath) {
        state.withLock { state in
            if let entry = state.entries.removeValue(forKey: path) { state.total -= entry.room }
        }
    }

    /// How many bytes have to go; looks at the disk now and then only.
    func excess() -> Int64 {
        let (over, isLookDue) = state.withLock { state in
            let isDue = state.unchecked >= Self.stride
            if isDue { state.unchecked = 0 }
            return (state.total - limits.bytes, isDue)
        }
        guard isLookDue, let room = Disk.room(at: directory) else { return over }
        return max(over, limits.floor - room.free)
    }
}
