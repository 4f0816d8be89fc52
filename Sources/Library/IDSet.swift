/// Ids of things of one kind at one server. A server gives them out one after the other, so neighbours share a word: a million
/// take half a megabyte, where a `Set` takes 16. Any ids will do, and alone each costs what it would cost there.
package struct IDSet: Sendable, Hashable {
    /// Bit n of word w stands for the id 64 w + n; no word is 0.
    private var words: [Int64: UInt64] = [:]
    package private(set) var count = 0

    package init() {}

    private static func place(_ id: Int64) -> (word: Int64, bit: UInt64) { (id >> 6, 1 << UInt64(id & 63)) }

    package func contains(_ id: Int64) -> Bool {
        let (word, bit) = Self.place(id)
        return words[word, default: 0] & bit != 0
    }

    package mutating func formUnion(_ ids: some Sequence<Int64>) {
        for id in ids { insert(id) }
    }

    /// Replaces these words by what `combine` makes of them and those of the other set.
    private mutating func change(
        _ places: some Sequence<Int64>, by other: IDSet, _ combine: (UInt64, UInt64) -> UInt64
    ) {
        for word in places {
            let before = words[word, default: 0]
            let after = combine(before, other.words[word, default: 0])
            words[word] = after == 0 ? nil : after
            count += after.nonzeroBitCount - before.nonzeroBitCount
        }
    }
}

extension IDSet: SetAlgebra {
    @discardableResult
    package mutating func insert(_ id: Int64) -> (inserted: Bool, memberAfterInsert: Int64) {
        let (word, bit) = Self.place(id)
        let isNew = words[word, default: 0] & bit == 0
        if isNew {
            words[word, default: 0] |= bit
            count += 1
        }
        return (isNew, id)
    }

    @discardableResult
    package mutating func update(with id: Int64) -> Int64? { insert(id).inserted ? nil : id }

    @discardableResult
    package mutating func remove(_ id: Int64) -> Int64? {
        guard contains(id) else { return nil }
        subtract([id])
        return id
    }

    package mutating func formUnion(_ other: IDSet) { change(other.words.keys, by: other, |) }
    package mutating func formIntersection(_ other: IDSet) { change(Array(words.keys), by: other, &) }
    package mutating func formSymmetricDifference(_ other: IDSet) { change(other.words.keys, by: other, ^) }
    package mutating func subtract(_ other: IDSet) { change(other.words.keys, by: other) { $0 & ~$1 } }

    package func union(_ other: IDSet) -> IDSet { with { $0.formUnion(other) } }
    package func intersection(_ other: IDSet) -> IDSet { with { $0.formIntersection(other) } }
    package func symmetricDifference(_ other: IDSet) -> IDSet { with { $0.formSymmetricDifference(other) } }
    package func subtracting(_ other: IDSet) -> IDSet { with { $0.subtract(other) } }

    private func with(_ change: (inout IDSet) -> Void) -> IDSet {
        var changed = self
        change(&changed)
        return changed
    }
}

/// In the order of ids.
extension IDSet: Sequence {
    package struct Iterator: IteratorProtocol {
        private let words: [Int64: UInt64]
        private var order: ArraySlice<Int64>
        /// What is left of the first word in `order`.
        private var rest: UInt64 = 0

        fileprivate init(_ words: [Int64: UInt64]) {
            self.words = words
            order = words.keys.sorted()[...]
            rest = order.first.flatMap { words[$0] } ?? 0
        }

        package mutating func next() -> Int64? {
            guard let word = order.first else { return nil }
            let bit = Int64(rest.trailingZeroBitCount)
            rest &= rest - 1
            if rest == 0 {
                order.removeFirst()
                rest = order.first.flatMap { words[$0] } ?? 0
            }
            return word << 6 + bit
        }
    }

    package func makeIterator() -> Iterator { Iterator(words) }
    package var underestimatedCount: Int { count }
}
