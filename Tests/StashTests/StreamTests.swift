import Dispatch
import FakeStash
import Foundation
import Testing

@testable import Stash

@Suite(.timeLimit(.minutes(9))) struct StreamTests {
    @Test(arguments: Generation.allCases)
    func `a whole file comes as it is`(generation: Generation) throws {
        let rig = try Rig(Rig.configuration(generation))
        let outcome = rig.fetch(.sceneStream(scene: 1))
        let size = rig.size(ofScene: 1)
        #expect(outcome.error == nil && outcome.misplaced.isEmpty)
        #expect(outcome.head?.status == 200 && outcome.head?.total == size)
        #expect(outcome.head?.validator.lastModified != nil)
        #expect(outcome.bytes == rig.bytes(ofScene: 1, 0..<size))
    }

    @Test func `every kind of resource is found at its own path`() throws {
        for generation in Generation.allCases {
            let rig = try Rig(Rig.configuration(generation))
            _ = try rig.client.describe()
            for (kind, make) in [
                (Kind.performer, { MediaResource.performerPicture(performer: $0) }),
                (.studio, { .studioPicture(studio: $0) }), (.tag, { .tagPicture(tag: $0) }),
                (.group, { .groupFront(group: $0) }), (.scene, { .sceneScreenshot(scene: $0) }),
            ] as [(Kind, (Int64) -> MediaResource)] {
                let ids = rig.fake.catalogue.ids(kind)
                let id = try #require(ids.first { rig.fake.expectedPicture(kind, $0) != nil })
                let outcome = rig.fetch(make(Int64(id)))
                #expect(outcome.error == nil && outcome.bytes == rig.fake.expectedPicture(kind, id), "\(kind)")
                #expect(outcome.head?.validator.etag != nil, "\(kind)")
                guard kind != .performer, let bare = ids.first(where: { rig.fake.expectedPicture(kind, $0) == nil })
                else { continue }
                #expect(rig.fetch(make(Int64(bare))).head?.isPlaceholder == true, "\(kind)")
            }
            #expect(rig.fetch(.sceneStream(scene: 999_999)).error == .notFound)
            #expect(rig.fetch(.caption(scene: 1, language: "xx", type: "srt")).error == .notFound)
        }
    }

    @Test func `sixty-four ranges at once come right over at most eight connections`() throws {
        let rig = try Rig()
        let size = rig.size(ofScene: 1)
        let seed = UInt64.random(in: .min ... .max)
        var generator = SplitMix(state: seed)
        let requests = (0..<64).map { _ in
            let from = Int64.random(in: 0..<size, using: &generator)
            let to = Int64.random(in: from + 1...size, using: &generator)
            return (from..<to, Recorder())
        }
        for (range, recorder) in requests {
            _ = rig.client.fetch(
                .sceneStream(scene: 1), range: ByteRange(from: range.lowerBound, to: range.upperBound), sink: recorder)
        }
        for (range, recorder) in requests {
            let outcome = recorder.wait()
            #expect(outcome.error == nil && outcome.misplaced.isEmpty, "seed \(seed)")
            #expect(outcome.bytes == rig.bytes(ofScene: 1, range), "seed \(seed)")
        }
        #expect(Set(rig.fake.requests.map(\.connection)).count <= 8)
    }

    @Test func `an open range ends with the file and a range behind it tells the size`() throws {
        let rig = try Rig()
        let size = rig.size(ofScene: 1)
        let outcome = rig.fetch(.sceneStream(scene: 1), ByteRange(from: size - 3))
        #expect(outcome.bytes == rig.bytes(ofScene: 1, size - 3..<size) && outcome.error == nil)
        #expect(
            rig.fetch(.sceneStream(scene: 1), ByteRange(from: size)).error == .rangeNotSatisfiable(total: size))
    }

    /// Everything that a killed stream has delivered is the beginning of the file: its stray bytes reach nobody.
    @Test(arguments: [Int64(0), 1, 4, 5, 6, 16_383, 16_384, 16_385, 40_000])
    func `the stray bytes of a killed stream reach nobody`(after: Int64) throws {
        let rig = try Rig()
        let size = rig.size(ofScene: 1)
        rig.fake.faults.add(Fault(pathSuffix: "/stream", action: .stray(after: after)))
        for range in [nil, ByteRange(from: 100), ByteRange(from: 100, to: 90_000)] {
            let start = range?.lowerBound ?? 0
            let outcome = rig.fetch(.sceneStream(scene: 1), range)
            let length = min(range?.upperBound ?? size, size) - start
            #expect(outcome.error == .shortBody(received: after, expected: length))
            #expect(outcome.bytes == rig.bytes(ofScene: 1, start..<start + after) && outcome.misplaced.isEmpty)
        }
    }

    @Test(arguments: [
        (Fault.Action.close(after: 1000), StashError.shortBody(received: 995, expected: 50_000)),
        (.stall(after: 1000), .timedOut(.stalled)), (.hang, .timedOut(.firstByte)),
        (.drop, .unreachable(.connectionLost)), (.wrongRange(shift: 1), .refused(.contentRange)),
        (.noContentRange, .refused(.contentRange)), (.ignoreRange, .refused(.wholeInsteadOfRange)),
        (.wrongTotal(77_777), .changed), (.loginPage, .notStash(.webPage)),
        (.redirectToLogin, .unauthorised(.needsKey)), (.status(404, "404 page not found"), .notFound),
        (.status(403, "no permission"), .refused(.forbidden)), (.status(412, ""), .changed),
        (.status(500, "oops"), .server(message: "http status 500", retryable: true)),
        (.status(403, "exposed to the public internet"), .tripwire),
    ])
    func `a fault is the error that it means and no wrong byte comes with it`(
        action: Fault.Action, error: StashError
    ) throws {
        let rig = try Rig(timeouts: Rig.impatient)
        let range = ByteRange(from: 0, to: 50_000)
        let good = rig.fetch(.sceneStream(scene: 1), range)
        let validator = try #require(good.head?.validator)
        rig.fake.clearRequests()
        let rule = rig.fake.faults.add(Fault(pathSuffix: "/stream", action: action))
        let bad = rig.fetch(.sceneStream(scene: 1), range, expecting: validator)
        #expect(bad.error == error)
        #expect(bad.misplaced.isEmpty)
        #expect(bad.bytes == Array(good.bytes.prefix(bad.bytes.count)) && bad.bytes.count < good.bytes.count)
        #expect(rig.fake.requests.allSatisfy { $0.path == "/scene/1/stream" })
        rig.fake.faults.remove(rule)
        #expect(rig.fetch(.sceneStream(scene: 1), range, expecting: validator).bytes == good.bytes)
    }

    @Test func `a reset connection gives a beginning of the file at most`() throws {
        let rig = try Rig()
        rig.fake.faults.add(Fault(pathSuffix: "/stream", action: .reset(after: 30_000)))
        for _ in 0..<10 {
            let outcome = rig.fetch(.sceneStream(scene: 1))
            guard case .shortBody(let received, let expected) = outcome.error else {
                // The reset can overtake the whole answer.
                #expect(outcome.error == .unreachable(.connectionLost) && outcome.bytes.isEmpty)
                continue
            }
            #expect(received == Int64(outcome.bytes.count) && received <= 30_000)
            #expect(expected == rig.size(ofScene: 1))
            #expect(outcome.bytes == rig.bytes(ofScene: 1, 0..<received))
        }
    }

    @Test func `a rewritten file is noticed`() throws {
        let rig = try Rig()
        let validator = try #require(rig.fetch(.sceneStream(scene: 1), ByteRange(from: 0, to: 1)).head?.validator)
        #expect(rig.fetch(.sceneStream(scene: 1), ByteRange(from: 5, to: 9), expecting: validator).error == nil)
        rig.fake.catalogue.setClock(2_000_000_000)
        rig.fake.catalogue.rewriteFile(.scene, 1)
        let outcome = rig.fetch(.sceneStream(scene: 1), ByteRange(from: 5, to: 9), expecting: validator)
        #expect(outcome.error == .changed && outcome.bytes.isEmpty)
    }

    @Test func `a slow stream is no stalled one`() throws {
        let rig = try Rig(timeouts: Rig.impatient)
        rig.fake.faults.add(Fault(pathSuffix: "/stream", action: .slow(bytesPerSecond: 40_000)))
        let outcome = rig.fetch(.sceneStream(scene: 1), ByteRange(from: 0, to: 60_000))
        #expect(outcome.error == nil && outcome.bytes == rig.bytes(ofScene: 1, 0..<60_000))
    }

    @Test func `nothing comes after cancel has returned`() throws {
        let rig = try Rig(Rig.configuration { $0.mediaSize = 3_000_000...3_000_000 })
        for round in 0..<60 {
            let recorder = Recorder()
            let transfer = rig.client.fetch(.sceneStream(scene: 1), sink: recorder)
            if round % 3 > 0 { #expect(recorder.waitForBytes()) }
            if round % 3 > 1 { for _ in 0..<round { _ = recorder.outcome } }
            let isFirst = transfer.cancel()
            recorder.close()
            let outcome = recorder.outcome
            #expect(isFirst != outcome.hasEnded)
            #expect(!transfer.cancel())
            #expect(rig.fetch(.sceneStream(scene: 2), ByteRange(from: 0, to: 10)).error == nil)
            #expect(recorder.outcome.misplaced.isEmpty && recorder.outcome.bytes == outcome.bytes)
        }
    }

    /// Cancels itself at its first bytes.
    private final class Quitter: TransferSink {
        let transfer = Lock<Transfer?>(nil)
        let calls = Lock<[String]>([])
        let ready = DispatchSemaphore(value: 0)
        let quit = DispatchSemaphore(value: 0)

        func began(_ head: MediaHead) {
            ready.wait()
            calls.withLock { $0.append("began") }
        }

        func received(_ bytes: UnsafeRawBufferPointer) {
            calls.withLock { $0.append("received") }
            let transfer = transfer.withLock { $0 }
            calls.withLock { $0.append(transfer?.cancel() == true ? "cancelled" : "not cancelled") }
            quit.signal()
        }

        func ended(_ error: StashError?) {
            calls.withLock { $0.append("ended") }
        }
    }

    @Test func `a sink may cancel its own transfer`() throws {
        let rig = try Rig()
        let quitter = Quitter()
        let transfer = rig.client.fetch(.sceneStream(scene: 1), sink: quitter)
        quitter.transfer.withLock { $0 = transfer }
        quitter.ready.signal()
        #expect(quitter.quit.wait(timeout: .now() + 30) == .success)
        #expect(rig.fetch(.sceneStream(scene: 2)).error == nil)
        #expect(quitter.calls.withLock { $0 } == ["began", "received", "cancelled"])
    }

    @Test func `an engine that stops fails what is running and what comes later`() throws {
        let rig = try Rig()
        rig.fake.faults.add(Fault(pathSuffix: "/stream", action: .stall(after: 20_000)))
        let recorders = (0..<20).map { _ in Recorder() }
        for recorder in recorders { _ = rig.client.fetch(.sceneStream(scene: 1), sink: recorder) }
        #expect(recorders[0].waitForBytes())
        rig.engine.stop()
        for recorder in recorders {
            let outcome = recorder.outcome
            #expect(outcome.hasEnded && outcome.error == .cancelled && outcome.misplaced.isEmpty)
        }
        #expect(rig.fetch(.sceneStream(scene: 1)).error == .cancelled)
        #expect(throws: StashError.cancelled) { try rig.client.describe() }
        rig.engine.stop()
    }

    @Test func `whoever lets go of the engine within a sink does not wait for ever`() throws {
        final class Owner: TransferSink {
            let engine: Lock<TransferEngine?>
            let done = DispatchSemaphore(value: 0)
            init(_ engine: TransferEngine) { self.engine = Lock(engine) }
            func began(_ head: MediaHead) {}
            func received(_ bytes: UnsafeRawBufferPointer) {}
            func ended(_ error: StashError?) {
                engine.withLock { $0 = nil }
                done.signal()
            }
        }
        let rig = try Rig()
        let engine = try TransferEngine()
        engine.start()
        let owner = Owner(engine)
        var client: StashClient? = StashClient(access: rig.client.access, engine: engine)
        _ = client?.fetch(.sceneStream(scene: 1), sink: owner)
        client = nil
        #expect(owner.done.wait(timeout: .now() + 30) == .success)
    }

    @Test func `ten stalled streams do not hold up the next one`() throws {
        let rig = try Rig()
        let stuck = try Rig()
        stuck.fake.faults.add(Fault(pathSuffix: "/stream", action: .hang))
        let client = StashClient(access: stuck.client.access, engine: rig.engine)
        let recorders = (0..<10).map { _ in Recorder() }
        let transfers = recorders.map { client.fetch(.sceneStream(scene: 1), sink: $0) }
        #expect(rig.fetch(.sceneStream(scene: 1)).error == nil)
        for transfer in transfers { #expect(transfer.cancel()) }
        #expect(recorders.allSatisfy { !$0.outcome.hasEnded && $0.outcome.head == nil })
    }
}
