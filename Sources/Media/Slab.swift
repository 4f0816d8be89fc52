import Glibc

/// The memory of all blocks: one piece of address space, page-aligned, given to the process page by page as it is used.
///
/// Unchecked because it owns a mapping: the address never changes, and who may write or read which slot is decided by
/// `Slots` under the store's lock (a slot is written by one transfer behind what was filled, and read before that).
final class Slab: @unchecked Sendable {
    private let base: UnsafeMutableRawPointer
    private let size: Int

    /// Nil when there is no address space.
    init?(slots: Int) {
        size = slots * Slots.blockSize
        let mapping = mmap(
            nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | Int32(MAP_NORESERVE), -1, 0)
        guard let mapping, mapping != MAP_FAILED else { return nil }
        base = mapping
    }

    deinit {
        munmap(base, size)
    }

    /// Copies bytes into a slot.
    func write(_ bytes: UnsafeRawBufferPointer, to slot: Int, at offset: Int) {
        guard let source = bytes.baseAddress else { return }
        precondition(offset + bytes.count <= Slots.blockSize, "bytes stay within their block")
        (base + slot * Slots.blockSize + offset).copyMemory(from: source, byteCount: bytes.count)
    }

    /// The bytes of an answered read, block by block.
    func parts(of read: PinnedRead) -> [UnsafeRawBufferPointer] {
        var parts: [UnsafeRawBufferPointer] = []
        parts.reserveCapacity(read.count)
        var left = read.length
        for index in 0..<read.count {
            let offset = index == 0 ? read.offset : 0
            let count = min(left, Slots.blockSize - offset)
            parts.append(bytes(of: read.slots[index], at: offset, count))
            left -= count
        }
        return parts
    }

    /// Bytes of a slot, which the caller has pinned.
    func bytes(of slot: Int, at offset: Int, _ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + slot * Slots.blockSize + offset, count: count)
    }
}
