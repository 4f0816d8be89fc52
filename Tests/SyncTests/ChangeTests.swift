import Derive
import FakeStash
import Foundation
import Library
import Stash
import Sync
import Testing

/// What incremental passes and sweeps find, what they cost, and what they must not believe.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ChangeTests {
    private func start(
        _ generation: Generation = .v30, _ change: (inout FakeStash.Configuration) -> Void = { _ in }
    ) throws -> FakeStash {
        var configuration = FakeStash.Configuration()
        configuration.generation = generation
        change(&configuration)
        return try FakeStash.start(configuration)
    }

    private func options(_ scope: SyncScope, force: Bool = false) -> SyncOptions {
        var options = Rig.options(force: force)
        options.scope = scope
        return options
    }

    private func titles(_ rig: Rig, _ title: String) throws -> Set<Int64> {
        try rig.ids(.scene, where: "title = '\(title)'")
    }

    private func expectFresh(_ rig: Rig, _ fake: FakeStash) throws {
        let fresh = try Rig()
        #expect(try fresh.sync(fake.url).error == nil)
        #expect(try rig.dump() == fresh.dump())
    }

    @Test(arguments: Generation.allCases)
    func `an incremental pass reads what has changed, and its cost is the same in a larger library`(
        generation: Generation
    ) throws {
        var requests: [Int] = []
        for scenes in [24, 480] {
            let fake = try start(generation) { $0.scenes = scenes }
            defer { fake.stop() }
            let rig = try Rig()
            #expect(try rig.sync(fake.url).error == nil)
            for (id, clock) in [(5, Int64(1_790_000_000)), (20, 1_790_000_100)] {
                fake.catalogue.setClock(clock)
                fake.catalogue.edit(.scene, id) { $0.title = "another \(id)" }
                fake.clearRequests()
                var options = options(.incremental)
                // The overlap of the generated rows, which were all made within a day, is one page.
                options.idPageSize = 5000
                let report = try rig.sync(fake.url, options: options)
                #expect(report.error == nil)
                #expect(report.changed == 1)
                #expect(try titles(rig, "another \(id)") == [Int64(id)])
                guard id == 20 else { continue }
                let rows = report.kinds[.scene]?.rows ?? 0
                // Those whose second may not have been over, by their own times or those of their files and markers.
                #expect(rows >= 2 && rows <= 12)
                requests.append(fake.requests.count)
            }
            try expectFresh(rig, fake)
        }
        #expect(
            abs(requests[0] - requests[1]) < 5,
            "\(requests): twenty times the scenes, and a gap between rows more or less")
    }

    @Test func `two edits within a second around a pass are both seen`() throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        fake.catalogue.setClock(1_764_000_000)
        try rig.sync(fake.url)
        for number in 1...4 {
            fake.catalogue.edit(.scene, 7) { $0.title = "edit \(number)" }
            try rig.sync(fake.url, options: options(.incremental))
            #expect(try titles(rig, "edit \(number)") == [7])
        }
    }

    @Test func `nothing is missed when a server's clock is set back by daylight saving`() throws {
        let fake = try start { $0.utcOffset = -7 * 3600 }
        defer { fake.stop() }
        let rig = try Rig()
        // 2025-11-02T01:59:50-07:00; ten seconds later it is 01:00:00-08:00.
        fake.catalogue.setClock(1_762_073_990)
        fake.catalogue.edit(.scene, 1) { $0.title = "before" }
        try rig.sync(fake.url)
        fake.catalogue.setUTCOffset(-8 * 3600)
        for minute in 0..<3 {
            fake.catalogue.setClock(1_762_074_000 + Int64(minute) * 60)
            fake.catalogue.edit(.scene, 2 + minute) { $0.title = "minute \(minute)" }
            try rig.sync(fake.url, options: options(.incremental))
            #expect(try titles(rig, "minute \(minute)") == [Int64(2 + minute)])
        }
        try expectFresh(rig, fake)
    }

    @Test func `a row from the future hides nothing that is written until then`() throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        try rig.sync(fake.url)
        fake.catalogue.setClock(2_500_000_000)
        fake.catalogue.edit(.scene, 1) { $0.title = "future" }
        try rig.sync(fake.url, options: options(.incremental))
        #expect(try titles(rig, "future") == [1])
        fake.catalogue.setClock(nil)
        fake.catalogue.edit(.scene, 2) { $0.title = "present" }
        try rig.sync(fake.url, options: options(.incremental))
        #expect(try titles(rig, "present") == [2])
    }

    @Test(arguments: Generation.allCases)
    func `a merged tag is replaced by the surviving one at once`(generation: Generation) throws {
        let fake = try start(generation)
        defer { fake.stop() }
        let rig = try Rig()
        let scene = try #require(
            fake.catalogue.ids(.scene).first { fake.catalogue.entity(.scene, $0)?.tags.isEmpty == false })
        let tag = try #require(fake.catalogue.entity(.scene, scene)?.tags.first)
        let survivor = try #require(fake.catalogue.ids(.tag).first { $0 != tag })
        try rig.sync(fake.url)
        fake.catalogue.merge(.tag, [tag], into: survivor)
        try rig.sync(fake.url, options: options(.incremental))
        let tags = try rig.edges(.scene, scene).filter { $0.kind == .tag }.map(\.id)
        #expect(tags.contains(Int64(survivor)) && !tags.contains(Int64(tag)))
        #expect(try rig.ids(.tag).contains(Int64(tag)), "one pass is no proof")
        try rig.sync(fake.url, options: options(.incremental))
        #expect(!(try rig.ids(.tag).contains(Int64(tag))))
        try expectFresh(rig, fake)
    }

    @Test func `a rewritten file, a play and a filled gallery are found although they touch no row`() throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        try rig.sync(fake.url)
        try rig.sync(fake.url, options: options(.incremental))
        let scene = try #require(
            fake.catalogue.ids(.scene).first { fake.catalogue.entity(.scene, $0)?.files.isEmpty == false })
        fake.catalogue.rewriteFile(.scene, scene, size: 4321)
        fake.catalogue.editSilently(.scene, 3) { $0.playHistory.append(1_790_000_000) }
        fake.catalogue.editSilently(.image, 2) { $0.galleries = [1] }
        fake.catalogue.edit(.gallery, 1) { _ in }
        let report = try rig.sync(fake.url, options: options(.incremental))
        #expect(report.error == nil)
        #expect(try rig.edges(.image, 2).contains(LinkRecord(kind: .gallery, id: 1)))
        try expectFresh(rig, fake)
    }

    @Test(arguments: [SyncScope.full, .sweep])
    func `one of many images is gone after two passes`(scope: SyncScope) throws {
        let fake = try start { $0.images = 400 }
        defer { fake.stop() }
        let rig = try Rig()
        try rig.sync(fake.url)
        fake.catalogue.destroy(.image, [217])
        let first = try rig.sync(fake.url, options: options(scope))
        #expect(first.kinds[.image]?.missing == 1 && first.removed == 0)
        #expect(try rig.sync(fake.url, options: options(scope)).removed == 1)
        #expect(try rig.ids(.image) == Set(fake.catalogue.ids(.image).map(Int64.init)))
    }

    @Test(arguments: [SyncScope.full, .incremental, .sweep])
    func `an empty answer and an empty second page remove nothing`(scope: SyncScope) throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        try rig.sync(fake.url)
        let whole = try rig.dump()
        let empty = Fault.Action.body(
            #"{"data":{"findTags":{"count":12,"tags":[]},"findScenes":{"count":24,"scenes":[]}}}"#,
            contentType: "application/json")
        for text in [#""page":2"#, "GREATER_THAN", "TagIDs", "SceneIDs", "TagPage", "ScenePage"] {
            fake.faults.add(Fault(contains: text, action: empty))
            for _ in 0..<3 {
                let report = try rig.sync(fake.url, options: options(scope))
                #expect(report.removed == 0)
            }
            fake.faults.removeAll()
            #expect(try rig.dump() == whole, "\(text)")
        }
    }

    @Test func `plays that could not be listed are not taken for read because a later one was`() throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        try rig.sync(fake.url)
        fake.catalogue.editSilently(.scene, 3) { $0.playHistory.append(1_790_000_000) }
        fake.catalogue.setClock(1_790_010_000)
        fake.catalogue.edit(.scene, 20) { $0.playHistory.append(1_790_010_000) }
        let listing = fake.faults.add(
            Fault(contains: #""last_played_at":{"#, times: 1, action: .graphQLError("database is locked")))
        #expect(try rig.sync(fake.url, options: options(.incremental)).error == nil)
        #expect(fake.faults.count(listing) == 1)
        #expect(try rig.sync(fake.url, options: options(.incremental)).changed == 1)
        try expectFresh(rig, fake)
    }

    @Test func `too much that is missing is kept, remembered, and no longer suspect when it is back`() throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        let number = InstanceNumber(1)
        try rig.sync(fake.url)
        let full = fake.catalogue.backup()
        fake.catalogue.destroy(.image, Array(1...12))
        for _ in 0..<3 { try rig.sync(fake.url, options: options(.sweep)) }
        let suspect = try rig.index.kindPasses(of: number).filter(\.isSuspect)
        #expect(suspect.map(\.kind) == [.image] && suspect.first?.missing == 12)
        #expect(try rig.ids(.image).count == 30)
        fake.catalogue.restore(full)
        try rig.sync(fake.url, options: options(.sweep))
        #expect(try !rig.index.kindPasses(of: number).contains(where: \.isSuspect))
        #expect(try rig.ids(.image, where: "missed > 0").isEmpty)
        fake.catalogue.destroy(.image, Array(1...12))
        try rig.sync(fake.url, options: options(.sweep))
        try rig.sync(fake.url, options: options(.sweep, force: true))
        #expect(try rig.ids(.image).count == 18)
        #expect(try !rig.index.kindPasses(of: number).contains(where: \.isSuspect))
    }
}
