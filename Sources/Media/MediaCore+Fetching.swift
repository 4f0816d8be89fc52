import Stash

/// Which transfers to start, which to stop.
extension MediaCore {
    /// Starts what is due on one server: reads that wait, first answers for opens, and then read-ahead.
    mutating func pump(_ number: Int64, at now: Instant) -> [MediaAction] {
        guard isAvailable(number) else { return [] }
        var actions: [MediaAction] = []
        while let server = servers[number] {
            let demand = nextDemand(of: server, at: now)
            let head = server.heads.first { isHeadDue($0, at: now) }
            guard demand != nil || head != nil else { break }
            guard server.transfers < limits.transfersPerServer else {
                guard let leftover = fetches.first(where: { $0.value.server == number && $0.value.isLeftover }) else {
                    break
                }
                actions += end(leftover.key)
                continue
            }
            if let (read, block) = demand, head == nil || files[read.file]?.transfers.isEmpty == true {
                guard let action = startDemanded(read, block: block, at: now) else { break }
                actions.append(action)
            } else if let head {
                guard let action = startHead(head, at: now) else { break }
                actions.append(action)
            } else {
                break
            }
        }
        return actions + lookAhead(number, at: now)
    }

    /// The block to fetch next: of the file with the fewest transfers, and among those of the oldest read. No file
    /// gets all transfers of a server, so that an open of another one need not wait.
    private func nextDemand(of server: Server, at now: Instant) -> (Read, Int64)? {
        var best: (read: Read, block: Int64, transfers: Int)?
        for id in server.parked {
            guard let read = reads[id], read.isAdmitted, let file = files[read.file], let size = file.version?.total,
                file.backoff.isOver(at: now), busy(file) < best?.transfers ?? (limits.transfersPerServer - 1),
                !file.key.whole || file.transfers.isEmpty
            else { continue }
            let blocks = Self.blocks(read.range.clamped(to: 0..<size))
            let block = blocks.first { block in
                guard let slot = slots.find(read.file, block) else { return false }
                return slots[slot].transfer == nil && !slots[slot].isComplete
            }
            if let block { best = (read, block, busy(file)) }
            if best?.transfers == 0 { break }
        }
        return best.map { ($0.read, $0.block) }
    }

    /// Transfers of a file that somebody wants.
    private func busy(_ file: File) -> Int {
        file.transfers.count { fetches[$0]?.isLeftover == false }
    }

    private func isHeadDue(_ id: FileID, at now: Instant) -> Bool {
        guard let file = files[id] else { return false }
        return (file.version != nil || file.transfers.isEmpty) && file.backoff.isOver(at: now)
    }

    /// Asks for the front of a file of which nothing is known yet: as much as a player reads at once. Where the front is here
    /// already, a byte is asked for, because it comes with the version.
    private mutating func startHead(_ id: FileID, at now: Instant) -> MediaAction? {
        guard let file = files[id] else { return nil }
        let transfer = TransferID(value: nextID())
        var end: Int64 = .max
        let isCheck = !file.key.whole && (file.version != nil || isPresent(id, 0))
        if isCheck {
            end = 1
        } else if !file.key.whole {
            end = 0
            for block in 0..<(ReadAhead.smallest / Self.blockSize) {
                guard let slot = slots.reserve(server: file.key.server, file: id, block: block) else { break }
                slots.assign(slot, to: transfer)
                end = (block + 1) * Self.blockSize
            }
            guard end > 0 else { return nil }
        }
        servers[file.key.server]?.heads.removeAll { $0 == id }
        return start(transfer, of: id, from: 0, to: end, for: nil, isDemanded: true, isCheck: isCheck, at: now)
    }

