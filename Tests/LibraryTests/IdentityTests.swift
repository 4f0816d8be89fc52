import Testing

@testable import Derive
@testable import Library

@Suite struct `Identities` {
    @Test(arguments: [
        ("https://StashDB.org/graphql/", "https://stashdb.org/graphql"),
        ("HTTPS://stashdb.org:443/graphql", "https://stashdb.org/graphql"),
        ("http://box:80/", "http://box"),
        ("http://box:8080//", "http://box:8080"),
        (" not a url/", "not a url"),
    ])
    func `endpoints that mean the same are written the same`(given: String, expected: String) {
        #expect(Identity.normalise(endpoint: given) == expected)
    }

    /// A thing by the server's place in the order of addresses, which does not depend on its number.
    private struct Thing: Hashable, Comparable {
        let server: Int
        let id: Int64

        static func < (a: Thing, b: Thing) -> Bool { (a.server, a.id) < (b.server, b.id) }
    }

    private struct Problem {
        var evidence: [(Identity.Evidence.Strength, String, [Thing])] = []
        var apart: Set<Thing> = []

        /// Solves it with instances and members that are numbered in some order.
        func solve(_ servers: Int, _ random: inout Random) -> (entities: Set<[Thing]>, refused: Set<[String]>) {
            let numbers = Array(1...Int64(servers)).shuffled(using: &random)
            var members: [Thing: Identity.Member] = [:]
            var unused = Array(1...Int64(servers * 20)).shuffled(using: &random)
            func member(_ thing: Thing) -> Identity.Member {
                if let known = members[thing] { return known }
                let ref = EntityRef(instance: InstanceNumber(numbers[thing.server]), kind: .scene, id: thing.id)
                let made = Identity.Member(number: NodeNumber(unused.removeLast()), ref: ref)
                members[thing] = made
                return made
            }
            let given = evidence.shuffled(using: &random).map { strength, text, things in
                Identity.Evidence(strength, text, things.shuffled(using: &random).map(member))
            }
            let order = Dictionary(uniqueKeysWithValues: numbers.enumerated().map { (InstanceNumber($1), $0) })
            let solved = Identity.join(given, apart: Set(apart.map { member($0).ref }), order: order)
            func thing(_ member: Identity.Member) -> Thing {
                Thing(server: order[member.ref.instance] ?? -1, id: member.ref.id)
            }
            return (
                Set(solved.entities.map { $0.map(thing).sorted() }),
                Set(solved.refusals.map { ["\($0.strength) \($0.text)", "\(thing($0.first)) \(thing($0.second))"] })
            )
        }
    }

    private func problem(_ servers: Int, _ random: inout Random) -> Problem {
        var problem = Problem()
        func thing() -> Thing {
            Thing(server: Int.random(in: 0..<servers, using: &random), id: Int64.random(in: 1...6, using: &random))
        }
        for number in 0..<Int.random(in: 1...8, using: &random) {
            let things = (0..<Int.random(in: 1...4, using: &random)).map { _ in thing() }
            problem.evidence.append((Bool.random(using: &random) ? .stashID : .file, "\(number)", things))
        }
        for _ in 0..<Int.random(in: 0...2, using: &random) { problem.evidence.append((.hand, "", [thing(), thing()])) }
        for _ in 0..<Int.random(in: 0...2, using: &random) { problem.apart.insert(thing()) }
        return problem
    }

    @Test func `are the same in whatever order servers, things and evidence come`() {
        for seed in UInt64(1)...800 {
            var random = Random(seed: seed)
            let servers = Int.random(in: 2...5, using: &random)
            let problem = problem(servers, &random)
            let first = problem.solve(servers, &random)
            for entity in first.entities {
                #expect(Set(entity.map(\.server)).count == entity.count, "two of one server, seed \(seed)")
            }
            for _ in 0..<3 {
                let again = problem.solve(servers, &random)
                #expect(again.entities == first.entities, "seed \(seed)")
                #expect(again.refused == first.refused, "seed \(seed)")
            }
        }
    }

    @Test func `are what evidence connects where nothing is refused, and never more`() {
        var unrefused = 0
        for seed in UInt64(1)...800 {
            var random = Random(seed: seed)
            let servers = Int.random(in: 2...5, using: &random)
            let problem = problem(servers, &random)
            let solved = problem.solve(servers, &random)
            // Connected parts, by painting until nothing changes.
            var colour: [Thing: Thing] = [:]
            for (_, _, things) in problem.evidence { for thing in things { colour[thing] = thing } }
            var isChanging = true
            while isChanging {
                isChanging = false
                for (strength, _, things) in problem.evidence {
                    let counting = strength == .hand ? things : things.filter { !problem.apart.contains($0) }
                    let colours = Set(counting.compactMap { colour[$0] })
                    guard colours.count > 1, let lowest = colours.min() else { continue }
                    for (thing, old) in colour where colours.contains(old) { colour[thing] = lowest }
                    isChanging = true
                }
            }
            let parts = Dictionary(grouping: colour.keys) { colour[$0] }.values.map { $0.sorted() }
            for entity in solved.entities {
                #expect(parts.contains { Set(entity).isSubset(of: $0) }, "seed \(seed)")
            }
            guard solved.refused.isEmpty else { continue }
            unrefused += 1
            #expect(solved.entities == Set(parts.filter { $0.count > 1 }), "seed \(seed)")
        }
        #expect(unrefused > 60)
    }

