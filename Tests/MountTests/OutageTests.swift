import FakeStash
import Foundation
import Testing

/// Servers that go away and come back, and servers that misbehave.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct OutageTests {
    @Test func `a server that is down takes nothing along but the bytes of its own files`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let model = try Model(lab)
            let before = try lab.root.walk().map(\.path)
            let dead = try scenes(lab, "cellar")
            let alive = try scenes(lab, "attic")
            try lab.server("cellar").stop()
            let start = ContinuousClock.now
            #expect(errnoOf { _ = try dead[0].read() } == EIO)
            #expect(ContinuousClock.now - start < .seconds(20))
            // The server is known to be down by now; what was listed still is.
            #expect(try lab.root.walk().map(\.path) == before)
            for path in alive.prefix(5) { #expect(try path.read() == model.content(try #require(path.ref)).all) }
            try dead[1].setAttribute("user.peekfs.rating", "85")
            #expect(try dead[1].rating() == "85")
            try lab.restartServer("cellar")
            for path in dead.prefix(3) {
                let expected = try model.content(try #require(path.ref)).all
                var bytes: [UInt8]?
                #expect(
                    eventually {
                        bytes = try? path.read()
                        return bytes != nil
                    }, "\(path)")
                #expect(bytes == expected)
            }
        }
    }

    @Test func `a server that does not answer lets everything else go on`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let model = try Model(lab)
            let before = try lab.root.walk().map(\.path)
            let stuck = try scenes(lab, "cellar")[0]
            let fine = try scenes(lab, "attic").filter { $0.sources.count == 1 }
            let server = try lab.server("cellar")
            let hang = server.faults.add(Fault(action: .hang))
            let start = ContinuousClock.now
            let reader = Promise { (errnoOf { _ = try stuck.read() }, ContinuousClock.now) }
            #expect(eventually { server.faults.count(hang) > 0 })
            #expect(try lab.root.walk().map(\.path) == before)
            for path in fine.prefix(5) { #expect(try path.read() == model.content(try #require(path.ref)).all) }
            try stuck.setAttribute("user.peekfs.rating", "85")
            #expect(try stuck.rating() == "85")
            let outcome = try #require(reader.value())
            #expect(outcome.0 == EIO)
            #expect(outcome.1 - start < .seconds(20))
            server.faults.removeAll()
            let expected = try model.content(try #require(stuck.ref)).all
            #expect(eventually { (try? stuck.read()) == expected })
        }
    }

    @Test func `a file that is sent as a transcode has the size and the bytes of the transcode`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar { $0.transcodes = true }
            try lab.mount()
            let model = try Model(lab)
            for server in ["attic", "cellar"] {
                let transcoded = try scenes(lab, server).filter {
                    try model.row(try #require($0.ref)).files[0].transcode != nil
                }
                #expect(!transcoded.isEmpty)
                for path in transcoded {
                    let expected = try model.content(try #require(path.ref))
                    // An open learns the size; of a slow server it may be told only after it was answered.
                    #expect(
                        eventually {
                            close(open(path.text, O_RDONLY | O_CLOEXEC))
                            return (try? path.status().st_size) == off_t(expected.size)
                        })
                    let descriptor = open(path.text, O_RDONLY | O_CLOEXEC)
                    defer { close(descriptor) }
                    try #require(descriptor >= 0)
                    let isWhole = try Path.read(descriptor) == expected.all
                    #expect(isWhole, "\(path)")
                    #expect(try Path.read(descriptor, at: Int(expected.size) - 100, count: 5000).count == 100)
                }
            }
        }
    }

    /// A version is believed for ten seconds without asking (`MediaStore.Limits.freshness`).
    @Test func `a size that a server was wrong about is given up when it says the right one again`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let server = try lab.server("attic")
            let groups = lab.root / "instances" / "attic" / "groups"
            let cover = try #require(try groups.list().map { groups / $0 / "folder.jpg" }.first { $0.exists })
            let right = try cover.read()
            usleep(10_500_000)
            server.faults.add(Fault(path: "/group/", action: .wrongTotal(99_999_999)))
            close(open(cover.text, O_RDONLY | O_CLOEXEC))
            #expect(eventually { (try? cover.status().st_size) == 99_999_999 })
            server.faults.removeAll()
            usleep(10_500_000)
            for _ in 0..<3 { #expect((try? cover.read()) == right) }
        }
    }

    /// What may befall a media request.
    private static let faults: [(Fault.Action, String)] = [
        (.reset(after: 100_000), "reset"), (.close(after: 100_000), "short"), (.status(500, "oops"), "500"),
        (.wrongRange(shift: 512), "wrong range"), (.stray(after: 100_000), "stray"), (.loginPage, "login page"),
    ]

    @Test func `whatever request fails, a read gives the right bytes or an error, and later the right bytes`() throws {
        try Lab.with { lab in
            try lab.startServer("attic") {
                $0.scenes = 40
                $0.overlap = nil
                $0.mediaSize = 3_000_000...3_000_000
            }
            try lab.addInstance("attic")
            try lab.mount()
            let model = try Model(lab, ["attic"])
            let server = try lab.server("attic")
            var unread = try scenes(lab, "attic")[...]
            for (action, name) in Self.faults {
                for number in 1...4 {
                    let next = unread.popFirst()
                    let path = try #require(next)
                    let ref = try #require(path.ref)
                    let expected = try model.content(ref).all
                    let fault = server.faults.add(
                        Fault(
                            path: "/scene/\(ref.id)/stream", isExact: true, skip: number - 1, times: 1, action: action))
                    let first = Result { try path.read(step: 65536) }
                    switch first {
                    case .success(let bytes): #expect(bytes == expected, "\(name), request \(number)")
                    case .failure(let error): #expect(error is Failure, "\(name), request \(number): \(error)")
                    }
                    let isReached = server.faults.count(fault) > 0
                    #expect(isReached || number > 1, "\(name) befalls the first request")
                    server.faults.remove(fault)
                    #expect(
                        eventually { (try? path.read(step: 65536)).map { $0 == expected } ?? false },
                        "\(name), request \(number), afterwards")
                    if !isReached { break }
                }
            }
        }
    }

    private func scenes(_ lab: Lab, _ server: String) throws -> [Path] {
        let directory = lab.root / "instances" / server / "scenes"
        return try directory.list().map { directory / $0 }.filter { $0.ref?.kind == .scene }
    }
}
