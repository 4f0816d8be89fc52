import Foundation
import GRDB
import Testing

@testable import Library

/// What a catalogue is recognised by.
@Suite struct FingerprintTests {
    private typealias Rows = [Int64: Int64]

    private static func fingerprint(scenes: [Int64: Int64], tags: [Int64: Int64] = [:]) -> CatalogueFingerprint {
        var fingerprint = CatalogueFingerprint(Dictionary(uniqueKeysWithValues: Kind.allCases.map { ($0, [:]) }))
        fingerprint[.scene] = scenes
        fingerprint[.tag] = tags
        return fingerprint
    }

    private static let small = fingerprint(scenes: [1: 100, 2: 200, 3: 300], tags: [1: 50])

    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var known = small
        let found: CatalogueFingerprint
        let verdict: CatalogueFingerprint.Verdict
    }

    static let cases = [
        Case(testDescription: "nothing is remembered", known: CatalogueFingerprint(), found: small, verdict: .unknown),
        Case(
            testDescription: "nothing is remembered and nothing found", known: fingerprint(scenes: [:]),
            found: fingerprint(scenes: [:]), verdict: .unknown),
        Case(testDescription: "unchanged", found: small, verdict: .same),
        Case(
            testDescription: "grown and partly deleted", found: fingerprint(scenes: [3: 300, 4: 400, 9: 900]),
            verdict: .same),
        Case(
            testDescription: "an older backup, which was used since",
            found: fingerprint(scenes: [1: 100, 2: 200, 3: 999], tags: [1: 50]), verdict: .same),
        Case(
            testDescription: "as many that disagree as agree", found: fingerprint(scenes: [1: 100, 2: 999]),
            verdict: .other),
        Case(
            testDescription: "made again", found: fingerprint(scenes: [1: 7, 2: 7, 3: 7], tags: [1: 7]), verdict: .other
        ),
        Case(
            testDescription: "the same times under other ids",
            found: fingerprint(scenes: [1: 300, 2: 100, 3: 200]), verdict: .other),
        Case(
            testDescription: "the same times in another kind", found: fingerprint(scenes: [:], tags: [2: 200, 3: 300]),
            verdict: .other),
        Case(testDescription: "nothing in common", found: fingerprint(scenes: [70: 700]), verdict: .other),
        Case(testDescription: "emptied", found: fingerprint(scenes: [:]), verdict: .inconclusive),
        Case(
            testDescription: "nothing in common in what could be read", found: CatalogueFingerprint([.tag: [8: 80]]),
            verdict: .inconclusive),
        Case(
            testDescription: "a kind that could not be read, and another that agrees",
            found: CatalogueFingerprint([.tag: [1: 50]]), verdict: .same),
        Case(
            testDescription: "a kind that could not be read, and another that disagrees",
            found: CatalogueFingerprint([.tag: [1: 51]]), verdict: .other),
    ]

    @Test(arguments: cases)
    func `most of the rows that both have decide`(_ example: Case) {
        #expect(example.known.verdict(on: example.found) == example.verdict)
    }

    @Test func `a catalogue is recognised through growth, deletions, backups and damage, and never taken for another`()
    {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = Generator(state: seed)
        for round in 0..<300 {
            // A server's life: rows come one after another and some go; now and then it is looked at.
            var (attic, cellar) = (Server(&random), Server(&random))
            var known = CatalogueFingerprint().replaced(by: attic.fingerprint)
            let other = cellar.fingerprint
            for step in 0..<20 {
                attic.live(&random)
                var found = attic.fingerprint
                if random.next() % 4 == 0, let lost = Kind.allCases.randomElement(using: &random) { found[lost] = nil }
                let verdict = known.verdict(on: found)
                #expect(verdict != .other, "seed \(seed), round \(round), step \(step)")
                #expect(known.verdict(on: other) == .other, "seed \(seed), round \(round), step \(step)")
                #expect(known.replaced(by: other).verdict(on: other) == .same)
                if verdict == .same { known = known.replaced(by: found) }
            }
            cellar.live(&random)
            #expect(known.verdict(on: cellar.fingerprint) == .other, "seed \(seed), round \(round)")
        }
    }

    @Test
    func `what an empty or unreadable kind looked like is not forgotten, and of another catalogue nothing is kept`() {
        let emptied = Self.fingerprint(scenes: [:], tags: [1: 50, 2: 60])
        let next = Self.small.replaced(by: emptied)
        #expect(next[.scene] == [1: 100, 2: 200, 3: 300])
        #expect(next[.tag] == [1: 50, 2: 60])
        #expect(Self.small.replaced(by: Self.fingerprint(scenes: [:])) == Self.small.replaced(by: Self.small))
        let other = Self.small.replaced(by: Self.fingerprint(scenes: [1: 7, 2: 8]))
        #expect(other[.scene] == [1: 7, 2: 8])
        #expect(other[.tag] == nil)
    }

    // MARK: Stored

    @Test func `it is stored, outlives a removal, comes back with an adoption and goes with a purge`() throws {
        let box = try Sandbox()
        let attic = try box.instance("attic")
        let cellar = try box.instance("cellar")
        #expect(try box.state.fingerprint(of: attic).isEmpty)
        try box.state.remember(Self.small, of: attic, at: "http://a")
        try box.state.remember(Self.fingerprint(scenes: [1: 7]), of: cellar, at: "http://a")
        #expect(try box.state.fingerprint(of: attic).verdict(on: Self.small) == .same)
        #expect(try box.state.fingerprint(of: cellar).verdict(on: Self.small) == .other)
        let scene = EntityRef(instance: attic, kind: .scene, id: 1)
        try box.state.setPersonal(.rating, .integer(80), of: [scene], uid: 1000)

        try box.state.removeInstance(attic, purge: false)
        let removed = try #require(try box.state.removedInstances().first)
        #expect((removed.number, removed.name, removed.url) == (attic, "attic", "http://attic"))
        #expect(removed.personalCount == 1)
        #expect(removed.fingerprint.verdict(on: Self.small) == .same)

        let back = try box.state.addInstance(
            name: "loft", url: "http://elsewhere", apiKey: "k", adopting: attic,
            fingerprint: Self.fingerprint(scenes: [1: 100, 2: 200, 3: 300, 4: 400]))
        #expect((back.number, back.name, back.url, back.apiKey) == (attic, "loft", "http://elsewhere", "k"))
        #expect(back.enabled)
        #expect(try box.state.fingerprint(of: attic)[.scene]?.count == 4)
        #expect(try box.state.removedInstances().isEmpty)
        #expect(try box.state.personal(.rating, of: [scene], uid: 1000) == .integer(80))

        try box.state.removeInstance(attic, purge: true)
        #expect(try box.state.fingerprint(of: attic).isEmpty)
        #expect(try box.state.removedInstances().map(\.personalCount) == [0])
        #expect(try box.state.fingerprint(of: cellar).verdict(on: Self.fingerprint(scenes: [1: 7])) == .same)
    }

    @Test func `only a removed instance can be adopted, and without adoption the number is new`() throws {
        let box = try Sandbox()
        let attic = try box.instance("attic")
        #expect(throws: InstanceError.nothingToAdopt("loft")) {
            try box.state.addInstance(name: "loft", url: "http://attic", apiKey: nil, adopting: attic)
        }
        try box.state.removeInstance(attic, purge: false)
        let fresh = try box.state.addInstance(name: "attic", url: "http://attic", apiKey: nil)
        #expect(fresh.number > attic)
        #expect(try box.state.removedInstances().map(\.number) == [attic])
        try box.state.removeInstance(fresh.number, purge: false)
        #expect(try box.state.removedInstances().map(\.number) == [fresh.number, attic], "the last one first")
    }

    @Test func `a change of the address and what was found there are stored together`() throws {
        let box = try Sandbox()
        let attic = try box.instance("attic")
        try box.state.remember(Self.small, of: attic, at: "http://a")
        let other = Self.fingerprint(scenes: [1: 7])
        try box.state.changeInstance(attic, InstanceChange(url: "http://elsewhere", fingerprint: other))
        #expect(try box.state.fingerprint(of: attic).verdict(on: other) == .same)
        #expect(throws: InstanceError.self) {
            try box.state.changeInstance(attic, InstanceChange(name: "a/b", fingerprint: Self.small))
        }
        #expect(try box.state.fingerprint(of: attic).verdict(on: other) == .same)
    }
}

