package import DiskCache
import Dispatch
package import Stash

/// The bytes of remote media files in blocks of memory, fetched when they are read, shared by all who read a file.
///
/// A read of bytes in memory is answered on the caller's thread. Every other read is parked here, and the thread that
/// receives the last missing byte answers it; no thread ever waits for a server.
package final class MediaStore: Sendable {
    /// From how many bytes on an answer is given by another thread than the one that receives: to copy fewer takes no longer than
    /// to wake one.
    private static let handOver = 256 << 10

    /// The longest read in bytes: the most pages the kernel puts into one request (256, `fuse_i.h`), 4 KiB each.
    package static let maximumRead = 1 << 20

    /// Times and amounts; the values are those of the design, and tests shorten them.
    package struct Limits: Sendable {
        /// How long a read may be parked. The mount has to answer within 20 s; 2 s are for the way there and back.
        package var deadline: Duration = .seconds(18)
        /// How long an open waits for the first answer of a slow server, before it goes on with the index's size.
        package var openWait: Duration = .milliseconds(500)
        /// How long a read waits before another server that has the same bytes is asked as well: a disk that spins up needs so
        /// long, and players have buffers for twice as much.
        package var patience: Duration = .seconds(4)
        /// How many transfers one server may have at a time: browsers use 6 over HTTP/1.1, so servers expect it.
        package var transfersPerServer = 6
        /// How long a version is believed without asking the server at an open: programs that open a file several times in
        /// a row, as file managers do, cost one request.
        package var freshness: Duration = .seconds(10)

        package init() {}
    }

    struct State {
        var core: MediaCore
        var clients: [Int64: StashClient] = [:]
        /// Where the disk keeps the files of a server; only those of servers that are in it are kept.
        var folders: [Int64: String] = [:]
        var transfers: [TransferID: Transfer] = [:]
        var probes: [Int64: Transfer] = [:]
    }

    let state: Lock<State>
    let slab: Slab
    private let limits: Limits
    private let timekeeper: Timekeeper
    let disk: DiskCache?
    /// Where blocks are written to the disk, one after the other.
    let writer = DispatchQueue(label: "disk cache", qos: .utility)
    /// Blocks that wait for the writer.
    let blocksToWrite = Lock<[BlockToStore]>([])
    /// Where what came from a server is given to those who waited for much of it. Copying an answer into the kernel takes as long as
    /// receiving it, so the thread that receives goes on meanwhile.
    private let answers = DispatchQueue(label: "answers", qos: .userInitiated, attributes: .concurrent)
    /// Where reads go on from one server to the next.
    let relays = DispatchQueue(label: "relays", qos: .userInitiated)
    private let onHealthChange: @Sendable (Int64, ServerHealth) -> Void
    private let delivered = DeliveredBytes()

    /// Makes a store and starts its thread; `shutdown` ends it.
    ///
    /// - Parameters:
    ///   - memoryLimit: bytes for blocks, at least 4 MiB; all of it is address space at once, memory only when used.
    ///   - limits: times and amounts.
    ///   - disk: where blocks are kept beyond memory and the end of the process.
    ///   - onHealthChange: called on any thread, with no lock held, when a server is marked down, is back, or is set
    ///     or removed.
    /// - Throws: `MediaError.noMemory` when there is no address space or no file descriptor.
    package init(
        memoryLimit: Int = 128 << 20, limits: Limits = Limits(), disk: DiskCache? = nil,
        onHealthChange: @escaping @Sendable (_ server: Int64, ServerHealth) -> Void = { _, _ in }
    ) throws(MediaError) {
        let slots = memoryLimit / Slots.blockSize
        guard let slab = Slab(slots: slots), let timekeeper = Timekeeper() else { throw .noMemory }
        self.slab = slab
        self.timekeeper = timekeeper
        self.limits = limits
        self.onHealthChange = onHealthChange
        self.disk = disk
        state = Lock(State(core: MediaCore(slots: slots, limits: limits, hasDisk: disk != nil)))
        timekeeper.start { [weak self] in self?.tick() }
    }

    deinit {
        timekeeper.stop()
    }

    /// Sets, replaces or (nil) removes the connection to a server. Call it, and all else here, with no lock held that
    /// a sink or a callback takes: what is cancelled waits for a call of its sink that is running.
    ///
    /// What was in memory of that server goes, for the new address may be another catalogue; its parked reads fail with
    /// `.unavailable`, and handles that were open fail from now on: `.changed` after a replacement, `.unavailable`
    /// while there is none. What the disk has of the server stays, and is read again when the server says that it is
    /// still of the same versions.
    ///
    /// - Parameters:
    ///   - server: its number.
    ///   - client: the connection to it.
    ///   - folder: the name under which the disk keeps the server's files, nil to keep none: one that no other server ever
    ///     has, such as a UUID.
    package func setServer(_ server: Int64, _ client: StashClient?, folder: String? = nil) {
        let (actions, probe) = state.withLock { state in
            state.clients[server] = client
            state.folders[server] = folder
            let probe = state.probes.removeValue(forKey: server)
            return (state.core.setServer(server, isSet: client != nil, at: .now), probe)
        }
        probe?.cancel()
        perform(actions)
    }

    /// Opens a file.
    ///
    /// When the size is not confirmed by the server yet, the file's front is fetched at once, for it will be read
    /// anyway. A size stays confirmed while the file is open or has blocks in memory.
    ///
    /// - Parameters:
    ///   - source: what to open; its size is a hint only.
    ///   - indexed: the version that the index remembers (`LearnedMedia.version`), or nil. While the server cannot be asked,
    ///     what the disk has of just this version is read.
    ///   - learned: called at most once, when the server's answer is known: before `ready` if that is in time, and in
    ///     any case before the first byte is delivered to a read of the file. Compare its size with `source.size`.
    ///   - ready: called exactly once, on any thread, perhaps before `open` returns: with what was learned; with nil
    ///     when the server has not answered within `Limits.openWait` (reads may still succeed); or with the error that
    ///     a read would get, `.gone` for instance, or `.unavailable` (the server is down or unknown, and nothing of
    ///     the file is in memory).
    /// - Returns: the handle, in every case; reads of a file that failed to open fail, or are tried again.
    package func open(
        _ source: MediaSource, indexed: String? = nil, learned: @escaping @Sendable (LearnedMedia) -> Void,
        ready: @escaping @Sendable (Result<LearnedMedia?, MediaError>) -> Void
    ) -> MediaHandle {
        let copy = diskCopy(of: source)
        let (id, actions) = state.withLock {
            $0.core.open(source, indexed: indexed, disk: copy, at: .now, learned: learned, ready: ready)
        }
        let handle = MediaHandle(source: source, store: self, id: id)
        perform(actions)
        timekeeper.wake(by: .now + limits.openWait)
        return handle
    }

    /// Opens a file of which other servers may have copies: reads go on from one of them when the file's own server fails or
    /// is slow, and who reads does not notice.
    ///
    /// - Parameters:
    ///   - own: what to open.
    ///   - learned: as above, of the own server's answers.
    ///   - copied: called before bytes of a copy are given, on any thread: the file as the index knows it. False refuses them.
    ///   - ready: as above, but with nil in place of an error that concerns the own server, while there are copies.
    ///   - copies: looks up the copies, in the order in which they should be asked: called at most once, when they are needed.
    /// - Returns: the handle.
    package func open(
        _ own: Replica, learned: @escaping @Sendable (LearnedMedia) -> Void, copied: @escaping @Sendable () -> Bool,
        ready: @escaping @Sendable (Result<LearnedMedia?, MediaError>) -> Void,
        copies: @escaping @Sendable () -> [Replica]
    ) -> MediaHandle {
        let replicas = Replicas(store: self, own: own, copied: copied, find: copies)
        let handle = open(
            own.source, indexed: own.indexed, learned: { learned($0.compared(with: own)) },
            ready: { [relays] outcome in
                guard case .failure(let error) = outcome, error.concernsOneServer else { return ready(outcome) }
                relays.async {
                    let hasCopies = replicas.look()
                    if hasCopies { _ = copied() }
                    ready(hasCopies ? .success(nil) : outcome)
                }
            })
        replicas.adopt(handle)
        return MediaHandle(source: own.source, replicas)
    }

    /// Notes that a file was changed at its source: what was learned of it goes, and all its bytes in memory.
    ///
    /// Reads that are parked and opens that wait fail with `.changed`, as do all later reads of handles that have
    /// learned the old version; the next open asks the server anew. Nothing happens when the file is not known. Call it
    /// with no lock held that a sink or a callback takes.
    package func forget(server: Int64, resource: MediaResource) {
        perform(state.withLock { $0.core.forget(server: server, resource: resource, at: .now) })
    }

    /// The same for what a source names, however it is fetched.
    package func forget(_ source: MediaSource) {
        forget(server: source.server, resource: source.resource)
    }

    /// Whether the files of a server can be read at present.
    package func health(of server: Int64) -> ServerHealth {
        state.withLock { $0.core.health(of: server) }
    }

    /// The servers that are marked down.
    package var down: Set<Int64> {
        state.withLock { state in
            Set(state.core.servers.lazy.filter { $0.value.isSet && $0.value.breaker.isOpen }.map(\.key))
        }
    }

    /// Whether somebody waits for bytes of a server's files at this moment.
    package func isAwaited(_ server: Int64) -> Bool {
        state.withLock { $0.core.servers[server]?.parked.isEmpty == false }
    }

    /// What is in use now; after everything was closed and answered all but `blocks` and `bytesReceived` are zero.
    package func counters() -> MediaCounters {
        state.withLock { $0.core.counters }
    }

    /// Fails every parked read with `.unavailable`, ends all transfers and the thread, and fails all that comes later.
    ///
    /// Never call it from within a callback or a sink. Called again it does nothing.
    package func shutdown() {
        let (actions, probes) = state.withLock { state in
            state.clients = [:]
            defer { state.probes = [:] }
            return (state.core.shutdown(at: .now), Array(state.probes.values))
        }
        for probe in probes { probe.cancel() }
        perform(actions)
        timekeeper.stop()
        // Nobody is answered after this, and what is being written is whole.
        answers.sync(flags: .barrier) {}
        writer.sync {}
    }
}

