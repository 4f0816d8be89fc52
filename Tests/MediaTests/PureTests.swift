import Stash
import Testing

@testable import Media

@Suite struct ReadAheadTests {
    private let size: Int64 = 1 << 30
    private let kibi: Int64 = 1 << 10

    /// Takes all proposals; gives the bytes that were proposed.
    @discardableResult
    private func take(_ ahead: inout ReadAhead, lanes: Int = 2) -> [Range<Int64>] {
        var taken: [Range<Int64>] = []
        while let range = ahead.proposal(limit: .max, lanes: lanes, size: size), taken.count < 1000 {
            ahead.issue(range)
            taken.append(range)
        }
        return taken
    }

    @Test func `one read in the middle asks for nothing more`() {
        var ahead = ReadAhead()
        let abandoned = ahead.note(500 << 20..<(500 << 20) + 65_536)
        #expect(abandoned == nil)
        #expect(ahead.proposal(limit: .max, size: size) == nil)
    }

    @Test func `a read of the front looks a little ahead`() {
        var ahead = ReadAhead()
        _ = ahead.note(0..<4096)
        #expect(ahead.proposal(limit: .max, size: size) == 4096..<(4096 + ReadAhead.smallest))
        #expect(ahead.proposal(limit: .max, size: 5000) == 4096..<5000)
        #expect(ahead.proposal(limit: .max, size: 4096) == nil)
    }

    @Test(arguments: [false, true])
    func `the window follows what was read, up to its limit`(waited: Bool) {
        var ahead = ReadAhead()
        var place: Int64 = 100 << 20
        let start = place
        var fetched: Int64 = 0
        let most = waited ? ReadAhead.largest : ReadAhead.calm
        for _ in 0..<800 {
            _ = ahead.note(place..<place + 65_536, waited: waited)
            place += 65_536
            for range in take(&ahead) {
                #expect(range.upperBound - place <= max(place - start, ReadAhead.smallest))
                #expect(range.upperBound - place <= most)
                fetched += Int64(range.count)
            }
        }
        #expect(ahead.window == most)
        #expect(fetched <= 2 * (place - start))
        for _ in 0..<(3 * ReadAhead.patience / 65_536) {
            _ = ahead.note(place..<place + 65_536)
            place += 65_536
        }
        #expect(ahead.window == ReadAhead.calm, "who waits no more needs no more")
    }

    @Test func `reads out of order are one sequence`() {
        var ahead = ReadAhead()
        for start in [2, 1, 0, 3, 5, 4, 7, 6].map({ $0 * 128 * kibi + (10 << 20) }) {
            let abandoned = ahead.note(start..<start + 128 * kibi)
            #expect(abandoned == nil)
        }
        #expect(ahead.cursors.count == 1 && ahead.window == 8 * 128 * kibi)
        #expect(ahead.proposal(limit: .max, size: size)?.lowerBound == (10 << 20) + 1024 * kibi)
    }

    @Test func `a file is read backwards`() {
        var ahead = ReadAhead()
        var place: Int64 = 500 << 20
        var fetched: Int64 = 0
        var lowest = place
        for step in 0..<100 {
            place -= 65_536
            let abandoned = ahead.note(place..<place + 65_536)
            #expect(abandoned == nil)
            for range in take(&ahead) {
                #expect(step >= 3 && range.upperBound == min(lowest, place))
                lowest = range.lowerBound
                fetched += Int64(range.count)
            }
        }
        #expect(lowest <= place - ReadAhead.smallest && fetched <= 2 * 100 * 65_536)
        #expect(ahead.claim(in: 0..<place) == place && ahead.claim(in: place..<size) == nil)
    }

