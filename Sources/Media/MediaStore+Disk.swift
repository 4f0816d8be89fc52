import DiskCache
import Dispatch
import Stash

/// What the store has on the disk.
extension MediaStore {
    /// What the disk has of a file that is not known in memory.
    func diskCopy(of source: MediaSource) -> DiskCopy? {
        guard let disk, let key = cacheKey(MediaCore.FileKey(source)),
            state.withLock({ $0.core.shouldLookOnDisk(source) }), let file = disk.open(key),
            let version = file.version.validator
        else { return nil }
        return DiskCopy(version: version, blocks: file.blocks, file: file)
    }

    /// Under which name the disk has a file; nil when files of its server are not kept there.
    func cacheKey(_ key: MediaCore.FileKey) -> CacheKey? {
        state.withLock { $0.folders[key.server] }.map {
            CacheKey(folder: $0, name: (key.whole ? "whole" : "") + key.resource.name)
        }
    }

    /// Has a block written, on the thread for that, and with it those that come before the thread is free.
    func store(_ job: BlockToStore) {
        let isFirst = blocksToWrite.withLock { blocks in
            blocks.append(job)
            return blocks.count == 1
        }
        if isFirst { writer.async { [self] in writeBlocks() } }
    }

    private func writeBlocks() {
        let jobs = blocksToWrite.withLock { blocks in
            defer { blocks = [] }
            return blocks
        }
        for run in jobs.runs {
            let file = write(run)
            perform(
                state.withLock { state in
                    run.flatMap { state.core.stored($0, file != nil, in: file, at: .now) }
                })
            if file != nil { disk?.trim() }
        }
    }

    private func write(_ run: [BlockToStore]) -> CacheFile? {
        guard let disk, let first = run.first, let key = cacheKey(first.key) else { return nil }
        let version = CacheVersion(first.version)
        // Blocks that came before these may have made the file meanwhile.
        let known = first.disk ?? disk.open(key).flatMap { $0.version == version ? $0 : nil }
        guard let file = known ?? disk.create(key, version) else { return nil }
        return file.write(from: first.block, run.map { slab.bytes(of: $0.slot, at: 0, $0.count) }) ? file : nil
    }

    /// Answers a read of which at least one block is on the disk. All of them are read, and found to be right, before the first byte
    /// is given.
    ///
    /// - Returns: The first block that is not there any more; then nothing was answered.
    func deliverFromDisk(_ pinned: PinnedRead, to sink: any ReadSink) -> Int64? {
        guard let file = pinned.disk else { return pinned.firstBlock }
        let scratch = UnsafeMutableRawBufferPointer.allocate(
            byteCount: pinned.diskCount * Slots.blockSize, alignment: 4096)
        defer { scratch.deallocate() }
        var parts: [UnsafeRawBufferPointer] = []
        var free = scratch[...]
        var left = pinned.length
        var index = 0
        while index < pinned.count {
            let inBlock = index == 0 ? pinned.offset : 0
            let isOnDisk = pinned.slots[index] == PinnedRead.onDisk
            // Blocks that follow one another on the disk are read at once.
            var end = index + 1
            while isOnDisk, end < pinned.count, pinned.slots[end] == PinnedRead.onDisk { end += 1 }
            let count = min(left, (end - index) * Slots.blockSize - inBlock)
            if isOnDisk {
                let run = pinned.firstBlock + Int64(index)..<pinned.firstBlock + Int64(end)
                let memory = UnsafeMutableRawBufferPointer(rebasing: free)
                if let lost = file.read(run, into: memory) { return lost }
                parts.append(UnsafeRawBufferPointer(rebasing: memory[inBlock..<inBlock + count]))
                free = free.dropFirst((end - index) * Slots.blockSize)
            } else {
                parts.append(slab.bytes(of: pinned.slots[index], at: inBlock, count))
            }
            left -= count
            index = end
        }
        sink.deliver(parts)
        return nil
    }
}

extension [BlockToStore] {
    /// How many blocks are written at once at most: a MiB.
    private static var longestRun: Int { 16 }

    /// The same in runs of blocks that follow one another in one file.
    fileprivate var runs: [[BlockToStore]] {
        var runs: [[BlockToStore]] = []
        for job in sorted(by: { ($0.file.value, $0.block) < ($1.file.value, $1.block) }) {
            if let last = runs.last?.last, last.file == job.file, last.generation == job.generation,
                last.block + 1 == job.block, runs[runs.count - 1].count < Self.longestRun
            {
                runs[runs.count - 1].append(job)
            } else {
                runs.append([job])
            }
        }
        return runs
    }
}
