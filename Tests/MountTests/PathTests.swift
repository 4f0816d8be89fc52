import FakeStash
import Foundation
import Testing

/// What every path says of itself, and what it does not let anybody do.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .mounted(), .onOwnThread)
struct PathTests {
    let lab: Lab

    init() throws { lab = try #require(Lab.current) }

    @Test func `every listed attribute can be read, and all of one path fit beside a file on ext4`() throws {
        var entities = 0
        for (path, status) in try lab.root.walk() where !status.isLink {
            let names = try path.attributeNames()
            let bytes = try names.reduce(0) { $0 + $1.utf8.count + (try path.attribute($1).utf8.count) }
            #expect(bytes <= 3500, "\(path)")
            #expect(!names.contains("user.peekfs.json"))
            guard path.ref != nil else { continue }
            entities += 1
            for name in ["id", "instance", "sources", "kind", "title"] {
                #expect(names.contains("user.peekfs." + name), "\(path)")
            }
            let json = try JSONSerialization.jsonObject(with: Data(path.attribute("user.peekfs.json").utf8))
            #expect(json is [String: Any], "\(path)")
        }
        #expect(entities > 100)
    }

    @Test func `nothing can be written, made, renamed or removed`() throws {
        let scenes = lab.root / "scenes"
        let names = try scenes.list()
        let file = try #require(names.map { scenes / $0 }.first { $0.ref != nil })
        let directory = lab.root / "performers" / (try #require(try (lab.root / "performers").list().first))
        func refused(_ result: Int32) -> Int32? { result == 0 ? nil : errno }
        for flags in [O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC] {
            #expect(refused(open(file.text, flags) < 0 ? -1 : 0) == EROFS)
        }
        #expect(refused(truncate(file.text, 0)) == EROFS)
        #expect(refused(unlink(file.text)) == EROFS)
        #expect(refused(rmdir(directory.text)) == EROFS)
        #expect(refused(mkdir((lab.root / "new").text, 0o755)) == EROFS)
        #expect(refused(symlink("x", (scenes / "new").text)) == EROFS)
        #expect(refused(rename(file.text, (scenes / "new").text)) == EROFS)
        #expect(refused(link(file.text, (scenes / "new").text)) == EROFS)
        #expect(refused(chmod(file.text, 0o777)) == EROFS)
        #expect(refused(chmod(file.text, 0o444)) == nil, "what changes nothing succeeds")
        #expect(try scenes.list() == names)
    }

    @Test func `a key goes to its own server, and nowhere else`() throws {
        let scenes = lab.root / "scenes"
        for name in try scenes.list() { _ = try (scenes / name).read(count: 100) }
        for name in ["attic", "cellar"] {
            let requests = try lab.server(name).requests
            #expect(requests.contains { $0.path.hasSuffix("/stream") })
            for request in requests {
                #expect(request.key == .right && !request.hasKeyInURL, "\(request.method) \(request.path)")
            }
            let log = try lab.daemon.log
            #expect(!log.contains(lab.key(of: name)))
        }
        for (path, status) in try lab.root.walk() where !status.isLink {
            for name in try path.attributeNames() + (path.ref == nil ? [] : ["user.peekfs.json"]) {
                let value = try path.attribute(name)
                #expect(!value.contains("key-of-"), "\(name) of \(path)")
            }
        }
    }

    @Test func `many readers at once get each their own bytes`() throws {
        let model = try Model(lab)
        let scenes = lab.root / "scenes"
        let files = try scenes.list().map { scenes / $0 }.filter { $0.ref?.kind == .scene }
        let expected = try files.map { try model.content(try #require($0.ref)) }
        let readers = (0..<8).map { number in
            Promise {
                var random = Random(seed: UInt64(number))
                return (0..<60).allSatisfy { _ in
                    let file = Int(random.next() % UInt64(files.count))
                    let offset = Int(random.next() % UInt64(expected[file].size))
                    let wanted = expected[file].bytes(from: Int64(offset), count: 40_000)
                    return (try? files[file].read(at: offset, count: 40_000)) == wanted
                }
            }
        }
        for reader in readers { #expect(reader.value() == true) }
    }
}