    @Test(arguments: [700, -700, 5000, -5000])
    func `equal distances are foreseen, one more each time`(gap: Int64) {
        var ahead = ReadAhead()
        var place: Int64 = 500 << 20
        var asked: Set<Int64> = []
        for step in 0..<20 {
            let abandoned = ahead.note(place..<place + 65_536)
            #expect(abandoned?.isEmpty ?? true)
            if step >= 3 { #expect(asked.contains(place)) }
            let taken = take(&ahead)
            #expect(taken.count <= 2 && (step >= 2 || taken.isEmpty))
            for range in taken {
                #expect(range.count == 65_536)
                asked.insert(range.lowerBound)
            }
            place += gap * kibi
        }
        let last = place - gap * kibi
        #expect(ahead.claim(in: last + gap * kibi..<last + gap * kibi + 1) != nil)
        let lost = ahead.note(3..<5)
        #expect(lost?.count == ReadAhead.steps && ahead.claim(in: 0..<size) == nil)
    }

    @Test func `two places that are read in turn are both followed`() {
        var ahead = ReadAhead()
        var jumps = 0
        for step in 0..<20 {
            for place in [Int64(10 << 20), 300 << 20] {
                let start = place + Int64(step) * 65_536
                if ahead.note(start..<start + 65_536) != nil { jumps += 1 }
            }
        }
        #expect(jumps == 1 && ahead.cursors.count == 2 && ahead.cursors.allSatisfy { $0.motion == .forward })
    }

    @Test func `a jump gives up the claims of the other places`() {
        var ahead = ReadAhead()
        _ = ahead.note(0..<65_536)
        ahead.issue(65_536..<(1 << 20))
        #expect(ahead.claim(in: 0..<(2 << 20)) == 1 << 20)
        #expect(ahead.claim(in: 0..<65_536) == nil)
        let abandoned = ahead.note(500 << 20..<(500 << 20) + 10)
        #expect(abandoned == [65_536..<(1 << 20)])
        #expect(ahead.claim(in: 0..<(2 << 20)) == nil)
    }

    @Test func `what was fetched in vain has to be read before more is fetched ahead`() {
        var ahead = ReadAhead()
        ahead.wasted(1 << 20)
        _ = ahead.note(0..<131_072)
        #expect(take(&ahead).isEmpty)
        var place: Int64 = 131_072
        while take(&ahead).isEmpty, place < 10 << 20 {
            _ = ahead.note(place..<place + 131_072)
            place += 131_072
        }
        #expect(place >= 512 << 10 && place <= 1 << 20)
    }
}

@Suite struct DoubtTests {
    @Test func `after a waste one read behind a jump is no reason to look ahead`() {
        var ahead = ReadAhead()
        // At distances that grow, so that no run is foreseen.
        for step in 0..<Int64(30) {
            let place = (100 << 20) + step * step << 20
            _ = ahead.note(place..<place + 4096)
            _ = ahead.note(place + 4096..<place + 135_168)
            let next = ahead.proposal(limit: 32 << 20, size: 1 << 30)
            #expect((next == nil) == (step > 0))
            if let next {
                ahead.issue(next)
                ahead.wasted(65_536)
            }
        }
        // Until it has been read far again.
        for place in stride(from: Int64(950 << 20), to: 952 << 20, by: 131_072) {
            _ = ahead.note(place..<place + 131_072)
        }
        _ = ahead.note(10..<20)
        _ = ahead.note(20..<30)
        #expect(ahead.proposal(limit: 32 << 20, size: 1 << 30) != nil)
    }
}

@Suite struct EndingTests {
    @Test func `a run that is foreseen behind the place of the last read is asked for once`() throws {
        var ahead = ReadAhead()
        for start in stride(from: Int64(900 << 20), through: 500 << 20, by: -(50 << 20)) {
            _ = ahead.note(start..<start + 4096)
            _ = ahead.note(start + 4096..<start + 65_536)
        }
        ahead.wasted(700_000)
        _ = ahead.note((500 << 20) + 65_536..<(500 << 20) + 65_600)
        var seen: [Range<Int64>] = []
        while let run = ahead.proposal(limit: 32 << 20, size: 1 << 30), seen.count < 20 {
            seen.append(run)
            ahead.issue(run)
        }
        #expect(!seen.isEmpty && seen.count < 20 && Set(seen).count == seen.count)
    }

    /// Who has all of the file in memory takes one proposal after the other without a request.
    @Test(arguments: 0..<40) func `proposals come to an end, whatever was read`(seed: UInt64) {
        var random = SeededGenerator(seed)
        let size: Int64 = 1 << 30
        var ahead = ReadAhead()
        for _ in 0..<500 {
            // Runs of a few reads, at equal distances or anywhere.
            var start = Int64.random(in: 0..<size, using: &random)
            let gap = Int64.random(in: -size / 8...size / 8, using: &random)
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                var place = start
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let length = Int64([1, 4096, 65_536, 135_168].randomElement(using: &random) ?? 1)
                    let range = (place..<place + length).clamped(to: 0..<size)
                    if range.isEmpty { break }
                    _ = ahead.note(range, waited: Bool.random(using: &random))
                    place = range.upperBound
                    let inVain = Int.random(in: 0..<4, using: &random) == 0
                    if inVain { ahead.wasted(Int64.random(in: 0..<400_000, using: &random)) }
                    expectEnd(of: &ahead, size: size)
                }
                start += gap
            }
        }
    }

    private func expectEnd(of ahead: inout ReadAhead, size: Int64) {
        var last: Range<Int64>?
        while let next = ahead.proposal(limit: 4 << 20, lanes: 3, size: size) {
            #expect(next != last, "proposed again and again")
            if next == last { return }
            last = next
            ahead.issue(next)
        }
    }
}

@Suite struct LanesTests {
    private let start = ContinuousClock.now

    /// Runs a line for so many seconds; the lanes that were used at the end of each.
    private func run(_ seconds: Int, waits: Bool = true, rate: (Int) -> Int) -> [Int] {
        var lanes = Lanes(most: 4)
        lanes.answered(after: .milliseconds(50))
        var now = start
        return (0..<seconds).map { _ in
            for _ in 0..<100 {
                now += .milliseconds(10)
                lanes.received(rate(lanes.count) * 10, isTelling: waits, at: now)
            }
            return lanes.count
        }
    }

