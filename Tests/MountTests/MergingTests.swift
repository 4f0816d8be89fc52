import FakeStash
import Foundation
import Testing

/// Three servers that hold the same person, through shared ids that do not all reach everybody.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct MergingTests {
    private static let orders = [
        ["attic", "barn", "cellar"], ["attic", "cellar", "barn"], ["barn", "attic", "cellar"],
        ["barn", "cellar", "attic"], ["cellar", "attic", "barn"], ["cellar", "barn", "attic"],
    ]
    private static let priorities = ["cellar": "1", "attic": "2", "barn": "3"]

    /// What a library shows of people, without what may differ between two labs.
    private struct Shown: Hashable, CustomStringConvertible {
        var entities: Set<[Ref]> = []
        var refusals: Set<String> = []

        var description: String { "\(entities.map(\.description).sorted()) refused: \(refusals.sorted())" }
    }

    /// Adds servers in an order and syncs them in another, some before the mount and some while it is there.
    private func shown(_ servers: Lab, _ order: [String], mountedAfter early: Int) throws -> Shown {
        var shown = Shown()
        try Lab.with { lab in
            func add(_ name: String) throws {
                let url = try servers.server(name).url
                let priority = try #require(Self.priorities[name])
                try lab.succeed(
                    ["instance", "add", name, url, "--priority", priority, "--api-key-stdin"],
                    input: servers.key(of: name) + "\n")
            }
            for name in order.prefix(early) { try add(name) }
            for name in order.prefix(early).reversed() { try lab.succeed("sync", name) }
            try lab.mount()
            for name in order.dropFirst(early) {
                try add(name)
                #expect(try lab.daemon.waitForSync(of: name))
            }
            let people = lab.root / "performers"
            let total = try order.reduce(0) { try $0 + servers.server($1).catalogue.ids(.performer).count }
            #expect(eventually { people.names.reduce(0) { $0 + (people / $1).sources.count } == total })
            for name in try people.list() {
                let path = people / name
                shown.entities.insert(path.sources)
                let scenes = try path.list().map { path / $0 }.flatMap(\.sources)
                // Each performer is in the scene of its own id.
                #expect(Set(scenes) == Set(path.sources.map { Ref($0.server, .scene, $0.id) }), "\(path)")
            }
            for refusal in try ShownConflicts(lab).refused {
                let members = [refusal.first.id, refusal.second.id].sorted()
                shown.refusals.insert("\(refusal.evidence) \(refusal.text): \(members)")
            }
        }
        return shown
    }

    @Test func `a chain of shared ids over three servers is one person, in whatever order they come`() throws {
        let servers = try Lab()
        defer { servers.tearDown() }
        for name in ["attic", "barn", "cellar"] { try servers.startPlainServer(name) }
        let chain = [Ref("cellar", .performer, 3), Ref("attic", .performer, 1), Ref("barn", .performer, 2)]
        try servers.mark(chain[1], "x", spelling: 0)
        try servers.mark(chain[2], "x", "y", spelling: 1)
        try servers.mark(chain[0], "y", spelling: 2)
        for (number, order) in Self.orders.enumerated() {
            let shown = try shown(servers, order, mountedAfter: number % 4)
            #expect(shown.entities.filter { $0.count > 1 } == [chain], "\(order)")
            #expect(shown.entities.count == 10, "\(order)")
            #expect(shown.refusals.isEmpty, "\(order)")
        }
    }

    @Test func `two of one server are never one person, and what would have made them one is told`() throws {
        let servers = try Lab()
        defer { servers.tearDown() }
        for name in ["attic", "barn", "cellar"] { try servers.startPlainServer(name) }
        let (first, other, bridge) =
            (Ref("attic", .performer, 1), Ref("attic", .performer, 4), Ref("barn", .performer, 2))
        try servers.mark(first, "x", spelling: 0)
        try servers.mark(bridge, "x", "y", spelling: 1)
        try servers.mark(other, "y", spelling: 2)
        var results: [Shown: [[String]]] = [:]
        for (number, order) in Self.orders.enumerated() {
            let shown = try shown(servers, order, mountedAfter: number % 4)
            results[shown, default: []].append(order)
            let people = shown.entities.filter { !Set($0).isDisjoint(with: [first, other, bridge]) }
            let isFirst = people == [[first, bridge], [other]]
            #expect(isFirst || people == [[other, bridge], [first]], "\(order): \(people)")
            let refused = [bridge, isFirst ? other : first].map(\.description).sorted()
            let id = isFirst ? "y" : "x"
            #expect(shown.refusals == ["stash-id https://box.example/graphql \(id): \(refused)"], "\(order)")
        }
        #expect(results.count == 1, "\(results)")
    }

    @Test func `another priority shows other values at once, and no path changes`() throws {
        try Lab.with { lab in
            let names = ["attic", "cellar"]
            for (number, name) in names.enumerated() {
                let server = try lab.startPlainServer(name)
                server.catalogue.edit(.scene, 2) { $0.date = "202\(number)-05-06" }
                try lab.mark(Ref(name, .performer, 1), "x", spelling: number)
            }
            let scenes = names.map { Ref($0, .scene, 2) }
            try lab.shareFile(scenes)
            for name in names { try lab.addInstance(name) }
            try lab.mount()
            let person = try #require(lab.standing("performers", for: [Ref("attic", .performer, 1)]).first)
            let scene = try #require(lab.standing("scenes", for: [scenes[0]]).first)
            #expect(person.sources.count == 2 && scene.sources.count == 2)
            try scene.setAttribute("user.peekfs.rating", "85")
            let before = try lab.listing()
            #expect(before.utf8.count > 1000)
            for (round, number) in [1, 0, 1].enumerated() {
                let name = names[number]
                try lab.succeed("instance", "set", name, "--priority=\(-1 - round)")
                #expect(eventually { person.sources.first?.server == name })
                #expect(try person.attribute("user.peekfs.title") == "Person 1 of \(name)")
                #expect(eventually { (try? scene.attribute("user.peekfs.title")) == "Scene 2 of \(name)" })
                #expect(try scene.attribute("user.peekfs.date") == "202\(number)-05-06")
                #expect(scene.sources.map(\.server) == [name, names[1 - number]])
                #expect(try scene.rating() == "85")
                let isSame = try lab.listing() == before
                #expect(isSame, "paths with \(name) first")
            }
        }
    }

    @Test func `another title at the source is another name, and the old path still leads there`() throws {
        try Lab.with { lab in
            for name in ["attic", "cellar"] {
                try lab.startPlainServer(name)
                try lab.mark(Ref(name, .performer, 1), "x")
                try lab.addInstance(name)
            }
            try lab.mount()
            let catalogue = try lab.server("attic").catalogue
            for (kind, directory) in [(Kind.performer, "performers"), (.scene, "scenes")] {
                let ref = Ref("attic", kind, 1)
                let old = [directory, "instances/attic/\(directory)"].compactMap { directory in
                    lab.standing(directory, for: [ref]).first { $0.stem.hasSuffix("1 of attic") }
                }
                try #require(old.count == 2)
                let inodes = try old.map { try $0.status().st_ino }
                try old[0].setAttribute("user.peekfs.rating", "85")
                catalogue.edit(kind, 1) { $0.title = "Quite Another" }
                try lab.succeed("sync", "attic")
                for (path, inode) in zip(old, inodes) {
                    let parent = Path(String(path.text.dropLast(path.name.utf8.count + 1)))
                    #expect(eventually { parent.names.contains { $0.hasPrefix("Quite Another") } }, "\(path)")
                    let new = parent / (try #require(parent.names.first { $0.hasPrefix("Quite Another") }))
                    #expect(!parent.names.contains(path.name))
                    #expect(try path.status().st_ino == inode)
                    #expect(try new.status().st_ino == inode)
                    #expect(path.ref == ref && new.ref == ref)
                    #expect(try path.rating() == "85")
                    if kind == .scene { #expect(try path.read() == new.read()) }
                }
                // Who needs the name gets it.
                let other = Ref("attic", kind, 2)
                catalogue.edit(kind, 2) { $0.title = kind == .performer ? "Person 1 of attic" : "Scene 1 of attic" }
                try lab.succeed("sync", "attic")
                for path in old { #expect(eventually { path.ref == other }, "\(path)") }
                #expect(try old[0].rating() == nil)
            }
        }
    }
}
