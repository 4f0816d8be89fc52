/// What happens because time passes.
extension MediaCore {
    /// Starts what memory and the ends of other transfers have made possible.
    mutating func advance(at now: Instant) -> [MediaAction] {
        var actions: [MediaAction] = []
        if !queue.isEmpty { actions += admitWaiting(at: now) }
        for number in servers.keys.sorted() { actions += pump(number, at: now) }
        dropIdleFiles()
        return actions
    }

    /// Does all that is due: deadlines of reads and opens, retries, probes.
    mutating func tick(at now: Instant) -> [MediaAction] {
        var actions: [MediaAction] = []
        for id in reads.keys.sorted() {
            guard let read = reads[id], let file = files[read.file] else { continue }
            guard read.deadline <= now else {
                if let time = read.delayedAt, time <= now {
                    reads[id]?.delayedAt = nil
                    actions.append(.delayed(read.sink))
                }
                continue
            }
            if file.version != nil, !read.isAdmitted {
                _ = remove(id)
                remember(.noMemory, for: read, at: now)
                actions.append(.fail(read.sink, .noMemory))
                continue
            }
            // Who was given less time than usual says nothing about the server.
            if read.parkedAt + limits.deadline <= now,
                servers[file.key.server]?.breaker.isSilent(since: read.parkedAt) == true
            {
                actions += markDown(file.key.server, .timedOut, at: now)
                continue
            }
            _ = remove(id)
            remember(.timedOut, for: read, at: now)
            actions.append(.fail(read.sink, .timedOut))
            actions += cancelUnwanted(of: read.file)
        }
        for id in handles.keys.sorted(by: { $0.value < $1.value }) {
            guard let handle = handles[id], let ready = handle.ready, handle.readyBy <= now else { continue }
            guard files[handle.file]?.version == nil else {
                // It could not be asked in time whether this is still so; the next request will say it.
                actions += tellHandles(of: handle.file)
                continue
            }
            handles[id]?.ready = nil
            actions.append(.ready(ready, .success(nil)))
        }
        for number in servers.keys.sorted() where servers[number]?.breaker.takeProbe(at: now) == true {
            guard let server = servers[number], let resource = server.lastAsked else { continue }
            actions.append(.probe(number, resource, epoch: server.epoch))
        }
        return actions + advance(at: now)
    }

    /// Notes that a read has waited in vain, and keeps what is remembered of others: the kernel's read-ahead parks
    /// several reads side by side, and all of them are asked again page by page.
    private mutating func remember(_ error: MediaError, for read: Read, at now: Instant) {
        var range = read.range
        if let memory = files[read.file]?.memory, memory.until > now {
            range = min(memory.range.lowerBound, range.lowerBound)..<max(memory.range.upperBound, range.upperBound)
        }
        files[read.file]?.memory = FailureMemory(error: error, until: now + FailureMemory.lifetime, range: range)
    }

    /// Whether a probe that was asked for is still of interest and has not ended.
    func awaitsProbe(_ number: Int64, epoch: Int) -> Bool {
        guard !isShutDown, let server = servers[number] else { return false }
        return server.epoch == epoch && server.breaker.isOpen && server.breaker.probeAt == nil
    }

    /// Notes the result of a probe.
    mutating func probed(_ number: Int64, epoch: Int, succeeded: Bool, at now: Instant) -> [MediaAction] {
        guard !isShutDown, servers[number]?.epoch == epoch,
            servers[number]?.breaker.probed(succeeded, at: now) == true
        else { return [] }
        for (id, file) in files where file.key.server == number { files[id]?.memory = nil }
        return [.health(number, .up)] + advance(at: now)
    }

    /// When `tick` has something to do again, or nil.
    func nextTick(after now: Instant) -> Instant? {
        var next: Instant?
        func consider(_ time: Instant?) {
            guard let time else { return }
            next = min(next ?? time, time)
        }
        /// A retry whose time has come waits for another transfer to end, not for time to pass.
        func considerRetry(_ file: FileID) {
            if let time = files[file]?.backoff.until, time > now { consider(time) }
        }
        for read in reads.values {
            consider(read.deadline)
            consider(read.delayedAt)
            considerRetry(read.file)
        }
        for handle in handles.values where handle.ready != nil {
            consider(handle.readyBy)
            considerRetry(handle.file)
        }
        for server in servers.values { consider(server.breaker.probeAt) }
        return next
    }
}
