/// A set of blocks of one file, a bit each.
package struct CachedBlocks: Sendable, Equatable {
    /// How many blocks the file has.
    package let capacity: Int64
    private var words: [UInt64]
    /// How many of them are in the set.
    package private(set) var count: Int64 = 0

    /// An empty set.
    package init(capacity: Int64) {
        self.capacity = capacity
        words = [UInt64](repeating: 0, count: Int((capacity + 63) / 64))
    }

    /// Whether a block is in the set; false for one that the file does not have.
    package func contains(_ block: Int64) -> Bool {
        block >= 0 && block < capacity && words[Int(block / 64)] & (1 << UInt64(block % 64)) != 0
    }

    /// The first block of a range that is not in the set, or nil.
    package func firstMissing(in range: Range<Int64>) -> Int64? {
        var block = range.lowerBound
        while block < range.upperBound {
            guard contains(block) else { return block }
            // A word at a time where it is full.
            block += block % 64 == 0 && words[Int(block / 64)] == .max ? 64 : 1
        }
        return nil
    }

    package mutating func insert(_ block: Int64) {
        guard block >= 0, block < capacity, !contains(block) else { return }
        words[Int(block / 64)] |= 1 << UInt64(block % 64)
        count += 1
    }

    package mutating func remove(_ block: Int64) {
        guard contains(block) else { return }
        words[Int(block / 64)] &= ~(1 << UInt64(block % 64))
        count -= 1
    }

    mutating func removeAll() {
        self = CachedBlocks(capacity: capacity)
    }
}
