import FakeStash
import Glibc
import Stash
import Testing

@testable import Media

/// Files that two servers have.
@Suite(.serialized) struct ReplicaTests {
    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"), (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 GMT"),
    ])
    func `a time is written as servers write it`(seconds: Int64, text: String) {
        #expect(Replica.httpDate(seconds) == text)
    }

    @Test func `a server is proven by the time of the last change, and not by a version that was seen before`() {
        let source = MediaSource(server: 0, resource: .sceneStream(scene: 1), size: 100)
        let version = Validator(total: 100, lastModified: "Sun, 06 Nov 1994 08:49:37 GMT")
        let text = LearnedMedia(version).version
        #expect(Replica(source: source, indexed: nil, modified: 784_111_777).isProven(by: version))
        #expect(!Replica(source: source, indexed: text, modified: 0).isProven(by: version))
        #expect(!Replica(source: source, indexed: nil, modified: 784_111_778).isProven(by: version))
        #expect(!Replica(source: source, indexed: text, modified: 784_111_777).isProven(by: Validator(total: 101)))
        #expect(!Replica(source: source, indexed: nil, modified: 0).isProven(by: Validator(total: 100)))
    }

    // MARK: Over real HTTP

    private static let size: Int64 = 3_000_000
    private static let step = 65_536

    /// Two servers with the same file, or with two files of one size.
    private static func rig(areEqual: Bool = true, deadline: Duration = .seconds(12)) throws -> Rig {
        let rig = try Rig(
            servers: [
                Rig.server(scenes: 1, size: size...size),
                Rig.server(scenes: 1, size: size...size) {
                    if !areEqual { $0.name = "other" }
                },
            ], deadline: deadline, patience: .milliseconds(300))
        let isSame =
            rig.servers[0].expectedBytes(.scene, 1, offset: 0, count: 4096)
            == rig.servers[1].expectedBytes(.scene, 1, offset: 0, count: 4096)
        #expect(isSame == areEqual)
        return rig
    }

    private static func replica(_ rig: Rig, _ server: Int, isTrue: Bool = true) throws -> Replica {
        let row = try #require(rig.servers[server].catalogue.entity(.scene, 1))
        return Replica(
            source: MediaSource(server: Int64(server), resource: .sceneStream(scene: 1), size: size), indexed: nil,
            modified: try #require(row.files.first).modified.seconds + (isTrue ? 0 : 1))
    }

    private static func open(
        _ rig: Rig, isOwnTrue: Bool = true, isCopyTrue: Bool = true
    ) throws -> (MediaHandle, Result<LearnedMedia?, MediaError>?) {
        let ready = Box<Result<LearnedMedia?, MediaError>>()
        let copy = try replica(rig, 1, isTrue: isCopyTrue)
        let handle = rig.store.open(
            try replica(rig, 0, isTrue: isOwnTrue), learned: { _ in }, copied: { true }, ready: { ready.put($0) },
            copies: { [copy] })
        return (handle, ready.wait())
    }

    /// The first error of reading a part of the file, after all bytes before it were right.
    private static func read(_ rig: Rig, _ handle: MediaHandle, _ range: Range<Int64> = 0..<size) -> MediaError? {
        for offset in stride(from: range.lowerBound, to: range.upperBound, by: step) {
            let expected = rig.servers[0].expectedBytes(.scene, 1, offset: offset, count: step)
            switch rig.read(handle, offset, step) {
            case .success(let bytes): #expect(bytes == expected, "wrong bytes at \(offset)")
            case .failure(let error): return error
            }
        }
        return nil
    }

    @Test(.timeLimit(.minutes(9)), arguments: Misbehaviour.all)
    func `whatever request fails, the reader does not notice`(_ misbehaviour: Misbehaviour) throws {
        let rig = try Self.rig()
        defer { rig.stop() }
        var number = 0
        while true {
            let fault = rig.servers[0].faults.add(
                Fault(pathSuffix: "/stream", skip: number, action: misbehaviour.action))
            let (handle, _) = try Self.open(rig)
            let error = Self.read(rig, handle)
            // A server that says at once that it has another file is believed, also by who has just opened the file.
            let isAllowed = error.map { $0 == .changed && misbehaviour.allowed.contains(.changed) } ?? true
            #expect(isAllowed, "request \(number): \(error.map { "\($0)" } ?? "")")
            handle.close()
            let isReached = rig.servers[0].faults.count(fault) > 0
            rig.servers[0].faults.removeAll()
            rig.expectQuiet("request \(number)")
            // So that the next round asks the server anew.
            rig.store.forget(server: 0, resource: .sceneStream(scene: 1))
            rig.store.forget(server: 1, resource: .sceneStream(scene: 1))
            #expect(eventually { rig.store.health(of: 0) == .up })
            guard isReached else { break }
            number += 1
        }
        #expect(number > 0)
    }

    @Test(.timeLimit(.minutes(9))) func `a server that ends in the middle is replaced, for good`() throws {
        let rig = try Self.rig()
        defer { rig.stop() }
        let (handle, _) = try Self.open(rig)
        #expect(Self.read(rig, handle, 0..<300_000) == nil)
        rig.servers[0].stop()
        #expect(Self.read(rig, handle) == nil)
        // Reads begin at the copy now.
        #expect(Self.read(rig, handle, 0..<Self.size) == nil)
        handle.close()
        rig.expectQuiet()
    }

    @Test(.timeLimit(.minutes(9))) func `a server that is down or does not have the file opens all the same`() throws {
        let rig = try Self.rig()
        defer { rig.stop() }
        rig.servers[0].faults.add(Fault(pathSuffix: "/stream", action: .status(404, "404 page not found")))
        let (gone, outcome) = try Self.open(rig)
        #expect(outcome == .success(nil) && Self.read(rig, gone) == nil)
        rig.store.setServer(0, nil)
        let (removed, answer) = try Self.open(rig)
        #expect(answer == .success(nil) && Self.read(rig, removed) == nil)
    }

    @Test(.timeLimit(.minutes(9))) func `a server whose copy is another file by now gives no byte`() throws {
        let rig = try Self.rig(areEqual: false)
        defer { rig.stop() }
        let (handle, _) = try Self.open(rig, isCopyTrue: false)
        #expect(Self.read(rig, handle, 0..<300_000) == nil)
        rig.servers[0].faults.add(Fault(pathSuffix: "/stream", action: .status(404, "404 page not found")))
        #expect(Self.read(rig, handle, 2_000_000..<Self.size) == .gone)
    }

    @Test(.timeLimit(.minutes(9))) func `who has read another file than the index knows goes on nowhere else`() throws {
        let rig = try Self.rig(areEqual: false)
        defer { rig.stop() }
        let (handle, _) = try Self.open(rig, isOwnTrue: false)
        #expect(Self.read(rig, handle, 0..<300_000) == nil)
        rig.servers[0].faults.add(Fault(pathSuffix: "/stream", action: .status(404, "404 page not found")))
        #expect(Self.read(rig, handle, 2_000_000..<Self.size) == .gone)
    }

    @Test(.timeLimit(.minutes(9)))
    func `who went on elsewhere does not come back to a server that has another file by now`() throws {
        let rig = try Self.rig(areEqual: false)
        defer { rig.stop() }
        let expected = rig.servers[1].expectedBytes(.scene, 1, offset: 0, count: Self.step)
        let down = rig.servers[0].faults.add(Fault(pathSuffix: "/stream", action: .status(404, "404 page not found")))
        let (handle, _) = try Self.open(rig, isOwnTrue: false)
        #expect(rig.read(handle, 0, Self.step) == .success(expected))
        rig.servers[0].faults.remove(down)
        rig.servers[1].faults.add(Fault(pathSuffix: "/stream", action: .status(404, "404 page not found")))
        rig.store.forget(server: 0, resource: .sceneStream(scene: 1))
        #expect(rig.read(handle, 2_000_000, Self.step) == .failure(.changed))
    }

    @Test(.timeLimit(.minutes(9))) func `an interrupt ends all attempts, and the deadline is one for all`() throws {
        let rig = try Self.rig(deadline: .seconds(2))
        defer { rig.stop() }
        let (handle, _) = try Self.open(rig)
        for server in rig.servers { server.faults.add(Fault(pathSuffix: "/stream", action: .hang)) }
        let sink = WaitingSink()
        let ticket = handle.read(offset: 2_000_000, count: Self.step, sink: sink)
        #expect(eventually { rig.store.counters().parkedReads == 2 }, "both are asked")
        ticket?.cancel()
        #expect(sink.wait() == .failure(.interrupted))
        let parked = WaitingSink()
        _ = handle.read(offset: 2_000_000, count: Self.step, sink: parked)
        #expect(parked.wait() == .failure(.timedOut))
        handle.close()
        rig.expectQuiet()
    }

    @Test(.timeLimit(.minutes(9)), arguments: [1, 2, 3, 4])
    func `two servers that misbehave in turn give no wrong byte`(
        seed: UInt64
    ) throws {
        let rig = try Self.rig(deadline: .seconds(3))
        defer { rig.stop() }
        let isOver = Lock(false)
        let wrong = Lock(0)
        let good = Lock(0)
        onThreads(4) { thread in
            var random = SeededGenerator(seed &* 31 &+ UInt64(thread))
            if thread == 0 {
                for round in 0..<30 {
                    let action = Misbehaviour.all[Int.random(in: 0..<Misbehaviour.all.count, using: &random)].action
                    let server = rig.servers[round % 2]
                    server.faults.add(Fault(pathSuffix: "/stream", times: 5, action: action))
                    usleep(100_000)
                    server.faults.removeAll()
                }
                return isOver.withLock { $0 = true }
            }
            while !isOver.withLock({ $0 }) {
                guard let handle = try? Self.open(rig).0 else { return wrong.withLock { $0 += 1 } }
                for _ in 0..<Int.random(in: 1...20, using: &random) {
                    let offset = Int64.random(in: 0..<Self.size, using: &random)
                    let count = Int.random(in: 1...300_000, using: &random)
                    guard case .success(let bytes) = rig.read(handle, offset, count) else { continue }
                    let isRight = bytes == rig.servers[0].expectedBytes(.scene, 1, offset: offset, count: count)
                    if isRight { good.withLock { $0 += 1 } } else { wrong.withLock { $0 += 1 } }
                }
            }
        }
        #expect(wrong.withLock { $0 } == 0 && good.withLock { $0 } > 0)
        rig.expectQuiet("seed \(seed)")
    }
}
