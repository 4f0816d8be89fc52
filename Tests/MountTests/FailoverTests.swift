import FakeStash
import Foundation
import Testing

/// Servers that end while somebody reads what another one has as well.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct FailoverTests {
    private static let size: Int64 = 12_000_000

    /// Two servers whose first scenes are one thing.
    private static func start(_ lab: Lab, isSameFile: Bool) throws -> Path {
        for name in ["attic", "cellar"] {
            let server = try lab.startPlainServer(name)
            server.catalogue.edit(.scene, 1) { row in
                row.title = "Both"
                row.files[0].size = Self.size + (isSameFile || name == "attic" ? 0 : 1_000_000)
                row.stashIDs = [StashID(endpoint: Lab.spellings[0], id: "both")]
            }
        }
        if isSameFile { try lab.shareFile([Ref("attic", .scene, 1), Ref("cellar", .scene, 1)]) }
        for name in ["attic", "cellar"] { try lab.addInstance(name) }
        try lab.mount()
        return try #require(lab.standing("scenes", for: [Ref("attic", .scene, 1)]).first)
    }

    @Test(arguments: ["ends", "hangs", "loses the file"])
    func `who reads does not notice that a server ends, when another has the same bytes`(_ fate: String) throws {
        try Lab.with { lab in
            let path = try Self.start(lab, isSameFile: true)
            #expect(path.sources.count == 2 && path.ref == Ref("attic", .scene, 1))
            let expected = try #require(lab.server("attic").content(.scene, 1)).all
            let descriptor = open(path.text, O_RDONLY | O_CLOEXEC)
            defer { close(descriptor) }
            #expect(try Path.read(descriptor, count: 1_000_000) == Array(expected.prefix(1_000_000)))
            switch fate {
            case "ends": try lab.server("attic").stop()
            case "hangs": try lab.server("attic").faults.add(Fault(pathSuffix: "/stream", action: .hang))
            default: try lab.server("attic").faults.add(Fault(pathSuffix: "/stream", action: .status(404, "")))
            }
            let rest = try Path.read(descriptor, at: 1_000_000)
            #expect(rest.elementsEqual(expected.dropFirst(1_000_000)))
            // Whoever opens it now has it as well, under the same inode.
            let isWhole = try path.read() == expected
            #expect(isWhole && path.ref == Ref("attic", .scene, 1))
        }
    }

    @Test func `another file of the same thing is what the next open gives`() throws {
        try Lab.with { lab in
            let path = try Self.start(lab, isSameFile: false)
            let own = try #require(lab.server("attic").content(.scene, 1)).all
            let other = try #require(lab.server("cellar").content(.scene, 1)).all
            let descriptor = open(path.text, O_RDONLY | O_CLOEXEC)
            defer { close(descriptor) }
            #expect(try Path.read(descriptor, count: 1_000_000) == Array(own.prefix(1_000_000)))
            try lab.server("attic").stop()
            #expect(errnoOf { _ = try Path.read(descriptor, at: 11_000_000) } == EIO)
            #expect(eventually { (try? path.status().st_size) == off_t(other.count) })
            let isOther = try path.read() == other
            #expect(isOther && path.ref == Ref("cellar", .scene, 1))
            #expect(path.sources.count == 2)
            let atAttic = lab.root / "instances" / "attic" / "scenes"
            let there = try #require(try atAttic.list().map { atAttic / $0 }.first { $0.ref?.id == 1 })
            #expect(try there.status().st_size == off_t(own.count))
            #expect(errnoOf { _ = try there.read() } == EIO)
            try lab.restartServer("attic")
            #expect(eventually { (try? path.status().st_size) == off_t(own.count) })
        }
    }

    @Test func `a file that was replaced after the scan is not continued by what others have of the old one`() throws {
        try Lab.with { lab in
            let path = try Self.start(lab, isSameFile: true)
            let server = try lab.server("attic")
            let edit = try #require(FileEdit("scene 1 4711 \(Self.size) 1700000000"))
            #expect(server.catalogue.apply(edit))
            let new = try #require(server.content(.scene, 1)).all
            // However often it was opened before: that a version was seen does not make it the one of the fingerprint.
            for _ in 0..<3 {
                #expect(try path.read(count: 4096) == Array(new.prefix(4096)))
                usleep(300_000)
            }
            let descriptor = open(path.text, O_RDONLY | O_CLOEXEC)
            defer { close(descriptor) }
            #expect(try Path.read(descriptor, count: 1_000_000) == Array(new.prefix(1_000_000)))
            server.stop()
            var rest: [UInt8] = []
            let code = errnoOf { rest = try Path.read(descriptor, at: 11_000_000) }
            let isMixed = code == nil && !rest.elementsEqual(new.dropFirst(11_000_000))
            #expect(!isMixed, "the rest is that of another file")
            // Who opens it anew has the other server's file, which is another one.
            let old = try #require(lab.server("cellar").content(.scene, 1)).all
            #expect(eventually(seconds: 40) { (try? path.read()) == old })
        }
    }

    /// The kernel keeps pages by inode, and the name is the same whichever server has the bytes.
    @Test func `no open file has pages of two files, whichever server was read before`() throws {
        try Lab.with { lab in
            let path = try Self.start(lab, isSameFile: true)
            let server = try lab.server("attic")
            let old = try #require(lab.server("cellar").content(.scene, 1)).all
            let edit = try #require(FileEdit("scene 1 4711 \(Self.size) 1700000000"))
            #expect(server.catalogue.apply(edit))
            let new = try #require(server.content(.scene, 1)).all
            for round in 0..<2 {
                // The new file's first pages are in the kernel, and then only the other server has a file, the old one.
                #expect(eventually { (try? path.read(count: 1_000_000)) == Array(new.prefix(1_000_000)) }, "\(round)")
                let fault = server.faults.add(Fault(path: "/scene/", action: .drop))
                for attempt in 0..<10 {
                    if let bytes = try? path.read() {
                        let isOne = bytes == old || bytes == new
                        #expect(isOne, "\(round), \(attempt)")
                    }
                    usleep(300_000)
                }
                server.faults.remove(fault)
                var bytes: [UInt8] = []
                #expect(
                    eventually(seconds: 40) {
                        bytes = (try? path.read()) ?? old
                        return bytes != old
                    }, "\(round)")
                let isNew = bytes == new
                #expect(isNew, "\(round): all of it is the new file again")
            }
        }
    }
}
