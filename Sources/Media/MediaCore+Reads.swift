import Stash

/// Reads: answered from memory, parked, admitted to memory, answered later.
extension MediaCore {
    enum ReadOutcome: Sendable {
        case hit(PinnedRead, [MediaAction])
        case failed(MediaError, [MediaAction])
        case parked(ReadID, [MediaAction])
    }

    mutating func read(
        _ handleID: HandleID, offset: Int64, count: Int, sink: any ReadSink, by deadline: Instant? = nil,
        at now: Instant
    ) -> ReadOutcome {
        guard !isShutDown, let handle = handles[handleID], let file = files[handle.file],
            let server = servers[file.key.server], server.isSet
        else { return .failed(.unavailable, []) }
        if let generation = handle.generation, generation != file.generation { return .failed(.changed, []) }
        // Who reads before the open was answered has the version that its first byte is of.
        let told = handle.generation == nil ? tellHandles(of: handle.file) : []
        let range = offset..<(offset + min(Int64(count), Int64.max - offset))
        if let size = file.version?.total {
            let clamped = range.clamped(to: 0..<max(size, 0))
            if clamped.isEmpty { return .hit(PinnedRead(), told) }
            if let pinned = pinIfThere(handle.file, clamped) {
                return .hit(pinned, told + note(clamped, by: handleID, of: handle.file, at: now, isHit: true))
            }
            if let memory = file.memory, memory.until > now, memory.range.overlaps(clamped) {
                return .failed(memory.error, told)
            }
        } else if let memory = file.memory, memory.until > now, memory.range.overlaps(range) {
            return .failed(memory.error, told)
        }
        if server.breaker.isOpen { return .failed(.unavailable, told) }
        let (id, actions) = park(
            Read(
                handle: handleID, file: handle.file, range: range, sink: sink, generation: file.generation,
                parkedAt: now, deadline: deadline ?? now + limits.deadline, delayedAt: now + limits.patience),
            at: now)
        return .parked(id, told + actions)
    }

    /// Takes a read into all lists.
    mutating func park(_ read: Read, at now: Instant) -> (ReadID, [MediaAction]) {
        let id = ReadID(value: nextID())
        reads[id] = read
        guard let file = files[read.file] else { return (id, []) }
        servers[file.key.server]?.parked.append(id)
        files[read.file]?.parked.append(id)
        queue.append(id)
        wantHead(of: read.file)
        var actions: [MediaAction] = []
        if let size = file.version?.total {
            // Before the look ahead, so that what this read needs is wanted when jumps give up what nobody wants.
            actions += admitWaiting(at: now)
            let clamped = read.range.clamped(to: 0..<size)
            actions += note(clamped, by: read.handle, of: read.file, at: now, isHit: false)
        }
        return (id, actions + pump(file.key.server, at: now))
    }

    /// Ends a read that waits; nothing when its answer is already under way.
    mutating func cancel(_ id: ReadID, at now: Instant) -> [MediaAction] {
        guard let read = remove(id) else { return [] }
        return [.fail(read.sink, .interrupted)] + cancelUnwanted(of: read.file) + advance(at: now)
    }

    /// Gives the memory of an answered read back.
    mutating func unpin(_ pinned: PinnedRead, at now: Instant) -> [MediaAction] {
        for index in 0..<pinned.count where pinned.slots[index] != PinnedRead.onDisk {
            slots.unpin(pinned.slots[index])
        }
        return queue.isEmpty ? [] : advance(at: now)
    }

    /// Tells those who wait for a file that it takes longer than usual.
    mutating func delay(_ id: FileID) -> [MediaAction] {
        var actions: [MediaAction] = []
        for read in files[id]?.parked ?? [] {
            guard let waiting = reads[read], waiting.delayedAt != nil else { continue }
            reads[read]?.delayedAt = nil
            actions.append(.delayed(waiting.sink))
        }
        return actions
    }

