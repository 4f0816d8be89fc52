import FakeStash
import Foundation
import Media
import Stash
import Testing

@Suite(.serialized) struct StoreTests {
    private static let film = MediaResource.sceneStream(scene: 1)

    @Test(.timeLimit(.minutes(9))) func `a hit is answered on the caller's thread`() throws {
        let rig = try Rig(servers: [Rig.server()])
        defer { rig.stop() }
        do {
            let (handle, learned) = try rig.open(Self.film)
            #expect(learned?.size == rig.servers[0].content(.scene, 1)?.size)
            _ = rig.read(handle, 0, 4096)
            let sink = WaitingSink()
            let ticket = handle.read(offset: 0, count: 4096, sink: sink)
            #expect(ticket == nil && sink.isAnswered)
        }
        rig.expectQuiet()
    }

    @Test(.timeLimit(.minutes(9))) func `a small file is opened and read by one request`() throws {
        let rig = try Rig(servers: [Rig.server(scenes: 1, size: 50_000...50_000)])
        defer { rig.stop() }
        let (handle, _) = try rig.open(Self.film)
        let expected = rig.servers[0].expectedBytes(.scene, 1, offset: 0, count: 131_072)
        #expect(expected.count == 50_000 && rig.read(handle, 0, 131_072) == .success(expected))
        #expect(rig.servers[0].requests.count == 1)
    }

    @Test(.timeLimit(.minutes(9))) func `a file is read from its front to its end in few requests`() throws {
        let rig = try Rig(servers: [Rig.server(scenes: 1, size: 20_000_000...20_000_000)], memory: 64 << 20)
        defer { rig.stop() }
        let (handle, learned) = try rig.open(Self.film)
        let size = try #require(learned?.size)
        var offset: Int64 = 0
        while offset < size {
            let bytes = try rig.read(handle, offset, 131_072).get()
            #expect(bytes == rig.servers[0].expectedBytes(.scene, 1, offset: offset, count: 131_072))
            offset += Int64(bytes.count)
        }
        #expect(rig.servers[0].requests.count < 32)
        #expect(rig.store.counters().bytesReceived == size)
    }

