import Derive
import Library
import Suggest
import Testing

@Suite struct `Suggestions of what may be the same` {
    private static let a = InstanceNumber(1)
    private static let b = InstanceNumber(2)

    /// A thing of its own entity.
    private func candidate(
        _ instance: InstanceNumber, _ id: Int64, _ name: String?, _ kind: Kind = .performer, aliases: [String] = [],
        date: String? = nil, duration: Double? = nil, phash: UInt64? = nil, disambiguation: String? = nil,
        entity: Int64? = nil
    ) -> Suggestions.Candidate {
        var candidate = Suggestions.Candidate(
            ref: EntityRef(instance: instance, kind: kind, id: id),
            entity: NodeNumber(entity ?? instance.rawValue * 1_000_000 + id), name: name)
        candidate.aliases = aliases
        candidate.date = date
        candidate.duration = duration
        candidate.phash = phash
        candidate.disambiguation = disambiguation
        return candidate
    }

    private func reasons(_ one: Suggestions.Candidate, _ other: Suggestions.Candidate) -> [String] {
        let pairs = Suggestions.pairs([one, other], servers: [:], apart: [])
        #expect(pairs == Suggestions.pairs([other, one], servers: [:], apart: []))
        return pairs.flatMap(\.reasons).map(\.code)
    }

    // MARK: Names

    @Test(arguments: [
        ("Ann Smith", "ann  smith", true), ("Zoë O'Neil", "Zoe ONeil", true), ("J. R. Doe", "JR Doe", true),
        ("Łukasz", "lukasz", true), ("Straße", "STRASSE", true), ("Ａｎｎ", "Ann", true), ("Æon", "aeon", true),
        ("が", "か", false), ("4K", "4k", true), ("4K", "8K", false), ("Ann", "Anna", false),
        ("???", "!!!", false), ("Unknown", "unknown", false), ("", "", false), ("日本", "日本", true),
        ("e\u{301}", "\u{e9}", true),
    ])
    func `names are compared by their letters`(one: String, other: String, isSame: Bool) {
        for kind in [Kind.performer, .studio, .tag] {
            let found = reasons(candidate(Self.a, 1, one, kind), candidate(Self.b, 1, other, kind))
            #expect(found == (isSame ? ["same-name"] : []), "\(kind)")
        }
    }

    @Test(
        arguments: [
            ("Blue Dance", 100.0, "blue dance", 101.9, true), ("Blue Dance", 100, "blue dance", 102.1, false),
            ("Blue Dance", 100, "blue dance", nil, false), ("IMG_0012", 100, "img 0012", 100, false),
            ("Scene 3", 100, "Scene 3", 100, false), ("2024", 100, "2024", 100, false),
            ("Trailer", 9, "trailer", 9, false),
        ] as [(String, Double?, String, Double?, Bool)])
    func `scenes need a title that says something and the same length`(
        one: String, length: Double?, other: String, otherLength: Double?, isSame: Bool
    ) {
        let found = reasons(
            candidate(Self.a, 1, one, .scene, duration: length),
            candidate(Self.b, 1, other, .scene, duration: otherLength))
        #expect(found == (isSame ? ["same-title-and-duration"] : []))
    }

    @Test func `an alias counts in both directions, and once`() {
        let ann = candidate(Self.a, 1, "Ann", aliases: ["Anna B.", "anna b"])
        #expect(reasons(ann, candidate(Self.b, 1, "Anna B")) == ["alias"])
        #expect(reasons(candidate(Self.b, 1, "Anna B", aliases: ["ANN"]), ann) == ["alias", "alias"])
        #expect(reasons(ann, candidate(Self.b, 1, "Ann", aliases: ["ann"])) == ["same-name"])
        #expect(reasons(ann, candidate(Self.b, 1, "Bea", aliases: ["Anna B"])) == [])
    }

