import Derive
import FakeStash
import Foundation
import Library
import Logging
import Synchronization
import Testing

@testable import Stash
@testable import Sync

/// Collects reports and waits for them.
private final class Reports: Sendable {
    private struct State {
        var reports: [SyncReport] = []
    }

    private let state = Mutex(State())
    private let arrived = DispatchSemaphore(value: 0)

    func add(_ report: SyncReport) {
        state.withLock { $0.reports.append(report) }
        arrived.signal()
    }

    var all: [SyncReport] { state.withLock { $0.reports } }

    /// Blocks until the condition holds; the test's time limit bounds it.
    func wait(until condition: ([SyncReport]) -> Bool) {
        while !condition(all) { arrived.wait() }
    }

    func count(_ number: Int64, failed: Bool = false) -> Int {
        all.filter { $0.instance == InstanceNumber(number) && ($0.error != nil) == failed }.count
    }
}

@Suite(.serialized, .timeLimit(.minutes(9))) struct SchedulerTests {
    private func instance(_ number: Int64, _ url: String, enabled: Bool = true) -> Instance {
        Instance(
            number: InstanceNumber(number), id: UUID(), name: "server \(number)", url: url, apiKey: nil,
            enabled: enabled, priority: number, trust: .system, createdAt: 0)
    }

    private func scheduler(_ rig: Rig, _ reports: Reports, _ schedule: SyncSchedule = SyncSchedule()) -> SyncScheduler {
        SyncScheduler(
            index: rig.index, state: rig.state, lockDirectory: rig.directory, options: Rig.options(),
            schedule: schedule,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            makeClient: { instance in try rig.client(instance.url) },
            derive: {
                rig.countDerivation()
                try rig.followChanges()
            },
            onReport: { reports.add($0) })
    }

    /// Blocks a thread of its own, for the tests' own threads are few.
    private func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { done in
            Thread { done.resume(with: Result { try body() }) }.start()
        }
    }

    @Test func `a server that hangs delays no other, and stopping does not wait for it`() async throws {
        let sick = try FakeStash.start()
        defer { sick.stop() }
        let well = try FakeStash.start()
        defer { well.stop() }
        sick.faults.add(Fault(action: .hang))
        try await onThread {
            let (rig, reports) = (try Rig(), Reports())
            let scheduler = self.scheduler(rig, reports)
            scheduler.update([self.instance(1, sick.url), self.instance(2, well.url)])
            reports.wait { !$0.isEmpty }
            #expect(reports.count(2) == 1)
            scheduler.request(InstanceNumber(2))
            reports.wait { $0.count == 2 }
            #expect(sick.wait { !$0.isEmpty })
            let status = scheduler.status()
            #expect(status.map(\.instance) == [InstanceNumber(1), InstanceNumber(2)])
            guard case .syncing = status[0].phase else {
                Issue.record("the sick one is \(status[0].phase)")
                return
            }
            scheduler.stop()
            #expect(scheduler.status().isEmpty)
            let ended = try FileLock.take(rig.directory + "/sync-1.lock") != nil
            #expect(ended, "the pass has ended")
        }
    }

    @Test func `a server that comes back is noticed, and one with another address is asked at once`() async throws {
        var configuration = FakeStash.Configuration()
        let port = try HeldPort()
        configuration.port = port
        let other = try FakeStash.start()
        defer { other.stop() }
        let settings = configuration
        try await onThread {
            let (rig, reports) = (try Rig(), Reports())
            var schedule = SyncSchedule()
            schedule.firstPause = .milliseconds(5)
            schedule.longestPause = .milliseconds(20)
            let scheduler = self.scheduler(rig, reports, schedule)
            defer { scheduler.stop() }
            scheduler.update([self.instance(1, "http://127.0.0.1:\(port.number)")])
            reports.wait { $0.count >= 3 }
            #expect(reports.count(1, failed: true) >= 3)
            #expect(scheduler.status().first?.failingSince != nil)
            let back = try FakeStash.start(settings)
            defer { back.stop() }
            reports.wait { _ in reports.count(1) == 1 }
            #expect(scheduler.status().first?.failingSince == nil)
            #expect(scheduler.status().first?.lastSuccess != nil)

            scheduler.update([self.instance(1, other.url)])
            reports.wait { _ in reports.count(1) == 2 }
            #expect(!other.requests.isEmpty)
        }
    }

    @Test func `an instance that is disabled has stopped, and a request for it is refused`() async throws {
        let fake = try FakeStash.start()
        defer { fake.stop() }
        fake.faults.add(Fault(contains: "ScenePage", action: .hang))
        try await onThread {
            let (rig, reports) = (try Rig(), Reports())
            let scheduler = self.scheduler(rig, reports)
            defer { scheduler.stop() }
            scheduler.update([self.instance(1, fake.url)])
            #expect(fake.wait { $0.contains { $0.query?.contains("ScenePage") == true } })
            scheduler.update([self.instance(1, fake.url, enabled: false)])
            #expect(scheduler.status().isEmpty)
            #expect(scheduler.request(InstanceNumber(1)) == nil)
            let ended = try FileLock.take(rig.directory + "/sync-1.lock") != nil
            #expect(ended)
            fake.faults.removeAll()
            scheduler.update([self.instance(1, fake.url)])
            reports.wait { _ in reports.count(1) == 1 }
            #expect(try rig.ids(.scene).count == 24)
        }
    }

    @Test(arguments: [Generation.v22, .v30])
    func `a marker that is changed is noticed by the small question`(generation: Generation) async throws {
        var configuration = FakeStash.Configuration()
        configuration.generation = generation
        let fake = try FakeStash.start(configuration)
        defer { fake.stop() }
        let catalogue = fake.catalogue
        catalogue.setClock(1_764_000_000)
        catalogue.addMarker(scene: 3, title: "Before", seconds: 3, primaryTag: 1)
        try await onThread {
            let (rig, reports) = (try Rig(), Reports())
            var schedule = SyncSchedule()
            schedule.probeInterval = .milliseconds(20)
            schedule.newsDelay = .zero
            schedule.shortestRest = .zero
            let scheduler = self.scheduler(rig, reports, schedule)
            defer { scheduler.stop() }
            scheduler.update([self.instance(1, fake.url)])
            reports.wait { _ in reports.count(1) == 1 }
            catalogue.setClock(1_764_000_100)
            catalogue.renameMarker(scene: 3, title: "After")
            reports.wait { _ in reports.count(1) == 2 }
            #expect(reports.all.last?.occasion == .news)
            #expect(
                try rig.ids(.scene, where: "place IN (SELECT place FROM document WHERE json LIKE '%\"After\"%')") == [3]
            )
        }
    }

    @Test func `derivations of several passes never overlap`() async throws {
        let fakes = try (0..<3).map { _ in try FakeStash.start() }
        defer { for fake in fakes { fake.stop() } }
        try await onThread {
            let (rig, reports) = (try Rig(), Reports())
            let running = Mutex(0)
            let most = Mutex(0)
            let synchronisers = try fakes.enumerated().map { number, fake in
                Synchroniser(
                    instance: InstanceNumber(Int64(number + 1)), client: try rig.client(fake.url), index: rig.index,
                    state: rig.state, lockDirectory: rig.directory, options: Rig.options())
            }
            withExtendedLifetime(rig) {
                DispatchQueue.concurrentPerform(iterations: synchronisers.count) { number in
                    let report = synchronisers[number].run {
                        let now = running.withLock { running in
                            running += 1
                            return running
                        }
                        most.withLock { $0 = max($0, now) }
                        usleep(20_000)
                        running.withLock { $0 -= 1 }
                    }
                    reports.add(report)
                }
            }
            #expect(reports.all.allSatisfy { $0.error == nil })
            #expect(most.withLock { $0 } == 1)
        }
    }

    @Test func `pauses grow up to a limit, and what only a person can mend waits for the interval`() throws {
        let schedule = SyncSchedule()
        let address = try ServerAddress("http://attic:9999")
        var random = Seeded(1)
        let down = SyncError.server(.unreachable(.connectionRefused), address)
        for failures in 1...100 {
            let pause = try #require(schedule.pause(after: down, failures: failures, using: &random))
            let limit = Duration.seconds(min(60, pow(2, Double(failures - 1))))
            #expect(pause >= limit / 2 && pause <= limit, "after \(failures)")
        }
        let success = try #require(schedule.pause(after: nil, failures: 0, using: &random))
        #expect(success > .seconds(3000) && success < .seconds(4200))
        let refused = SyncError.server(.unauthorised(.keyRejected), address)
        #expect(schedule.pause(after: refused, failures: 1, using: &random) == .seconds(3600))
        let other = SyncError.otherCatalogue(instance: "attic", address)
        #expect(schedule.pause(after: other, failures: 1, using: &random) == .seconds(3600))
        #expect(schedule.pause(after: .server(.tripwire, address), failures: 1, using: &random) == nil)
    }
}
