import FakeStash
import Media
import Stash
import Testing

/// One way to misbehave, and the errors that reads and opens may then get; bytes are never wrong.
struct Misbehaviour: Sendable, CustomTestStringConvertible {
    let action: Fault.Action
    var allowed: Set<MediaError> = []

    var testDescription: String { "\(action)" }

    static let all: [Misbehaviour] = [
        .init(action: .delay(milliseconds: 30)),
        .init(action: .hang),
        .init(action: .stall(after: 70_000)),
        .init(action: .reset(after: 0)),
        .init(action: .reset(after: 100_000)),
        .init(action: .close(after: 100_001)),
        .init(action: .stray(after: 90_000)),
        .init(action: .drop),
        .init(action: .slow(bytesPerSecond: 500_000)),
        .init(action: .status(500, "database is locked")),
        .init(action: .status(503, "")),
        .init(action: .wrongRange(shift: 1), allowed: [.refused]),
        .init(action: .wrongRange(shift: 131_072), allowed: [.refused]),
        // A first answer that lies about the size: the honest ones after it disagree.
        .init(action: .wrongTotal(3_000_000), allowed: [.refused, .changed]),
        .init(action: .ignoreRange, allowed: [.refused]),
        .init(action: .noContentRange, allowed: [.refused]),
        .init(action: .status(404, "404 page not found"), allowed: [.gone]),
        .init(action: .status(401, ""), allowed: [.refused]),
        .init(action: .status(403, ""), allowed: [.refused]),
        .init(action: .status(412, ""), allowed: [.changed, .refused]),
        .init(action: .status(416, ""), allowed: [.refused]),
        .init(action: .loginPage, allowed: [.refused]),
        .init(action: .redirectToLogin, allowed: [.refused]),
    ]
}

@Suite(.serialized) struct FaultTests {
    /// What a pass found: bytes that were not the file's, and errors.
    struct Findings: Sendable {
        var wrong: [String] = []
        var errors: Set<MediaError> = []
        var good = 0
    }

    /// Reads at random places of all scenes by `threads` threads, and compares each byte.
    static func readRandomly(
        _ rig: Rig, threads: Int, reads: Int, seed: UInt64, scenes: [Int64]
    ) -> Findings {
        let findings = Lock(Findings())
        let sizes = scenes.map { rig.servers[0].content(.scene, Int($0))?.size ?? 0 }
        onThreads(threads) { thread in
            var random = SeededGenerator(seed &+ UInt64(thread))
            let which = thread % scenes.count
            let (scene, size) = (scenes[which], sizes[which])
            var opened: MediaHandle?
            var offset: Int64 = 0
            for _ in 0..<reads {
                if opened == nil || Int.random(in: 0..<8, using: &random) == 0 {
                    do throws(MediaError) {
                        opened = try rig.open(.sceneStream(scene: scene)).0
                    } catch {
                        findings.withLock { _ = $0.errors.insert(error) }
                        continue
                    }
                }
                guard let handle = opened else { continue }
                if Bool.random(using: &random) { offset = Int64.random(in: 0...size, using: &random) }
                let count = [1, 4096, 65_536, 131_073, 300_000, 1 << 20].randomElement(using: &random) ?? 1
                let expected = rig.servers[0].expectedBytes(.scene, Int(scene), offset: offset, count: count)
                switch rig.read(handle, offset, count) {
                case .success(let bytes):
                    findings.withLock { findings in
                        if bytes == expected {
                            findings.good += 1
                        } else {
                            findings.wrong.append("\(bytes.count) of \(expected.count) bytes at \(offset)")
                        }
                    }
                    offset += Int64(bytes.count)
                case .failure(let error):
                    findings.withLock { _ = $0.errors.insert(error) }
                    opened = nil
                }
            }
        }
        return findings.withLock { $0 }
    }

    @Test(.timeLimit(.minutes(9)), arguments: Misbehaviour.all)
    func `the n-th request fails, for every n, and no byte is wrong`(fault: Misbehaviour) throws {
        let server = try Rig.server(scenes: 2)
        defer { server.stop() }
        var passes = 0
        var reached = true
        while reached, passes < 24 {
            let rig = try Rig(servers: [server])
            let rule = server.faults.add(
                Fault(pathSuffix: "/stream", skip: passes, times: 1, action: fault.action))
            let found = Self.readRandomly(rig, threads: 4, reads: 6, seed: UInt64(passes), scenes: [1, 2])
            reached = server.faults.count(rule) > 0
            server.faults.removeAll()
            let hint = "\(fault.action), request \(passes)"
            #expect(found.wrong.isEmpty, "\(hint)")
            #expect(found.errors.isSubset(of: fault.allowed), "\(hint): \(found.errors)")
            #expect(found.good > 0, "\(hint)")
            rig.expectQuiet(hint)
            rig.store.shutdown()
            rig.engine.stop()
            passes += 1
        }
        #expect(passes > 2, "the fault befell no request")
    }

    @Test(.timeLimit(.minutes(9)), arguments: [UInt64.random(in: 0..<1_000_000), 2])
    func `sixteen threads read while requests fail in all ways at once`(seed: UInt64) throws {
        let server = try Rig.server()
        let rig = try Rig(servers: [server], memory: 4 << 20)
        defer { rig.stop() }
        var random = SeededGenerator(seed)
        for number in 0..<200 where Bool.random(using: &random) {
            guard let fault = Misbehaviour.all.filter({ $0.allowed.isEmpty }).randomElement(using: &random) else {
                continue
            }
            server.faults.add(Fault(pathSuffix: "/stream", skip: number, times: 1, action: fault.action))
        }
        let found = Self.readRandomly(rig, threads: 16, reads: 20, seed: seed, scenes: [1, 2, 3, 4])
        #expect(found.wrong.isEmpty, "seed \(seed)")
        // Faults that pass may come so thick that a read runs out of time or a file out of tries.
        #expect(found.errors.isSubset(of: [.failing, .timedOut, .unavailable]), "seed \(seed): \(found.errors)")
        #expect(found.good > 0)
        rig.expectQuiet("seed \(seed)")
    }
}
