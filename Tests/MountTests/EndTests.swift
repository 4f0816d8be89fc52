import FakeStash
import Foundation
import Testing

/// How a mount ends, and what is left of it.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct EndTests {
    @Test(arguments: [SIGTERM, SIGINT])
    func `it unmounts and ends well, also while somebody waits for a server that does not answer`(
        signal: Int32
    ) throws {
        try Lab.with { lab in
            try lab.startServer("attic") { $0.scenes = 12 }
            try lab.addInstance("attic")
            try lab.mount()
            let server = try lab.server("attic")
            let directory = lab.root / "instances" / "attic" / "scenes"
            let path = try #require(try directory.list().map { directory / $0 }.first { $0.ref?.kind == .scene })
            let hang = server.faults.add(Fault(path: "/scene/", pathSuffix: "/stream", action: .hang))
            let reader = Promise { errnoOf { _ = try path.read() } }
            #expect(eventually { server.faults.count(hang) > 0 }, "the read waits for the server")
            #expect(try lab.endDaemon(signal) == 0)
            #expect(try !Lab.isMounted(lab.mountPoint))
            #expect(try Path(lab.mountPoint).list().isEmpty)
            let outcome = try #require(reader.value(), "the reader is let go")
            #expect(outcome != nil, "and was told that there are no bytes")
            server.faults.removeAll()
            try lab.mount()
            #expect(try path.read() == server.content(.scene, try #require(path.ref).id)?.all)
        }
    }

    @Test func `what a killed daemon leaves behind is mended by the next mount`() throws {
        try Lab.with { lab in
            try lab.startServer("attic")
            try lab.addInstance("attic")
            try lab.mount()
            let before = try lab.root.walk().map(\.path)
            #expect(try lab.endDaemon(SIGKILL) == -SIGKILL)
            #expect(try Lab.isMounted(lab.mountPoint))
            #expect(errnoOf { _ = try lab.root.list() } == ENOTCONN)
            try lab.mount()
            #expect(try lab.root.walk().map(\.path) == before)
            #expect(try lab.daemon.log.contains("was still mounted"))
        }
    }

    @Test func `peekfs unmount takes a stale mount away and ends a running one`() throws {
        try Lab.with { lab in
            try lab.mount()
            try lab.succeed("unmount", lab.mountPoint)
            #expect(try !Lab.isMounted(lab.mountPoint))
            #expect(try lab.daemon.hasEnded)
            try lab.mount()
            #expect(try lab.endDaemon(SIGKILL) == -SIGKILL)
            try lab.succeed("unmount", lab.mountPoint)
            #expect(try !Lab.isMounted(lab.mountPoint))
        }
    }
}
