import DiskCache
import Testing

@testable import Media
@testable import Stash

/// Who reads in a simulation: remembers what it was answered, and complains about a second answer.
final class RecordingSink: ReadSink {
    enum Answer: Equatable {
        case bytes
        case error(MediaError)
    }

    private let answers = Lock<[Answer]>([])

    func deliver(_ parts: [UnsafeRawBufferPointer]) { note(.bytes) }
    func fail(_ error: MediaError) { note(.error(error)) }

    func note(_ answer: Answer) {
        let count = answers.withLock { answers in
            answers.append(answer)
            return answers.count
        }
        #expect(count == 1, "a read was answered twice")
    }

    var answer: Answer? { answers.withLock { $0.first } }
}

/// The core with a clock that is turned by hand, a server that is a table, and memory that only remembers what is where.
struct Simulation {
    struct Content: Equatable {
        let resource: MediaResource
        let version: Int
        let size: Int64
        let block: Int64
        var filled = 0
    }

    struct Running {
        let request: TransferRequest
        let version: Int
        let size: Int64
        var position: Int64
        var hasBegun = false
        let end: Int64
    }

    struct Reading {
        let handle: HandleID
        let resource: MediaResource
        let offset: Int64
        let count: Int
        let sink: RecordingSink
        let start: ContinuousClock.Instant
    }

    static let server: Int64 = 7
    var core: MediaCore
    var now = ContinuousClock.now
    var memory: [Content?]
    var running: [TransferID: Running] = [:]
    /// The server's files: version and size.
    var files: [MediaResource: (version: Int, size: Int64)] = [:]
    var readings: [ReadID: Reading] = [:]
    var handles: [HandleID: MediaResource] = [:]
    /// The version whose bytes a handle got first.
    var seen: [HandleID: Int] = [:]
    var learned: [HandleID: Int] = [:]
    var probes: [(server: Int64, epoch: Int)] = []
    var health: [ServerHealth] = []
    var started: [TransferRequest] = []
    var cancelled: [TransferID] = []
    var delivered: Int64 = 0
    /// What the disk has, whose blocks may vanish unasked, and what waits to be written to it.
    struct DiskKey: Hashable {
        let resource: MediaResource
        let block: Int64
    }
    var disk: [DiskKey: Content] = [:]
    var toStore: [DiskWork] = []
    /// What the disk's one thread does, in order.
    enum DiskWork {
        case store(BlockToStore)
        case discard(MediaResource)
    }
    var deliveredFromDisk = 0

    init(slots: Int = 128, limits: MediaStore.Limits = .init(), hasDisk: Bool = false) {
        core = MediaCore(slots: slots, limits: limits, hasDisk: hasDisk)
        memory = Array(repeating: nil, count: slots)
        perform(core.setServer(Self.server, isSet: true, at: now))
    }

    static func validator(_ version: Int, _ size: Int64) -> Validator {
        Validator(total: size, etag: "\(version)")
    }

    mutating func open(
        _ resource: MediaResource, size: Int64? = nil, whole: Bool = false, indexed: String? = nil
    ) -> (HandleID, Answers) {
        let answers = Answers()
        let source = MediaSource(server: Self.server, resource: resource, size: size, whole: whole)
        let (id, actions) = core.open(
            source, indexed: indexed, disk: core.shouldLookOnDisk(source) ? copy(of: resource) : nil, at: now,
            learned: { answers.note(learned: $0) }, ready: { answers.note(ready: $0) })
        handles[id] = resource
        perform(actions)
        return (id, answers)
    }

    /// What a store would find on the disk at an open.
    func copy(of resource: MediaResource) -> DiskCopy? {
        let found = disk.filter { $0.key.resource == resource }
        guard let first = found.first?.value else { return nil }
        var blocks = CachedBlocks(capacity: MediaCore.blocks(0..<first.size).upperBound)
        for key in found.keys { blocks.insert(key.block) }
        return DiskCopy(version: Self.validator(first.version, first.size), blocks: blocks)
    }

    /// The disk is done with the oldest block that waits, well or not.
    mutating func writeBlock(_ succeeds: Bool = true) {
        guard !toStore.isEmpty else { return }
        let job: BlockToStore
        switch toStore.removeFirst() {
        case .store(let block): job = block
        case .discard(let resource):
            disk = disk.filter { $0.key.resource != resource }
            return
        }
        guard let content = memory[job.slot] else {
            Issue.record("an empty slot is written to the disk")
            return
        }
        #expect(core.slots[job.slot].pins > 0, "memory is written to the disk that is not pinned")
        #expect(content.block == job.block && content.filled == job.count)
        #expect(Self.validator(content.version, content.size) == job.version, "another version is written")
        if succeeds {
            // A file of another version is replaced.
            disk = disk.filter { $0.key.resource != content.resource || $0.value.version == content.version }
            disk[DiskKey(resource: content.resource, block: content.block)] = content
        }
        perform(core.stored(job, succeeds, in: nil, at: now))
    }