    @Test func `connections with a limit each get company`() {
        #expect(run(5) { 6250 * $0 }.last == 4)
    }

    @Test func `where one limit holds for all of them, two are enough`() {
        let lanes = run(20) { _ in 25_000 }
        #expect(lanes.last == 2 && lanes.count { $0 == 2 } >= 19)
    }

    @Test func `nothing is tried for a reader who does not wait`() {
        #expect(run(20, waits: false) { 6250 * $0 }.allSatisfy { $0 == Lanes.fewest })
    }
}

@Suite struct SlotsTests {
    private let file = FileID(value: 1)

    private func fill(_ slots: inout Slots, _ block: Int64) -> Int? {
        guard let slot = slots.reserve(server: 1, file: file, block: block) else { return nil }
        slots.want(slot)
        _ = slots.fill(slot, by: Slots.blockSize, needed: Slots.blockSize)
        slots.unwant(slot)
        return slot
    }

    @Test func `the least recently used block goes first, and never one that is wanted or pinned`() throws {
        var slots = Slots(count: 3)
        let first = fill(&slots, 0) ?? -1
        _ = fill(&slots, 1)
        let third = fill(&slots, 2) ?? -1
        slots.pin(first)
        slots.unpin(first)
        slots.want(third)
        #expect(slots.available == 2)
        _ = fill(&slots, 3)
        #expect(slots.find(file, 1) == nil && slots.find(file, 0) == first && slots.find(file, 2) == third)
        slots.pin(first)
        _ = fill(&slots, 4)
        #expect(slots.find(file, 3) == nil)
        slots.pin(try #require(slots.find(file, 4)))
        let none = slots.reserve(server: 1, file: file, block: 9)
        #expect(slots.available == 0 && none == nil)
    }

    @Test func `an untrue block is found by nobody and free when its pins are gone`() {
        var slots = Slots(count: 2)
        let slot = fill(&slots, 0) ?? -1
        slots.pin(slot)
        slots.detachAll(of: file)
        #expect(slots.find(file, 0) == nil && slots.used == 1 && slots.emptied == [file])
        slots.unpin(slot)
        #expect(slots.used == 0)
    }

    @Test func `a block that nobody fills or wants any more is free`() {
        var slots = Slots(count: 2)
        let slot = slots.reserve(server: 1, file: file, block: 0) ?? -1
        slots.assign(slot, to: TransferID(value: 1))
        #expect(slots.incomplete(of: 1) == 1)
        slots.want(slot)
        slots.assign(slot, to: nil)
        #expect(slots.used == 1)
        slots.unwant(slot)
        #expect(slots.used == 0 && slots.incomplete(of: 1) == 0)
    }
}

@Suite struct RetryTests {
    private let now = ContinuousClock.now

    @Test func `pauses double up to a limit, and several tries fit into a read`() {
        var backoff = Backoff()
        var time = now
        var tries = 1
        while time < now + .seconds(18) {
            backoff.fail(at: time, jitter: 1)
            #expect(!backoff.isOver(at: time))
            let pause = time.duration(to: backoff.until ?? time)
            #expect(pause <= Backoff.longest && pause >= Backoff.first)
            time = backoff.until ?? time
            tries += 1
        }
        #expect(tries >= 8)
        backoff.succeed()
        #expect(backoff.isOver(at: now) && backoff.failures == 0)
    }

    @Test func `a server that only pretends to be back is asked later each time`() {
        var breaker = Breaker()
        var time = now
        var waits: [Duration] = []
        for _ in 0..<6 {
            breaker.open(at: time, reason: .timedOut)
            let probe = breaker.probeAt ?? time
            waits.append(time.duration(to: probe))
            let taken = [time, probe, probe].map { breaker.takeProbe(at: $0) }
            #expect(taken == [false, true, false], "when it is due, and one at a time")
            let isBack = breaker.probed(true, at: probe)
            #expect(isBack)
            time = probe
        }
        #expect(waits == [1, 2, 4, 8, 8, 8].map { .seconds($0) })
        breaker.heard(at: time)
        breaker.open(at: time, reason: .timedOut)
        #expect(breaker.probeAt == time + Breaker.firstProbe)
    }

    @Test(arguments: [
        (StashError.unreachable(.connectionRefused), Failure.network), (.timedOut(.firstByte), .network),
        (.timedOut(.stalled), .network), (.shortBody(received: 1, expected: 2), .file),
        (.server(message: "http status 500", retryable: true), .file),
        (.server(message: "", retryable: false), .final(.refused)), (.changed, .changed),
        (.rangeNotSatisfiable(total: 3), .changed), (.notFound, .final(.gone)),
        (.refused(.status(410)), .final(.gone)), (.refused(.contentRange), .final(.refused)),
        (.unauthorised(.keyRejected), .final(.refused)), (.notStash(.webPage), .final(.refused)),
        (.notStash(.notHTTP), .file), (.tripwire, .locked),
    ])
    func `errors of the network are decisions`(error: StashError, failure: Failure) {
        #expect(Failure(error) == failure)
    }
}
