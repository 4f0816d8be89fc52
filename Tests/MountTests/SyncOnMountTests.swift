import FakeStash
import Foundation
import Testing

/// What a sync makes of bad answers and of deletions, as it shows on the mount.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct SyncOnMountTests {
    /// Answers every question for tags and scenes with nothing on the page, though there are so many.
    private static func empty(_ tags: Int, _ scenes: Int) -> Fault.Action {
        .body(
            #"{"data":{"findTags":{"count":\#(tags),"tags":[]},"findScenes":{"count":\#(scenes),"scenes":[]}}}"#,
            contentType: "application/json")
    }

    /// Whether the directory is one of the few that stand for two thousand directories of tags: to list all of them takes
    /// minutes, and each has its name in its parent anyway.
    private static func isEntered(_ path: Path) -> Bool {
        let above = path.text.split(separator: "/").dropLast().last
        return above != "tags" || path.name.utf8.reduce(0) { $0 + Int($1) }.isMultiple(of: 50)
    }

    /// Nothing at all, and nothing behind a first page of as many as the server counts.
    @Test(arguments: [(0, 0, 0), (1100, 24, 1)])
    func `an empty answer changes nothing that is listed, while it comes and afterwards`(
        tags: Int, scenes: Int, skip: Int
    ) throws {
        try Lab.with { lab in
            let server = try lab.startServer("attic") { $0.tags = 1100 }
            try lab.addInstance("attic")
            try lab.mount()
            let listing = { try lab.listing(entering: Self.isEntered) }
            let before = try listing()
            #expect(before.split(separator: "\n").count > 2200)
            #expect(before.contains("/tags/") && before.contains("/scenes/"))
            var befallen = 0
            for text in ["TagPage", "SceneIDs"] {
                let fault = server.faults.add(Fault(contains: text, skip: skip, action: Self.empty(tags, scenes)))
                for options in [["sync"], ["sync", "--full"]] {
                    // It may well say that something is wrong.
                    _ = try lab.run(options)
                    #expect(try listing() == before, "\(text)")
                }
                befallen += server.faults.count(fault)
                server.faults.remove(fault)
                try lab.succeed("sync", "--full")
                #expect(try listing() == before, "after \(text)")
            }
            #expect(befallen > 0)
        }
    }

    @Test func `one of forty thousand images that is deleted at its server is gone after two passes`() throws {
        try Lab.with { lab in
            let server = try lab.startServer("attic") {
                $0.overlap = nil
                ($0.scenes, $0.performers, $0.studios, $0.tags, $0.groups, $0.galleries) = (1, 1, 1, 1, 0, 0)
                $0.images = 40_000
                $0.imageSize = 100...200
            }
            try lab.addInstance("attic")
            try lab.mount()
            let images = lab.root / "images"
            let before = Set(try images.list())
            #expect(before.count == 40_000)
            let name = try #require(before.sorted().dropFirst(20_000).first)
            let gone = try #require((images / name).ref)
            server.catalogue.destroy(.image, [gone.id])
            try lab.succeed("sync", "--full")
            try lab.succeed("sync", "--full")
            var now: Set<String> = []
            #expect(
                eventually {
                    now = Set(images.names)
                    return now.count == 39_999
                })
            let missing = before.subtracting(now)
            #expect(missing.count == 1 && now.isSubset(of: before))
        }
    }

    @Test func `scenes of a tag that was merged into another one are listed there`() throws {
        try Lab.with { lab in
            let catalogue = try lab.startServer("attic") {
                $0.overlap = nil
                $0.tags = 3
            }.catalogue
            for id in 1...3 { catalogue.edit(.tag, id) { $0.title = "Tag \(id)" } }
            for id in catalogue.ids(.scene) { catalogue.edit(.scene, id) { $0.tags = [id % 2 == 0 ? 1 : 2] } }
            try lab.addInstance("attic")
            try lab.mount()
            let (source, destination) = (lab.root / "tags" / "Tag 1", lab.root / "tags" / "Tag 2")
            let both = Set(try source.list() + destination.list())
            try #require(!source.names.isEmpty && !destination.names.isEmpty)
            catalogue.merge(.tag, [1], into: 2)
            try lab.succeed("sync")
            #expect(eventually { Set(destination.names).isSuperset(of: both) })
            try lab.succeed("sync")
            #expect(eventually { !(lab.root / "tags").names.contains("Tag 1") })
            #expect(Set(destination.names).isSuperset(of: both))
        }
    }

    @Test func `what was stored and not shown when the daemon was killed is shown by the next one, without its server`()
        throws
    {
        try Lab.with { lab in
            let server = try lab.startServer("attic") { $0.scenes = 40 }
            try lab.addInstance("attic")
            try lab.mount()
            let name = "Stored And Not Shown.mp4"
            // So far apart that they are asked for by two questions, of which the second hangs.
            server.catalogue.edit(.scene, 1) { $0.title = "Stored And Not Shown" }
            server.catalogue.edit(.scene, 30) { $0.title = "Never Read" }
            let hanging = server.faults.add(Fault(contains: "ScenePage", skip: 1, action: .hang))
            let waiting = Promise { try? lab.run(["sync"]) }
            try #require(eventually { server.faults.count(hanging) > 0 })
            try lab.endDaemon(SIGKILL)
            _ = waiting.value()
            server.stop()
            let daemon = try Daemon(lab)
            defer { _ = daemon.end(SIGTERM, seconds: 30) }
            #expect(
                eventually {
                    (try? Lab.isMounted(lab.mountPoint)) == true && (lab.root / "scenes").names.contains(name)
                })
        }
    }

    @Test func `a server that takes a minute for every answer keeps no other one waiting`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar { $0.overlap = nil }
            try lab.mount()
            let (slow, quick) = (try lab.server("cellar"), try lab.server("attic"))
            let delay = slow.faults.add(Fault(path: "/graphql", action: .delay(milliseconds: 60_000)))
            let waiting = Promise { try? lab.run(["sync", "cellar"]) }
            try #require(eventually { slow.faults.count(delay) > 0 })
            let start = ContinuousClock.now
            quick.catalogue.edit(.scene, 1) { $0.title = "Another Title" }
            try lab.succeed("sync", "attic")
            let name = "Another Title.mp4"
            #expect(eventually { (lab.root / "scenes").names.contains(name) })
            #expect(try (lab.root / "scenes" / name).read() == quick.content(.scene, 1)?.all)
            let stuck = lab.root / "instances" / "cellar" / "scenes"
            #expect(try stuck.list().count > 10, "what is known of the slow one is listed")
            #expect(ContinuousClock.now - start < .seconds(30))
            slow.faults.removeAll()
            try lab.endDaemon()
            _ = waiting.value()
        }
    }
}