    @Test func `of two of one server the one whose evidence comes first is joined, and the other edge is told`() {
        func member(_ number: Int64, _ instance: Int64, _ id: Int64) -> Identity.Member {
            let ref = EntityRef(instance: InstanceNumber(instance), kind: .performer, id: id)
            return Identity.Member(number: NodeNumber(number), ref: ref)
        }
        let (a, other, b) = (member(1, 1, 5), member(2, 1, 6), member(3, 2, 5))
        let evidence = [Identity.Evidence(.stashID, "e y", [b, other]), Identity.Evidence(.stashID, "e x", [a, b])]
        let order = [InstanceNumber(1): 0, InstanceNumber(2): 1]
        let joined = Identity.join(evidence, order: order)
        #expect(joined.entities == [[a, b]])
        #expect(joined.refusals == [Identity.Refusal(strength: .stashID, text: "e y", first: other, second: b)])

        let byHand = Identity.join(evidence + [Identity.Evidence(.hand, "", [other, b])], order: order)
        #expect(byHand.entities == [[other, b]], "what a person said comes first")
        #expect(byHand.refusals.map(\.text) == ["e x"])
    }
}

@Suite struct `Numbers of entities` {
    private func standing(
        _ number: Int64, known: Int64? = nil, spare: Int64? = nil, isContinued: Bool = true
    ) -> EntityNumbers.Standing {
        let ref = EntityRef(instance: InstanceNumber(number), kind: .scene, id: 1)
        return EntityNumbers.Standing(
            member: Identity.Member(number: NodeNumber(number), ref: ref), known: NodeNumber(known ?? number),
            spare: spare.map(NodeNumber.init), isContinued: isContinued)
    }

    private func assign(
        _ entities: [[EntityNumbers.Standing]], sources: [Int64: Int64] = [:]
    ) -> (numbers: [Int64: Int64], unnumbered: [Int64]) {
        let named = Dictionary(uniqueKeysWithValues: sources.map { (NodeNumber($0), NodeNumber($1)) })
        let result = EntityNumbers.assign(entities, sources: named)
        let numbers = Dictionary(uniqueKeysWithValues: result.numbers.map { ($0.rawValue, $1.rawValue) })
        return (numbers, result.unnumbered.map(\.first.rawValue))
    }

    @Test func `a merged entity keeps the oldest number`() {
        #expect(assign([[standing(3), standing(8)]]).numbers == [3: 3, 8: 3])
        #expect(assign([[standing(3, known: 2), standing(8)]]).numbers == [3: 2, 8: 2])
    }

    @Test func `after a split each goes by its own`() {
        #expect(assign([[standing(3)], [standing(8, known: 3)]]).numbers == [3: 3, 8: 8])
    }

    @Test func `a number whose member left stays with who made its name`() {
        let split = [[standing(5, known: 3)], [standing(8, known: 3)]]
        #expect(assign(split, sources: [3: 8]).numbers == [5: 5, 8: 3])
        #expect(assign(split, sources: [3: 5]).numbers == [5: 3, 8: 8])
    }

    @Test func `who comes back gets a new number when its own is taken`() {
        let result = assign([[standing(3, isContinued: false)], [standing(8, known: 3)]])
        #expect(result.numbers == [8: 3])
        #expect(result.unnumbered == [3])
        #expect(assign([[standing(3, known: 20, spare: 20)], [standing(8, known: 3)]]).numbers == [3: 20, 8: 3])
    }

    @Test func `what was joined for a while goes by its former number again, also when that is no member's own`() {
        // 8 and 9 were known as 4, whose member is gone, until they were joined with 3.
        let split = [[standing(3)], [standing(8, known: 3), standing(9, known: 3)]]
        #expect(assign(split, sources: [3: 3, 4: 9, 8: 8]).numbers == [3: 3, 8: 4, 9: 4])
    }

    @Test func `a number that another's name goes with is not taken back by its member`() {
        // 7 became part of 3 while 9 went by its number; now 7 is alone and 9 is part of 2.
        let split = [[standing(3)], [standing(7, known: 3)], [standing(2), standing(9, known: 7)]]
        let result = assign(split, sources: [2: 2, 3: 3, 7: 9])
        #expect(result.numbers == [3: 3, 2: 2, 9: 2])
        #expect(result.unnumbered == [7])
    }

    @Test func `are unique, and the same in whatever order entities come`() {
        for seed in UInt64(1)...800 {
            var random = Random(seed: seed)
            var entities: [[EntityNumbers.Standing]] = []
            for number in Int64(1)...8 {
                let one = standing(
                    number, known: Int64.random(in: 1...8, using: &random), isContinued: Bool.random(using: &random))
                if Bool.random(using: &random), !entities.isEmpty {
                    entities[Int.random(in: entities.indices, using: &random)].append(one)
                } else {
                    entities.append([one])
                }
            }
            let first = assign(entities)
            let again = assign(entities.map { $0.shuffled(using: &random) }.shuffled(using: &random))
            #expect(first.numbers == again.numbers, "seed \(seed)")
            #expect(first.unnumbered.sorted() == again.unnumbered.sorted(), "seed \(seed)")
            for entity in entities {
                #expect(Set(entity.map { first.numbers[$0.member.number.rawValue] }).count == 1, "seed \(seed)")
            }
            let held = entities.compactMap { $0.first.flatMap { first.numbers[$0.member.number.rawValue] } }
            #expect(Set(held).count == held.count, "seed \(seed)")
        }
    }
}
