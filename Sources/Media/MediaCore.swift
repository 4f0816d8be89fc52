import DiskCache
import Stash

/// What the store has to do after a change of its state, in this order, with no lock held.
enum MediaAction: Sendable {
    case start(TransferRequest)
    case cancel(TransferID)
    case deliver(MediaCore.Read, PinnedRead)
    case fail(any ReadSink, MediaError)
    /// A read waits longer than usual.
    case delayed(any ReadSink)
    case learned(@Sendable (LearnedMedia) -> Void, LearnedMedia)
    case ready(@Sendable (Result<LearnedMedia?, MediaError>) -> Void, Result<LearnedMedia?, MediaError>)
    case health(Int64, ServerHealth)
    case probe(Int64, MediaResource, epoch: Int)
    /// A whole block is to be written to the disk, and `MediaCore.stored` to be told.
    case store(BlockToStore)
    /// What the disk has of a file is of another version.
    case discard(MediaCore.FileKey)
}

/// A transfer to be started; no range means the whole file by one GET.
struct TransferRequest: Sendable {
    let id: TransferID
    let server: Int64
    let resource: MediaResource
    let range: ByteRange?
    let validator: Validator?
}

/// The blocks of a read that is being answered; those in memory stay there until `MediaCore.unpin`. Those on the disk may
/// turn out to be gone, because the disk's space is shared; then `MediaCore.lost` is told and the read is asked again.
struct PinnedRead: Sendable {
    /// A read of `MediaStore.maximumRead` bytes, not aligned, touches one block more than it has.
    static let most = MediaStore.maximumRead / Slots.blockSize + 1
    /// Stands for a slot where the block is read from the disk.
    static let onDisk = -1
    var slots = InlineArray<17, Int>(repeating: 0)
    var count = 0
    /// How many of them are on the disk.
    var diskCount = 0
    var firstBlock: Int64 = 0
    /// Where the read begins in its first block.
    var offset = 0
    var length = 0
    /// Whose blocks they are.
    var file = FileID(value: 0)
    var disk: CacheFile?

    /// How much of the read is on the disk.
    var bytesOnDisk: Int {
        guard diskCount < count else { return length }
        var bytes = 0
        var left = length
        for index in 0..<count {
            let part = min(left, Slots.blockSize - (index == 0 ? offset : 0))
            if slots[index] == Self.onDisk { bytes += part }
            left -= part
        }
        return bytes
    }
}

/// All that the store knows, and every decision it takes: no clock, no memory, no network, so that it can be tested
/// as a table. Functions that change something return what has to be done about it.
struct MediaCore: Sendable {
    typealias Instant = ContinuousClock.Instant
    static let blockSize = Int64(Slots.blockSize)

    struct Server: Sendable {
        var isSet = false
        /// Grows with every call of `setServer`, so that a probe of the old connection says nothing about the new one.
        var epoch = 0
        var breaker = Breaker()
        var transfers = 0
        /// Parked reads, oldest first.
        var parked: [ReadID] = []
        /// Files whose first answer somebody waits for.
        var heads: [FileID] = []
        /// What a probe asks for: the file that was asked for last.
        var lastAsked: MediaResource?
        /// Handles that want read-ahead which was not started yet.
        var eager: [HandleID] = []
        var lanes: Lanes
    }

    struct FileKey: Hashable, Sendable {
        let server: Int64
        let resource: MediaResource
        let whole: Bool

        init(_ source: MediaSource) {
            self.init(server: source.server, resource: source.resource, whole: source.whole)
        }

        init(server: Int64, resource: MediaResource, whole: Bool) {
            self.server = server
            self.resource = resource
            self.whole = whole
        }
    }

    struct File: Sendable {
        let key: FileKey
        /// What the server's first answer said; nil before it, and after the file was found changed.
        var version: Validator?
        /// When the server last said that the version is this one; nil when only the disk says so.
        var checkedAt: Instant?
        /// What the disk has: of the version, or, before that is known, of what it was when it was written.
        var disk: DiskCopy?
        /// The size that the index has.
        var indexedSize: Int64?
        /// The version that the index has (`LearnedMedia.version`): with it the disk may be believed without the server.
        var indexed: String?
        /// Grows when the version is given up; handles of an older generation are stale.
        var generation = 0
        var handles: Set<HandleID> = []
        var parked: [ReadID] = []
        var transfers: [TransferID] = []
        var backoff = Backoff()
        var memory: FailureMemory?

        var learned: LearnedMedia? { version.map(LearnedMedia.init) }
    }

