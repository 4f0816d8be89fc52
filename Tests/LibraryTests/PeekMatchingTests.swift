import GRDB
import Library
import Peek
import Testing

@Suite struct `Which server Peek means` {
    private let box: Sandbox
    private let attic: InstanceNumber
    private let cellar: InstanceNumber

    init() throws {
        box = try Sandbox()
        attic = try box.instance("attic")
        cellar = try box.instance("cellar")
        for (instance, word) in [(attic, "Apple"), (cellar, "Berry")] {
            try box.sync(
                instance,
                (1...30).map { record(instance, .scene, $0, "\(word) \($0)", file: "\(word) \($0).mp4") }
                    + (1...10).map { record(instance, .performer, $0, "\(word) Person \($0)") })
        }
    }

    private func answer(
        _ peek: PeekFile, _ origin: PeekOrigin = .unnamed, chosen: InstanceNumber? = nil, only: InstanceNumber? = nil
    ) throws -> PeekMatching.Answer {
        let contents = try peek.contents()
        let instances = try box.state.instances().filter { only == nil || $0.number == only }
        let evidence = try box.index.evidence(contents.samples(of: origin), at: instances.map(\.number))
        let servers = contents.servers.map {
            PeekServer(id: $0.id, name: $0.name, url: $0.url.replacing("/graphql", with: ""))
        }
        return PeekMatching(servers: servers, instances: instances).answer(origin, chosen: chosen, evidence: evidence)
    }

    private func cacheScenes(_ peek: PeekFile, _ word: String, _ ids: ClosedRange<Int64>, of id: String? = nil) throws {
        for number in ids { try peek.cache(.scene, number, "\(word) \(number)", instance: id) }
    }

    @Test func `of two servers none is guessed when nothing decides`() throws {
        let peek = try PeekFile(.single)
        try peek.rate(.scene, "1", 50)
        #expect(try answer(peek) == .undecided)
        #expect(try answer(peek, chosen: cellar) == .found(cellar, .chosen))
        #expect(try answer(peek, only: attic) == .found(attic, .only))
    }

    @Test func `an address decides, a name alone does not, the only server of Peek's too`() throws {
        let peek = try PeekFile(.single)
        try peek.rate(.scene, "1", 50)
        try peek.server("uuid", "Attic", "http://cellar/graphql")
        #expect(try answer(peek) == .found(cellar, .address))
        try peek.execute("UPDATE StashInstance SET url = 'http://elsewhere/graphql'")
        #expect(try answer(peek) == .undecided, "everybody's server may be called so")
        try peek.server("second", "Second", "http://nowhere/graphql")
        #expect(try answer(peek) == .undecided)
    }

