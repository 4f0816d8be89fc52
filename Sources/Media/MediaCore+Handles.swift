import Stash

/// Opens, closes, and servers that come and go.
extension MediaCore {
    /// Opens a file: `indexed` is the version that the index has of it, `disk` what the disk has of it, which is needed only
    /// if `shouldLookOnDisk`.
    mutating func open(
        _ source: MediaSource, indexed: String?, disk: DiskCopy?, at now: Instant,
        learned: @escaping @Sendable (LearnedMedia) -> Void,
        ready: @escaping @Sendable (Result<LearnedMedia?, MediaError>) -> Void
    ) -> (HandleID, [MediaAction]) {
        let key = FileKey(source)
        let id = fileIDs[key] ?? FileID(value: nextID())
        var actions: [MediaAction] = []
        if let file = files[id] {
            if file.disk == nil {
                files[id]?.disk = disk
                if let version = file.version { actions += settleDisk(id, version) }
            }
        } else {
            fileIDs[key] = id
            files[id] = File(key: key, disk: disk)
        }
        files[id]?.indexed = indexed
        files[id]?.indexedSize = source.size
        let handleID = HandleID(value: nextID())
        handles[handleID] = Handle(file: id, learned: learned, readyBy: now + limits.openWait)
        files[id]?.handles.insert(handleID)
        let isSet = servers[source.server]?.isSet == true && !isShutDown
        // What comes whole cannot be asked about in parts: the disk is believed when the index says the same.
        if isSet, source.whole || !isAvailable(source.server) { actions += confirmFromDisk(id) }
        if !isSet {
            actions.append(.ready(ready, .failure(.unavailable)))
        } else if let file = files[id], let known = file.learned, !isCheckDue(file, at: now) {
            handles[handleID]?.generation = file.generation
            handles[handleID]?.learned = nil
            actions += [.learned(learned, known), .ready(ready, .success(known))]
        } else if !isAvailable(source.server) {
            actions.append(.ready(ready, .failure(.unavailable)))
        } else if let memory = files[id]?.memory, memory.until > now, memory.error == .gone || memory.error == .refused
        {
            actions.append(.ready(ready, .failure(memory.error)))
        } else {
            handles[handleID]?.ready = ready
            wantHead(of: id)
            actions += pump(source.server, at: now)
        }
        return (handleID, actions)
    }

    /// The version that a handle belongs to, while the file has it.
    func version(of id: HandleID) -> Validator? {
        guard let handle = handles[id], let file = files[handle.file], handle.generation == file.generation else {
            return nil
        }
        return file.version
    }

    /// Whether an open has to ask the server if the version is still the one that is known.
    private func isCheckDue(_ file: File, at now: Instant) -> Bool {
        guard !file.key.whole, isAvailable(file.key.server) else { return false }
        return file.checkedAt.map { $0 + limits.freshness <= now } ?? true
    }

    mutating func close(_ id: HandleID, at now: Instant) -> [MediaAction] {
        guard let handle = handles.removeValue(forKey: id) else { return [] }
        files[handle.file]?.handles.remove(id)
        streams[id] = nil
        var actions: [MediaAction] = []
        if let ready = handle.ready { actions.append(.ready(ready, .failure(.interrupted))) }
        actions += cancelUnwanted(of: handle.file)
        return actions + advance(at: now)
    }

    mutating func setServer(_ number: Int64, isSet: Bool, at now: Instant) -> [MediaAction] {
        var server = servers[number] ?? Server(lanes: Lanes(most: max(1, limits.transfersPerServer - 2)))
        let before = server.isSet ? server.breaker.health : .absent
        server.isSet = isSet
        server.epoch += 1
        server.breaker = Breaker()
        servers[number] = server
        var actions: [MediaAction] = []
        for (id, file) in files where file.key.server == number {
            actions += giveUpVersion(of: id)
            actions += failReads(of: id, .unavailable, at: now)
            actions += failOpens(of: id, .unavailable)
            files[id]?.memory = nil
            files[id]?.backoff.succeed()
        }
        servers[number]?.heads = []
        let after = health(of: number)
        // Whether one that was set can be read, nobody knows yet.
        if after == .absent, after != before { actions.append(.health(number, after)) }
        return actions + advance(at: now)
    }

    mutating func shutdown(at now: Instant) -> [MediaAction] {
        isShutDown = true
        var actions: [MediaAction] = []
        for id in Array(files.keys) {
            actions += giveUpVersion(of: id)
            actions += failReads(of: id, .unavailable, at: now)
            actions += failOpens(of: id, .unavailable)
        }
        return actions + advance(at: now)
    }