    /// A failure that answers further reads by itself.
    ///
    /// The kernel asks again, page by page, for what its read-ahead failed to get, and each page would wait as long.
    struct FailureMemory: Sendable {
        /// Longer than the kernel takes to ask again; short enough that a person who tries again gets a real try.
        static let lifetime = Duration.seconds(1)
        let error: MediaError
        let until: Instant
        let range: Range<Int64>
    }

    struct Handle: Sendable {
        let file: FileID
        /// Nil until the version is known.
        var generation: Int?
        var readAhead = ReadAhead()
        var learned: (@Sendable (LearnedMedia) -> Void)?
        var ready: (@Sendable (Result<LearnedMedia?, MediaError>) -> Void)?
        var readyBy: Instant
    }

    struct Read: Sendable {
        let handle: HandleID
        let file: FileID
        let range: Range<Int64>
        let sink: any ReadSink
        /// Of the file when it was asked.
        let generation: Int
        let parkedAt: Instant
        /// When it has to be answered.
        let deadline: Instant
        /// When who waits is told that it takes long; nil once that is done.
        var delayedAt: Instant?
        /// Whether it has slots for all its blocks that are not on the disk; until then it holds none.
        var isAdmitted = false
        /// Which of its blocks, counted from the first, have slots that it keeps from being taken: a bit each.
        var wanted: UInt32 = 0
    }

    struct Fetch: Sendable {
        let file: FileID
        let server: Int64
        let isWhole: Bool
        /// Whether a read or an open waited for it when it was started.
        let isDemanded: Bool
        /// Whether it only asks what the version is: its byte is known already.
        var isCheck = false
        /// Where the next byte belongs.
        var position: Int64
        /// Where it may stop: lowered when what is behind it is wanted no more.
        var end: Int64
        /// Where the request ends.
        var requestedEnd: Int64
        /// On whose way through the file it is.
        var handle: HandleID?
        var startedAt: Instant
        var hasBegun = false
        /// Whether the rest comes within a round trip, so that the next request is due.
        var isEnding = false
        /// Whether nobody wants the rest, which is so short that it comes sooner than a new connection would be made.
        var isLeftover = false
    }

    let limits: MediaStore.Limits
    /// Whether blocks are written to a disk.
    let hasDisk: Bool
    var slots: Slots
    /// Blocks that wait to be written to the disk, or are just being written.
    var blocksToStore = 0
    var servers: [Int64: Server] = [:]
    var fileIDs: [FileKey: FileID] = [:]
    var files: [FileID: File] = [:]
    var handles: [HandleID: Handle] = [:]
    var reads: [ReadID: Read] = [:]
    var fetches: [TransferID: Fetch] = [:]
    /// Slots that are being written, outside the lock; a transfer that was ended may still be at it.
    var leases: [TransferID: Int] = [:]
    /// Reads that wait for a first answer or for memory, oldest first.
    var queue: [ReadID] = []
    /// Whether one of them waits because no slot can be had at all; then nothing is read ahead.
    var isMemoryShort = false
    /// Handles that look ahead, and when they last read.
    var streams: [HandleID: Instant] = [:]
    var bytesReceived: Int64 = 0
    var isShutDown = false
    private var lastID: UInt64 = 0
    var random = SystemRandomNumberGenerator()

    init(slots: Int, limits: MediaStore.Limits, hasDisk: Bool) {
        precondition(slots >= 64, "memory for 64 blocks at least: half of it must hold one read of the longest kind")
        self.slots = Slots(count: slots)
        self.limits = limits
        self.hasDisk = hasDisk
    }

    mutating func nextID() -> UInt64 {
        lastID += 1
        return lastID
    }

    var counters: MediaCounters {
        var counters = MediaCounters()
        counters.handles = handles.count
        counters.parkedReads = reads.count
        counters.pinnedBlocks = slots.pinned
        counters.transfers = fetches.count
        counters.blocks = slots.used
        counters.blocksToStore = blocksToStore
        counters.bytesReceived = bytesReceived
        return counters
    }

    func health(of server: Int64) -> ServerHealth {
        guard let server = servers[server], server.isSet else { return .absent }
        return server.breaker.health
    }

    func isAvailable(_ server: Int64) -> Bool {
        guard !isShutDown, let server = servers[server] else { return false }
        return server.isSet && !server.breaker.isOpen
    }

    /// Bytes that a block of a file has in all.
    func needed(_ block: Int64, size: Int64) -> Int {
        Int(max(0, min(Self.blockSize, size - block * Self.blockSize)))
    }

    static func blocks(_ range: Range<Int64>) -> Range<Int64> {
        range.lowerBound / blockSize..<(range.upperBound + blockSize - 1) / blockSize
    }
}