/// The rows of a server whose ids are never given twice.
private struct Server {
    private var rows: [Kind: [Int64: Int64]] = [:]
    private var nextID: [Kind: Int64] = [:]
    private var clock: Int64

    init(_ random: inout Generator) {
        clock = Int64.random(in: 0...1_700_000_000, using: &random)
        for kind in Kind.allCases { add(kind, Int.random(in: 10...60, using: &random), &random) }
    }

    private mutating func add(_ kind: Kind, _ count: Int, _ random: inout Generator) {
        for _ in 0..<count {
            clock += Int64.random(in: 0...5, using: &random)
            nextID[kind, default: 0] += 1
            rows[kind, default: [:]][nextID[kind, default: 0]] = clock
        }
    }

    /// Adds rows of each kind and deletes some.
    mutating func live(_ random: inout Generator) {
        for kind in Kind.allCases {
            add(kind, Int.random(in: 0...10, using: &random), &random)
            for id in rows[kind, default: [:]].keys.sorted() where random.next() % 10 == 0 { rows[kind]?[id] = nil }
        }
    }

    var fingerprint: CatalogueFingerprint {
        CatalogueFingerprint(
            rows.mapValues { rows in
                let lowest = rows.keys.sorted().prefix(CatalogueFingerprint.sampleSize)
                return rows.filter { lowest.contains($0.key) }
            })
    }
}

/// SplitMix64.
private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