    /// Asks for what a read waits for, and in the same request for what its handle will read next.
    private mutating func startDemanded(_ read: Read, block: Int64, at now: Instant) -> MediaAction? {
        guard let file = files[read.file], let size = file.version?.total, let first = slots.find(read.file, block)
        else { return nil }
        let transfer = TransferID(value: nextID())
        if file.key.whole {
            reserveWhole(read.file, for: transfer, size: size)
            return start(transfer, of: read.file, from: 0, to: size, for: nil, isDemanded: true, at: now)
        }
        let from = block * Self.blockSize + Int64(slots[first].filled)
        slots.assign(first, to: transfer)
        var end = block + 1
        while let slot = slots.find(read.file, end), slots[slot].transfer == nil, slots[slot].filled == 0,
            !slots[slot].isComplete
        {
            slots.assign(slot, to: transfer)
            end += 1
        }
        if let ahead = proposal(of: read.handle, at: now), ahead.lowerBound <= end * Self.blockSize,
            ahead.upperBound > end * Self.blockSize
        {
            end = reserve(end..<Self.blocks(ahead).upperBound, of: read.file, for: transfer)
            issue(ahead.lowerBound..<min(end * Self.blockSize, size), by: read.handle, at: now)
        }
        return start(
            transfer, of: read.file, from: from, to: min(end * Self.blockSize, size), for: read.handle,
            isDemanded: true, at: now)
    }

    /// Starts read-ahead for handles that have room in their windows.
    private mutating func lookAhead(_ number: Int64, at now: Instant) -> [MediaAction] {
        var actions: [MediaAction] = []
        // One transfer is kept for reads that wait, and another one when there is more than one reader. A lane and its successor
        // overlap, so there is one more of them than lanes.
        let most = max(1, limits.transfersPerServer - (streams.count > 1 ? 2 : 1))
        for id in servers[number]?.eager ?? [] {
            var isDone = true
            while let ahead = proposal(of: id, at: now), let handle = handles[id],
                let size = files[handle.file]?.version?.total,
                let server = servers[number]
            {
                let blocks = Self.blocks(ahead)
                guard let first = blocks.first(where: { !isPresent(handle.file, $0) }) else {
                    issue(ahead, by: id, at: now)
                    continue
                }
                guard server.transfers < most else { return actions }
                // Single blocks here and there are a matter of round trips only.
                let lanes = ahead.count < ReadAhead.smallest ? most : server.lanes.count
                guard running(for: id) < lanes else {
                    isDone = false
                    break
                }
                let transfer = TransferID(value: nextID())
                let end = reserve(first..<blocks.upperBound, of: handle.file, for: transfer)
                guard end > first else { return actions }
                let range = first * Self.blockSize..<min(end * Self.blockSize, size)
                issue(min(ahead.lowerBound, range.lowerBound)..<range.upperBound, by: id, at: now)
                actions.append(
                    start(
                        transfer, of: handle.file, from: range.lowerBound, to: range.upperBound, for: id,
                        isDemanded: false, at: now))
            }
            if isDone { servers[number]?.eager.removeAll { $0 == id } }
        }
        return actions
    }

    /// Whether the speed at which a transfer brings bytes tells about the line: somebody waits for them, and all lanes are in use
    /// with pieces of full size.
    func isTelling(_ fetch: Fetch) -> Bool {
        guard let server = servers[fetch.server], !server.parked.isEmpty, server.transfers >= server.lanes.count,
            let handle = fetch.handle.flatMap({ handles[$0] })
        else { return false }
        return handle.readAhead.window >= ReadAhead.calm
    }

    private func running(for id: HandleID) -> Int {
        guard let handle = handles[id], let file = files[handle.file] else { return 0 }
        return file.transfers.count { transfer in
            fetches[transfer].map { $0.handle == id && !$0.isEnding && !$0.isLeftover } ?? false
        }
    }

    /// Notes when a transfer comes so near its end that its successor is due; true once.
    mutating func isEnding(_ id: TransferID) -> Bool {
        guard let fetch = fetches[id], !fetch.isEnding, let server = servers[fetch.server],
            fetch.end - fetch.position <= server.lanes.lead
        else { return false }
        fetches[id]?.isEnding = true
        return !server.eager.isEmpty
    }

