import FakeStash
import Foundation
import Testing

/// What changes at a server shows after a sync.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(3)), .onOwnThread)
struct ChangeTests {
    @Test func `another title is another name of the same inode, and what is deleted goes`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let directory = lab.root / "instances" / "attic" / "scenes"
            let catalogue = try lab.server("attic").catalogue
            let before = try directory.list()
            let paths = before.map { directory / $0 }.filter { $0.ref?.kind == .scene }
            let (renamed, deleted) = (paths[0], paths[1])
            let inode = try renamed.status().st_ino
            try renamed.setAttribute("user.peekfs.rating", "85")
            catalogue.edit(.scene, try #require(renamed.ref).id) { $0.title = "Another Title" }
            catalogue.destroy(.scene, [try #require(deleted.ref).id])
            // What one sync does not find may have been moved under it; what two do not find is gone.
            try lab.succeed("sync")
            try lab.succeed("sync")
            #expect(eventually { directory.names.contains { $0.hasPrefix("Another Title.") } })
            let now = try #require(directory.names.first { $0.hasPrefix("Another Title.") && !$0.hasSuffix(".vtt") })
            #expect(try (directory / now).status().st_ino == inode)
            #expect(try (directory / now).rating() == "85")
            #expect(eventually { !directory.names.contains(deleted.name) })
            #expect(!directory.names.contains(renamed.name))
            let gone = Set(before.filter { $0.hasPrefix(renamed.stem) || $0.hasPrefix(deleted.stem) })
            #expect(Set(before).subtracting(directory.names) == gone, "other names stay")
        }
    }
}
