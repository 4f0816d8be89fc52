import Stash

/// What transfers report: heads, bytes, ends.
extension MediaCore {
    /// Where the next bytes of a transfer belong.
    enum Target: Sendable {
        /// Into a slot, as far as there is room in it; it is pinned until `wrote` or `abandon`.
        case memory(slot: Int, offset: Int, room: Int)
        /// Nowhere: they are in memory already, or there is no room for them.
        case skip(Int)
        /// Nobody wants the rest.
        case stop
    }

    mutating func began(_ id: TransferID, _ head: MediaHead, at now: Instant) -> [MediaAction] {
        guard var fetch = fetches[id], let file = files[fetch.file] else { return [] }
        servers[fetch.server]?.breaker.heard(at: now)
        servers[fetch.server]?.lanes.answered(after: now - fetch.startedAt)
        fetch.hasBegun = true
        fetches[id] = fetch
        guard head.firstByte == fetch.position else {
            return failed(id, fetch, .final(.refused), at: now)
        }
        if let version = file.version {
            guard version == head.validator else {
                return fetch.isCheck
                    ? replaced(fetch.file, by: head.validator, at: now) : failed(id, fetch, .changed, at: now)
            }
            files[fetch.file]?.checkedAt = now
            // It may have been asked for before the version was known.
            if fetch.end > version.total {
                release(Self.blocks(0..<version.total).upperBound * Self.blockSize, to: fetch.end, of: fetch, id)
                fetch.end = version.total
                fetch.requestedEnd = version.total
                fetches[id] = fetch
            }
            return tellHandles(of: fetch.file)
        }
        // What is made on the fly, and comes whole, may say no version. Then only its size tells it from somebody's word, with
        // status 200, on why there is no file.
        guard head.validator.isMarked || file.indexedSize == nil || file.indexedSize == head.total else {
            return failed(id, fetch, .final(.refused), at: now)
        }
        // From the first block that is wholly behind the end: the last one, half full, is still being fetched.
        release(Self.blocks(0..<head.total).upperBound * Self.blockSize, to: fetch.end, of: fetch, id)
        fetch.end = min(fetch.end, head.total)
        fetch.requestedEnd = fetch.end
        fetches[id] = fetch
        let actions = confirm(fetch.file, head.validator, at: now)
        if fetch.isWhole { reserveWhole(fetch.file, for: id, size: head.total) }
        return actions + answer(fetch.file) + advance(at: now)
    }

    /// The server has other bytes under this address than it had: who has the file open has lost it, who is opening it gets
    /// the new one.
    private mutating func replaced(_ id: FileID, by version: Validator, at now: Instant) -> [MediaAction] {
        var actions = giveUpVersion(of: id)
        actions += failReads(of: id, .changed, at: now)
        return actions + confirm(id, version, at: now) + advance(at: now)
    }

    mutating func target(_ id: TransferID, remaining: Int) -> Target {
        guard let fetch = fetches[id], let size = files[fetch.file]?.version?.total, fetch.position < fetch.end
        else { return .stop }
        let block = fetch.position / Self.blockSize
        let offset = Int(fetch.position % Self.blockSize)
        let room = needed(block, size: size) - offset
        var count = min(remaining, room)
        if let slot = slots.find(fetch.file, block), !slots[slot].isComplete,
            slots[slot].transfer == id || fetch.isWhole && slots[slot].transfer == nil
        {
            if slots[slot].filled == offset {
                slots.pin(slot)
                leases[id] = slot
                return .memory(slot: slot, offset: offset, room: room)
            }
            if slots[slot].filled > offset { count = min(count, slots[slot].filled - offset) }
        }
        fetches[id]?.position += Int64(count)
        return .skip(count)
    }

    /// Notes bytes that were written to where `target` said, and answers the reads for which they were the last.
    mutating func wrote(_ id: TransferID, slot: Int, count: Int, at now: Instant) -> [MediaAction] {
        bytesReceived += Int64(count)
        guard leases.removeValue(forKey: id) != nil else { return [] }
        guard var fetch = fetches[id], let file = files[fetch.file], let size = file.version?.total else {
            slots.unpin(slot)
            return []
        }
        servers[fetch.server]?.breaker.heard(at: now)
        let isTelling = isTelling(fetch)
        servers[fetch.server]?.lanes.received(count, isTelling: isTelling, at: now)
        let block = fetch.position / Self.blockSize
        let isOurs = slots.fill(slot, by: count, needed: needed(block, size: size))
        let isComplete = isOurs && slots[slot].isComplete
        var actions = isComplete ? store(slot) : []
        slots.unpin(slot)
        fetch.position += Int64(count)
        fetches[id] = fetch
        if !file.parked.isEmpty { actions += answer(fetch.file) }
        if isComplete { files[fetch.file]?.backoff.succeed() }
        if isComplete, isEnding(id) { actions += pump(fetch.server, at: now) }
        if fetch.position >= fetch.end, fetch.end < fetch.requestedEnd {
            actions += end(id)
            return actions + advance(at: now)
        }
        return isComplete && !queue.isEmpty ? actions + advance(at: now) : actions
    }

