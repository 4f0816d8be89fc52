import FakeStash
import Foundation
import Testing

/// A server gives a thing that it had another id: paths and what people said go with it.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct SuccessionTests {
    /// Where something stands, in the merged tree and in its server's own, with its value.
    private func places(_ lab: Lab, _ directory: String, _ ref: Ref) throws -> [Path] {
        let found = [directory, "instances/\(ref.server)/\(directory)"].compactMap {
            lab.standing($0, for: [ref]).first
        }
        try #require(found.count == 2, "\(ref)")
        return found
    }

    @Test(arguments: [false, true])
    func `the same file under a new id has the path and the rating of the old one`(isShared: Bool) throws {
        try Lab.with { lab in
            for name in ["attic", "cellar"] { try lab.startPlainServer(name) }
            let (old, twin) = (Ref("attic", .scene, 2), Ref("cellar", .scene, 3))
            if isShared { try lab.shareFile([twin, old]) }
            for name in ["attic", "cellar"] { try lab.addInstance(name) }
            try lab.mount()
            let paths = try places(lab, "scenes", old)
            let values = ["user.peekfs.rating": "85", "user.peekfs.play_count": "3", "user.peekfs.favorite": "1"]
            for (name, value) in values { try paths[1].setAttribute(name, value) }

            let server = try lab.server("attic")
            let row = try #require(server.catalogue.entity(.scene, 2))
            server.catalogue.destroy(.scene, [2])
            let id = server.catalogue.create(.scene) { new in
                new.title = row.title
                new.performers = row.performers
                // A scan finds the file anew: another row of the table of files, with what it is recognised by.
                var file = server.catalogue.newFile(.video, basename: "2.mp4", size: row.files.first?.size ?? 0)
                file.identity = row.files.first?.identity ?? 0
                new.files = [file]
            }
            let new = Ref("attic", .scene, id)
            try #require(new != old)
            try lab.succeed("sync", "attic")
            #expect(eventually { paths[1].ref == new })
            #expect(eventually { paths[0].sources.contains(new) })
            #expect(Set(paths[0].sources) == (isShared ? [new, twin] : [new]))
            for path in paths {
                for (name, value) in values { #expect(try path.attribute(name) == value, "\(name) of \(path)") }
                let isRight = try path.read() == server.content(.scene, id)?.all
                #expect(isRight, "\(path)")
                let parent = Path(String(path.text.dropLast(path.name.utf8.count + 1)))
                #expect(try parent.list().contains(path.name))
            }
            #expect(lab.standing("instances/attic/scenes", for: [old]).isEmpty, "the old one is gone")
            // It stays when the server was asked again, and when nothing but the state database is left.
            try lab.succeed("sync", "attic")
            try lab.endDaemon(SIGKILL)
            try lab.deleteIndex()
            try lab.mount()
            for path in paths {
                #expect(path.sources.contains(new), "\(path)")
                for (name, value) in values { #expect(try path.attribute(name) == value, "\(name) of \(path)") }
            }
        }
    }

    @Test func `a performer of the same shared id under a new id has the directory and the rating of the old one`()
        throws
    {
        try Lab.with { lab in
            for name in ["attic", "cellar"] { try lab.startPlainServer(name) }
            let (old, twin) = (Ref("attic", .performer, 1), Ref("cellar", .performer, 3))
            let alone = Ref("attic", .performer, 2)
            try lab.mark(old, "x")
            try lab.mark(twin, "x", spelling: 1)
            try lab.mark(alone, "y")
            for name in ["attic", "cellar"] { try lab.addInstance(name) }
            try lab.mount()
            let paths = try [old: places(lab, "performers", old), alone: places(lab, "performers", alone)]
            let inodes = try paths.mapValues { try $0[0].status().st_ino }
            for found in paths.values { try found[1].setAttribute("user.peekfs.rating", "85") }

            let catalogue = try lab.server("attic").catalogue
            var new: [Ref: Ref] = [:]
            for (ref, shared) in [(old, "x"), (alone, "y")] {
                let title = try #require(catalogue.entity(.performer, ref.id)).title
                catalogue.destroy(.performer, [ref.id])
                let id = catalogue.create(.performer) { row in
                    row.title = title
                    row.stashIDs = [StashID(endpoint: Lab.spellings[2], id: shared)]
                }
                catalogue.edit(.scene, ref.id) { $0.performers = [id] }
                new[ref] = Ref("attic", .performer, id)
            }
            try lab.succeed("sync", "attic")
            for (ref, found) in paths {
                let heir = try #require(new[ref])
                #expect(eventually { found[1].ref == heir }, "\(found[1])")
                #expect(eventually { found[0].sources.contains(heir) }, "\(found[0])")
                #expect(Set(found[0].sources) == (ref == old ? [heir, twin] : [heir]))
                #expect(try found[0].status().st_ino == inodes[ref])
                for path in found {
                    #expect(try path.rating() == "85", "\(path)")
                    #expect(path.names.contains { (path / $0).ref == Ref("attic", .scene, ref.id) }, "\(path)")
                }
            }
        }
    }
}