    private mutating func issue(_ range: Range<Int64>, by id: HandleID, at now: Instant) {
        handles[id]?.readAhead.issue(range)
        streams[id] = now
    }

    /// What a handle would like to have next, within its share of the quarter of memory that is for read-ahead.
    ///
    /// It is shared by those who look ahead and have read within the last seconds: a file that is open and idle, or a film
    /// that is paused, takes nothing from the others.
    mutating func proposal(of id: HandleID, at now: Instant) -> Range<Int64>? {
        guard let handle = handles[id], let file = files[handle.file], let size = file.version?.total,
            handle.generation == file.generation
        else { return nil }
        if streams.count > 1 { streams = streams.filter { $0.key == id || now - $0.value < Self.idleStream } }
        let others = streams.count - (streams[id] == nil ? 0 : 1)
        let share = max(2, slots.count / 4 / (others + 1))
        return handle.readAhead.proposal(
            limit: Int64(share) * Self.blockSize, lanes: servers[file.key.server]?.lanes.count ?? 1, size: size)
    }

    /// A player reads at least once in so long a time; what is longer is a pause.
    static let idleStream = Duration.seconds(5)

    /// How many bytes of these ranges came, or are on their way into blocks that have begun to fill.
    func fetched(_ ranges: [Range<Int64>], of file: FileID) -> Int64 {
        var bytes: Int64 = 0
        for block in ranges.flatMap(Self.blocks) {
            if let slot = slots.find(file, block) { bytes += Int64(slots[slot].filled) }
        }
        return bytes
    }

    /// Reserves blocks for a transfer up to the first that has a slot already or for which there is no memory.
    private mutating func reserve(_ blocks: Range<Int64>, of file: FileID, for transfer: TransferID) -> Int64 {
        guard let server = files[file]?.key.server else { return blocks.lowerBound }
        for block in blocks {
            guard !isPresent(file, block), slots.incomplete(of: server) < slots.count / 4, !isMemoryShort,
                let slot = slots.reserve(server: server, file: file, block: block)
            else { return block }
            slots.assign(slot, to: transfer)
        }
        return blocks.upperBound
    }

    /// Gives slots to the blocks of a file that comes whole, up to a quarter of memory; what has none is skipped.
    mutating func reserveWhole(_ file: FileID, for transfer: TransferID, size: Int64) {
        guard let server = files[file]?.key.server else { return }
        for block in Self.blocks(0..<size).prefix(slots.count / 4) {
            if let slot = slots.find(file, block) {
                if slots[slot].transfer == nil, !slots[slot].isComplete { slots.assign(slot, to: transfer) }
            } else if !isPresent(file, block), let slot = slots.reserve(server: server, file: file, block: block) {
                slots.assign(slot, to: transfer)
            }
        }
    }

    private mutating func start(
        _ transfer: TransferID, of id: FileID, from: Int64, to end: Int64, for handle: HandleID?, isDemanded: Bool,
        isCheck: Bool = false, at now: Instant
    ) -> MediaAction {
        guard let file = files[id] else { preconditionFailure("a transfer belongs to a file") }
        files[id]?.transfers.append(transfer)
        servers[file.key.server]?.transfers += 1
        servers[file.key.server]?.lastAsked = file.key.resource
        fetches[transfer] = Fetch(
            file: id, server: file.key.server, isWhole: file.key.whole, isDemanded: isDemanded, isCheck: isCheck,
            position: from, end: end, requestedEnd: end, handle: handle, startedAt: now)
        return .start(
            TransferRequest(
                id: transfer, server: file.key.server, resource: file.key.resource,
                range: file.key.whole ? nil : ByteRange(from: from, to: end), validator: isCheck ? nil : file.version))
    }

    /// Takes a transfer out of all lists; its blocks go unless a read wants them.
    mutating func end(_ id: TransferID) -> [MediaAction] {
        guard let fetch = fetches[id] else { return [] }
        // Removed only after the slots were released, for that finds them by the fetch.
        release(fetch.position, to: fetch.end, of: fetch, id)
        fetches[id] = nil
        files[fetch.file]?.transfers.removeAll { $0 == id }
        servers[fetch.server]?.transfers -= 1
        return [.cancel(id)]
    }

