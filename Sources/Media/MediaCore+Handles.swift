import Stash

/// Opens, closes, and servers that come and go.
extension MediaCore {
    mutating func open(
        _ source: MediaSource, at now: Instant, learned: @escaping @Sendable (LearnedMedia) -> Void,
        ready: @escaping @Sendable (Result<LearnedMedia?, MediaError>) -> Void
    ) -> (HandleID, [MediaAction]) {
        let key = FileKey(server: source.server, resource: source.resource, whole: source.whole)
        let id = fileIDs[key] ?? FileID(value: nextID())
        fileIDs[key] = id
        var file = files[id] ?? File(key: key)
        let handleID = HandleID(value: nextID())
        var handle = Handle(file: id, readyBy: now + limits.openWait)
        var actions: [MediaAction] = []
        file.handles.insert(handleID)
        if isShutDown || servers[source.server]?.isSet != true {
            handle.learned = learned
            actions.append(.ready(ready, .failure(.unavailable)))
        } else if let known = file.learned {
            handle.generation = file.generation
            actions += [.learned(learned, known), .ready(ready, .success(known))]
        } else if !isAvailable(source.server) {
            handle.learned = learned
            actions.append(.ready(ready, .failure(.unavailable)))
        } else if let memory = file.memory, memory.until > now, memory.error == .gone || memory.error == .refused {
            handle.learned = learned
            actions.append(.ready(ready, .failure(memory.error)))
        } else {
            handle.learned = learned
            handle.ready = ready
        }
        files[id] = file
        handles[handleID] = handle
        if handle.ready != nil {
            wantHead(of: id)
            actions += pump(source.server, at: now)
        }
        return (handleID, actions)
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
            files[id]?.memory = nil
            files[id]?.backoff.succeed()
        }
        servers[number]?.heads = []
        let after = health(of: number)
        if after != before { actions.append(.health(number, after)) }
        return actions + advance(at: now)
    }

    mutating func shutdown(at now: Instant) -> [MediaAction] {
        isShutDown = true
        var actions: [MediaAction] = []
        for id in Array(files.keys) {
            actions += giveUpVersion(of: id)
            actions += failReads(of: id, .unavailable, at: now)
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
            // What failed before says nothing about the new file.
            files[id]?.memory = nil
            files[id]?.backoff.succeed()
            servers[server]?.heads.removeAll { $0 == id }
            dropIfIdle(id)
        }
        return actions + advance(at: now)
    }

    /// Notes that the first answer for a file is waited for.
    mutating func wantHead(of id: FileID) {
        guard let file = files[id], file.version == nil, file.transfers.isEmpty else { return }
        guard servers[file.key.server]?.heads.contains(id) == false else { return }
        servers[file.key.server]?.heads.append(id)
    }

    /// Takes the first answer as the version that all handles opened so far belong to.
    mutating func confirm(_ id: FileID, _ version: Validator) -> [MediaAction] {
        guard var file = files[id] else { return [] }
        file.version = version
        file.memory = nil
        files[id] = file
        guard let known = file.learned else { return [] }
        var actions: [MediaAction] = []
        for handleID in file.handles.sorted(by: { $0.value < $1.value }) {
            guard var handle = handles[handleID], handle.generation == nil else { continue }
            handle.generation = file.generation
            if let learned = handle.learned { actions.append(.learned(learned, known)) }
            if let ready = handle.ready { actions.append(.ready(ready, .success(known))) }
            (handle.learned, handle.ready) = (nil, nil)
            handles[handleID] = handle
        }
        return actions
    }

    /// Forgets every byte of a file; handles that have learned its version are stale from now on.
    mutating func giveUpVersion(of id: FileID) -> [MediaAction] {
        guard let file = files[id] else { return [] }
        var actions: [MediaAction] = []
        for transfer in file.transfers { actions += end(transfer) }
        slots.detachAll(of: id)
        if file.version != nil {
            files[id]?.version = nil
            files[id]?.generation += 1
        }
        return actions
    }

    /// Fails all parked reads and unfinished opens of a file.
    mutating func failReads(of id: FileID, _ error: MediaError, at now: Instant) -> [MediaAction] {
        guard let file = files[id] else { return [] }
        var actions: [MediaAction] = []
        for read in file.parked {
            guard let read = remove(read) else { continue }
            actions.append(.fail(read.sink, error))
        }
        for handleID in file.handles {
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
        guard let file = files[id], file.handles.isEmpty, file.parked.isEmpty, file.transfers.isEmpty, !slots.has(id)
        else { return }
        files[id] = nil
        fileIDs[file.key] = nil
        servers[file.key.server]?.heads.removeAll { $0 == id }
    }
}
