import FakeStash
import Foundation
import Library
import Logging
import Testing

@testable import Sync

@Suite(.timeLimit(.minutes(9))) struct EventTests {
    private func event(_ what: SyncEvent.What) -> SyncEvent {
        SyncEvent(at: 1_764_357_000, instance: UUID(), name: "attic", what: what)
    }

    @Test func `every event is one flat JSON object and comes back as it was`() throws {
        let progress = SyncEvent.Progress(stage: "scenes", done: 5, total: 10, rate: 2.5, secondsLeft: 2)
        let ended = SyncEvent.Ended(
            pass: 4, seconds: 1.5, rows: 3, changed: 2, removed: 1, setAside: 0, suspects: ["tags"],
            error: "attic is away")
        let all: [SyncEvent.What] = [
            .began(SyncEvent.Began(occasion: .news)), .progress(progress), .ended(ended),
            .health(ServerHealthRecord(isUp: false, since: 5, reason: "away")),
            .health(ServerHealthRecord(isUp: true, since: 6)), .waiting(SyncEvent.Waiting(nextPass: 7)),
            .waiting(SyncEvent.Waiting(nextPass: nil)),
        ]
        for event in all.map(event) {
            let data = try JSONEncoder().encode(event)
            #expect(try JSONDecoder().decode(SyncEvent.self, from: data) == event)
            let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            #expect(object["name"] as? String == "attic")
            #expect(!object.values.contains { $0 is [String: Any] }, "it is not flat: \(object)")
        }
    }

    @Test func `rate and time left come from what this stage has done, and not before they mean something`() throws {
        var pace = SyncPace()
        func at(_ milliseconds: Int, _ done: Int, _ stage: SyncProgress.Stage = .rows(.scene)) -> (Double, Int)? {
            pace.note(
                SyncProgress(instance: InstanceNumber(1), stage: stage, done: done, total: 1000),
                at: .milliseconds(milliseconds)
            ).map { ($0.rate, $0.secondsLeft) }
        }
        // A pass that goes on where another one stopped has done much before it began.
        #expect(at(100, 600) == nil)
        #expect(at(500, 650) == nil, "too soon to tell")
        let (rate, left) = try #require(at(2100, 800))
        #expect(rate == 100)
        #expect(left == 2)
        #expect(at(2200, 0, .rows(.image)) == nil, "another stage begins anew")
    }

    @Test func `who listens late sees how things are, and all end with the scheduler`() async throws {
        let hub = SyncEventHub()
        let (attic, cellar) = (InstanceNumber(1), InstanceNumber(2))
        let up = event(.health(ServerHealthRecord(isUp: true, since: 1)))
        let waiting = event(.waiting(SyncEvent.Waiting(nextPass: nil)))
        hub.send(event(.began(SyncEvent.Began(occasion: .request))), of: attic)
        hub.send(up, of: attic)
        hub.send(waiting, of: attic)
        hub.send(event(.began(SyncEvent.Began(occasion: .request))), of: cellar)
        hub.forget(cellar)
        let stream = hub.stream(keeping: 8)
        let last = event(.began(SyncEvent.Began(occasion: .request)))
        hub.send(last, of: attic)
        hub.close()
        var seen: [SyncEvent] = []
        for await event in stream { seen.append(event) }
        #expect(seen == [up, waiting, last])
        for await event in hub.stream(keeping: 8) { Issue.record("\(event) after the end") }
    }

    @Test func `a listener that does not keep up loses the oldest events and nobody waits for it`() async throws {
        let hub = SyncEventHub()
        let stream = hub.stream(keeping: 3)
        for second in 0..<1000 {
            hub.send(
                event(.progress(SyncEvent.Progress(stage: "scenes", done: second, total: 1000))), of: InstanceNumber(1))
        }
        hub.close()
        var done: [Int] = []
        for await event in stream {
            if case .progress(let progress) = event.what { done.append(progress.done) }
        }
        #expect(done == [997, 998, 999])
    }
}