// MARK: - Handles and tickets

extension MediaStore {
    /// When a read that begins now has to be answered.
    var deadline: ContinuousClock.Instant { .now + limits.deadline }

    /// The version that a handle belongs to; nil before it is known, and when the file has another one by now.
    func version(of handle: MediaHandle) -> Validator? {
        handle.id.flatMap { id in state.withLock { $0.core.version(of: id) } }
    }

    func read(
        _ handle: HandleID, offset: Int64, count: Int, sink: any ReadSink, by deadline: ContinuousClock.Instant? = nil
    ) -> ReadTicket? {
        precondition(offset >= 0 && count >= 0 && count <= Self.maximumRead, "a read the kernel cannot ask for")
        let outcome = state.withLock {
            $0.core.read(handle, offset: offset, count: count, sink: sink, by: deadline, at: .now)
        }
        switch outcome {
        case .failed(let error, let actions):
            perform(actions)
            sink.fail(error)
            return nil
        case .hit(let pinned, let actions):
            // Requests for what is read next leave before the answer does.
            if !actions.isEmpty { perform(actions) }
            if deliver(pinned, to: sink, hasWaited: false) { return nil }
            // What was lost is known now, so this ends.
            return read(handle, offset: offset, count: count, sink: sink, by: deadline)
        case .parked(let read, let actions):
            perform(actions)
            timekeeper.wake(by: .now + limits.patience)
            return ReadTicket(store: self, read: read)
        }
    }

