import FakeStash
import Foundation
import Testing

/// What was read is kept on the disk: over the end of the daemon, and while its server is away.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct CacheTests {
    private struct View: Decodable {
        struct Server: Decodable {
            let name: String
            let files: Int
            let bytes: Int
        }

        let directory: String
        let instances: [Server]
    }

    private func show(_ lab: Lab) throws -> View {
        try JSONDecoder().decode(View.self, from: Data(lab.run(["cache", "show", "--json"]).output.utf8))
    }

    private func view(_ lab: Lab) throws -> [String: View.Server] {
        Dictionary(uniqueKeysWithValues: try show(lab).instances.map { ($0.name, $0) })
    }

    private func scenes(_ lab: Lab, _ server: String) throws -> [Path] {
        let directory = lab.root / "instances" / server / "scenes"
        return try directory.list().map { directory / $0 }.filter { $0.ref?.kind == .scene }
    }

    /// How often the bytes of scenes were asked for, but for the one byte that tells the version.
    private func streams(_ server: FakeStash) -> Int {
        server.requests.count { $0.path.hasSuffix("/stream") && $0.range != "bytes=0-0" }
    }

    @Test func `what was read is there for the next daemon, and while its server is away`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let model = try Model(lab)
            let paths = try scenes(lab, "cellar")
            let content = try paths.map { try model.content(try #require($0.ref)).all }
            for (path, bytes) in zip(paths, content) { #expect(try path.read() == bytes) }
            let size = content.reduce(0) { $0 + $1.count }
            #expect(try eventually { try view(lab)["cellar"].map { $0.bytes >= size } == true })
            try lab.endDaemon(SIGKILL)

            try lab.mount()
            let server = try lab.server("cellar")
            let before = streams(server)
            for (path, bytes) in zip(paths, content) { #expect(try path.read() == bytes) }
            #expect(streams(server) == before, "nothing but the versions was asked for")
            try lab.remount()
            server.stop()
            for (path, bytes) in zip(paths, content) { #expect(try path.read() == bytes) }
        }
    }

    @Test func `files that nobody has open take no descriptors, though their bytes are in memory`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            for path in try scenes(lab, "attic") + scenes(lab, "cellar") { _ = try path.read() }
            let all = URL(fileURLWithPath: "/proc/\(try lab.daemon.pid)/fd")
            func kept() throws -> [String] {
                try FileManager.default.contentsOfDirectory(atPath: all.path).compactMap {
                    try? FileManager.default.destinationOfSymbolicLink(atPath: all.path + "/" + $0)
                }.filter { $0.contains("/blocks/") }
            }
            #expect(try eventually { try view(lab).values.allSatisfy { $0.files > 5 } })
            #expect(try eventually { try kept().isEmpty })
        }
    }

    @Test func `the cache can be cleared while it is used`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let model = try Model(lab)
            let paths = try scenes(lab, "attic") + scenes(lab, "cellar")
            let content = try paths.map { try model.content(try #require($0.ref)).all }
            for (path, bytes) in zip(paths, content) { #expect(try path.read() == bytes) }
            #expect(try eventually { try view(lab).values.allSatisfy { $0.files > 0 } })
            try lab.succeed("cache", "clear", "attic")
            #expect(try view(lab)["attic"]?.files == 0 && view(lab)["cellar"]?.files ?? 0 > 0)
            try lab.succeed("cache", "clear")
            try lab.remount()
            for (path, bytes) in zip(paths, content) { #expect(try path.read() == bytes) }
            #expect(try eventually { try view(lab)["attic"]?.files ?? 0 > 0 })
            try lab.succeed("instance", "remove", "attic", "--yes")
            let directory = try show(lab).directory
            #expect(
                try eventually { try FileManager.default.contentsOfDirectory(atPath: directory).count == 1 },
                "what was kept of a removed server goes")
        }
    }

    @Test func `a file that was replaced at its server is read anew, also when the disk has it whole`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let server = try lab.server("cellar")
            let path = try #require(scenes(lab, "cellar").first)
            let id = try #require(path.ref?.id)
            let old = try path.read()
            try lab.remount()
            server.catalogue.edit(.scene, id) { row in
                row.files[0].identity = 4711
                row.files[0].modified = Stamp(seconds: 1_700_000_000)
            }
            let new = MediaBytes(identity: 4711, size: Int64(old.count)).all
            #expect(try path.read() == new && new != old)
            try lab.endDaemon(SIGKILL)
            try lab.mount()
            #expect(try path.read() == new)
        }
    }

    /// `PEEKFS_KILLS` says how often.
    @Test func `a daemon that is killed while it writes leaves no wrong byte behind`() throws {
        let kills = ProcessInfo.processInfo.environment["PEEKFS_KILLS"].flatMap { Int($0) } ?? 5
        try Lab.with { lab in
            try lab.addAtticAndCellar { $0.mediaSize = 1_000_000...3_000_000 }
            try lab.mount()
            let model = try Model(lab)
            let paths = try scenes(lab, "attic") + scenes(lab, "cellar")
            let content = try paths.map { try model.content(try #require($0.ref)).all }
            for _ in 0..<kills {
                let reader = Promise { for path in paths.shuffled() { _ = try? path.read() } }
                usleep(.random(in: 20_000...400_000))
                try lab.endDaemon(SIGKILL)
                _ = reader.value()
                try lab.mount()
            }
            for name in ["attic", "cellar"] { try lab.server(name).stop() }
            var kept = 0
            for (path, bytes) in zip(paths, content) {
                let descriptor = open(path.text, O_RDONLY | O_CLOEXEC)
                guard descriptor >= 0 else { continue }
                defer { close(descriptor) }
                for offset in stride(from: 0, to: bytes.count, by: 65_536) {
                    guard let read = try? Path.read(descriptor, at: offset, count: 65_536) else { continue }
                    #expect(read.elementsEqual(bytes[offset..<min(offset + 65_536, bytes.count)]), "\(path) \(offset)")
                    kept += 1
                }
            }
            #expect(kept > 0, "something was kept")
        }
    }
}