    /// Takes the blocks between two positions from a transfer; those that nobody wants are free then.
    mutating func release(_ from: Int64, to end: Int64, of fetch: Fetch, _ id: TransferID) {
        guard end != .max, from < end else { return }
        for block in Self.blocks(from..<end) {
            guard let slot = slots.find(fetch.file, block), slots[slot].transfer == id else { continue }
            slots.assign(slot, to: nil)
        }
    }

    /// Stops the transfers of a file, or shortens them, as far as no read waits for them and no handle is on its way.
    mutating func cancelUnwanted(of id: FileID) -> [MediaAction] {
        guard let file = files[id] else { return [] }
        let isHeld = !file.handles.isEmpty || !file.parked.isEmpty
        var actions: [MediaAction] = []
        for transfer in file.transfers {
            guard let fetch = fetches[transfer] else { continue }
            // All its bytes are here, and only its end was not told yet: to end it now would close its connection.
            if fetch.position >= fetch.requestedEnd { continue }
            if file.version == nil || fetch.isWhole || fetch.isCheck {
                if !isHeld { actions += end(transfer) }
                continue
            }
            var needed = fetch.position
            if fetch.position < fetch.end {
                for block in Self.blocks(fetch.position..<fetch.end) {
                    guard let slot = slots.find(id, block), slots[slot].wants > 0 else { continue }
                    needed = (block + 1) * Self.blockSize
                }
                for handle in file.handles {
                    if let claim = handles[handle]?.readAhead.claim(in: fetch.position..<fetch.end) {
                        needed = max(needed, (claim + Self.blockSize - 1) / Self.blockSize * Self.blockSize)
                    }
                }
            }
            if needed < fetch.end, isWorthFinishing(fetch), !file.handles.isEmpty, busy(file) == file.transfers.count {
                fetches[transfer]?.isLeftover = needed <= fetch.position
            } else if needed <= fetch.position {
                actions += end(transfer)
            } else if needed < fetch.end {
                fetches[transfer]?.end = needed
                release(needed, to: fetch.end, of: fetch, transfer)
            }
        }
        dropIfIdle(id)
        return actions
    }

    /// The most that is let come though nobody wants it: at 100 Mbit/s it takes 10 ms, less than it takes to connect anew
    /// once a connection was closed in the middle of an answer.
    static let cheapRest: Int64 = 128 << 10

    private func isWorthFinishing(_ fetch: Fetch) -> Bool {
        guard let slot = slots.find(fetch.file, fetch.position / Self.blockSize) else { return false }
        let hasBegun = fetch.hasBegun && slots[slot].transfer != nil
        return hasBegun && fetch.end == fetch.requestedEnd && fetch.end - fetch.position <= Self.cheapRest
    }

    /// Lets the blocks go first that a handle on its way through a file has read to their ends.
    mutating func spend(_ range: Range<Int64>, of file: FileID, by id: HandleID) {
        let isPassing = handles[id]?.readAhead.isPassing == true
        for block in Self.blocks(range) {
            guard let slot = slots.find(file, block) else { continue }
            slots.spend(slot, isPassing && range.upperBound >= (block + 1) * Self.blockSize)
        }
    }

    /// Takes memory back from read-ahead for reads that wait: of one server, or (nil) of all.
    mutating func reclaim(_ server: Int64?) -> [MediaAction] {
        var actions: [MediaAction] = []
        for (id, fetch) in fetches where server == nil || fetch.server == server {
            guard !fetch.isDemanded, fetch.position < fetch.end else { continue }
            let isWanted = Self.blocks(fetch.position..<fetch.end).contains { block in
                slots.find(fetch.file, block).map { slots[$0].wants > 0 } ?? false
            }
            if !isWanted { actions += end(id) }
        }
        return actions
    }
}