    func close(_ handle: HandleID) {
        perform(state.withLock { $0.core.close(handle, at: .now) })
    }

    func cancel(_ read: ReadID) {
        perform(state.withLock { $0.core.cancel(read, at: .now) })
    }
}

// MARK: - Transfers, on the engine's thread

extension MediaStore {
    func began(_ id: TransferID, _ head: MediaHead) {
        perform(state.withLock { $0.core.began(id, head, at: .now) })
    }

    /// Where the next bytes belong. What is given has to be given back by `wrote`.
    func target(_ id: TransferID, remaining: Int) -> MediaCore.Target {
        state.withLock { $0.core.target(id, remaining: remaining) }
    }

    func write(_ bytes: UnsafeRawBufferPointer, to slot: Int, at offset: Int) {
        slab.write(bytes, to: slot, at: offset)
    }

    func wrote(_ id: TransferID, slot: Int, count: Int) {
        perform(state.withLock { $0.core.wrote(id, slot: slot, count: count, at: .now) })
    }

    func ended(_ id: TransferID, _ error: StashError?) {
        let failure = error.map(Failure.init)
        let now = ContinuousClock.now
        let actions = state.withLock { state in
            state.transfers[id] = nil
            return state.core.ended(id, failure, at: now)
        }
        perform(actions)
        if failure != nil { wakeForNext(after: now) }
    }

    func probed(_ server: Int64, epoch: Int, succeeded: Bool) {
        let now = ContinuousClock.now
        let actions = state.withLock { state in
            state.probes[server] = nil
            return state.core.probed(server, epoch: epoch, succeeded: succeeded, at: now)
        }
        perform(actions)
        wakeForNext(after: now)
    }
}

