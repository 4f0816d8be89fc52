import Derive
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
        try Derivation(state: box.state, index: box.index).distrust()
        try box.sync(attic, [tag] + scenes)
        #expect(try box.catalogue.nodes(.merged, .tag).map(\.listed) == listed)
        #expect(try box.catalogue.listed(.kind, .merged, Kind.scene.rawValue) == kind)
    }
}
