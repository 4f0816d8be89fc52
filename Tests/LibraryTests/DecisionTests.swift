import Derive
import Foundation
import Library
import Testing

@Suite struct `Decisions by hand` {
    let box: Sandbox
    let a: InstanceNumber
    let b: InstanceNumber
    let c: InstanceNumber

    init() throws {
        box = try Sandbox()
        a = try box.instance("attic")
        b = try box.instance("barn")
        c = try box.instance("cellar")
        for (instance, stashID) in [(a, "x"), (b, "x"), (c, nil)] as [(InstanceNumber, String?)] {
            try box.sync(
                instance,
                [
                    record(instance, .performer, 1, "Ann \(instance.rawValue)", stashID: stashID),
                    record(instance, .performer, 2, "Bea \(instance.rawValue)"),
                    record(instance, .studio, 1, "Studio \(instance.rawValue)"),
                ])
        }
        try box.catalogue.reloadInstances()
    }

    private func performer(_ instance: InstanceNumber, _ id: Int64) -> EntityRef {
        EntityRef(instance: instance, kind: .performer, id: id)
    }

    private func derive() throws { try Derivation(state: box.state, index: box.index).run() }

    private func refused(_ decide: () throws -> Void) -> DecisionError? {
        do {
            try decide()
            return nil
        } catch { return error as? DecisionError }
    }

    // MARK: What follows