// MARK: - Actions

extension MediaStore {
    /// Does what the core has decided, with no lock held.
    func perform(_ actions: [MediaAction]) {
        for action in actions {
            switch action {
            case .start(let request): start(request)
            case .cancel(let id):
                if let transfer = state.withLock({ $0.transfers.removeValue(forKey: id) }) { cancel(transfer, id) }
            case .deliver(let read, let pinned):
                if pinned.length >= Self.handOver || pinned.diskCount > 0 {
                    answers.async { [self] in answer(read, pinned) }
                } else {
                    answer(read, pinned)
                }
            case .fail(let sink, let error): sink.fail(error)
            case .delayed(let sink): sink.delayed()
            case .learned(let tell, let media): tell(media)
            case .ready(let tell, let result): tell(result)
            case .health(let server, let health): onHealthChange(server, health)
            case .probe(let server, let resource, let epoch): probe(server, resource, epoch: epoch)
            case .store(let job): store(job)
            case .discard(let key):
                guard let key = cacheKey(key) else { continue }
                writer.async { [disk] in disk?.remove(key) }
            }
        }
    }

    /// Answers a read that was parked.
    private func answer(_ read: MediaCore.Read, _ pinned: PinnedRead) {
        if !deliver(pinned, to: read.sink, hasWaited: true) {
            perform(state.withLock { $0.core.again(read, at: .now) })
        }
    }

    /// Answers a read, unless blocks that should be on the disk are not there any more.
    ///
    /// - Returns: Whether it was answered; if not, the core knows what was lost.
    private func deliver(_ pinned: PinnedRead, to sink: any ReadSink, hasWaited: Bool) -> Bool {
        let lost = pinned.diskCount > 0 ? deliverFromDisk(pinned, to: sink) : nil
        if pinned.diskCount == 0 { sink.deliver(slab.parts(of: pinned)) }
        if lost == nil { delivered.count(pinned, hasWaited: hasWaited) }
        guard pinned.count > 0 else { return true }
        perform(
            state.withLock { state in
                if let lost { state.core.lost(lost, of: pinned.file) }
                return state.core.unpin(pinned, at: .now)
            })
        return lost == nil
    }

    private func start(_ request: TransferRequest) {
        guard let client = state.withLock({ $0.clients[request.server] }) else {
            return ended(request.id, .cancelled)
        }
        let transfer = client.fetch(
            request.resource, range: request.range, ifUnmodifiedSince: request.validator,
            sink: BlockReceiver(store: self, id: request.id))
        // It may have ended, or have been given up, while it was being started.
        let isWanted = state.withLock { state in
            guard state.core.fetches[request.id] != nil else { return false }
            state.transfers[request.id] = transfer
            return true
        }
        if !isWanted { cancel(transfer, request.id) }
    }

    /// Ends a transfer, and gives back what it was writing: after `cancel` has returned it writes no more.
    private func cancel(_ transfer: Transfer, _ id: TransferID) {
        transfer.cancel()
        perform(state.withLock { $0.core.abandon(id, at: .now) })
    }

    private func probe(_ server: Int64, _ resource: MediaResource, epoch: Int) {
        guard let client = state.withLock({ $0.clients[server] }) else { return }
        let transfer = client.fetch(
            resource, range: ByteRange(from: 0, to: 1), timeouts: ProbeReceiver.timeouts,
            sink: ProbeReceiver(store: self, server: server, epoch: epoch))
        let isWanted = state.withLock { state in
            guard state.core.awaitsProbe(server, epoch: epoch) else { return false }
            state.probes[server] = transfer
            return true
        }
        if !isWanted { transfer.cancel() }
    }

    /// Does what is due and says when something will be; by one clock reading, for a back-off that ended between two
    /// would be taken for a retry that only waits for another transfer, and nobody would start it.
    private func tick() -> ContinuousClock.Instant? {
        let now = ContinuousClock.now
        perform(state.withLock { $0.core.tick(at: now) })
        return state.withLock { $0.core.nextTick(after: now) }
    }

    /// Makes the thread wake for what is due next.
    ///
    /// - Parameter now: the time by which the last actions were decided: what came due since then is still to be done.
    private func wakeForNext(after now: ContinuousClock.Instant) {
        if let next = state.withLock({ $0.core.nextTick(after: now) }) { timekeeper.wake(by: next) }
    }
}
