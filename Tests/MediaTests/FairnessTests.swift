import Dispatch
import FakeStash
import Stash
import Testing

@testable import Media

/// What one sick server, many readers and people who change their minds cost the others.
@Suite struct FairnessTests {
    private static let film = MediaResource.sceneStream(scene: 1)

    private static func rig(memory: Int) throws -> Rig {
        try Rig(
            servers: [
                Rig.server(scenes: 4, size: 90_000_000...90_000_000),
                Rig.server(scenes: 1, size: 8_000_000...8_000_000) { $0.name = "other" },
            ], memory: memory, deadline: .seconds(60), timeouts: .media)
    }

    /// Reads a film of the other server from its front to its end.
    private static func readOther(_ rig: Rig) throws {
        let (handle, learned) = try rig.open(film, server: 1)
        let size = try #require(learned?.size)
        var offset: Int64 = 0
        while offset < size {
            let bytes = try rig.read(handle, offset, 1 << 20).get()
            #expect(bytes == rig.servers[1].expectedBytes(.scene, 1, offset: offset, count: 1 << 20))
            offset += Int64(bytes.count)
        }
    }

    @Test(.timeLimit(.minutes(9)), arguments: [4 << 20, 16 << 20, 128 << 20])
    func `sixty-four stalled reads leave another server its memory, and end when interrupted`(memory: Int) throws {
        let rig = try Self.rig(memory: memory)
        defer { rig.stop() }
        let handles = try (1...4).map { try rig.open(.sceneStream(scene: $0)).0 }
        rig.servers[0].faults.add(Fault(pathSuffix: "/stream", action: .hang))
        let stalled = (0..<64).map { number in
            let sink = WaitingSink()
            let ticket = handles[number % 4].read(
                offset: Int64(number / 4 + 1) * (4 << 20) + 5, count: 1 << 20, sink: sink)
            return (sink, ticket)
        }
        #expect(rig.store.isAwaited(0) && !rig.store.isAwaited(1))
        try Self.readOther(rig)
        #expect(stalled.allSatisfy { !$0.0.isAnswered }, "they wait, and nobody waited for them")
        let counters = rig.store.counters()
        #expect(counters.parkedReads == 64 && counters.blocks <= memory / Slots.blockSize)
        #expect(counters.transfers <= MediaStore.Limits().transfersPerServer)
        for (_, ticket) in stalled { ticket?.cancel() }
        for (sink, _) in stalled { #expect(sink.wait() == .failure(.interrupted)) }
        for handle in handles { handle.close() }
        rig.expectQuiet("after the interrupts")
        #expect(!rig.store.isAwaited(0))
    }

    @Test(.timeLimit(.minutes(9))) func `a slow server takes nothing from another`() throws {
        let slow = try Rig.server(scenes: 1, size: 90_000_000...90_000_000) { $0.bandwidth = 200_000 }
        let rig = try Rig(
            servers: [slow, Rig.server(scenes: 1, size: 8_000_000...8_000_000) { $0.name = "other" }],
            memory: 16 << 20, deadline: .seconds(60), timeouts: .media)
        defer { rig.stop() }
        let (handle, _) = try rig.open(Self.film)
        let sinks = (0..<8).map { number in
            let sink = WaitingSink()
            _ = handle.read(offset: Int64(number) * (1 << 20), count: 1 << 20, sink: sink)
            return sink
        }
        try Self.readOther(rig)
        #expect(!sinks.allSatisfy { $0.isAnswered }, "8 MiB at 200 kB/s on each connection take longer")
        handle.close()
        rig.store.shutdown()
        #expect(sinks.allSatisfy { $0.isAnswered })
    }

    @Test(.timeLimit(.minutes(9))) func `five hundred opens with a seek and a close leave no transfer behind`() throws {
        let rig = try Self.rig(memory: 16 << 20)
        defer { rig.stop() }
        let wrong = Lock(0)
        let most = Lock(0)
        onThreads(10) { thread in
            for round in 0..<50 {
                let scene = (thread + round) % 4 + 1
                guard let handle = try? rig.open(.sceneStream(scene: Int64(scene))).0 else {
                    wrong.withLock { $0 += 1 }
                    continue
                }
                let offset = Int64((thread * 7919 + round * 104_729) % 89_000) * 1000
                let expected = rig.servers[0].expectedBytes(.scene, scene, offset: offset, count: 65_536)
                if rig.read(handle, offset, 65_536) != .success(expected) { wrong.withLock { $0 += 1 } }
                // Every other one leaves while it waits for something.
                let sink = WaitingSink()
                let ticket = handle.read(offset: offset / 2, count: 65_536, sink: sink)
                if round % 2 == 0 { ticket?.cancel() }
                handle.close()
                _ = sink.wait()
                let blocks = rig.store.counters().blocks
                most.withLock { $0 = max($0, blocks) }
            }
        }
        #expect(wrong.withLock { $0 } == 0 && most.withLock { $0 } <= (16 << 20) / Slots.blockSize)
        rig.expectQuiet("after five hundred opens")
    }
}
