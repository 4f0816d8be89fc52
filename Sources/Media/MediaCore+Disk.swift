import DiskCache
import Stash

/// What is on the disk, and what comes and goes there.
extension MediaCore {
    /// Whether a block need not be fetched: it has a slot, which a transfer fills or has filled, or it is on the disk.
    func isPresent(_ file: FileID, _ block: Int64) -> Bool {
        slots.find(file, block) != nil || isOnDisk(file, block)
    }

    func isOnDisk(_ file: FileID, _ block: Int64) -> Bool {
        files[file]?.disk?.blocks.contains(block) == true
    }

    /// Whether the disk should be asked what it has before a file is opened.
    func shouldLookOnDisk(_ source: MediaSource) -> Bool {
        hasDisk && fileIDs[FileKey(source)].flatMap { files[$0]?.disk } == nil
    }

    /// Believes the disk without the server, when the index has the same version and the server cannot be asked.
    mutating func confirmFromDisk(_ id: FileID) -> [MediaAction] {
        guard let file = files[id], file.version == nil, let copy = file.disk,
            file.indexed == LearnedMedia(copy.version).version
        else { return [] }
        return confirm(id, copy.version, at: nil)
    }

    /// Keeps what the disk has when it is of the version that was found, else has it removed.
    mutating func settleDisk(_ id: FileID, _ version: Validator) -> [MediaAction] {
        guard hasDisk, files[id]?.disk?.version != version else { return [] }
        let actions = discardDisk(id)
        // What may still be read of it can only be told by a server that marks its versions by more than their size.
        if version.isMarked {
            files[id]?.disk = DiskCopy(
                version: version, blocks: CachedBlocks(capacity: Self.blocks(0..<version.total).upperBound))
        }
        return actions
    }

    /// Has what the disk has of a file removed.
    mutating func discardDisk(_ id: FileID) -> [MediaAction] {
        guard let file = files[id], file.disk != nil else { return [] }
        files[id]?.disk = nil
        return [.discard(file.key)]
    }

    /// Has a block that is whole now written to the disk, unless too many wait for that.
    ///
    /// A quarter of memory may wait: a disk that is slower than the network must not take the memory of reads. What is left
    /// out is fetched again when it is read again.
    mutating func store(_ slot: Int) -> [MediaAction] {
        let block = slots[slot].block
        guard let file = files[slots[slot].file], let version = file.version, let copy = file.disk,
            copy.version == version, !copy.blocks.contains(block), blocksToStore < slots.count / 4
        else { return [] }
        slots.pin(slot)
        blocksToStore += 1
        return [
            .store(
                BlockToStore(
                    file: slots[slot].file, key: file.key, generation: file.generation, version: version, slot: slot,
                    block: block, count: needed(block, size: version.total), disk: copy.file))
        ]
    }

    /// Notes that the disk is done with a block: whether it is there now, and in which file.
    mutating func stored(
        _ job: BlockToStore, _ isStored: Bool, in disk: CacheFile?, at now: Instant
    ) -> [MediaAction] {
        slots.unpin(job.slot)
        blocksToStore -= 1
        if isStored, let file = files[job.file], file.generation == job.generation, file.disk?.version == job.version {
            files[job.file]?.disk?.file = disk
            files[job.file]?.disk?.blocks.insert(job.block)
        }
        return queue.isEmpty ? [] : advance(at: now)
    }

    /// Notes that a block is on the disk no longer: it was damaged, or its space was needed.
    mutating func lost(_ block: Int64, of id: FileID) {
        files[id]?.disk?.blocks.remove(block)
        for read in files[id]?.parked ?? [] { readmit(read, for: block) }
    }

    /// Asks again for a read whose answer was under way when a block of it turned out to be lost.
    mutating func again(_ read: Read, at now: Instant) -> [MediaAction] {
        guard let file = files[read.file], isAvailable(file.key.server) else {
            return [.fail(read.sink, .unavailable)]
        }
        guard file.generation == read.generation else { return [.fail(read.sink, .changed)] }
        var read = read
        (read.isAdmitted, read.wanted) = (false, 0)
        return park(read, at: now).1
    }
}
