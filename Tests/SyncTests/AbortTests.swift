import FakeStash
import Foundation
import Library
import Stash
import Testing

@testable import Sync

@Suite(.serialized, .timeLimit(.minutes(9))) struct AbortTests {
    private func start(_ change: (inout FakeStash.Configuration) -> Void = { _ in }) throws -> FakeStash {
        var configuration = FakeStash.Configuration()
        change(&configuration)
        return try FakeStash.start(configuration)
    }

    @Test func `a pass can be cancelled while a page hangs, and keeps what came`() async throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        let report = try await cutOff(rig, fake, Rig.options())
        #expect(report.error == .cancelled)
        #expect(try rig.ids(.scene).count == 8, "the first page")
        #expect(rig.derived == 0)
        let next = try rig.sync(fake.url)
        #expect(next.error == nil)
        #expect(next.kinds[.tag]?.changed == 0)
        #expect(rig.derived == 2)
    }

    @Test func `what was read before the first pass was cut off is not read again`() async throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        var options = Rig.options()
        options.scope = .incremental
        _ = try await cutOff(rig, fake, options)
        let next = try rig.sync(fake.url, options: options)
        #expect(next.error == nil)
        let scenes = try rig.ids(.scene).count
        #expect(scenes == 24 && next.kinds[.scene]?.rows == scenes - 8)
        #expect(try rig.index.watermark(.kind(.scene), of: InstanceNumber(1)) != nil, "from then on it counts as read")
    }

    @Test func `half of the images wait for the other half once the rest is derived`() async throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        _ = try await cutOff(rig, fake, Rig.options(), .image)
        #expect(rig.derived == 1, "after the scenes")
        var counts: [Int] = []
        #expect(try rig.sync(fake.url) { counts.append(try rig.ids(.image).count) }.error == nil)
        #expect(counts == [fake.catalogue.ids(.image).count])
        // A pass that has news does not keep them back.
        fake.catalogue.edit(.scene, 5) { $0.title = "Another title" }
        fake.catalogue.destroy(.image, [1])
        try rig.sync(fake.url)
        #expect(rig.derived == 4)
    }

    /// Ends a pass between the first and the second page of scenes, or of another kind.
    private func cutOff(
        _ rig: Rig, _ fake: FakeStash, _ options: SyncOptions, _ kind: Library.Kind = .scene
    ) async throws -> SyncReport {
        let page = kind == .image ? "ImagePage" : "ScenePage"
        fake.faults.add(Fault(contains: page, skip: 1, action: .hang))
        defer { fake.faults.removeAll() }
        let cancel = Cancellation()
        return try await withCheckedThrowingContinuation { done in
            Thread { done.resume(with: Result { try rig.sync(fake.url, options: options, cancel: cancel) }) }.start()
            Thread {
                _ = fake.wait { $0.filter { $0.query?.contains(page) == true }.count >= 2 }
                // The second page is asked for while the first one is being stored.
                let deadline = ContinuousClock.now + .seconds(30)
                while (try? rig.ids(kind).count) != 8, ContinuousClock.now < deadline { usleep(10_000) }
                cancel.cancel()
            }.start()
        }
    }

    @Test func `rows that were stored and not derived are derived by the next pass, though it changes nothing`() throws
    {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        try rig.sync(fake.url)
        fake.catalogue.edit(.scene, 5) { $0.title = "Another title" }
        let first = try rig.sync(fake.url) { throw SyncError.local("the disk is full") }
        #expect(first.error == .local("the disk is full"))
        #expect(first.changed == 1)
        let derived = rig.derived
        #expect(try rig.sync(fake.url, as: 2).error == nil)
        fake.catalogue.edit(.scene, 5) { $0.title = "One more" }
        fake.faults.add(Fault(contains: "ImageIDs", action: .status(500, "oh")))
        #expect(try rig.sync(fake.url) { throw SyncError.local("the disk is full") }.changed == 1)
        fake.faults.removeAll()
        let again = rig.derived
        let second = try rig.sync(fake.url)
        #expect(second.changed == 0)
        #expect(rig.derived == again + 1 && again > derived)
        try rig.sync(fake.url)
        #expect(rig.derived == again + 1)
    }

    @Test func `what is missing is derived when it is missed and when it is gone, and not again and again`() throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        try rig.sync(fake.url)
        let derived = rig.derived
        fake.catalogue.destroy(.image, [1])
        for expected in [1, 2, 2] {
            try rig.sync(fake.url)
            #expect(rig.derived == derived + expected)
        }
        fake.catalogue.destroy(.image, fake.catalogue.ids(.image).dropLast())
        for _ in 0..<3 {
            try rig.sync(fake.url)
            #expect(rig.derived == derived + 3, "so much that it is not believed")
        }
    }

    @Test(arguments: ["SETUP", "NEEDS_MIGRATION"])
    func `a server that waits for its owner is left alone, and what is known of it stays`(status: String) throws {
        let ready = try start()
        let rig = try Rig()
        try rig.sync(ready.url)
        let before = try rig.dump()
        ready.stop()
        let fake = try start { $0.status = status }
        defer { fake.stop() }
        let report = try rig.sync(fake.url)
        #expect("\(report.error.map { "\($0)" } ?? "")".contains("open it in a browser"))
        #expect(fake.requests.count == 1)
        #expect(try rig.dump() == before)
    }

    @Test func `an error says what to do and not what the key is`() throws {
        let fake = try start {
            $0.requiresLogin = true
            $0.apiKey = "right-key"
        }
        defer { fake.stop() }
        let rig = try Rig()
        let wrong = try rig.sync(fake.url, key: "wrong-key")
        guard case .server(.unauthorised(.keyRejected), _) = wrong.error else {
            Issue.record("\(String(describing: wrong.error))")
            return
        }
        #expect(!"\(wrong)".contains("wrong-key"))
        #expect("\(wrong.error.map { "\($0)" } ?? "")".contains("API key"))
        guard case .server(.unauthorised(.needsKey), _) = try rig.sync(fake.url).error else {
            Issue.record("no key was not told from a wrong key")
            return
        }
        #expect(try rig.sync(fake.url, key: "right-key").error == nil)
    }

    @Test func `a server that is gone takes nothing with it`() throws {
        let fake = try start()
        let rig = try Rig()
        try rig.sync(fake.url)
        let before = try rig.dump()
        fake.stop()
        let report = try rig.sync(fake.url)
        guard case .server(.unreachable, _) = report.error else {
            Issue.record("\(String(describing: report.error))")
            return
        }
        #expect(report.error?.passesByItself == true)
        #expect(try rig.dump() == before)
    }

    @Test func `two passes over one instance do not overlap`() throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        let lock = try FileLock.take(rig.directory + "/sync-1.lock")
        #expect(try rig.sync(fake.url, as: 1).error == .busy)
        #expect(fake.requests.isEmpty)
        #expect(try rig.sync(fake.url, as: 2).error == nil)
        _ = consume lock
        #expect(try rig.sync(fake.url, as: 1).error == nil)
    }
}
