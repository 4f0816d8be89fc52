import CXattr
import FakeStash
import Foundation
import Testing

/// A file that is replaced at its server while somebody reads it: what one open file gives is of one version, however it is read
/// and whoever else reads.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct ReplacementTests {
    private static let size = 4_000_000

    /// A scene, and how to replace its file by another one, of which only the time and the bytes tell.
    private struct Subject {
        let path: Path
        let server: FakeStash
        let id: Int

        init(_ lab: Lab) throws {
            server = try lab.startServer("attic") {
                $0.scenes = 3
                $0.mediaSize = Int64(ReplacementTests.size)...Int64(ReplacementTests.size)
            }
            try lab.addInstance("attic")
            try lab.mount()
            let directory = lab.root / "instances" / "attic" / "scenes"
            path = try #require(directory.list().map { directory / $0 }.first { $0.ref?.kind == .scene })
            id = try #require(path.ref?.id)
        }

        var content: [UInt8] { server.content(.scene, id)?.all ?? [] }

        func replace(by identity: UInt64) {
            let entry = "scene \(id) \(String(identity, radix: 16)) \(ReplacementTests.size)"
            _ = FileEdit("\(entry) \(1_700_000_000 + Int64(identity))").map { server.catalogue.apply($0) }
        }

        func open(_ flags: Int32 = 0) throws -> Int32 {
            let descriptor = Glibc.open(path.text, O_RDONLY | O_CLOEXEC | flags)
            guard descriptor >= 0 else { throw Failure(path.text) }
            return descriptor
        }

        /// Opens the file until it is the new one; a version is believed for some seconds without asking.
        func openUntil(_ isNew: ([UInt8]) -> Bool) throws -> Int32? {
            var found: Int32?
            _ = try eventually(seconds: 30) {
                let descriptor = try open()
                if let bytes = try? Path.read(descriptor, count: 4096), isNew(bytes) {
                    found = descriptor
                    return true
                }
                close(descriptor)
                return false
            }
            return found
        }
    }

    /// Nothing but an error, or what was there when the file was opened.
    private func expectOld(_ read: () throws -> [UInt8], _ old: [UInt8], at offset: Int, _ how: String) {
        var bytes: [UInt8] = []
        guard let code = errnoOf({ bytes = try read() }) else {
            let isOld = old[offset...].starts(with: bytes) && !bytes.isEmpty
            #expect(isOld, "\(how): other bytes at \(offset)")
            return
        }
        #expect(code == ESTALE, "\(how)")
    }

    @Test func `who opened the old file gets nothing of the new one, though somebody else reads that`() throws {
        try Lab.with { lab in
            let subject = try Subject(lab)
            let old = subject.content
            let first = try subject.open()
            defer { close(first) }
            let mapped = try subject.open()
            defer { close(mapped) }
            let direct = try subject.open(cxattr_direct)
            defer { close(direct) }
            #expect(try Path.read(first, count: 1 << 20) == Array(old.prefix(1 << 20)))
            subject.replace(by: 4711)
            let new = subject.content
            let second = try #require(try subject.openUntil { $0 == Array(new.prefix(4096)) })
            defer { close(second) }
            let isNew = try Path.read(second) == new
            #expect(isNew, "who opens it now gets the new file")
            for offset in [0, 65_536, 1 << 20, 2_000_000, Self.size - 5000] {
                let page = offset & ~4095
                expectOld({ try Path.read(first, at: offset, count: 4096) }, old, at: offset, "read")
                expectOld({ try Path.mapped(mapped, at: page, count: 4096) }, old, at: page, "mmap")
                expectOld({ try Path.read(direct, at: page, count: 4096) }, old, at: page, "O_DIRECT")
            }
            let isStill = try Path.read(second) == new
            #expect(isStill)
        }
    }

    /// What an open has seen already is no news when the index hears of it: who opened the new file keeps it.
    @Test func `a sync that learns of the new file takes it from nobody`() throws {
        try Lab.with { lab in
            let subject = try Subject(lab)
            #expect(try subject.path.read() == subject.content)
            subject.replace(by: 4711)
            let new = subject.content
            let descriptor = try #require(try subject.openUntil { $0 == Array(new.prefix(4096)) })
            defer { close(descriptor) }
            let before = try subject.path.status().st_mtim.tv_sec
            try lab.succeed("sync")
            #expect(eventually { (try? subject.path.status().st_mtim.tv_sec) != before }, "the index has heard of it")
            let isStill = try Path.read(descriptor) == new
            #expect(isStill)
        }
    }
}

extension Path {
    /// Bytes as they are in a mapping. A page that cannot be had would be a SIGBUS here; the kernel, which copies it into a
    /// pipe, gets an error, and then the reason is looked for by a read.
    static func mapped(_ descriptor: Int32, at offset: Int, count: Int) throws -> [UInt8] {
        guard let mapping = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, offset), mapping != MAP_FAILED else {
            throw Failure("mmap")
        }
        defer { munmap(mapping, count) }
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure("pipe") }
        defer { for end in ends { close(end) } }
        guard write(ends[1], mapping, count) == count else { return try read(descriptor, at: offset, count: count) }
        return try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = max(0, Glibc.read(ends[0], buffer.baseAddress, count))
            guard initialized == count else { throw Failure("pipe") }
        }
    }
}
