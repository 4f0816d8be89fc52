import Library
import Testing

/// A set of ids does what a set does.
@Suite struct IDSetTests {
    private struct Pair {
        var ids: IDSet
        var model: Set<Int64>
    }

    /// Dense ids from 1 on, with some far away and at the ends of what there is.
    private static func pair(_ random: inout Random) -> Pair {
        let far: [Int64] = [.min, .min + 1, -65, -64, -1, 0, 1 << 40, .max - 1, .max]
        var ids = (0..<Int.random(in: 0...200, using: &random)).map { _ in Int64.random(in: 1...300, using: &random) }
        ids += far.filter { _ in Bool.random(using: &random) }
        return Pair(ids: IDSet(ids), model: Set(ids))
    }

    @Test func `all that can be done with two sets comes to the same`() {
        for seed in 1...200 as ClosedRange<UInt64> {
            var random = Random(seed: seed)
            let (a, b) = (Self.pair(&random), Self.pair(&random))
            func check(_ ids: IDSet, _ model: Set<Int64>, _ what: String) {
                #expect(Array(ids) == model.sorted(), "\(what), seed \(seed)")
                #expect(ids.count == model.count && ids.isEmpty == model.isEmpty, "\(what), seed \(seed)")
                #expect(ids == IDSet(model), "\(what), seed \(seed)")
            }
            check(a.ids, a.model, "itself")
            check(a.ids.union(b.ids), a.model.union(b.model), "union")
            check(a.ids.intersection(b.ids), a.model.intersection(b.model), "intersection")
            check(a.ids.subtracting(b.ids), a.model.subtracting(b.model), "difference")
            check(a.ids.symmetricDifference(b.ids), a.model.symmetricDifference(b.model), "symmetric difference")
            #expect(a.ids.isSubset(of: b.ids) == a.model.isSubset(of: b.model), "seed \(seed)")
            #expect(a.ids.intersection(b.ids).isSubset(of: b.ids), "seed \(seed)")
            for id in b.model { #expect(a.ids.contains(id) == a.model.contains(id), "\(id), seed \(seed)") }

            var (changed, model) = (a.ids, a.model)
            for id in b.model.sorted().shuffled(using: &random) {
                if Bool.random(using: &random) {
                    #expect(changed.insert(id).inserted == model.insert(id).inserted, "\(id), seed \(seed)")
                } else {
                    #expect(changed.remove(id) == model.remove(id), "\(id), seed \(seed)")
                }
            }
            changed.formUnion([7, 8, 7] as [Int64])
            check(changed, model.union([7, 8]), "one by one")
        }
    }
}
