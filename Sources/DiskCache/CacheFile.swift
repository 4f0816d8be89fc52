import Glibc
import Synchronization

/// The blocks of one version of one media file, in a sparse file.
///
/// A block is given only when its checksum fits. That is looked at once for each block in the life of this object; blocks
/// that it has written itself need no look. So whatever a power cut, a kill or a full disk leaves is a block that is not
/// there, and never a wrong byte. What is not defended is a process of the same user that writes into the file meanwhile.
///
/// Unchecked because it owns a descriptor, opened before and closed in deinit; all else is behind the lock.
package final class CacheFile: @unchecked Sendable {
    /// Bytes of a block; the last one of a file may be shorter.
    package static let blockSize = 64 << 10
    /// What is given back at once when space is needed: 8 MiB, few enough system calls for a large film.
    static let extent: Int64 = 128

    private struct State {
        var present: CachedBlocks
        var verified: CachedBlocks
        /// As the map has them.
        var sums: [UInt64]
        /// How many readers use blocks of an extent now.
        var pins: [Int64: Int] = [:]
        /// When an extent was last used, in ticks of the ledger.
        var used: [Int64: UInt64] = [:]
    }

    /// Which of the file's contents it holds.
    package var version: CacheVersion { header.version }
    /// Valid as long as this object; for splice(2).
    package let descriptor: Int32
    let header: CacheHeader
    let path: CachePath
    private let identity: UInt64
    private let ledger: CacheLedger
    private let state: Mutex<State>

    /// Takes over an open descriptor; nil when it is no cache file of this key. It is closed in any case.
    init?(opening descriptor: Int32, key: CacheKey, path: CachePath, ledger: CacheLedger) {
        var page = [UInt8](repeating: 0, count: CacheHeader.size)
        guard page.withUnsafeMutableBytes({ Disk.read(descriptor, $0, at: 0) }) == 0,
            let (header, identity) = CacheHeader.decoded(page), header.key == key,
            let facts = Disk.facts(descriptor), facts.size == header.fileSize
        else {
            close(descriptor)
            return nil
        }
        var sums = [UInt64](repeating: 0, count: Int(header.blocks))
        let status = sums.withUnsafeMutableBytes { Disk.read(descriptor, $0, at: CacheHeader.mapOffset(ofBlock: 0)) }
        guard status == 0 else {
            close(descriptor)
            return nil
        }
        var present = CachedBlocks(capacity: header.blocks)
        for (block, sum) in sums.enumerated() where sum != 0 { present.insert(Int64(block)) }
        self.descriptor = descriptor
        self.header = header
        self.path = path
        self.identity = identity
        self.ledger = ledger
        state = Mutex(State(present: present, verified: CachedBlocks(capacity: header.blocks), sums: sums))
    }

    /// Takes over the descriptor of an empty file and writes the header; nil when that fails, or the key is too long for it.
    init?(making descriptor: Int32, _ header: CacheHeader, path: CachePath, ledger: CacheLedger) {
        guard let (page, identity) = header.encoded(), ftruncate(descriptor, off_t(header.fileSize)) == 0,
            page.withUnsafeBytes({ Disk.write(descriptor, $0, at: 0) }) == 0
        else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
        self.header = header
        self.path = path
        self.identity = identity
        self.ledger = ledger
        let none = CachedBlocks(capacity: header.blocks)
        state = Mutex(
            State(present: none, verified: none, sums: [UInt64](repeating: 0, count: Int(header.blocks))))
    }

    deinit {
        close(descriptor)
    }

    /// Blocks that are said to be there: a hint, for `pin` decides.
    package var blocks: CachedBlocks { state.withLock { $0.present } }

    /// Where a block is in the descriptor's file: page-aligned, and the next one follows.
    package func offset(ofBlock block: Int64) -> Int64 { header.dataOffset + block * Int64(Self.blockSize) }

    /// Stores blocks that follow one another, all their bytes; on one thread at a time. Many at once cost the system half of what
    /// they cost one by one.
    ///
    /// - Returns: Whether they are there now; not when the disk is full or broken, or storing is suspended for that.
    package func write(from first: Int64, _ blocks: [UnsafeRawBufferPointer]) -> Bool {
        let places = first..<first + Int64(blocks.count)
        guard first >= 0, places.upperBound <= header.blocks,
            zip(places, blocks).allSatisfy({ $1.count == header.bytes(inBlock: $0) })
        else { return false }
        // Blocks that are there stay as they are: somebody may read them now.
        let missing = state.withLock { state in places.filter { !state.present.contains($0) } }
        var run: [Int64] = []
        for block in missing {
            if let last = run.last, last + 1 != block {
                guard writeMissing(run[0], run.map { blocks[Int($0 - first)] }) else { return false }
                run = []
            }
            run.append(block)
        }
        return run.isEmpty || writeMissing(run[0], run.map { blocks[Int($0 - first)] })
    }

    private func writeMissing(_ first: Int64, _ bytes: [UnsafeRawBufferPointer]) -> Bool {
        let blocks = first..<first + Int64(bytes.count)
        let count = bytes.reduce(0) { $0 + $1.count }
        guard ledger.maySpend(count) else { return false }
        let sums = zip(blocks, bytes).map { Checksum.of($1, block: $0, identity: identity) }
        var status: Int32 = bytes.count > 1 ? Disk.reserve(descriptor, range(of: blocks)) : 0
        if status == 0 { status = Disk.write(descriptor, bytes, at: offset(ofBlock: first)) }
        if status == 0 { status = write(sums, ofBlocksFrom: first) }
        guard status == 0 else {
            // What was written in part has no sum, so it is not there; its room is given back.
            drop(blocks)
            _ = Disk.punch(descriptor, range(of: blocks))
            ledger.failed(status)
            return false
        }
        state.withLock { state in
            for (block, sum) in zip(blocks, sums) {
                state.sums[Int(block)] = sum
                state.present.insert(block)
                state.verified.insert(block)
                state.used[block / Self.extent] = ledger.tick()
            }
        }
        ledger.spent(Int64(count), on: path)
        return true
    }

    /// Keeps blocks from being given back until `unpin`.
    ///
    /// - Returns: Nil when all of them are there and right; else the first one that is not, and nothing is kept.
    package func pin(_ blocks: Range<Int64>) -> Int64? {
        // Somebody may have cut the file: what is behind its end would be read as nothing.
        guard let facts = Disk.facts(descriptor), facts.size == header.fileSize else {
            drop(blocks)
            return blocks.lowerBound
        }
        let unverified: [(Int64, UInt64)]? = state.withLock { state in
            guard state.present.firstMissing(in: blocks) == nil else { return nil }
            for extent in Self.extents(blocks) {
                state.pins[extent, default: 0] += 1
                state.used[extent] = ledger.tick()
            }
            return blocks.filter { !state.verified.contains($0) }.map { ($0, state.sums[Int($0)]) }
        }
        guard let unverified else { return state.withLock { $0.present.firstMissing(in: blocks) } ?? blocks.lowerBound }
        guard !unverified.isEmpty else { return nil }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.blockSize, alignment: 64)
        defer { buffer.deallocate() }
        for (block, sum) in unverified {
            let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer[..<header.bytes(inBlock: block)])
            guard Disk.read(descriptor, bytes, at: offset(ofBlock: block)) == 0,
                Checksum.of(UnsafeRawBufferPointer(bytes), block: block, identity: identity) == sum
            else {
                unpin(blocks)
                drop(block..<block + 1)
                return block
            }
            state.withLock { state in
                // It may have been dropped and written anew meanwhile; then it is verified, too.
                if state.sums[Int(block)] == sum { state.verified.insert(block) }
            }
        }
        return nil
    }

    package func unpin(_ blocks: Range<Int64>) {
        state.withLock { state in
            for extent in Self.extents(blocks) {
                let left = state.pins[extent, default: 1] - 1
                state.pins[extent] = left > 0 ? left : nil
            }
        }
    }

    /// Copies bytes of pinned blocks; false when the disk fails.
    package func read(_ range: Range<Int64>, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<range.count])
        return Disk.read(descriptor, part, at: header.dataOffset + range.lowerBound) == 0
    }

    // MARK: Giving space back

    /// When each extent that has blocks and is not being read was last used.
    var idleExtents: [(extent: Int64, used: UInt64)] {
        state.withLock { state in
            var extents: [(Int64, UInt64)] = []
            var first: Int64 = 0
            while first < header.blocks {
                let blocks = first..<min(first + Self.extent, header.blocks)
                let extent = first / Self.extent
                if state.pins[extent] == nil, blocks.contains(where: { state.present.contains($0) }) {
                    extents.append((extent, state.used[extent] ?? 0))
                }
                first += Self.extent
            }
            return extents
        }
    }

    /// Gives an extent back, unless somebody reads it.
    func giveBack(extent: Int64) {
        let blocks = extent * Self.extent..<min((extent + 1) * Self.extent, header.blocks)
        let isFree = state.withLock { state in
            guard state.pins[extent] == nil else { return false }
            for block in blocks { Self.forget(block, &state) }
            return true
        }
        guard isFree else { return }
        _ = write([UInt64](repeating: 0, count: blocks.count), ofBlocksFrom: blocks.lowerBound)
        let freed = blocks.reduce(Int64(0)) { $0 + Int64(header.bytes(inBlock: $1)) }
        _ = Disk.punch(descriptor, range(of: blocks))
        ledger.spent(-freed, on: path)
    }

    /// Damaged, or no longer there: fetched anew.
    private func drop(_ blocks: Range<Int64>) {
        state.withLock { state in for block in blocks { Self.forget(block, &state) } }
        _ = write([UInt64](repeating: 0, count: blocks.count), ofBlocksFrom: blocks.lowerBound)
    }

    private static func forget(_ block: Int64, _ state: inout State) {
        state.present.remove(block)
        state.verified.remove(block)
        state.sums[Int(block)] = 0
    }

    private static func extents(_ blocks: Range<Int64>) -> ClosedRange<Int64> {
        blocks.lowerBound / extent...max(blocks.lowerBound, blocks.upperBound - 1) / extent
    }

    private func range(of blocks: Range<Int64>) -> Range<Int64> {
        offset(ofBlock: blocks.lowerBound)..<min(offset(ofBlock: blocks.upperBound), header.fileSize)
    }

    private func write(_ sums: [UInt64], ofBlocksFrom first: Int64) -> Int32 {
        sums.withUnsafeBytes { Disk.write(descriptor, $0, at: CacheHeader.mapOffset(ofBlock: first)) }
    }
}