    @Test(arguments: [
        ("1990-03-04", "1990-03-04", 90, "same-date"), ("1990", "1990-03-04", 70, "compatible-date"),
        ("1990-03-04", "1991-03-04", 20, "other-date"),
    ])
    func `birth dates strengthen and weaken`(one: String, other: String, score: Int, code: String) throws {
        let pair = try #require(
            Suggestions.pairs(
                [candidate(Self.a, 1, "Ann", date: one), candidate(Self.b, 1, "Ann", date: other)], servers: [:],
                apart: []
            ).first)
        #expect(pair.score == score)
        #expect(pair.reasons.map(\.code).contains(code))
        // What speaks against a weak reason outweighs it.
        let alias = candidate(Self.a, 1, "Bea", aliases: ["Ann"], date: "1990", disambiguation: "x")
        #expect(reasons(alias, candidate(Self.b, 1, "Ann", date: "1991", disambiguation: "y")).isEmpty)
    }

    @Test func `a name that everybody has tells nothing`() {
        func named(_ count: Int64) -> Int {
            let many = (1...count).map { candidate(Self.a, $0, "Ann") }
            return Suggestions.pairs(many + [candidate(Self.b, 1, "Ann")], servers: [:], apart: []).count
        }
        #expect(named(Int64(Suggestions.commonFrom) - 1) == Suggestions.commonFrom - 1)
        #expect(named(Int64(Suggestions.commonFrom)) == 0)
    }

    // MARK: Pictures

    @Test(
        arguments: [
            (0xFF, 0xFF, 100.0, 109.0, "near-picture"), (0xFF, 0x00, 100.0, 100.0, "near-picture"),
            (0x1FF, 0x00, 100.0, 100.0, ""), (0xFF, 0xFF, 100.0, 112.0, ""),
        ] as [(UInt64, UInt64, Double, Double, String)])
    func `scenes with near pictures are of about the same length`(
        one: UInt64, other: UInt64, length: Double, otherLength: Double, code: String
    ) {
        let found = reasons(
            candidate(Self.a, 1, nil, .scene, duration: length, phash: one),
            candidate(Self.b, 1, nil, .scene, duration: otherLength, phash: other))
        #expect(found == (code.isEmpty ? [] : [code]))
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `bands find what comparing all with all finds`(seed: UInt64) {
        var random = Seeded(seed)
        var hashes = (0..<300).map { _ in random.next() }
        // Neighbours at every distance up to 12, and twins.
        for place in 0..<300 {
            var near = hashes[place]
            for _ in 0..<(place % 13) { near ^= 1 << UInt64(random.below(64)) }
            hashes.append(near)
        }
        // Two bits in each band: what a single look beside each band does not find.
        for _ in 0..<50 {
            var near = hashes[random.below(300)]
            for band in 0..<4 {
                let first = random.below(16)
                let second = (first + 1 + random.below(15)) % 16
                near ^= 1 << UInt64(band * 16 + first) | 1 << UInt64(band * 16 + second)
            }
            hashes.append(near)
        }
        hashes.shuffle(using: &random)
        var found: [String] = []
        NearHashes(hashes).forEachPair { found.append("\($0) \($1) \($2)") }
        var expected: [String] = []
        for (place, hash) in hashes.enumerated() {
            for other in hashes.indices.dropFirst(place + 1) {
                let distance = (hash ^ hashes[other]).nonzeroBitCount
                if distance <= NearHashes.maximumDistance { expected.append("\(place) \(other) \(distance)") }
            }
        }
        #expect(expected.count > 200)
        #expect(found.sorted() == expected.sorted(), "seed \(seed)")
    }

    // MARK: Which pairs

    @Test func `only what can be joined is suggested, and two entities once`() {
        let c = InstanceNumber(3)
        let first = candidate(Self.a, 1, "Ann", entity: 1)
        let second = candidate(Self.b, 1, "Ann", date: "1990", entity: 2)
        let third = candidate(c, 1, "Ann", entity: 2)
        let all = [first, second, third]
        let both: Set = [Self.b, c]
        let once = Suggestions.pairs(all, servers: [NodeNumber(2): both], apart: [])
        #expect(once.map { [$0.first, $0.second] } == [[first.ref, second.ref]])
        #expect(Suggestions.pairs(all, servers: [NodeNumber(2): [Self.a, Self.b, c]], apart: []).isEmpty)
        #expect(Suggestions.pairs(all, servers: [NodeNumber(2): both], apart: [NodeNumber(2)]).isEmpty)
        #expect(Suggestions.pairs([second, third], servers: [NodeNumber(2): both], apart: []).isEmpty)
        #expect(
            Suggestions.pairs([first, candidate(Self.a, 2, "Ann")], servers: [:], apart: []).isEmpty,
            "two of one server")
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `the order of what is given changes nothing, and better ones come first`(seed: UInt64) {
        var random = Seeded(seed)
        let names = ["Ann", "Bea", "Cleo", "Ånn", "bea."]
        var all = (1...60).map { id in
            candidate(
                InstanceNumber(Int64(random.below(3) + 1)), Int64(id), names[random.below(5)],
                aliases: random.below(3) == 0 ? [names[random.below(5)]] : [],
                date: random.below(2) == 0 ? "199\(random.below(3))" : nil, phash: random.next() & 0xFFF)
        }
        let pairs = Suggestions.pairs(all, servers: [:], apart: [])
        #expect(!pairs.isEmpty)
        #expect(pairs.map(\.score) == pairs.map(\.score).sorted(by: >))
        for _ in 0..<3 {
            all.shuffle(using: &random)
            #expect(Suggestions.pairs(all, servers: [:], apart: []) == pairs, "seed \(seed)")
        }
    }

    @Test func `the index delivers names, aliases, lengths and pictures`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        let b = try box.instance("b")
        func scene(_ instance: InstanceNumber, _ id: Int64, _ phash: String) -> MemberRecord {
            var scene = record(instance, .scene, id, nil)
            scene.files[0].phash = phash
            scene.files[0].duration = 60
            return scene
        }
        var ann = record(a, .performer, 1, "Ann (the first)")
        ann.json = #"{"alias_list":["Anna B"],"disambiguation":"the first","name":"Ann"}"#
        var other = record(b, .performer, 4, "Anna B")
        other.json = #"{"name":"Anna B"}"#
        var tag = record(b, .tag, 3, "Outdoors")
        tag.json = #"{"aliases":["outside"],"name":"Outdoors"}"#
        // A phash has no leading zeros; that of a black film says nothing.
        try box.sync(a, [ann, record(a, .tag, 9, "Outside"), scene(a, 1, "f0f0"), scene(a, 2, "0")])
        try box.sync(b, [other, record(b, .performer, 5, "Ann"), tag, scene(b, 7, "1f0f0"), scene(b, 8, "0")])
        try box.catalogue.reloadInstances()
        func found() throws -> [String] {
            try box.catalogue.suggestions(Kind.allCases).map { pair in
                let names = [pair.first, pair.second].map { EntityName.text($0, in: box.catalogue.instances) }
                return (names + pair.reasons.map(\.code)).joined(separator: " ")
            }
        }
        #expect(
            try found() == [
                "a:scene:1 b:scene:7 near-picture", "a:performer:1 b:performer:5 same-name",
                "a:performer:1 b:performer:4 alias", "a:tag:9 b:tag:3 alias",
            ])
        // Joined: not suggested, nor what cannot be joined with it any more.
        try box.state.link(
            EntityRef(instance: a, kind: .performer, id: 1), EntityRef(instance: b, kind: .performer, id: 5))
        _ = try box.state.split(EntityRef(instance: b, kind: .scene, id: 7))
        try Derivation(state: box.state, index: box.index).run()
        #expect(try found() == ["a:tag:9 b:tag:3 alias"])
        try box.state.changeInstance(b, InstanceChange(enabled: false))
        try Derivation(state: box.state, index: box.index).run()
        try box.catalogue.reloadInstances()
        #expect(try found().isEmpty)
    }
}
