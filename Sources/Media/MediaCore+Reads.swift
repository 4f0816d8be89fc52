import Stash

/// Reads: answered from memory, parked, admitted to memory, answered later.
extension MediaCore {
    enum ReadOutcome: Sendable {
        case hit(PinnedRead, [MediaAction])
        case failed(MediaError)
        case parked(ReadID, [MediaAction])
    }

    mutating func read(
        _ handleID: HandleID, offset: Int64, count: Int, sink: any ReadSink, at now: Instant
    ) -> ReadOutcome {
        guard !isShutDown, let handle = handles[handleID], let file = files[handle.file],
            let server = servers[file.key.server], server.isSet
        else { return .failed(.unavailable) }
        if let generation = handle.generation, generation != file.generation { return .failed(.changed) }
        let range = offset..<(offset + min(Int64(count), Int64.max - offset))
        if let size = file.version?.total {
            let clamped = range.clamped(to: 0..<max(size, 0))
            if clamped.isEmpty { return .hit(PinnedRead(), []) }
            if let pinned = pinIfThere(handle.file, clamped) {
                return .hit(pinned, note(clamped, by: handleID, of: handle.file, at: now, isHit: true))
            }
            if let memory = file.memory, memory.until > now, memory.range.overlaps(clamped) {
                return .failed(memory.error)
            }
        } else if let memory = file.memory, memory.until > now, memory.range.overlaps(range) {
            return .failed(memory.error)
        }
        if server.breaker.isOpen { return .failed(.unavailable) }

        let id = ReadID(value: nextID())
        reads[id] = Read(handle: handleID, file: handle.file, range: range, sink: sink, parkedAt: now)
        servers[file.key.server]?.parked.append(id)
        files[handle.file]?.parked.append(id)
        queue.append(id)
        wantHead(of: handle.file)
        var actions: [MediaAction] = []
        if let size = file.version?.total {
            // Before the look ahead, so that what this read needs is wanted when jumps give up what nobody wants.
            actions += admitWaiting(at: now)
            let clamped = range.clamped(to: 0..<size)
            actions += note(clamped, by: handleID, of: handle.file, at: now, isHit: false)
        }
        return .parked(id, actions + pump(file.key.server, at: now))
    }

    /// Ends a read that waits; nothing when its answer is already under way.
    mutating func cancel(_ id: ReadID, at now: Instant) -> [MediaAction] {
        guard let read = remove(id) else { return [] }
        return [.fail(read.sink, .interrupted)] + cancelUnwanted(of: read.file) + advance(at: now)
    }

    /// Gives the memory of an answered read back.
    mutating func unpin(_ pinned: PinnedRead, at now: Instant) -> [MediaAction] {
        for index in 0..<pinned.count { slots.unpin(pinned.slots[index]) }
        return queue.isEmpty ? [] : advance(at: now)
    }

    /// Pins the blocks of a range when all its bytes have arrived.
    mutating func pinIfThere(_ file: FileID, _ range: Range<Int64>) -> PinnedRead? {
        var pinned = PinnedRead()
        pinned.offset = Int(range.lowerBound % Self.blockSize)
        pinned.length = range.count
        for block in Self.blocks(range) {
            guard pinned.count < PinnedRead.most, let slot = slots.find(file, block) else { return nil }
            let end = min(range.upperBound - block * Self.blockSize, Self.blockSize)
            guard slots[slot].filled >= Int(end) else { return nil }
            pinned.slots[pinned.count] = slot
            pinned.count += 1
        }
        for index in 0..<pinned.count { slots.pin(pinned.slots[index]) }
        return pinned
    }

    /// Takes a read out of all lists, with its claim on memory.
    mutating func remove(_ id: ReadID) -> Read? {
        guard let read = reads.removeValue(forKey: id) else { return nil }
        queue.removeAll { $0 == id }
        guard let file = files[read.file] else { return read }
        files[read.file]?.parked.removeAll { $0 == id }
        servers[file.key.server]?.parked.removeAll { $0 == id }
        if read.isAdmitted, let size = file.version?.total {
            for block in Self.blocks(read.range.clamped(to: 0..<size)) {
                if let slot = slots.find(read.file, block) { slots.unwant(slot) }
            }
        }
        return read
    }

