import Stash
import Testing

@testable import Sync

/// When what is due, by given times.
@Suite struct AgendaTests {
    private func agenda(_ change: (inout SyncSchedule) -> Void = { _ in }) -> Agenda {
        var schedule = SyncSchedule()
        change(&schedule)
        return Agenda(schedule)
    }

    /// A pass that took so many seconds.
    private func pass(
        _ agenda: inout Agenda, until end: Int, took: Int = 1, _ occasion: PassOccasion = .request,
        _ error: SyncError? = nil
    ) {
        var random = Seeded(1)
        agenda.passBegan()
        agenda.passEnded(occasion, error: error, took: .seconds(took), at: .seconds(end), using: &random)
    }

    private func away() throws -> SyncError {
        .server(.unreachable(.connectionRefused), try ServerAddress("http://attic:9999"))
    }

    @Test func `a new server is read at once, looked at every minute and read every hour`() {
        var agenda = agenda()
        #expect(agenda.step(at: .zero) == .pass(.request))
        pass(&agenda, until: 10)
        #expect(agenda.step(at: .seconds(60)) == nil)
        #expect(agenda.step(at: .seconds(77)) == .probe)
        var random = Seeded(2)
        for minute in 1...40 {
            agenda.probed(.same, at: .seconds(minute * 77), using: &random)
            #expect(agenda.step(at: .seconds(minute * 77 + 50)) == nil)
        }
        #expect(agenda.step(at: .seconds(4000)) == .pass(.time))
    }

    @Test func `much news in quick succession makes one pass, and the server gets its rest`() {
        var agenda = agenda()
        pass(&agenda, until: 10, took: 5)
        for second in 20...25 { agenda.news(at: .seconds(second)) }
        #expect(agenda.step(at: .seconds(59)) == nil, "ten times what the last pass took has not passed yet")
        #expect(agenda.step(at: .seconds(60)) == .pass(.news))
        pass(&agenda, until: 61, took: 1, .news)
        #expect(agenda.step(at: .seconds(100)) == nil, "all of it was one pass")
        agenda.news(at: .seconds(100))
        agenda.news(at: .seconds(101))
        #expect(agenda.step(at: .seconds(101)) == nil)
        #expect(agenda.step(at: .seconds(102)) == .pass(.news))
    }

    @Test func `news that comes while a pass runs makes another one`() {
        var random = Seeded(3)
        var agenda = agenda()
        agenda.passBegan()
        agenda.news(at: .seconds(5))
        agenda.passEnded(.request, error: nil, took: .seconds(9), at: .seconds(10), using: &random)
        #expect(agenda.step(at: .seconds(99)) != .pass(.news))
        #expect(agenda.step(at: .seconds(100)) == .pass(.news))
    }

    @Test func `a request comes first and waits for nothing`() throws {
        var agenda = agenda()
        pass(&agenda, until: 100, took: 50)
        agenda.news(at: .seconds(101))
        agenda.request()
        #expect(agenda.step(at: .seconds(101)) == .pass(.request))
        pass(&agenda, until: 102, .request, try away())
        agenda.request()
        #expect(agenda.step(at: .seconds(102)) == .pass(.request), "also while the server is away")
    }

    @Test func `what a look finds begins a pass, and a failed one comes again after a growing pause`() throws {
        var random = Seeded(4)
        var agenda = agenda()
        pass(&agenda, until: 10)
        agenda.probed(.new, at: .seconds(70), using: &random)
        #expect(agenda.step(at: .seconds(72)) == .pass(.news))
        pass(&agenda, until: 73, .news)
        agenda.probed(.failed(try away()), at: .seconds(140), using: &random)
        #expect(agenda.step(at: .seconds(141)) == .probe)
        for _ in 1...20 { agenda.probed(.failed(try away()), at: .seconds(200), using: &random) }
        #expect(agenda.step(at: .seconds(229)) == nil)
        #expect(agenda.step(at: .seconds(260)) == .probe)
    }

    @Test func `a failed pass is tried again for the same reason`() throws {
        var agenda = agenda()
        pass(&agenda, until: 10, .news, try away())
        #expect(agenda.step(at: .seconds(11)) == .pass(.news))
        pass(&agenda, until: 12, .news, .configuration("no address"))
        #expect(agenda.step(at: .seconds(100)) == nil, "only a person can help")
        #expect(agenda.step(at: .seconds(12 + 3600)) == .pass(.time))
    }

    @Test func `what is switched off never happens`() {
        var agenda = agenda { schedule in
            schedule.interval = nil
            schedule.probeInterval = nil
        }
        pass(&agenda, until: 10)
        #expect(agenda.nextStep == nil)
        #expect(agenda.step(at: .seconds(1_000_000)) == nil)
        agenda.news(at: .seconds(1_000_000))
        #expect(agenda.step(at: .seconds(1_000_002)) == .pass(.news))
    }
}