    /// Gives up what is known of a file, fetched by ranges or whole, because somebody knows that it has changed.
    mutating func forget(server: Int64, resource: MediaResource, at now: Instant) -> [MediaAction] {
        var actions: [MediaAction] = []
        for whole in [false, true] {
            guard let id = fileIDs[FileKey(server: server, resource: resource, whole: whole)] else { continue }
            actions += giveUpVersion(of: id)
            actions += failReads(of: id, .changed, at: now)
            actions += failOpens(of: id, .changed)
            // What failed before says nothing about the new file.
            files[id]?.memory = nil
            files[id]?.backoff.succeed()
            servers[server]?.heads.removeAll { $0 == id }
            dropIfIdle(id)
        }
        return actions + advance(at: now)
    }

    /// Notes that an answer of the server that says which version it has is waited for.
    mutating func wantHead(of id: FileID) {
        guard let file = files[id] else { return }
        let isAwaited = file.handles.contains { handles[$0]?.ready != nil }
        guard file.version == nil ? file.transfers.isEmpty : isAwaited,
            servers[file.key.server]?.heads.contains(id) == false,
            !file.transfers.contains(where: { fetches[$0]?.isCheck == true })
        else { return }
        servers[file.key.server]?.heads.append(id)
    }

    /// Takes a version as the one that all handles opened so far belong to; the server said so at `time`, or, if that is nil,
    /// only the disk does.
    mutating func confirm(_ id: FileID, _ version: Validator, at time: Instant?) -> [MediaAction] {
        guard files[id] != nil else { return [] }
        var actions = settleDisk(id, version)
        files[id]?.version = version
        files[id]?.checkedAt = time
        files[id]?.memory = nil
        actions += tellHandles(of: id)
        return actions
    }

    /// Tells those who have opened a file and do not know its version yet what it is.
    mutating func tellHandles(of id: FileID) -> [MediaAction] {
        guard let file = files[id], let known = file.learned else { return [] }
        servers[file.key.server]?.heads.removeAll { $0 == id }
        var actions: [MediaAction] = []
        for handleID in file.handles.sorted(by: { $0.value < $1.value }) {
            guard let handle = handles[handleID], handle.generation == nil else { continue }
            handles[handleID]?.generation = file.generation
            if let learned = handle.learned { actions.append(.learned(learned, known)) }
            if let ready = handle.ready { actions.append(.ready(ready, .success(known))) }
            handles[handleID]?.learned = nil
            handles[handleID]?.ready = nil
        }
        return actions
    }

    /// Forgets every byte of a file in memory; handles that have learned its version are stale from now on. What is on the
    /// disk stays until another version is known.
    mutating func giveUpVersion(of id: FileID) -> [MediaAction] {
        guard let file = files[id] else { return [] }
        var actions: [MediaAction] = []
        for transfer in file.transfers { actions += end(transfer) }
        slots.detachAll(of: id)
        if file.version != nil {
            files[id]?.version = nil
            files[id]?.checkedAt = nil
            files[id]?.generation += 1
        }
        return actions
    }

    /// Fails all parked reads of a file.
    mutating func failReads(of id: FileID, _ error: MediaError, at now: Instant) -> [MediaAction] {
        (files[id]?.parked ?? []).compactMap { remove($0).map { .fail($0.sink, error) } }
    }

    /// Fails all opens of a file that wait.
    mutating func failOpens(of id: FileID, _ error: MediaError) -> [MediaAction] {
        var actions: [MediaAction] = []
        for handleID in files[id]?.handles ?? [] {
            guard let ready = handles[handleID]?.ready else { continue }
            handles[handleID]?.ready = nil
            actions.append(.ready(ready, .failure(error)))
        }
        return actions
    }

    /// Drops what is known of files that nobody has open and that have no bytes in memory.
    mutating func dropIdleFiles() {
        for id in slots.emptied { dropIfIdle(id) }
        slots.emptied = []
    }

    mutating func dropIfIdle(_ id: FileID) {
        guard let file = files[id], file.handles.isEmpty, file.parked.isEmpty, file.transfers.isEmpty else { return }
        guard !slots.has(id) else {
            // Its bytes may stay in memory for long, and for many files; a descriptor is not kept for each of them.
            files[id]?.disk = nil
            return
        }
        files[id] = nil
        fileIDs[file.key] = nil
        servers[file.key.server]?.heads.removeAll { $0 == id }
    }
}
