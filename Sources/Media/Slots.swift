/// Which block of which file is in which slot of the slab, and which slots may be given to another block.
///
/// A slot goes from free to reserved to complete. Bytes arrive from the front of a block to its end, and what has
/// arrived is never written again while the slot holds that block: so bytes may be delivered from a block that is
/// still filling, and a transfer that takes over continues where the last one stopped. A slot can be taken from its
/// block when the block is complete and nobody pins or wants it, least recently used first, and before those what was
/// read to its end on the way through a file: the kernel has these pages now, and memory that has just been used is in the
/// processor's cache, which makes the next bytes of the stream cheaper. A slot whose block is no
/// longer true (the file has changed) is detached: it is found by nobody and is free as soon as its pins are gone.
struct Slots: Sendable {
    /// Bytes of a block.
    ///
    /// A jump waits for what is before its place in the block: at 200 Mbit/s at most 2.6 ms. Of a random read of 64 KiB the
    /// kernel makes one of 4 and one of 128 KiB, which touch 3 blocks: 3 times its size (the goal is 4). A request of
    /// the kernel, at most 1 MiB, touches at most 17. And 8 MiB of read-ahead are 128 blocks: cheap to count.
    static let blockSize = 64 << 10

    struct Slot: Sendable {
        var server: Int64 = 0
        var file = FileID(value: 0)
        var block: Int64 = 0
        /// Bytes that have arrived, from the front.
        fileprivate(set) var filled = 0
        fileprivate(set) var isComplete = false
        /// The transfer that will fill the block.
        fileprivate(set) var transfer: TransferID?
        /// Deliveries and writes that use the memory at this moment.
        fileprivate(set) var pins = 0
        /// Parked reads that need the block.
        fileprivate(set) var wants = 0
        fileprivate var isAttached = false
        /// Whether it goes before all others when memory is needed.
        fileprivate var isSpent = false
        fileprivate var isIdle = false
        fileprivate var newer = -1
        fileprivate var older = -1
    }

    private struct Key: Hashable {
        let file: FileID
        let block: Int64
    }

    private var slots: [Slot]
    private var free: [Int]
    private var index: [Key: Int] = [:]
    private var newest = -1
    private var oldest = -1
    private var idle = 0
    private var perFile: [FileID: Int] = [:]
    private var incompletePerServer: [Int64: Int] = [:]
    /// Files that lost their last block since this was last emptied.
    var emptied: [FileID] = []

    init(count: Int) {
        slots = Array(repeating: Slot(), count: count)
        free = Array((0..<count).reversed())
    }

    subscript(slot: Int) -> Slot { slots[slot] }

    var count: Int { slots.count }
    /// Slots that could be reserved now.
    var available: Int { free.count + idle }
    var used: Int { slots.count - free.count }
    var pinned: Int { slots.count { $0.pins > 0 } }

    func incomplete(of server: Int64) -> Int { incompletePerServer[server] ?? 0 }

    func has(_ file: FileID) -> Bool { perFile[file] != nil }

    func find(_ file: FileID, _ block: Int64) -> Int? {
        index[Key(file: file, block: block)]
    }

    /// Gives a slot to a block which has none; nil when all slots are in use.
    ///
    /// The caller gives it a want or a transfer next, else nobody would free it.
    mutating func reserve(server: Int64, file: FileID, block: Int64) -> Int? {
        if free.isEmpty, oldest >= 0 {
            detach(oldest)
        }
        guard let slot = free.popLast() else { return nil }
        slots[slot] = Slot(server: server, file: file, block: block, isAttached: true)
        index[Key(file: file, block: block)] = slot
        perFile[file, default: 0] += 1
        incompletePerServer[server, default: 0] += 1
        return slot
    }

    mutating func assign(_ slot: Int, to transfer: TransferID?) {
        slots[slot].transfer = transfer
        settle(slot)
    }

    mutating func want(_ slot: Int) {
        slots[slot].wants += 1
        settle(slot)
    }

