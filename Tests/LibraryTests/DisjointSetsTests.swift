import Testing

@testable import Derive

@Suite struct `Disjoint sets` {
    private func sets(_ ties: [(Int64, Int64)]) -> [[Int64]] {
        var sets = DisjointSets()
        for (a, b) in ties { sets.tie(a, b) }
        return Dictionary(grouping: sets.members(), by: \.set).sorted { $0.key < $1.key }.map { $0.value.map(\.number) }
    }

    @Test func `hold what is tied, also by way of others, and nothing that is alone`() {
        #expect(sets([]).isEmpty)
        #expect(sets([(4, 4)]).isEmpty)
        #expect(sets([(7, 2)]) == [[2, 7]])
        #expect(sets([(9, 8), (1, 3), (3, 9), (5, 6), (5, 5)]) == [[1, 3, 8, 9], [5, 6]])
        #expect(sets([(5, 4), (4, 3), (3, 2), (2, 1), (1, 0)]) == [[0, 1, 2, 3, 4, 5]])
    }

    @Test func `are those that spreading labels finds, in whatever order the ties come`() {
        for seed: UInt64 in 1...200 {
            var random = Random(seed: seed)
            let ties = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                (Int64.random(in: 0...50, using: &random), Int64.random(in: 0...50, using: &random))
            }
            var label = [Int64](0...50)
            for _ in label {
                for (a, b) in ties {
                    let least = min(label[Int(a)], label[Int(b)])
                    (label[Int(a)], label[Int(b)]) = (least, least)
                }
            }
            let expected = Dictionary(grouping: label.indices.map(Int64.init)) { label[Int($0)] }
                .filter { $0.value.count > 1 }.sorted { $0.key < $1.key }.map(\.value)
            #expect(sets(ties) == expected, "seed \(seed)")
            #expect(sets(ties.shuffled(using: &random).map { ($1, $0) }) == expected, "seed \(seed)")
        }
    }
}
