import Derive
import GRDB
import Library
import Testing

/// The time of a directory is when what it lists changed last. (Random libraries: `Deriving what has changed`.)
struct DirectoryTimeTests {
    private func position(_ instance: InstanceNumber, _ scene: Int64, _ position: Int64?) -> MemberRecord {
        var made = record(instance, .scene, scene, "Scene \(scene)")
        made.links = [LinkRecord(kind: .group, id: 1, position: position)]
        return made
    }

    @Test func `another place in a group's order is another name there, and nowhere else`() throws {
        let box = try Sandbox()
        let attic = try box.instance("attic")
        let group = record(attic, .group, 1, "Series")
        try box.sync(attic, [group, position(attic, 1, 1), position(attic, 2, 2)])
        func times() throws -> (group: [Int64], scenes: [Int64?]) {
            let scopes = [Scope.merged, .instance(attic)]
            return try (
                scopes.flatMap { try box.catalogue.nodes($0, .group).map(\.listed) },
                scopes.map { try box.catalogue.listed(.kind, $0, Kind.scene.rawValue) }
            )
        }
        let first = try times()
        #expect(first.group == [0, 0], "nothing has changed since it was made")
        try box.sync(attic, [group, position(attic, 1, 1), position(attic, 2, 3)])
        let second = try times()
        #expect(zip(first.group, second.group).allSatisfy { $0 < $1 })
        #expect(second.scenes == first.scenes)
        // Within the same second, too.
        try box.sync(attic, [group, position(attic, 1, 1), position(attic, 2, 4)])
        #expect(try zip(second.group, times().group).allSatisfy { $0 < $1 })
    }

    @Test func `names that lead elsewhere are told, and the directories that list something else`() throws {
        let box = try Sandbox()
        let attic = try box.instance("attic")
        let others = [
            record(attic, .group, 1, "Series"), record(attic, .tag, 1, "Tag"), record(attic, .tag, 2, "Other"),
        ]
        func scene(_ title: String) -> MemberRecord {
            var made = record(attic, .scene, 1, title, links: [(.tag, 1)])
            made.links.append(LinkRecord(kind: .group, id: 1, position: 7))
            return made
        }
        try box.sync(attic, others + [scene("Before"), record(attic, .scene, 2, "Still", links: [(.tag, 2)])])
        let generation = try box.index.generation()
        try box.sync(attic, others + [scene("After"), record(attic, .scene, 2, "Still", links: [(.tag, 2)])])
        let notices = try box.catalogue.notices(since: generation)
        var expected: Set<Notice> = []
        for scope in [Scope.merged, .instance(attic)] {
            let tag = try #require(try box.catalogue.node(scope, .tag, named: "Tag")).number.rawValue
            let group = try #require(try box.catalogue.node(scope, .group, named: "Series")).number.rawValue
            let scenes = Kind.scene.rawValue
            expected.formUnion([
                .directory(.kind, scope, scenes), .directory(.entity, scope, tag), .directory(.entity, scope, group),
                .entry(.kind, scope, scenes, name: "Before.mp4", position: nil),
                .entry(.entity, scope, tag, name: "Before.mp4", position: nil),
                .entry(.entity, scope, group, name: "Before.mp4", position: 7),
            ])
        }
        let file = try #require(try box.catalogue.node(.merged, .scene, named: "After.mp4")).member
        expected.insert(.file(file))
        #expect(notices == expected)
        #expect(try box.catalogue.notices(since: box.index.generation()).isEmpty)
    }

    @Test func `times survive the daemon, and a derivation of everything that finds nothing new`() throws {
        let box = try Sandbox()
        let attic = try box.instance("attic")
        let tag = record(attic, .tag, 1, "Tag")
        let scenes = (1...3).map { record(attic, .scene, Int64($0), "Scene \($0)", links: [(.tag, 1)]) }
        try box.sync(attic, [tag] + scenes.prefix(2))
        try box.sync(attic, [tag] + scenes)
        let listed = try box.catalogue.nodes(.merged, .tag).map(\.listed)
        let kind = try box.catalogue.listed(.kind, .merged, Kind.scene.rawValue)
        #expect(listed.allSatisfy { $0 > 0 } && kind != nil)
        box.index = try IndexDatabase(directory: box.directory, libraryID: box.state.libraryID)
        try box.index.pool.write { try IndexDatabase.markAllDirty($0) }
        try box.sync(attic, [tag] + scenes)
        #expect(try box.catalogue.nodes(.merged, .tag).map(\.listed) == listed)
        #expect(try box.catalogue.listed(.kind, .merged, Kind.scene.rawValue) == kind)
    }
}
