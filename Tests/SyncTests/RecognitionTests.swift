import FakeStash
import Library
import Stash
import Sync
import Testing

/// A server is read only as long as its ids mean what they meant.
@Suite(.serialized, .timeLimit(.minutes(9))) struct RecognitionTests {
    private func start(
        _ generation: Generation, _ change: (inout FakeStash.Configuration) -> Void = { _ in }
    ) throws -> FakeStash {
        var configuration = FakeStash.Configuration()
        configuration.generation = generation
        change(&configuration)
        return try FakeStash.start(configuration)
    }

    private func expectRefusal(_ report: SyncReport, _ fake: FakeStash) {
        guard case .otherCatalogue("server 1", let address) = report.error else {
            Issue.record("\(String(describing: report.error))")
            return
        }
        #expect(address.url == fake.url)
        let sentence = report.error.map { "\($0)" } ?? ""
        #expect(sentence.contains(fake.url) && sentence.contains("another catalogue"))
        #expect(sentence.contains("peekfs sync server 1 --force") && sentence.contains("peekfs instance add"))
        #expect(report.error?.passesByItself == false)
        #expect(report.kinds.isEmpty, "no kind was read")
        #expect(!fake.requests.contains { $0.query?.contains("Page") == true }, "no row was asked for")
    }

    @Test(arguments: Generation.allCases)
    func `another catalogue under the same address is refused, and nothing is read, removed or changed`(
        generation: Generation
    ) throws {
        let first = try start(generation)
        let rig = try Rig()
        #expect(try rig.sync(first.url).error == nil)
        let (before, known) = (try rig.dump(), try rig.state.fingerprint(of: InstanceNumber(1)))
        #expect(known.isWhole && known[.scene]?.count == 24)
        let port = first.port
        first.stop()
        let other = try start(generation) {
            $0.name = "other"
            $0.port = port
        }
        defer { other.stop() }
        for _ in 0..<2 { expectRefusal(try rig.sync(other.url), other) }
        #expect(try rig.dump() == before)
        #expect(try rig.state.fingerprint(of: InstanceNumber(1)) == known)

        let forced = try rig.sync(other.url, options: Rig.options(force: true))
        #expect(forced.error == nil)
        #expect(forced.changed > 0)
        let after = try rig.dump()
        #expect(after != before)
        let next = try rig.sync(other.url)
        #expect(next.error == nil)
        #expect(next.changed == 0)
        #expect(try rig.dump() == after)
    }

    @Test(arguments: Generation.allCases)
    func `a server that was reset and scanned again is refused until a person confirms it`(
        generation: Generation
    ) throws {
        let fake = try start(generation)
        defer { fake.stop() }
        let rig = try Rig()
        #expect(try rig.sync(fake.url).error == nil)
        let before = try rig.dump()
        fake.catalogue.reset()
        fake.clearRequests()
        expectRefusal(try rig.sync(fake.url), fake)
        #expect(try rig.dump() == before)
        #expect(try rig.sync(fake.url, options: Rig.options(force: true)).error == nil)
        #expect(try rig.sync(fake.url).error == nil)
    }

    @Test(arguments: Generation.allCases)
    func `edits, new rows, deletions and another clock are the same server`(generation: Generation) throws {
        let fake = try start(generation)
        defer { fake.stop() }
        let rig = try Rig()
        #expect(try rig.sync(fake.url).error == nil)
        fake.catalogue.setUTCOffset(7200)
        for number in 0..<5 {
            fake.catalogue.create(.scene) { $0.title = "new \(number)" }
            fake.catalogue.create(.tag) { $0.title = "new \(number)" }
        }
        fake.catalogue.edit(.scene, 1) { $0.title = "Another title" }
        fake.catalogue.destroy(.scene, Array(2...12))
        #expect(try rig.sync(fake.url).error == nil)
        fake.catalogue.setClock(2_000_000_000)
        let id = fake.catalogue.create(.scene) { $0.title = "newer" }
        fake.catalogue.destroy(.tag, fake.catalogue.ids(.tag).suffix(3))
        #expect(try rig.sync(fake.url).error == nil)
        fake.catalogue.destroy(.scene, [id])
        #expect(try rig.sync(fake.url).error == nil, "that the newest are gone is no news of that kind")
    }

    @Test(arguments: Generation.allCases, [SyncScope.full, .incremental, .sweep])
    func `a restored older backup is reported and changes nothing until a person confirms it`(
        generation: Generation, scope: SyncScope
    ) throws {
        let fake = try start(generation)
        defer { fake.stop() }
        let rig = try Rig()
        #expect(try rig.sync(fake.url).error == nil)
        let backup = fake.catalogue.backup()
        fake.catalogue.create(.scene) { $0.title = "new" }
        fake.catalogue.edit(.scene, 1) { $0.title = "Another title" }
        #expect(try rig.sync(fake.url).error == nil)
        let before = try rig.dump()
        fake.catalogue.restore(backup)
        try expectOlder(rig, fake, scope, before)
        // The id is given again, to something else.
        fake.catalogue.setClock(2_000_000_000)
        fake.catalogue.create(.scene) { $0.title = "under an id that was used before" }
        // Rows that are the same things may have been read by then; this one is not taken for what it was.
        try expectOlder(rig, fake, scope)
        #expect(try rig.ids(.scene, where: "title = 'new'") == [25])
        for _ in 0..<2 { #expect(try rig.sync(fake.url, options: Rig.options(force: true)).error == nil) }
        #expect(try rig.sync(fake.url, options: options(scope)).error == nil)
        let fresh = try Rig()
        #expect(try fresh.sync(fake.url).error == nil)
        #expect(try rig.dump() == fresh.dump())
    }

    private func options(_ scope: SyncScope) -> SyncOptions {
        var options = Rig.options()
        options.scope = scope
        return options
    }

    private func expectOlder(_ rig: Rig, _ fake: FakeStash, _ scope: SyncScope, _ before: [String]? = nil) throws {
        let report = try rig.sync(fake.url, options: options(scope))
        guard case .olderCatalogue("server 1", _) = report.error else {
            Issue.record("\(String(describing: report.error))")
            return
        }
        #expect(report.error.map { "\($0)" }?.contains("peekfs sync server 1 --force") == true)
        if let before { #expect(try rig.dump() == before) }
    }

    @Test func `what is found is remembered before the first row is read`() throws {
        let fake = try start(.v30)
        defer { fake.stop() }
        let rig = try Rig()
        fake.faults.add(Fault(contains: "TagPage", action: .loginPage))
        #expect(try rig.sync(fake.url).error != nil)
        fake.faults.removeAll()
        #expect(try rig.state.fingerprint(of: InstanceNumber(1)).isWhole)
        fake.catalogue.reset()
        fake.clearRequests()
        expectRefusal(try rig.sync(fake.url), fake)
    }

    @Test func `an emptied server is no other one, and what it was is not forgotten`() throws {
        let fake = try start(.v30)
        defer { fake.stop() }
        let rig = try Rig()
        #expect(try rig.sync(fake.url).error == nil)
        let (before, full) = (try rig.dump(), fake.catalogue.backup())
        fake.catalogue.destroyAll()
        let report = try rig.sync(fake.url)
        #expect(report.error == nil)
        #expect(report.suspects.count == 7)
        #expect(try rig.dump() == before)
        fake.catalogue.restore(full)
        #expect(try rig.sync(fake.url).error == nil)
        fake.catalogue.reset()
        fake.clearRequests()
        expectRefusal(try rig.sync(fake.url), fake)
    }

    @Test func `a kind that cannot be sampled is no obstacle while another one can be recognised`() throws {
        let fake = try start(.v30)
        defer { fake.stop() }
        let rig = try Rig()
        let fault = Fault(contains: "SceneCreations", action: .graphQLError("a row is damaged"))
        fake.faults.add(fault)
        #expect(try rig.sync(fake.url).error == nil)
        let number = InstanceNumber(1)
        #expect(try rig.state.fingerprint(of: number)[.scene] == nil)
        fake.faults.removeAll()
        #expect(try rig.sync(fake.url).error == nil)
        #expect(try rig.state.fingerprint(of: number)[.scene]?.count == 24)
        fake.faults.add(fault)
        #expect(try rig.sync(fake.url).error == nil)
        #expect(try rig.state.fingerprint(of: number)[.scene]?.count == 24, "what it was stays")

        let before = try rig.dump()
        fake.faults.add(Fault(contains: "Creations", action: .graphQLError("a row is damaged")))
        guard case .server = try rig.sync(fake.url).error else {
            Issue.record("what cannot be recognised was read")
            return
        }
        #expect(try rig.dump() == before)
    }
}