    /// Checks what is on the disk of a read.
    ///
    /// - Returns: The first block that is not there any more.
    private func lostBlock(_ pinned: PinnedRead, _ resource: MediaResource) -> Int64? {
        (0..<pinned.count).filter { pinned.slots[$0] == PinnedRead.onDisk }.map { pinned.firstBlock + Int64($0) }
            .first { disk[DiskKey(resource: resource, block: $0)] == nil }
    }

    /// What an open was told.
    final class Answers: Sendable {
        private let state = Lock<([LearnedMedia], [Result<LearnedMedia?, MediaError>])>(([], []))
        var learned: [LearnedMedia] { state.withLock { $0.0 } }
        var ready: [Result<LearnedMedia?, MediaError>] { state.withLock { $0.1 } }

        func note(learned media: LearnedMedia) { state.withLock { $0.0.append(media) } }
        func note(ready result: Result<LearnedMedia?, MediaError>) { state.withLock { $0.1.append(result) } }
    }

    @discardableResult
    mutating func read(_ handle: HandleID, _ offset: Int64, _ count: Int) -> (RecordingSink, ReadID?) {
        let sink = RecordingSink()
        guard let resource = handles[handle] else { return (sink, nil) }
        let reading = Reading(
            handle: handle, resource: resource, offset: offset, count: count, sink: sink, start: now)
        switch core.read(handle, offset: offset, count: count, sink: sink, at: now) {
        case .failed(let error, let actions):
            perform(actions)
            sink.fail(error)
            return (sink, nil)
        case .hit(let pinned, let actions):
            perform(actions)
            if let lost = lostBlock(pinned, resource) {
                core.lost(lost, of: pinned.file)
                perform(core.unpin(pinned, at: now))
                return read(handle, offset, count)
            }
            check(pinned, reading)
            sink.note(.bytes)
            perform(core.unpin(pinned, at: now))
            return (sink, nil)
        case .parked(let id, let actions):
            readings[id] = reading
            perform(actions)
            return (sink, id)
        }
    }

    mutating func perform(_ actions: [MediaAction]) {
        for action in actions {
            switch action {
            case .start(let request): start(request)
            case .cancel(let id):
                cancelled.append(id)
                running[id] = nil
            case .deliver(let read, let pinned):
                let reading = readings.first { $0.value.sink === read.sink }
                if let reading, let lost = lostBlock(pinned, reading.value.resource) {
                    readings[reading.key] = nil
                    core.lost(lost, of: pinned.file)
                    perform(core.unpin(pinned, at: now))
                    askAgain(read, reading.value)
                    continue
                }
                if let reading {
                    check(pinned, reading.value)
                    readings[reading.key] = nil
                    reading.value.sink.note(.bytes)
                } else {
                    Issue.record("bytes for a read that nobody waits for")
                }
                perform(core.unpin(pinned, at: now))
            case .delayed: break
            case .fail(let sink, let error):
                sink.fail(error)
                for (id, reading) in readings where reading.sink === sink { readings[id] = nil }
            case .learned(let tell, let media): tell(media)
            case .ready(let tell, let result): tell(result)
            case .health(_, let new): health.append(new)
            case .probe(let server, _, let epoch): probes.append((server, epoch))
            case .store(let job): toStore.append(.store(job))
            case .discard(let key): toStore.append(.discard(key.resource))
            }
        }
    }

    /// A read that is asked again may be answered by the very actions that come of it.
    private mutating func askAgain(_ read: MediaCore.Read, _ reading: Reading) {
        let before = Set(core.reads.keys)
        let actions = core.again(read, at: now)
        let id = core.reads.keys.first { !before.contains($0) } ?? ReadID(value: .max - UInt64(readings.count))
        readings[id] = reading
        perform(actions)
    }

    private mutating func start(_ request: TransferRequest) {
        // A transfer that was given up before it could be started.
        guard core.fetches[request.id] != nil else { return }
        started.append(request)
        let file = files[request.resource] ?? (0, 0)
        let from = request.range?.lowerBound ?? 0
        running[request.id] = Running(
            request: request, version: file.version, size: file.size, position: from,
            end: min(request.range?.upperBound ?? file.size, file.size))
    }

