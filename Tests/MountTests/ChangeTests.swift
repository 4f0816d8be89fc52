import FakeStash
import Foundation
import Testing

/// What changes at a server shows after a sync.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct ChangeTests {
    @Test func `a file that is rewritten at its server is never mixed with what it was`() throws {
        try Lab.with { lab in
            let server = try lab.startServer("attic") {
                $0.scenes = 6
                $0.mediaSize = 3_000_000...3_000_000
            }
            try lab.addInstance("attic")
            try lab.mount()
            let directory = lab.root / "instances" / "attic" / "scenes"
            let paths = try directory.list().map { directory / $0 }.filter { $0.ref?.kind == .scene }
            for (path, size) in zip(paths, [3_000_000, 3_500_000, 1_000_000] as [Int64]) {
                let id = try #require(path.ref).id
                let old = try #require(server.content(.scene, id)).all
                let descriptor = open(path.text, O_RDONLY | O_CLOEXEC)
                try #require(descriptor >= 0)
                defer { close(descriptor) }
                #expect(try Path.read(descriptor, count: 65536) == Array(old.prefix(65536)))
                server.catalogue.rewriteFile(.scene, id, size: size)
                let new = try #require(server.content(.scene, id)).all
                // Who began with the old bytes gets old ones or an error.
                for offset in stride(from: 65536, to: old.count, by: 200_000) {
                    guard let bytes = try? Path.read(descriptor, at: offset, count: 65536) else { continue }
                    #expect(old[offset...].starts(with: bytes), "\(offset) of \(path)")
                }
                if let whole = try? path.read() {
                    // Compared outside of the macro, which would print megabytes.
                    let isOne = whole == old || whole == new
                    #expect(isOne, "\(path): \(whole.count) bytes")
                }
                try lab.succeed("sync")
                #expect(eventually { (try? path.status().st_size) == off_t(size) })
                #expect(eventually { (try? path.read()) == new }, "\(path)")
            }
        }
    }

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
            let gone = Set(before.filter { $0.hasPrefix(renamed.stem + ".") || $0.hasPrefix(deleted.stem + ".") })
            #expect(Set(before).subtracting(directory.names) == gone, "other names stay")
        }
    }
}