    @Test(.timeLimit(.minutes(9))) func `the size of a transcode is learned before its bytes`() throws {
        let rig = try Rig(servers: [Rig.server(scenes: 40)])
        defer { rig.stop() }
        let server = rig.servers[0]
        let scene = try #require(
            server.catalogue.ids(.scene).first { server.catalogue.entity(.scene, $0)?.files.first?.transcode != nil })
        let (handle, learned) = try rig.open(.sceneStream(scene: Int64(scene)))
        #expect(learned?.size == server.catalogue.entity(.scene, scene)?.files.first?.transcode?.size)
        let expected = server.expectedBytes(.scene, scene, offset: 0, count: 1 << 20)
        #expect(rig.read(handle, 0, 1 << 20) == .success(expected))
    }

    @Test(.timeLimit(.minutes(9))) func `versions are never mixed while a file is rewritten again and again`() throws {
        let server = try Rig.server(scenes: 1, size: 3_000_000...3_000_000)
        // The file does not stay in memory whole for long, so that new requests meet the new file.
        let rig = try Rig(servers: [server], memory: 4 << 20)
        defer { rig.stop() }
        let contents = (0..<8).map { MediaBytes(identity: 1000 + $0, size: 3_000_000 + Int64($0 % 3)) }
        let rewrite: @Sendable (Int) -> Void = { version in
            let content = contents[version % contents.count]
            server.catalogue.edit(.scene, 1) { row in
                row.files[0].identity = 1000 + UInt64(version % contents.count)
                row.files[0].size = content.size
                row.files[0].modified = Stamp(seconds: 1_700_000_000 + Int64(version))
            }
        }
        rewrite(0)
        let findings = Lock<(mixed: Int, good: Int, errors: Set<MediaError>)>((0, 0, []))
        let isOver = Lock(false)
        let writer = Thread {
            var version = 0
            while !isOver.withLock({ $0 }) {
                version += 1
                rewrite(version)
                usleep(30_000)
            }
        }
        writer.start()
        onThreads(4) { thread in
            var random = SeededGenerator(UInt64(thread))
            for _ in 0..<80 {
                guard let handle = try? rig.open(Self.film).0 else { continue }
                // All that one handle shows must come from one version.
                var candidates = Set(contents.indices)
                for _ in 0..<5 {
                    let offset = Int64.random(in: 0..<3_000_000, using: &random)
                    switch rig.read(handle, offset, 200_000) {
                    case .success(let bytes):
                        candidates = candidates.filter { contents[$0].bytes(from: offset, count: 200_000) == bytes }
                        findings.withLock { $0.good += 1 }
                    case .failure(let error):
                        findings.withLock { _ = $0.errors.insert(error) }
                    }
                }
                if candidates.isEmpty { findings.withLock { $0.mixed += 1 } }
            }
        }
        isOver.withLock { $0 = true }
        let found = findings.withLock { $0 }
        #expect(found.mixed == 0 && found.good > 0)
        #expect(found.errors == [.changed], "the file changed under some reads, and nothing else went wrong")
        rig.expectQuiet()
    }

    @Test(.timeLimit(.minutes(9))) func `a read that is cancelled while it is answered is answered once`() throws {
        let server = try Rig.server(scenes: 1, size: 30_000_000...30_000_000) { $0.latencyMilliseconds = 2 }
        let rig = try Rig(servers: [server], memory: 4 << 20)
        defer { rig.stop() }
        let counts = Lock<[Bool: Int]>([:])
        onThreads(8) { thread in
            var random = SeededGenerator(UInt64(thread))
            guard let handle = try? rig.open(Self.film).0 else { return }
            // How long to wait before the cancellation: longer while reads are interrupted, shorter while they succeed,
            // so that the two meet however fast the machine is.
            var pause: UInt32 = 1000
            for _ in 0..<80 {
                let sink = WaitingSink()
                let offset = Int64.random(in: 0..<29_000_000, using: &random)
                let ticket = handle.read(offset: offset, count: 65_536, sink: sink)
                usleep(pause)
                ticket?.cancel()
                ticket?.cancel()
                switch sink.wait() {
                case .success(let bytes):
                    #expect(bytes == server.expectedBytes(.scene, 1, offset: offset, count: 65_536))
                    counts.withLock { $0[true, default: 0] += 1 }
                    pause = pause * 3 / 4
                case .failure(let error):
                    #expect(error == .interrupted)
                    counts.withLock { $0[false, default: 0] += 1 }
                    pause = min(pause * 3 / 2 + 10, 400_000)
                }
            }
        }
        #expect(counts.withLock { $0[true] ?? 0 } > 0 && counts.withLock { $0[false] ?? 0 } > 0)
        rig.expectQuiet()
    }

    @Test(.timeLimit(.minutes(9))) func `shutdown answers every parked read and fails what comes later`() throws {
        let rig = try Rig(servers: [Rig.server(scenes: 1, size: 30_000_000...30_000_000)])
        defer { rig.stop() }
        let (handle, _) = try rig.open(Self.film)
        rig.servers[0].faults.add(Fault(pathSuffix: "/stream", action: .hang))
        let sinks = (1..<20).map { _ in WaitingSink() }
        for (number, sink) in sinks.enumerated() {
            #expect(handle.read(offset: Int64(number + 1) * 1_000_000, count: 4096, sink: sink) != nil)
        }
        rig.store.shutdown()
        rig.store.shutdown()
        for sink in sinks {
            #expect(sink.isAnswered && sink.wait() == .failure(.unavailable))
        }
        #expect(rig.read(handle, 0, 4096) == .failure(.unavailable))
        #expect(throws: MediaError.unavailable) { try rig.open(Self.film) }
        #expect(rig.store.counters().blocks == 0 && rig.store.counters().transfers == 0)
    }

    @Test(.timeLimit(.minutes(9))) func `sixty-four handles stay within the memory that there is`() throws {
        let server = try Rig.server(scenes: 12, size: 2_000_000...4_000_000)
        // Not every scene has a file.
        let scenes = (1...12).filter { server.content(.scene, $0) != nil }
        try #require(scenes.count >= 8)
        // About memory, not about time: sixty-four at once make a busy machine slow.
        let rig = try Rig(servers: [server], memory: 4 << 20, deadline: .seconds(60), timeouts: .media)
        defer { rig.stop() }
        let most = Lock(0)
        let wrong = Lock<[String: Int]>([:])
        onThreads(64) { thread in
            let scene = scenes[thread % 8]
            let handle: MediaHandle
            do throws(MediaError) {
                handle = try rig.open(.sceneStream(scene: Int64(scene))).0
            } catch {
                return wrong.withLock { $0["\(error) when opened", default: 0] += 1 }
            }
            for place in 0..<6 {
                let offset = Int64((thread * 97 + place * 5) % 20) * 100_000 + 7
                switch rig.read(handle, offset, 1 << 20) {
                case .success(let bytes):
                    let expected = server.expectedBytes(.scene, scene, offset: offset, count: 1 << 20)
                    if bytes != expected { wrong.withLock { $0["bytes", default: 0] += 1 } }
                case .failure(let error): wrong.withLock { $0["\(error)", default: 0] += 1 }
                }
                let blocks = rig.store.counters().blocks
                most.withLock { $0 = max($0, blocks) }
            }
        }
        #expect(wrong.withLock { $0 } == [:])
        #expect(most.withLock { $0 } <= 64)
        rig.expectQuiet()
    }

    @Test(.timeLimit(.minutes(9))) func `a stalled server takes nothing from another`() throws {
        let rig = try Rig(
            servers: [
                Rig.server(scenes: 2, size: 30_000_000...30_000_000),
                Rig.server(scenes: 1, size: 10_000_000...10_000_000) { $0.name = "other" },
            ], memory: 8 << 20, deadline: .seconds(60), timeouts: .media)
        defer { rig.stop() }
        let (sick, _) = try rig.open(Self.film)
        rig.servers[0].faults.add(Fault(pathSuffix: "/stream", action: .hang))
        let sinks = (1..<24).map { number in
            let sink = WaitingSink()
            _ = sick.read(offset: Int64(number) * (1 << 20) + 5, count: 1 << 20, sink: sink)
            return sink
        }
        let (handle, learned) = try rig.open(Self.film, server: 1)
        var offset: Int64 = 0
        while offset < learned?.size ?? 0 {
            let bytes = try rig.read(handle, offset, 1 << 20).get()
            #expect(bytes == rig.servers[1].expectedBytes(.scene, 1, offset: offset, count: 1 << 20))
            offset += Int64(bytes.count)
        }
        #expect(sinks.allSatisfy { !$0.isAnswered }, "they wait, and nobody waited for them")
        rig.store.shutdown()
        #expect(sinks.allSatisfy { $0.isAnswered })
    }

    @Test(.timeLimit(.minutes(9))) func `a silent server is marked down, and found again when it is back`() throws {
        let healths = Lock<[ServerHealth]>([])
        let rig = try Rig(
            servers: [Rig.server(scenes: 1, size: 30_000_000...30_000_000)], deadline: .seconds(2), timeouts: .media
        ) { _, health in healths.withLock { $0.append(health) } }
        defer { rig.stop() }
        let (handle, _) = try rig.open(Self.film)
        // The whole block: what is half there may be given up with its transfer.
        _ = rig.read(handle, 0, 131_072)
        rig.servers[0].faults.add(Fault(pathSuffix: "/stream", action: .hang))
        let sinks = (1..<5).map { _ in WaitingSink() }
        for (number, sink) in sinks.enumerated() {
            _ = handle.read(offset: Int64(number + 2) * 1_000_000, count: 4096, sink: sink)
        }
        #expect(sinks.allSatisfy { $0.wait() == .failure(.timedOut) })
        let late = WaitingSink()
        #expect(handle.read(offset: 9_000_000, count: 4096, sink: late) == nil)
        #expect(late.isAnswered && late.wait() == .failure(.unavailable))
        #expect(rig.read(handle, 0, 4096) == .success(rig.servers[0].expectedBytes(.scene, 1, offset: 0, count: 4096)))
        rig.servers[0].faults.removeAll()
        #expect(eventually { rig.store.health(of: 0) == .up })
        #expect(healths.withLock { $0.count } == 2 && healths.withLock { $0.last } == .up)
        #expect(
            rig.read(handle, 9_000_000, 4096)
                == .success(rig.servers[0].expectedBytes(.scene, 1, offset: 9_000_000, count: 4096)))
    }

    @Test(.timeLimit(.minutes(9))) func `an interrupted read leaves nothing behind`() throws {
        let rig = try Rig(servers: [Rig.server(scenes: 1, size: 30_000_000...30_000_000)], timeouts: .media)
        defer { rig.stop() }
        do {
            let (handle, _) = try rig.open(Self.film)
            rig.servers[0].faults.add(Fault(pathSuffix: "/stream", action: .hang))
            let sink = WaitingSink()
            let ticket = handle.read(offset: 5_000_000, count: 4096, sink: sink)
            ticket?.cancel()
            #expect(sink.isAnswered && sink.wait() == .failure(.interrupted))
        }
        rig.expectQuiet()
    }

    @Test(.timeLimit(.minutes(9))) func `a slow first answer does not hold up the open, and the read gets it`() throws {
        let rig = try Rig(servers: [Rig.server()], timeouts: .media)
        defer { rig.stop() }
        rig.servers[0].faults.add(Fault(pathSuffix: "/stream", times: 1, action: .delay(milliseconds: 900)))
        let (handle, learned) = try rig.open(Self.film)
        #expect(learned == nil)
        let expected = rig.servers[0].expectedBytes(.scene, 1, offset: 0, count: 5000)
        #expect(rig.read(handle, 0, 5000) == .success(expected))
    }

    @Test(.timeLimit(.minutes(9))) func `an image is fetched whole by one request`() throws {
        let rig = try Rig(servers: [Rig.server { $0.imageSize = 900_000...1_000_000 }])
        defer { rig.stop() }
        let (handle, learned) = try rig.open(.image(image: 1), whole: true)
        let expected = rig.servers[0].expectedBytes(.image, 1, offset: 0, count: 1 << 20)
        #expect(learned?.size == Int64(expected.count))
        #expect(rig.read(handle, 0, 1 << 20) == .success(expected))
        #expect(rig.read(handle, 700_001, 5000) == .success(Array(expected[700_001..<705_001])))
        #expect(rig.servers[0].requests.map { $0.range } == [nil])
    }

    @Test(.timeLimit(.minutes(9)))
    func `an image that comes whole, without a version and with another size, is somebody's word and no image`() throws
    {
        let rig = try Rig(servers: [Rig.server { $0.imageSize = 900_000...1_000_000 }])
        defer { rig.stop() }
        let expected = rig.servers[0].expectedBytes(.image, 1, offset: 0, count: 1 << 20)
        let (resource, size) = (MediaResource.image(image: 1), Int64(expected.count))
        rig.servers[0].faults.add(Fault(pathSuffix: "/image", action: .body("soon", contentType: "video/mp4")))
        #expect(throws: MediaError.refused) { try rig.open(resource, size: size, whole: true) }
        _ = rig.servers[0].faults.removeAll()
        rig.store.forget(MediaSource(server: 0, resource: resource, size: size, whole: true))
        let (handle, learned) = try rig.open(resource, size: size, whole: true)
        #expect(learned?.size == size && rig.read(handle, 0, 1 << 20) == .success(expected))
    }

    @Test(.timeLimit(.minutes(9))) func `a file that is forgotten is fetched again`() throws {
        let rig = try Rig(servers: [Rig.server()])
        defer { rig.stop() }
        let (handle, _) = try rig.open(Self.film)
        let expected = rig.servers[0].expectedBytes(.scene, 1, offset: 0, count: 4096)
        #expect(rig.read(handle, 0, 4096) == .success(expected))
        rig.servers[0].catalogue.edit(.scene, 1) { row in
            row.files[0].identity += 1000
            row.files[0].size = 800_001
            row.files[0].modified = Stamp(seconds: 1_800_000_000)
        }
        #expect(rig.read(handle, 0, 4096) == .success(expected), "nobody has said that the file changed")
        rig.store.forget(MediaSource(server: 0, resource: Self.film, size: 5))
        #expect(rig.read(handle, 0, 4096) == .failure(.changed))
        let (fresh, learned) = try rig.open(Self.film)
        let anew = rig.servers[0].expectedBytes(.scene, 1, offset: 0, count: 4096)
        #expect(learned?.size == 800_001 && anew != expected)
        #expect(rig.read(fresh, 0, 4096) == .success(anew))
    }

    @Test(.timeLimit(.minutes(9))) func `a server that is removed fails its reads at once`() throws {
        let rig = try Rig(servers: [Rig.server()])
        defer { rig.stop() }
        let (handle, _) = try rig.open(Self.film)
        rig.store.setServer(0, nil)
        #expect(rig.read(handle, 0, 10) == .failure(.unavailable))
        #expect(rig.store.health(of: 0) == .absent)
        #expect(throws: MediaError.unavailable) { try rig.open(Self.film) }
    }
}