    /// Pins the blocks of a range when all its bytes have arrived or are on the disk.
    mutating func pinIfThere(_ file: FileID, _ range: Range<Int64>) -> PinnedRead? {
        var pinned = PinnedRead()
        pinned.file = file
        pinned.firstBlock = range.lowerBound / Self.blockSize
        pinned.offset = Int(range.lowerBound % Self.blockSize)
        pinned.length = range.count
        for block in Self.blocks(range) {
            guard pinned.count < PinnedRead.most else { return nil }
            if let slot = filledSlot(file, block, for: range) {
                pinned.slots[pinned.count] = slot
            } else if isOnDisk(file, block) {
                pinned.slots[pinned.count] = PinnedRead.onDisk
                pinned.diskCount += 1
            } else {
                return nil
            }
            pinned.count += 1
        }
        if pinned.diskCount > 0 { pinned.disk = files[file]?.disk?.file }
        for index in 0..<pinned.count where pinned.slots[index] != PinnedRead.onDisk { slots.pin(pinned.slots[index]) }
        return pinned
    }

    /// The slot of a block when the part of it that belongs to a range has arrived.
    private func filledSlot(_ file: FileID, _ block: Int64, for range: Range<Int64>) -> Int? {
        guard let slot = slots.find(file, block) else { return nil }
        return slots[slot].filled >= Int(min(range.upperBound - block * Self.blockSize, Self.blockSize)) ? slot : nil
    }

    /// Takes a read out of all lists, with its claim on memory.
    mutating func remove(_ id: ReadID) -> Read? {
        guard let read = reads.removeValue(forKey: id) else { return nil }
        queue.removeAll { $0 == id }
        guard let file = files[read.file] else { return read }
        files[read.file]?.parked.removeAll { $0 == id }
        servers[file.key.server]?.parked.removeAll { $0 == id }
        unwant(read)
        return read
    }

    /// Takes memory from a read that was admitted without a block that it needs now; it waits for all of it again.
    mutating func readmit(_ id: ReadID, for block: Int64) {
        guard let read = reads[id], read.isAdmitted, Self.blocks(read.range).contains(block) else { return }
        unwant(read)
        reads[id]?.isAdmitted = false
        reads[id]?.wanted = 0
        queue.insert(id, at: queue.firstIndex { $0 > id } ?? queue.endIndex)
    }

    private mutating func unwant(_ read: Read) {
        let first = read.range.lowerBound / Self.blockSize
        for place in 0..<PinnedRead.most where read.wanted & (1 << place) != 0 {
            if let slot = slots.find(read.file, first + Int64(place)) { slots.unwant(slot) }
        }
    }

    /// Answers the parked reads of a file whose bytes are there.
    mutating func answer(_ id: FileID) -> [MediaAction] {
        guard let file = files[id], let size = file.version?.total else { return [] }
        var actions: [MediaAction] = []
        for readID in file.parked {
            guard let read = reads[readID] else { continue }
            let range = read.range.clamped(to: 0..<size)
            guard let pinned = range.isEmpty ? PinnedRead() : pinIfThere(id, range) else { continue }
            if let read = remove(readID) { actions.append(.deliver(read, pinned)) }
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
            if range.isEmpty || isThere(read.file, range) {
                actions += answer(read.file)
                continue
            }
            let server = file.key.server
            let blocks = Self.blocks(range)
            var present: [Int] = []
            var missing = 0
            for block in blocks {
                if let slot = slots.find(read.file, block) {
                    slots.want(slot)
                    present.append(slot)
                } else if !isOnDisk(read.file, block) {
                    missing += 1
                }
            }
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
            for block in blocks where !isPresent(read.file, block) {
                if let slot = slots.reserve(server: server, file: read.file, block: block) { slots.want(slot) }
            }
            for (place, block) in blocks.enumerated() where slots.find(read.file, block) != nil {
                read.wanted |= 1 << place
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

    private func isThere(_ file: FileID, _ range: Range<Int64>) -> Bool {
        Self.blocks(range).allSatisfy { block in
            filledSlot(file, block, for: range) != nil || isOnDisk(file, block)
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