    /// Answers the parked reads of a file whose bytes are there.
    mutating func answer(_ id: FileID) -> [MediaAction] {
        guard let file = files[id], let size = file.version?.total else { return [] }
        var actions: [MediaAction] = []
        for readID in file.parked {
            guard let read = reads[readID] else { continue }
            let range = read.range.clamped(to: 0..<size)
            guard let pinned = range.isEmpty ? PinnedRead() : pinIfThere(id, range) else { continue }
            if let read = remove(readID) { actions.append(.deliver(read.sink, pinned)) }
        }
        return actions
    }

    /// Reserves memory for the reads that wait for it, oldest first; a read gets all its blocks at once or none, so
    /// that two reads can never wait for each other.
    mutating func admitWaiting(at now: Instant) -> [MediaAction] {
        var actions: [MediaAction] = []
        isMemoryShort = false
        for id in queue {
            guard var read = reads[id], let file = files[read.file], let size = file.version?.total else { continue }
            let range = read.range.clamped(to: 0..<size)
            if range.isEmpty || pinnable(read.file, range) {
                actions += answer(read.file)
                continue
            }
            let server = file.key.server
            let blocks = Self.blocks(range)
            var present: [Int] = []
            for block in blocks {
                guard let slot = slots.find(read.file, block) else { continue }
                slots.want(slot)
                present.append(slot)
            }
            let missing = blocks.count - present.count
            if missing > slots.available || !fits(missing, server) {
                actions += reclaim(missing > slots.available ? nil : server)
            }
            guard missing <= slots.available, fits(missing, server) else {
                for slot in present { slots.unwant(slot) }
                // One server's share is used up: others may go on. Memory is used up: nobody may overtake.
                isMemoryShort = missing > slots.available
                if isMemoryShort { break }
                continue
            }
            for block in blocks where slots.find(read.file, block) == nil {
                if let slot = slots.reserve(server: server, file: read.file, block: block) { slots.want(slot) }
            }
            read.isAdmitted = true
            reads[id] = read
            queue.removeAll { $0 == id }
        }
        return actions
    }

    /// Whether a server may hold this many more blocks that wait for bytes: half of memory, so that one that has
    /// stalled leaves the other half to the others.
    private func fits(_ blocks: Int, _ server: Int64) -> Bool {
        slots.incomplete(of: server) + blocks <= slots.count / 2
    }

    private func pinnable(_ file: FileID, _ range: Range<Int64>) -> Bool {
        Self.blocks(range).allSatisfy { block in
            guard let slot = slots.find(file, block) else { return false }
            return slots[slot].filled >= Int(min(range.upperBound - block * Self.blockSize, Self.blockSize))
        }
    }

    /// Notes where a handle reads, stops what it has jumped away from, and looks ahead.
    private mutating func note(
        _ range: Range<Int64>, by id: HandleID, of file: FileID, at now: Instant, isHit: Bool
    ) -> [MediaAction] {
        guard let server = files[file]?.key.server, files[file]?.key.whole == false else { return [] }
        var actions: [MediaAction] = []
        if let abandoned = handles[id]?.readAhead.note(range, waited: !isHit) {
            let inVain = fetched(abandoned, of: file)
            handles[id]?.readAhead.wasted(inVain)
            actions += cancelUnwanted(of: file)
        }
        spend(range, of: file, by: id)
        if streams[id] != nil { streams[id] = now }
        if proposal(of: id, at: now) != nil, servers[server]?.eager.contains(id) == false {
            servers[server]?.eager.append(id)
        }
        if isHit, servers[server]?.eager.isEmpty == false { actions += pump(server, at: now) }
        return actions
    }
}
