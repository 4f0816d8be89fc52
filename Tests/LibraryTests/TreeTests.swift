import Derive
import Library
import Testing

@Suite struct `What follows from what the servers said` {
    @Test func `colliding ids of two servers stay apart`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        let b = try box.instance("b")
        for (instance, word) in [(a, "Apple"), (b, "Berry")] {
            try box.sync(
                instance,
                [
                    record(instance, .performer, 1, "\(word) Person"), record(instance, .studio, 1, "\(word) Studio"),
                    record(instance, .tag, 1, "\(word) Tag"), record(instance, .group, 1, "\(word) Group"),
                    record(instance, .gallery, 1, "\(word) Gallery"),
                    record(
                        instance, .scene, 1, "\(word) Scene",
                        links: [(.performer, 1), (.studio, 1), (.tag, 1), (.group, 1)]),
                    record(instance, .image, 1, "\(word) Image", links: [(.gallery, 1), (.performer, 1)]),
                ])
        }
        for (kind, word) in [
            (Kind.performer, "Person"), (.studio, "Studio"), (.tag, "Tag"), (.group, "Group"),
        ] {
            #expect(try box.names(.merged, kind) == ["Apple \(word)", "Berry \(word)"])
            for node in try box.catalogue.nodes(.merged, kind) {
                let scenes = try box.catalogue.children(.merged, of: node.number, .scene)
                #expect(scenes.map(\.name) == ["\(node.name.prefix(5)) Scene.mp4"])
                let inside = try box.catalogue.media(scenes[0].member)
                #expect(inside?.ref.instance == (node.name.hasPrefix("Apple") ? a : b))
            }
        }
        let gallery = try #require(try box.catalogue.nodes(.merged, .gallery).first)
        #expect(try box.catalogue.children(.merged, of: gallery.number, .image).map(\.name) == ["Apple Image.jpg"])
        #expect(try box.names(.instance(b), .scene) == ["Berry Scene.mp4"])
    }

    @Test func `what a pass has just read stands nowhere before it was worked out`() throws {
        let world = try World(servers: ["a"])
        world.servers["a"]?.things[.scene]?[1] = World.Thing(title: "One")
        try world.sync("a")
        let ref = try #require(world.ref(World.Place(server: "a", kind: .scene, id: 1)))
        try world.index.store([SidecarRecord(ref: ref, kind: .funscript, size: 10, learnedFor: "now")])
        #expect(try world.catalogue.nodes(.merged, .scene).isEmpty)
        #expect(try world.catalogue.sidecars(beside: (0...10).map { NodeNumber($0) }).isEmpty)
    }

    @Test func `a shared stash id makes one entity whose numbers and names hold`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        let b = try box.instance("b")
        try box.sync(
            b,
            [
                record(b, .performer, 4, "Ann B", stashID: "X"),
                record(b, .scene, 1, "Two", links: [(.performer, 4)]),
            ])
        let alone = try #require(try box.catalogue.nodes(.merged, .performer).first)
        try box.sync(
            a,
            [
                record(a, .performer, 9, "Ann A", stashID: "x"),
                record(a, .scene, 1, "One", links: [(.performer, 9)]),
            ])
        let merged = try #require(try box.catalogue.nodes(.merged, .performer).first)
        #expect(try box.catalogue.nodes(.merged, .performer).count == 1)
        #expect(merged.number == alone.number)
        #expect(merged.name == "Ann B", "a name once given stays, although a wins")
        #expect(merged.title == "Ann A", "the value comes from the first in priority order")
        let children = try box.catalogue.children(.merged, of: merged.number, .scene).map(\.name)
        #expect(children.sorted() == ["One.mp4", "Two.mp4"])
        #expect(try box.catalogue.members(ofEntity: merged.number).map(\.instance) == [a, b])

        // The one that gave the name goes: path and number stay.
        let inB = try box.catalogue.members(ofEntity: merged.number)[1]
        try box.state.setPersonal(.rating, .integer(85), of: [inB], uid: 1)
        try box.state.changeInstance(b, InstanceChange(enabled: false))
        try Derivation(state: box.state, index: box.index).run()
        let left = try #require(try box.catalogue.node(.merged, .performer, named: "Ann B"))
        #expect(left.number == merged.number)
        #expect(try box.catalogue.children(.merged, of: left.number, .scene).map(\.name) == ["One.mp4"])
        try box.state.removeInstance(b, purge: false)
        try box.index.forget(b)
        try Derivation(state: box.state, index: box.index).run()
        #expect(try box.catalogue.node(.merged, .performer, named: "Ann B")?.number == merged.number)
    }

    @Test func `a server that is removed and added again finds its names and what people said`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        let records = [record(a, .scene, 1, "One"), record(a, .scene, 2, "One")]
        try box.sync(a, records)
        let before = try box.catalogue.nodes(.merged, .scene).map { "\($0.number) \($0.name)" }
        let ref = EntityRef(instance: a, kind: .scene, id: 1)
        try box.state.setPersonal(.rating, .integer(85), of: [ref], uid: 1)
        try box.state.removeInstance(a, purge: false)
        try box.index.forget(a)
        try Derivation(state: box.state, index: box.index).run()
        #expect(try box.names(.merged, .scene).isEmpty)
        #expect(try box.instance("a") == a)
        try box.sync(a, records)
        #expect(try box.catalogue.nodes(.merged, .scene).map { "\($0.number) \($0.name)" } == before)
        #expect(try box.state.personal(.rating, of: [ref], uid: 1) == .integer(85))
    }

    @Test func `deleting the index changes no name and no number`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        let b = try box.instance("b")
        func fill() throws {
            try box.sync(b, (1...20).map { record(b, .scene, $0, "Twin \($0 % 3)") })
            try box.sync(a, (1...20).map { record(a, .scene, $0, "twin \($0 % 4)") })
        }
        try fill()
        let before = try box.catalogue.nodes(.merged, .scene).map { "\($0.number) \($0.name)" }
        #expect(Set(before).count == 40)
        let fresh = try Sandbox()
        _ = fresh
        try box.index.forget(a)
        try box.index.forget(b)
        try Derivation(state: box.state, index: box.index).run()
        #expect(try box.names(.merged, .scene).isEmpty)
        try box.sync(a, (1...20).map { record(a, .scene, $0, "twin \($0 % 4)") })
        try box.sync(b, (1...20).map { record(b, .scene, $0, "Twin \($0 % 3)") })
        #expect(try box.catalogue.nodes(.merged, .scene).map { "\($0.number) \($0.name)" } == before)
    }

    @Test func `a changed title changes the path and the old one still resolves`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        try box.sync(a, [record(a, .scene, 1, "Old"), record(a, .scene, 2, "Other")])
        try box.sync(a, [record(a, .scene, 1, "New"), record(a, .scene, 2, "Other")])
        #expect(try box.names(.merged, .scene) == ["New.mp4", "Other.mp4"])
        #expect(try box.catalogue.node(.merged, .scene, named: "Old.mp4")?.name == "New.mp4")
        try box.sync(a, [record(a, .scene, 1, "New"), record(a, .scene, 2, "Old")])
        #expect(try box.names(.merged, .scene) == ["New.mp4", "Old.mp4"])
        #expect(try box.catalogue.node(.merged, .scene, named: "Old.mp4")?.title == "Old")
    }

    @Test func `twins by case, by form and by extension are told apart`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        try box.sync(
            a,
            [
                record(a, .scene, 1, "Caf\u{e9}"), record(a, .scene, 2, "cafe\u{301}"),
                record(a, .scene, 3, "Café", file: "x.mkv"),
            ])
        #expect(try box.names(.merged, .scene).sorted() == ["Café [a-3].mkv", "Café.mp4", "café [a-2].mp4"])
    }

    @Test func `two passes must agree before anything goes, and a fifth at most`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        let all = (1...100).map { record(a, .scene, Int64($0), "S\($0)") }
        try box.sync(a, all)
        try box.sync(a, Array(all.dropLast(6)))
        #expect(try box.names(.merged, .scene).count == 100)
        let reports = try box.sync(a, Array(all.dropLast(6)))
        #expect(reports.map(\.removed).reduce(0, +) == 6)
        #expect(try box.names(.merged, .scene).count == 94)
        try box.sync(a, [])
        #expect(try box.sync(a, []).contains { $0.suspect })
        #expect(try box.names(.merged, .scene).count == 94)
        try box.sync(a, [], force: true)
        #expect(try box.names(.merged, .scene).isEmpty)
    }

    @Test func `what is empty is not listed, and children show through their parents`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        try box.sync(
            a,
            [
                record(a, .studio, 1, "Top"), record(a, .studio, 2, "Middle", links: [(.studio, 1)]),
                record(a, .studio, 3, "Leaf.mp4", links: [(.studio, 2)]), record(a, .studio, 4, "Empty"),
                record(a, .tag, 1, "T", links: [(.tag, 2)]), record(a, .tag, 2, "U", links: [(.tag, 1)]),
                record(a, .scene, 1, "S", links: [(.studio, 3)]),
            ])
        #expect(try box.names(.merged, .studio) == ["Leaf.mp4 [a-3]", "Middle", "Top"])
        #expect(try box.names(.merged, .tag).isEmpty)
        let folders = try box.catalogue.folders(a, in: 0)
        #expect(folders.map(\.name) == ["data"])
        #expect(try box.catalogue.files(a, in: folders[0].number).map(\.name) == ["file 1 1.mp4"])
    }

    @Test func `the newest of the members' values counts, taking back is a value too`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        let one = EntityRef(instance: a, kind: .scene, id: 1)
        let two = EntityRef(instance: a, kind: .scene, id: 2)
        try box.state.setPersonal(.rating, .integer(40), of: [one], uid: 5)
        try box.state.setPersonal(.rating, .integer(70), of: [two], uid: 5)
        #expect(try box.state.personal(.rating, of: [one, two], uid: 5) == .integer(70))
        try box.state.setPersonal(.rating, nil, of: [one], uid: 5)
        #expect(try box.state.personal(.rating, of: [one, two], uid: 5) == nil)
        #expect(try box.state.personal(.rating, of: [two], uid: 6) == nil)
        #expect(throws: (any Error).self) { try box.state.setPersonal(.rating, .integer(101), of: [one], uid: 5) }
    }
}