    mutating func unwant(_ slot: Int) {
        slots[slot].wants -= 1
        settle(slot)
    }

    mutating func pin(_ slot: Int) {
        slots[slot].pins += 1
        settle(slot)
    }

    mutating func unpin(_ slot: Int) {
        slots[slot].pins -= 1
        settle(slot)
    }

    /// Says whether the block was read in passing, and so is the first to give up its slot.
    mutating func spend(_ slot: Int, _ isSpent: Bool) {
        guard slots[slot].isSpent != isSpent else { return }
        slots[slot].isSpent = isSpent
        guard slots[slot].isIdle else { return }
        unlink(slot)
        link(slot)
    }

    /// Notes that `count` more bytes have arrived; `needed` is the number of bytes that the block has in all.
    ///
    /// - Returns: whether the slot still belongs to its block.
    mutating func fill(_ slot: Int, by count: Int, needed: Int) -> Bool {
        guard slots[slot].isAttached else { return false }
        slots[slot].filled += count
        complete(slot, needed: needed)
        return true
    }

    /// Marks the block as complete when it has all its bytes, for instance because the size is known only now.
    mutating func complete(_ slot: Int, needed: Int) {
        guard !slots[slot].isComplete, slots[slot].filled >= needed else { return }
        slots[slot].isComplete = true
        slots[slot].transfer = nil
        incompletePerServer[slots[slot].server, default: 0] -= 1
        settle(slot)
    }

    /// Takes the slot from its block.
    mutating func detach(_ slot: Int) {
        guard slots[slot].isAttached else { return }
        let old = slots[slot]
        slots[slot].isAttached = false
        index[Key(file: old.file, block: old.block)] = nil
        if !old.isComplete {
            incompletePerServer[old.server, default: 0] -= 1
        }
        let left = perFile[old.file, default: 1] - 1
        perFile[old.file] = left > 0 ? left : nil
        if left <= 0 {
            emptied.append(old.file)
        }
        settle(slot)
    }

    /// Takes all slots of a file.
    mutating func detachAll(of file: FileID) {
        guard has(file) else { return }
        for slot in slots.indices where slots[slot].isAttached && slots[slot].file == file {
            detach(slot)
        }
    }

    /// All slots that wait for bytes of a transfer.
    func assigned(to transfer: TransferID) -> [Int] {
        slots.indices.filter { slots[$0].transfer == transfer }
    }

    /// Puts a slot where its counts say it belongs: free, in the list of those that may be taken, or in use.
    private mutating func settle(_ slot: Int) {
        let now = slots[slot]
        if now.isAttached, !now.isComplete, now.transfer == nil, now.wants == 0, now.pins == 0 {
            detach(slot)
            return
        }
        let shouldBeIdle = now.isAttached && now.isComplete && now.wants == 0 && now.pins == 0
        if now.isIdle != shouldBeIdle {
            if shouldBeIdle { link(slot) } else { unlink(slot) }
        }
        if !now.isAttached, now.pins == 0 {
            slots[slot] = Slot()
            free.append(slot)
        }
    }

    private mutating func link(_ slot: Int) {
        slots[slot].isIdle = true
        idle += 1
        if slots[slot].isSpent {
            slots[slot].older = -1
            slots[slot].newer = oldest
            if oldest >= 0 { slots[oldest].older = slot } else { newest = slot }
            oldest = slot
        } else {
            slots[slot].older = newest
            slots[slot].newer = -1
            if newest >= 0 { slots[newest].newer = slot } else { oldest = slot }
            newest = slot
        }
    }

    private mutating func unlink(_ slot: Int) {
        let (newer, older) = (slots[slot].newer, slots[slot].older)
        if newer >= 0 { slots[newer].older = older } else { newest = older }
        if older >= 0 { slots[older].newer = newer } else { oldest = newer }
        slots[slot].isIdle = false
        idle -= 1
    }
}
