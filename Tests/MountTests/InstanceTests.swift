import FakeStash
import Foundation
import GRDB
import Testing

/// What `peekfs instance` does to a mount that goes on.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct InstanceTests {
    @Test func `with no server there is a text that says what to do, until there is one`() throws {
        try Lab.with { lab in
            try lab.mount()
            #expect(try lab.root.list() == ["README.txt"])
            let text = String(decoding: try (lab.root / "README.txt").read(), as: UTF8.self)
            #expect(text.contains("peekfs instance add"))
            #expect(try Int64((lab.root / "README.txt").status().st_size) == Int64(text.utf8.count))
            try lab.startServer("attic")
            try lab.addInstance("attic")
            #expect(eventually { lab.root.names.contains("scenes") })
            #expect(!lab.root.names.contains("README.txt"))
            #expect(eventually { !(lab.root / "README.txt").exists })
            try lab.succeed("instance", "remove", "attic", "--yes")
            #expect(eventually { lab.root.names == ["README.txt"] })
        }
    }

    @Test func `a change that cannot be shown is told, and comes with the next one`() throws {
        try Lab.with { lab in
            try lab.startPlainServer("attic")
            try lab.addInstance("attic")
            try lab.mount()
            let index = try DatabaseQueue(path: lab.directory + "/cache/index.sqlite")
            try index.write { db in
                try db.execute(
                    sql: """
                        CREATE TRIGGER full BEFORE UPDATE ON setting WHEN new.key = 'generation'
                        BEGIN SELECT RAISE(ABORT, 'no room'); END
                        """)
            }
            let outcome = try lab.run(["instance", "disable", "attic"])
            #expect(outcome.status != 0 && outcome.errors.contains("no room"), "\(outcome.errors)")
            sleep(3)
            let tries = try lab.daemon.log.split(separator: "\n").count { $0.contains("no room") }
            #expect(tries <= 2, "\(tries) in three seconds")
            try index.write { try $0.execute(sql: "DROP TRIGGER full") }
            try lab.succeed("instance", "set", "attic", "--priority=7")
            #expect(eventually { !lab.root.names.contains("scenes") })
        }
    }

    @Test func `servers come, are renamed, rest and go while the mount stays`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let daemon = try lab.daemon
            let before = Set(try (lab.root / "scenes").walk().map(\.path))
            try lab.startServer("shed") {
                $0.overlap = nil
                $0.scenes = 10
            }
            try lab.addInstance("shed")
            let scenes = try lab.server("shed").catalogue.ids(.scene).filter { $0 != 5 }
            #expect(eventually { ids(lab, "shed") == scenes })
            #expect(eventually { merged(lab, "shed").count == scenes.count })
            #expect(before.isSubset(of: try (lab.root / "scenes").walk().map(\.path)), "a path stays")
            let ref = Ref("shed", .scene, 1)
            let path = try #require(merged(lab, "shed").first { $0.ref == ref })
            #expect(try path.read() == lab.server("shed").content(.scene, 1)?.all)
            try path.setAttribute("user.peekfs.rating", "85")

            try lab.succeed("instance", "disable", "shed")
            #expect(eventually { merged(lab, "shed").isEmpty && !(lab.root / "instances").names.contains("shed") })
            #expect(eventually { !path.exists })
            try lab.succeed("instance", "enable", "shed")
            #expect(eventually { path.exists })
            #expect(try path.rating() == "85")

            try lab.succeed("instance", "set", "shed", "--name", "barn")
            #expect(eventually { ids(lab, "barn") == scenes && !(lab.root / "instances").names.contains("shed") })
            #expect(path.exists)
            #expect(path.ref == Ref("barn", .scene, 1))
            #expect(try path.rating() == "85")

            let removal = try lab.run(["instance", "remove", "barn", "--yes"])
            #expect(removal.status == 0)
            #expect(removal.errors.contains("1 value that people gave to its things are kept"))
            #expect(eventually { !path.exists && !(lab.root / "instances").names.contains("barn") })
            #expect(Set(try (lab.root / "scenes").walk().map(\.path)) == before)
            #expect(!daemon.hasEnded)
        }
    }

    @Test func `what people said is there again when a removed server is added again`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let path = try #require(merged(lab, "attic").first { $0.sources.count == 1 })
            let ref = try #require(path.ref)
            try path.setAttribute("user.peekfs.rating", "85")
            try lab.succeed("instance", "remove", "attic", "--yes")
            #expect(eventually { !path.exists })
            try lab.addInstance("attic")
            #expect(eventually { path.exists })
            #expect(path.ref == ref)
            #expect(try path.rating() == "85")
        }
    }

    @Test func `a removed server is found again under another address and another name`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let path = try #require(merged(lab, "attic").first { $0.sources.count == 1 })
            let ref = try #require(path.ref)
            let inode = try path.status().st_ino
            try path.setAttribute("user.peekfs.rating", "85")
            try lab.succeed("instance", "remove", "attic", "--yes")
            #expect(eventually { !path.exists })

            var moved = try lab.server("attic").configuration
            let before = try lab.server("attic").url
            moved.port = nil
            moved.basePath = "/stash"
            let server = try FakeStash.start(moved)
            defer { server.stop() }
            try #require(server.url != before)
            try lab.server("attic").stop()
            let added = try lab.run(
                ["instance", "add", "loft", server.url, "--api-key-stdin"], input: lab.key(of: "attic") + "\n")
            #expect(added.status == 0, "\(added.errors)")
            #expect(added.errors.contains("this is the server that was called 'attic'"))
            #expect(added.errors.contains("1 value that people gave is kept"))
            #expect(eventually { path.exists })
            #expect(path.ref == Ref("loft", ref.kind, ref.id))
            #expect(try path.status().st_ino == inode)
            #expect(try path.rating() == "85")
            #expect(eventually { (try? path.read()) == server.content(ref.kind, ref.id)?.all })
        }
    }

    @Test func `another server under the address of one gives no byte and takes nothing until a person says so`() throws
    {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let before = try lab.root.walk().map(\.path)
            let paths = merged(lab, "attic").filter { $0.sources.count == 1 }
            let path = try #require(paths.first)
            let id = try #require(path.ref).id
            let old = try lab.server("attic").content(.scene, id)?.all
            try path.setAttribute("user.peekfs.rating", "85")
            let server = try lab.replaceServer("attic", seed: 99)
            let refused = try lab.run(["sync", "attic"])
            #expect(refused.status == 78)
            #expect(refused.errors.contains("another catalogue"))
            kill(try lab.daemon.pid, SIGHUP)
            #expect(eventually { (try? lab.daemon.log.contains("its files cannot be read until")) == true })
            for other in paths.dropFirst() { #expect(errnoOf { _ = try other.read() } == EIO, "\(other)") }
            // What the kernel or the program still has of it are the right bytes.
            if let bytes = try? path.read() {
                let isOld = bytes == old
                #expect(isOld)
            }
            #expect(try lab.root.walk().map(\.path) == before)
            #expect(try path.rating() == "85")

            try lab.succeed("sync", "attic", "--force")
            let directory = lab.root / "instances" / "attic" / "scenes"
            #expect(
                eventually {
                    directory.names.map { directory / $0 }.contains { scene in
                        guard let ref = scene.ref, ref.kind == .scene else { return false }
                        return (try? scene.read()) == server.content(.scene, ref.id)?.all
                    }
                })
        }
    }

    @Test func `of a server that was added untested it is not said that its files can be read`() throws {
        try Lab.with { lab in
            try lab.mount()
            let server = try lab.startServer("attic")
            server.stop()
            try lab.succeed("instance", "add", "attic", server.url, "--no-test")
            #expect(eventually { (try? lab.daemon.log.contains("sync of attic failed")) == true })
            #expect(try !lab.daemon.log.contains("its files can be read"))
        }
    }

    /// The ids of the scenes that an instance lists.
    private func ids(_ lab: Lab, _ server: String) -> [Int] {
        let directory = lab.root / "instances" / server / "scenes"
        return directory.names.compactMap { (directory / $0).ref?.id }.sorted()
    }

    /// The merged scenes that come from an instance.
    private func merged(_ lab: Lab, _ server: String) -> [Path] {
        let directory = lab.root / "scenes"
        return directory.names.map { directory / $0 }.filter { $0.ref?.server == server }
    }
}
