import Glibc
import Synchronization

/// The blocks of one version of one media file, in a sparse file.
///
/// A block is given only when its checksum fits, each time. So whatever a power cut, a kill, a full disk, a bad sector or another
/// process leaves is a block that is not there, and never a wrong byte.
///
/// Unchecked because it owns a descriptor, opened before and closed in deinit; all else is behind the lock.
package final class CacheFile: @unchecked Sendable {
    /// Bytes of a block; the last one of a file may be shorter.
    package static let blockSize = 64 << 10
    /// What is given back at once when space is needed: 8 MiB, few enough system calls for a large film.
    static let extent: Int64 = 128

    private struct State {
        var present: CachedBlocks
        /// As the map has them.
        var sums: [UInt64]
        /// When an extent was last used, in ticks of the ledger.
        var used: [Int64: UInt64] = [:]
    }

    /// Which of the file's contents it holds.
    package var version: CacheVersion { header.version }
    private let descriptor: Int32
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
        state = Mutex(State(present: present, sums: sums))
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
        state = Mutex(
            State(
                present: CachedBlocks(capacity: header.blocks),
                sums: [UInt64](repeating: 0, count: Int(header.blocks))))
    }

    deinit {
        close(descriptor)
    }

    /// Blocks that are said to be there: a hint, for `read` decides.
    package var blocks: CachedBlocks { state.withLock { $0.present } }

    /// Where a block is in the file: page-aligned, and the next one follows.
    func offset(ofBlock block: Int64) -> Int64 { header.dataOffset + block * Int64(Self.blockSize) }

    /// Stores blocks that follow one another, all their bytes; on one thread at a time. Many at once cost the system half of what
    /// they cost one by one.
    ///
    /// - Returns: Whether they are there now; not when the disk is full or broken, or storing is suspended for that.
    package func write(from first: Int64, _ blocks: [UnsafeRawBufferPointer]) -> Bool {
        let places = first..<first + Int64(blocks.count)
        guard first >= 0, places.upperBound <= header.blocks,
            zip(places, blocks).allSatisfy({ $1.count == header.bytes(inBlock: $0) })
        else { return false }
        // Blocks that are there stay as they are.
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
                state.used[block / Self.extent] = ledger.tick()
            }
        }
        ledger.spent(Int64(count), on: path)
        return true
    }

    /// Copies blocks that follow one another, all their bytes, and holds the copy against their checksums: what is given is what was
    /// looked at.
    ///
    /// - Parameters:
    ///   - blocks: At least one.
    ///   - buffer: Has room for all of them, full ones.
    /// - Returns: Nil when all of them are there and right; else the first one that is not, and the buffer holds nothing of use.
    package func read(_ blocks: Range<Int64>, into buffer: UnsafeMutableRawBufferPointer) -> Int64? {
        let sums: [UInt64]? = state.withLock { state in
            guard state.present.firstMissing(in: blocks) == nil else { return nil }
            for extent in Self.extents(blocks) { state.used[extent] = ledger.tick() }
            return Array(state.sums[Int(blocks.lowerBound)..<Int(blocks.upperBound)])
        }
        guard let sums else { return state.withLock { $0.present.firstMissing(in: blocks) } ?? blocks.lowerBound }
        let range = range(of: blocks)
        let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer[..<range.count])
        guard Disk.read(descriptor, bytes, at: range.lowerBound) == 0 else {
            // Somebody may have cut the file, or the disk fails.
            drop(blocks)
            return blocks.lowerBound
        }
        for (place, block) in blocks.enumerated() {
            let start = place * Self.blockSize
            let part = UnsafeRawBufferPointer(rebasing: bytes[start..<start + header.bytes(inBlock: block)])
            guard Checksum.of(part, block: block, identity: identity) == sums[place] else {
                // Damaged, or given back meanwhile.
                drop(block..<block + 1)
                return block
            }
        }
        return nil
    }

    // MARK: Giving space back

    /// When each extent that has blocks was last used.
    var extents: [(extent: Int64, used: UInt64)] {
        state.withLock { state in
            var extents: [(Int64, UInt64)] = []
            var first: Int64 = 0
            while first < header.blocks {
                let blocks = first..<min(first + Self.extent, header.blocks)
                let extent = first / Self.extent
                if blocks.contains(where: { state.present.contains($0) }) {
                    extents.append((extent, state.used[extent] ?? 0))
                }
                first += Self.extent
            }
            return extents
        }
    }

    /// Gives an extent back. Who reads it meanwhile finds that it is not there.
    func giveBack(extent: Int64) {
        let blocks = extent * Self.extent..<min((extent + 1) * Self.extent, header.blocks)
        state.withLock { state in for block in blocks { Self.forget(block, &state) } }
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
