import FakeStash
import Foundation
import Testing

/// What the kernel was told before a sync does not outlive it, and who only looks at times misses nothing.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct CoherenceTests {
    @Test func `who only compares the times of directories sees what comes and goes, and nothing else`() throws {
        try Lab.with { lab in
            let catalogue = try lab.startPlainServer("attic").catalogue
            for id in 1...4 { catalogue.edit(.scene, id) { $0.tags = [1] } }
            try lab.addInstance("attic")
            try lab.mount()
            func directories(_ person: Int) throws -> [Path] {
                let tag = try #require((lab.root / "tags").names.first)
                return ["", "instances/attic/"].flatMap {
                    [
                        lab.root / "\($0)scenes", lab.root / "\($0)tags/\(tag)",
                        lab.root / "\($0)performers/Person \(person) of attic",
                    ]
                }
            }
            func times(_ paths: [Path]) throws -> [Int] { try paths.map { try $0.status().st_mtim.tv_sec } }
            func grew(_ paths: [Path], since former: [Int]) -> Bool {
                (try? times(paths)).map { zip($0, former).allSatisfy { $0 > $1 } } ?? false
            }
            let affected = try directories(1)
            // What has nothing to do with the scenes that come and go.
            let others =
                try directories(2).filter { $0.text.contains("Person") }
                + [
                    lab.root, lab.root / "performers", lab.root / "tags", lab.root / "instances",
                    lab.root / "instances/attic",
                ]
            var former = try times(affected)
            let still = try times(others)

            let id = catalogue.create(.scene) { row in
                row.title = "Newcomer"
                (row.performers, row.tags) = ([1], [1])
                row.files = [catalogue.newFile(.video, basename: "newcomer.mp4", size: 1500)]
            }
            try lab.succeed("sync")
            #expect(eventually { grew(affected, since: former) })
            #expect(affected.allSatisfy { $0.names.contains("Newcomer.mp4") })
            former = try times(affected)

            catalogue.edit(.scene, id) { $0.title = "Another Title" }
            try lab.succeed("sync")
            #expect(eventually { grew(affected, since: former) })
            #expect(affected.allSatisfy { $0.names.contains("Another Title.mp4") })
            former = try times(affected)

            catalogue.destroy(.scene, [id])
            try lab.succeed("sync", "--full")
            try lab.succeed("sync", "--full")
            #expect(eventually { grew(affected, since: former) })
            #expect(affected.allSatisfy { !$0.names.contains("Another Title.mp4") })
            former = try times(affected)

            try lab.succeed("sync", "--full")
            try lab.remount()
            #expect(try times(affected) == former, "nothing changed, and it was mounted again")
            #expect(try times(others) == still)
        }
    }

    @Test func `a sync shows new sizes and names, old names go on, and open files stay open`() throws {
        try Lab.with { lab in
            let server = try lab.startPlainServer("attic")
            let catalogue = server.catalogue
            try lab.addInstance("attic")
            try lab.mount()
            let scenes = lab.root / "scenes"
            let paths = (1...4).map { scenes / "Scene \($0) of attic.mp4" }
            let whole = try paths.map { try $0.read() }
            let descriptors = paths.map { open($0.text, O_RDONLY | O_CLOEXEC) }
            try #require(descriptors.allSatisfy { $0 >= 0 })
            defer { for descriptor in descriptors { close(descriptor) } }
            let inode = try paths[0].status().st_ino

            // One is renamed, one goes, one is replaced.
            catalogue.edit(.scene, 1) { $0.title = "Another Title" }
            catalogue.destroy(.scene, [2])
            // In another second than it was made.
            catalogue.setClock(Int64(Date().timeIntervalSince1970) + 5)
            catalogue.rewriteFile(.scene, 3, size: 3210)
            let before = try paths[2].status()
            try lab.succeed("sync", "--full")
            try lab.succeed("sync", "--full")

            #expect(eventually { (try? paths[2].status().st_size) == 3210 })
            #expect(try paths[2].status().st_mtim.tv_sec != before.st_mtim.tv_sec)
            #expect(eventually { (try? paths[2].read()) == server.content(.scene, 3)?.all })
            #expect(eventually { scenes.names.contains("Another Title.mp4") && !scenes.names.contains(paths[1].name) })
            #expect(!scenes.names.contains(paths[0].name))
            #expect(eventually { errnoOf { _ = try paths[1].status() } == ENOENT })
            // The old name is in somebody's playlist.
            #expect(try paths[0].status().st_ino == inode)
            #expect(try (scenes / "Another Title.mp4").status().st_ino == inode)
            for place in [0, 1, 3] {
                #expect(try Path.read(descriptors[place]) == whole[place], "\(paths[place]) is still open")
            }
            if let bytes = try? Path.read(descriptors[2]) { #expect(bytes == whole[2], "old bytes or an error") }
        }
    }
}