    /// What was delivered must be the right blocks, of one version, filled as far as the read goes.
    private mutating func check(_ pinned: PinnedRead, _ reading: Reading) {
        var offset = reading.offset
        var left = pinned.length
        delivered += Int64(left)
        for index in 0..<pinned.count {
            let inBlock = Int(offset % MediaCore.blockSize)
            #expect(index > 0 || inBlock == pinned.offset)
            let count = min(left, Slots.blockSize - inBlock)
            let key = DiskKey(resource: reading.resource, block: offset / MediaCore.blockSize)
            let isOnDisk = pinned.slots[index] == PinnedRead.onDisk
            if isOnDisk { deliveredFromDisk += 1 }
            guard let content = isOnDisk ? disk[key] : memory[pinned.slots[index]] else {
                Issue.record("bytes of an empty slot were delivered")
                return
            }
            #expect(content.resource == reading.resource)
            #expect(content.block == offset / MediaCore.blockSize)
            #expect(content.filled >= inBlock + count)
            #expect(seen[reading.handle, default: content.version] == content.version, "versions were mixed")
            seen[reading.handle] = content.version
            offset += Int64(count)
            left -= count
        }
        #expect(left == 0)
    }

    /// Lets a transfer bring its head, or `count` bytes; then its end when it has all.
    mutating func bring(_ id: TransferID, _ count: Int = .max) {
        guard var transfer = running[id] else { return }
        if !transfer.hasBegun {
            transfer.hasBegun = true
            running[id] = transfer
            if let expected = transfer.request.validator, expected != Self.validator(transfer.version, transfer.size) {
                return fail(id, .changed)
            }
            if transfer.position > 0, transfer.position >= transfer.size { return fail(id, .changed) }
            let head = MediaHead(
                status: 206, firstByte: transfer.position, length: transfer.end - transfer.position,
                validator: Self.validator(transfer.version, transfer.size), contentType: "video/mp4")
            perform(core.began(id, head, at: now))
            transfer = running[id] ?? transfer
        }
        var left = min(Int64(count), transfer.end - transfer.position)
        while left > 0, running[id] != nil {
            switch core.target(id, remaining: Int(left)) {
            case .stop:
                left = 0
            case .skip(let count):
                transfer.position += Int64(count)
                running[id]?.position = transfer.position
                left -= Int64(count)
            case .memory(let slot, let offset, let room):
                let count = min(Int(left), room)
                write(transfer, slot, offset, count)
                transfer.position += Int64(count)
                running[id]?.position = transfer.position
                left -= Int64(count)
                perform(core.wrote(id, slot: slot, count: count, at: now))
            }
        }
        if let now = running[id], now.position >= now.end {
            running[id] = nil
            perform(core.ended(id, nil, at: self.now))
        }
    }

    private mutating func write(_ transfer: Running, _ slot: Int, _ offset: Int, _ count: Int) {
        let block = transfer.position / MediaCore.blockSize
        #expect(offset == Int(transfer.position % MediaCore.blockSize))
        #expect(core.slots[slot].pins > 0, "memory is written that is not pinned")
        var content = Content(
            resource: transfer.request.resource, version: transfer.version, size: transfer.size, block: block)
        if let old = memory[slot], old.resource == content.resource, old.version == content.version,
            old.block == block, offset > 0
        {
            content = old
        }
        #expect(offset == 0 || content.filled >= offset, "a hole")
        content.filled = offset + count
        memory[slot] = content
    }

    mutating func fail(_ id: TransferID, _ failure: Failure) {
        guard running.removeValue(forKey: id) != nil else { return }
        perform(core.ended(id, failure, at: now))
    }

    /// Turns the clock, with a tick wherever the core wants one.
    mutating func pass(_ time: Duration) {
        let end = now + time
        var ticks = 0
        while let next = core.nextTick(after: now), next <= end {
            now = max(now, next)
            perform(core.tick(at: now))
            ticks += 1
            #expect(ticks < 10_000, "the clock does not come to rest")
            if ticks >= 10_000 { break }
        }
        now = end
    }

    /// Brings everything that is running until nothing is.
    mutating func settle() {
        var rounds = 0
        while let id = running.keys.min(by: { $0.value < $1.value }), rounds < 10_000 {
            bring(id)
            rounds += 1
        }
    }
}