    @Test func `a link joins, and undoing it takes apart again`() throws {
        // Nothing is listed of a performer without content, so entities are asked by their members.
        func companions(_ ref: EntityRef) throws -> [EntityRef] { try box.catalogue.companions(of: ref) }
        #expect(try companions(performer(a, 1)) == [performer(a, 1), performer(b, 1)])
        try box.state.link(performer(c, 1), performer(a, 1))
        #expect(try companions(performer(c, 1)) == [performer(c, 1)], "a derivation has to follow")
        #expect(try box.catalogue.decisions().map(\.effect) == [.refused])
        try derive()
        let all = [performer(a, 1), performer(b, 1), performer(c, 1)]
        for one in all { #expect(try companions(one) == all) }
        #expect(try box.catalogue.decisions().map(\.effect) == [.inEffect])
        try box.state.undoLink(performer(a, 1), performer(c, 1))
        try derive()
        #expect(try companions(performer(c, 1)) == [performer(c, 1)])
        #expect(try companions(performer(b, 1)) == [performer(a, 1), performer(b, 1)])
        #expect(try box.catalogue.decisions().isEmpty)
    }

    @Test func `a split wins over a shared id, and undoing it joins again`() throws {
        #expect(try box.state.split(performer(b, 1)) == .setApart)
        try derive()
        #expect(try box.catalogue.companions(of: performer(a, 1)) == [performer(a, 1)])
        #expect(try box.catalogue.companions(of: performer(b, 1)) == [performer(b, 1)])
        #expect(try box.catalogue.decisions().map(\.effect) == [.inEffect])
        try box.state.undoSplit(performer(b, 1))
        try derive()
        #expect(try box.catalogue.companions(of: performer(b, 1)).count == 2)
    }

    @Test func `split takes links back first, so link then split restores`() throws {
        let before = try [1, 2].map { try box.catalogue.companions(of: performer(c, $0)) }
        try box.state.link(performer(b, 1), performer(c, 1))
        try derive()
        #expect(try box.state.split(performer(c, 1)) == .tookBack([performer(b, 1)]))
        try derive()
        #expect(try [1, 2].map { try box.catalogue.companions(of: performer(c, $0)) } == before)
        #expect(try box.state.decisions().isEmpty)
        #expect(try box.state.split(performer(c, 1)) == .setApart)
    }

    @Test func `a link still joins what was set apart`() throws {
        _ = try box.state.split(performer(a, 1))
        try box.state.link(performer(a, 1), performer(c, 2))
        try derive()
        #expect(try box.catalogue.companions(of: performer(a, 1)) == [performer(a, 1), performer(c, 2)])
        #expect(try box.catalogue.companions(of: performer(b, 1)) == [performer(b, 1)])
        #expect(try box.catalogue.decisions().map(\.effect) == [.inEffect, .inEffect])
    }

    @Test func `a link pushes a shared id out, which is told with the two that would have met`() throws {
        try box.state.link(performer(b, 1), performer(a, 2))
        try derive()
        #expect(try box.catalogue.companions(of: performer(b, 1)) == [performer(a, 2), performer(b, 1)])
        let refusals = try box.catalogue.refusals()
        #expect(refusals.map(\.strength) == [.stashID])
        #expect(refusals.map(\.text) == ["https://box/graphql x"])
        #expect(refusals.first.map { [$0.first, $0.second] } == [performer(a, 1), performer(b, 1)])
        #expect(refusals.first?.clash.map(Set.init) == [performer(a, 1), performer(a, 2)])
    }

    // MARK: What is refused

    @Test func `what makes no sense is refused in words`() throws {
        let names = ("attic:performer:1", "barn:performer:1")
        #expect(
            refused { try box.state.link(performer(a, 1), performer(a, 2)) }
                == .sameServer("attic:performer:1", "attic:performer:2"))
        #expect(
            refused { try box.state.link(performer(a, 1), performer(a, 1)) }?.description.contains("itself") == true)
        #expect(
            refused {
                try box.state.link(performer(a, 1), EntityRef(instance: b, kind: .studio, id: 1))
            } == .differentKinds("attic:performer:1", "barn:studio:1"))
        #expect(refused { try box.state.link(performer(a, 1), performer(b, 99)) } == .unknown("barn:performer:99"))
        #expect(refused { _ = try box.state.split(performer(b, 99)) } == .unknown("barn:performer:99"))
        #expect(
            refused { try box.state.undoLink(performer(b, 1), performer(a, 1)) } == .notLinked(names.1, names.0))
        #expect(refused { try box.state.undoSplit(performer(a, 1)) } == .notSplit(names.0, linkedWith: nil))
        try box.state.link(performer(b, 1), performer(a, 1))
        for (one, other) in [(a, b), (b, a)] {
            #expect(
                refused { try box.state.link(performer(one, 1), performer(other, 1)) }?.description
                    .contains("already") == true)
        }
        #expect(refused { try box.state.undoSplit(performer(a, 1)) } == .notSplit(names.0, linkedWith: names.1))
        _ = try box.state.split(performer(c, 1))
        #expect(refused { _ = try box.state.split(performer(c, 1)) } == .alreadySplit("cellar:performer:1"))
        #expect(try box.state.decisions().count == 2)
    }

    @Test func `links that contradict each other name the one in the way`() throws {
        try box.state.link(performer(a, 1), performer(b, 1))
        let direct = refused { try box.state.link(performer(b, 1), performer(a, 2)) }
        #expect(
            direct
                == .contradicts(
                    link: "barn:performer:1", "attic:performer:1", meeting: "attic:performer:1", "attic:performer:2")
                || direct
                    == .contradicts(
                        link: "barn:performer:1", "attic:performer:1", meeting: "attic:performer:2",
                        "attic:performer:1")
        )
        try box.state.link(performer(c, 1), performer(b, 1))
        // Two steps away, from both sides.
        for (one, other) in [(performer(a, 2), performer(c, 1)), (performer(c, 1), performer(a, 2))] {
            let far = refused { try box.state.link(one, other) }
            guard case .contradicts(let from, let to, let first, let second) = far else {
                Issue.record("\(String(describing: far))")
                continue
            }
            #expect(Set([from, to]) == ["barn:performer:1", "attic:performer:1"])
            #expect(Set([first, second]) == ["attic:performer:1", "attic:performer:2"])
        }
        #expect(try box.state.decisions().count == 2)
    }

    /// The store's rule against the plain one: after any accepted links no two things of one server hang together.
    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func `whatever is linked and split, links alone never join two of one server`(seed: UInt64) throws {
        var random = Seeded(seed)
        let instances = [a, b, c]
        var links: Set<Set<EntityRef>> = []
        for _ in 0..<80 {
            let one = performer(instances[random.below(3)], Int64(random.below(2) + 1))
            let other = performer(instances[random.below(3)], Int64(random.below(2) + 1))
            if random.below(4) == 0 {
                if case .tookBack = try? box.state.split(one) { links = links.filter { !$0.contains(one) } }
                continue
            }
            func component(_ links: Set<Set<EntityRef>>) -> Set<EntityRef> {
                var found: Set = [one]
                while let next = links.first(where: { !$0.isDisjoint(with: found) && !$0.isSubset(of: found) }) {
                    found.formUnion(next)
                }
                return found
            }
            let joined = component(links.union([[one, other]]))
            let isPossible =
                one.instance != other.instance && Set(joined.map(\.instance)).count == joined.count
                && !links.contains([one, other])
            let error = refused { try box.state.link(one, other) }
            #expect((error == nil) == isPossible, "seed \(seed): \(one) \(other) \(String(describing: error))")
            if isPossible { links.insert([one, other]) }
        }
        let stored = try box.state.decisions().compactMap { decision -> Set<EntityRef>? in
            guard case .link(let low, let high) = decision.what else { return nil }
            #expect(low < high)
            return [low, high]
        }
        #expect(Set(stored) == links)
    }

    // MARK: What is told

    @Test func `a decision says why it is not in effect`() throws {
        try box.state.link(performer(a, 1), performer(c, 1))
        try derive()
        func effect() throws -> DecisionOutcome.Effect? {
            try box.catalogue.reloadInstances()
            return try box.catalogue.decisions().first?.effect
        }
        #expect(try effect() == .inEffect)
        try box.state.changeInstance(c, InstanceChange(enabled: false))
        try derive()
        #expect(try effect() == .disabled("cellar"))
        try box.state.removeInstance(c, purge: false)
        try box.index.forget(c)
        try derive()
        #expect(try effect() == .removed("cellar:performer:1"))
        #expect(try box.catalogue.decisions().first?.things.map(\.title) == ["Ann 1", nil])
        #expect(try box.state.formerInstances().map(\.name) == ["cellar"])
        #expect(try box.instance("cellar") == c)
        #expect(try effect() == .missing("cellar:performer:1"))
        try box.sync(c, [record(c, .performer, 1, "Ann again")])
        #expect(try effect() == .inEffect)
        #expect(try box.catalogue.decisions().first?.things.map(\.title) == ["Ann 1", "Ann again"])
    }

    @Test(
        arguments: [
            ("attic:performer:1", nil), ("ATTIC:performer:1", nil), ("1", "instance:kind:id"), ("", "instance:kind:id"),
            ("attic:performer:", "instance:kind:id"), ("attic:performer:0", "instance:kind:id"),
            ("attic:performer:-3", "instance:kind:id"), ("attic:performer:1:2", "instance:kind:id"),
            (":performer:1", "instance:kind:id"), ("shed:performer:1", "no instance named 'shed'"),
            ("attic:person:1", "'person' is no kind"),
        ] as [(String, String?)])
    func `a text names a thing or says what is wrong with it`(text: String, complaint: String?) throws {
        do {
            let ref = try EntityName.parse(text, in: box.catalogue.instances)
            #expect(complaint == nil)
            #expect(ref == performer(a, 1))
            #expect(EntityName.text(ref, in: box.catalogue.instances) == "attic:performer:1")
        } catch {
            let complaint = try #require(complaint)
            #expect(error.description.contains(complaint), "\(error)")
        }
    }
}

/// Random numbers that come again with the seed (SplitMix64).
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
}