    @Test func `each of several servers of Peek's is looked for by itself`() throws {
        let peek = try PeekFile(.several)
        try peek.server("one", "Default", "http://cellar/graphql")
        try peek.server("two", "ATTIC", "http://elsewhere/graphql")
        try peek.server("three", "Three", "http://three/graphql")
        for id in ["one", "two", "three", "gone"] { try peek.rate(.scene, "1", 50, instance: id) }
        try peek.rate(.scene, "2", 50)
        let contents = try peek.contents()
        #expect(
            contents.origins == [
                .unnamed, .instance("gone"), .instance("one"), .instance("three"), .instance("two"),
            ])
        #expect(try answer(peek, .instance("one")) == .found(cellar, .address))
        #expect(try answer(peek, .instance("two")) == .undecided, "a name alone says nothing")
        #expect(try answer(peek, .instance("three")) == .undecided)
        #expect(try answer(peek, .instance("gone")) == .undecided)
        #expect(try answer(peek, .unnamed) == .undecided)
        #expect(
            try answer(peek, .instance("three"), only: attic) == .undecided,
            "a server that Peek knows is not the only one here just because that is alone")
    }

    @Test(arguments: PeekFile.Layout.allCases.dropFirst())
    func `content decides when it is clear`(layout: PeekFile.Layout) throws {
        let peek = try PeekFile(layout)
        let id = layout == .several ? "uuid" : nil
        try peek.rate(.scene, "1", 50, instance: id)
        try cacheScenes(peek, "Berry", 1...27, of: id)
        try peek.execute("UPDATE StashScene SET title = 'renamed' WHERE id IN ('4', '5')")
        for number: Int64 in 31...40 { try peek.cache(.scene, number, "gone \(number)", instance: id) }
        let origin: PeekOrigin = id.map { .instance($0) } ?? .unnamed
        let found = PeekEvidence(instance: cellar, sampled: 37, comparable: 27, agreeing: 25)
        #expect(try answer(peek, origin) == .found(cellar, .content(found)))
        // One more that was renamed makes it less than nine of ten.
        try peek.execute("UPDATE StashScene SET title = 'renamed' WHERE id = '6'")
        #expect(try answer(peek, origin) == .undecided)
        // The path is as good as the title.
        try peek.execute("UPDATE StashScene SET filePath = '/data/Berry 6.mp4' WHERE id = '6'")
        #expect(try answer(peek, origin) == .found(cellar, .content(found)))
    }

    @Test func `content that two servers share decides nothing`() throws {
        let twin = try box.instance("twin")
        try box.sync(twin, (1...30).map { record(twin, .scene, $0, $0 <= 16 ? "Apple \($0)" : "Other \($0)") })
        let peek = try PeekFile(.cached)
        try peek.rate(.scene, "1", 50)
        try cacheScenes(peek, "Apple", 1...30)
        #expect(try answer(peek) == .undecided)
        try box.sync(twin, (1...30).map { record(twin, .scene, $0, $0 <= 15 ? "Apple \($0)" : "Other \($0)") })
        #expect(
            try answer(peek)
                == .found(attic, .content(PeekEvidence(instance: attic, sampled: 30, comparable: 30, agreeing: 30))))
    }

    @Test func `little content decides only when it is all there is`() throws {
        let peek = try PeekFile(.cached)
        try peek.rate(.scene, "1", 50)
        try cacheScenes(peek, "Apple", 1...2)
        #expect(try answer(peek) == .undecided, "two titles can be the same by chance")
        try cacheScenes(peek, "Apple", 3...3)
        #expect(
            try answer(peek)
                == .found(attic, .content(PeekEvidence(instance: attic, sampled: 3, comparable: 3, agreeing: 3))))
        try cacheScenes(peek, "Apple", 900...900)
        #expect(try answer(peek) == .undecided)
        // Enough that are the same, but most of what Peek had is not there.
        try cacheScenes(peek, "Apple", 4...30)
        try cacheScenes(peek, "Apple", 901...931)
        #expect(try answer(peek) == .undecided)
    }

    @Test func `an address behind which other things are now is not believed`() throws {
        let peek = try PeekFile(.cached)
        try peek.rate(.scene, "1", 50)
        try peek.server("uuid", "Default", "http://cellar/graphql")
        try cacheScenes(peek, "Apple", 1...25, of: "uuid")
        let found = PeekEvidence(instance: cellar, sampled: 25, comparable: 25, agreeing: 0)
        #expect(try answer(peek) == .contradicted(cellar, found))
        #expect(try answer(peek, chosen: cellar) == .found(cellar, .chosen))
        #expect(try answer(peek, only: cellar) == .contradicted(cellar, found))
        try peek.execute("UPDATE StashInstance SET url = 'http://other/graphql'")
        #expect(
            try answer(peek, only: cellar) == .contradicted(cellar, found), "the only server is not believed either")
    }
}

/// The table of people's values as it is on disk.
enum PersonalTable {
    static func rows(_ path: String) throws -> [String] {
        let queue = try DatabaseQueue(path: path)
        defer { try? queue.close() }
        return try queue.read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM personal ORDER BY uid, instance, kind, id, field").map(
                \.description)
        }
    }
}