    /// Gives back the slot that a transfer was writing, once it was cancelled and writes no more.
    mutating func abandon(_ id: TransferID, at now: Instant) -> [MediaAction] {
        guard let slot = leases.removeValue(forKey: id) else { return [] }
        slots.unpin(slot)
        return queue.isEmpty ? [] : advance(at: now)
    }

    /// Notes the end of a transfer, nil for one that brought all it was asked for.
    mutating func ended(_ id: TransferID, _ failure: Failure?, at now: Instant) -> [MediaAction] {
        guard let fetch = fetches[id] else { return [] }
        if let failure { return failed(id, fetch, failure, at: now) }
        guard fetch.position >= fetch.end else { return failed(id, fetch, .file, at: now) }
        _ = end(id)
        let actions = answer(fetch.file) + advance(at: now)
        dropIfIdle(fetch.file)
        return actions
    }

    private mutating func failed(
        _ id: TransferID, _ fetch: Fetch, _ failure: Failure, at now: Instant
    ) -> [MediaAction] {
        var actions = end(id)
        let isKnown = files[fetch.file]?.version != nil
        switch failure {
        case .network:
            retryLater(fetch.file, at: now)
            // What the disk has need not wait for the retry.
            actions += confirmFromDisk(fetch.file) + answer(fetch.file) + delay(fetch.file)
        case .file:
            servers[fetch.server]?.breaker.heard(at: now)
            retryLater(fetch.file, at: now)
            if let tries = files[fetch.file]?.backoff.failures, tries >= Backoff.statusTries {
                actions += giveUp(fetch.file, .failing, at: now)
            }
            actions += delay(fetch.file)
        case .changed where isKnown:
            actions += giveUpVersion(of: fetch.file)
            actions += failReads(of: fetch.file, .changed, at: now)
            actions += discardDisk(fetch.file)
            wantHead(of: fetch.file)
        case .changed:
            servers[fetch.server]?.breaker.heard(at: now)
            actions += giveUp(fetch.file, .refused, at: now)
        case .final(let error):
            servers[fetch.server]?.breaker.heard(at: now)
            // Nobody waited when it was asked for: who waits now is owed a request of its own.
            if fetch.isDemanded { actions += giveUp(fetch.file, error, at: now) }
        case .locked:
            actions += markDown(fetch.server, .refused, at: now, probes: false)
        }
        return actions + advance(at: now)
    }

    private mutating func retryLater(_ id: FileID, at now: Instant) {
        guard let file = files[id] else { return }
        let isAwaited = !file.parked.isEmpty || file.handles.contains { handles[$0]?.ready != nil }
        guard isAwaited else { return }
        files[id]?.backoff.fail(at: now, jitter: Double.random(in: 0...1, using: &random))
        wantHead(of: id)
    }

    /// Fails what waits for a file, and for a moment what asks for it.
    private mutating func giveUp(_ id: FileID, _ error: MediaError, at now: Instant) -> [MediaAction] {
        files[id]?.backoff.succeed()
        files[id]?.memory = FailureMemory(
            error: error, until: now + FailureMemory.lifetime, range: Int64.min..<Int64.max)
        var actions: [MediaAction] = []
        for transfer in files[id]?.transfers ?? [] { actions += end(transfer) }
        return actions + failReads(of: id, error, at: now) + failOpens(of: id, error)
    }

    /// Stops all traffic to a server and fails what waits for it.
    mutating func markDown(
        _ number: Int64, _ reason: MediaError, at now: Instant, probes: Bool = true
    ) -> [MediaAction] {
        guard servers[number]?.breaker.isOpen == false else { return [] }
        servers[number]?.breaker.open(at: now, reason: reason, probes: probes)
        servers[number]?.heads = []
        var actions: [MediaAction] = []
        for (id, file) in files where file.key.server == number {
            for transfer in file.transfers { actions += end(transfer) }
            actions += confirmFromDisk(id) + answer(id)
            let error = reason == .timedOut ? MediaError.timedOut : .unavailable
            actions += failReads(of: id, error, at: now) + failOpens(of: id, error)
            files[id]?.backoff.succeed()
        }
        actions.append(.health(number, health(of: number)))
        return actions
    }
}
