import FakeStash
import Foundation
import Testing

/// Everything that is listed, read once and compared with what its own server holds.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .mounted(), .onOwnThread)
struct ContentTests {
    let lab: Lab
    let model: Model

    init() throws {
        lab = try #require(Lab.current)
        model = try Model(lab)
    }

    @Test(arguments: ["scenes", "images", "instances/attic", "instances/cellar"])
    func `every file has the bytes of the server that it comes from`(directory: String) throws {
        var files = 0
        for (path, status) in try (lab.root / directory).walk() where status.isFile {
            guard let ref = path.ref else { continue }
            let expected = try model.content(ref)
            #expect(status.st_size == expected.size, "\(path)")
            // Compared before it is expected: what is said of two unequal arrays of this length takes minutes to make.
            let isSame = try path.read() == expected.all
            #expect(isSame, "\(path) is not \(ref)")
            if directory.hasPrefix("instances/") { #expect(directory.hasSuffix("/" + ref.server), "\(path) is \(ref)") }
            files += 1
        }
        #expect(files >= 23)
    }

    @Test(arguments: ["attic", "cellar"])
    func `a scene's markers are an attribute, a line each`(server: String) throws {
        let directory = lab.root / "instances" / server / "scenes"
        var found = 0
        for name in try directory.list() {
            let file = directory / name
            guard let ref = file.ref else { continue }
            let markers = try model.row(ref).markers.sorted { ($0.seconds, $0.id) < ($1.seconds, $1.id) }
            // Where its own server has none, those of another one are shown.
            guard !markers.isEmpty else { continue }
            found += 1
            let lines = try file.attribute("user.peekfs.markers").split(separator: "\n").map {
                $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            }
            #expect(lines.count == markers.count)
            #expect(lines.map { Double($0[0]) } == markers.map(\.seconds))
            #expect(lines.map { $0[1] } == markers.map(\.title))
            #expect(try lines.map { $0[2] } == markers.map { try model.row(Ref(server, .tag, $0.primaryTag)).title })
        }
        #expect(found > 0)
    }

    @Test(arguments: [Kind.scene, .image])
    func `the merged library has every file of both servers once`(kind: Kind) throws {
        let listed = try (lab.root / "\(kind.rawValue)s").list().map { lab.root / "\(kind.rawValue)s" / $0 }
        let entities = listed.filter { $0.ref != nil }.map { Set($0.sources) }
        let expected = try Set(model.refs(kind).filter { try model.hasFile($0) }.map { model.entity($0) })
        #expect(Set(entities) == expected)
        #expect(entities.count == expected.count, "nothing is listed twice")
        #expect(expected.contains { $0.count == 2 }, "some are on both servers")
    }

    @Test(arguments: ["attic", "cellar"], Kind.allCases)
    func `an instance lists all that its server has and nothing else`(server: String, kind: Kind) throws {
        let directory = lab.root / "instances" / server / (kind == .gallery ? "galleries" : "\(kind.rawValue)s")
        let listed = directory.names.compactMap { (directory / $0).ref }
        #expect(Set(listed).count == listed.count)
        #expect(listed.allSatisfy { $0.server == server && $0.kind == kind })
        for id in try lab.server(server).catalogue.ids(kind) {
            let ref = Ref(server, kind, id)
            let row = try model.row(ref)
            let hasContent =
                kind == .scene || kind == .image
                ? !row.files.isEmpty
                : try !model.children(of: ref, kind == .gallery ? .image : .scene).isEmpty
            if hasContent { #expect(listed.contains(ref), "\(ref)") }
        }
    }

    @Test func `no directory and no file is empty, no name is there twice, every symlink leads somewhere`() throws {
        let found = try lab.root.walk()
        for (path, status) in found {
            #expect(status.st_size > 0 || status.isDirectory, "\(path) is empty")
            if status.isDirectory {
                let names = try path.list()
                let keys = names.map {
                    $0.precomposedStringWithCanonicalMapping.uppercased().lowercased()
                        .precomposedStringWithCanonicalMapping
                }
                #expect(!names.isEmpty, "\(path) is empty")
                #expect(Set(keys).count == keys.count, "\(path) has a name twice: \(names.sorted())")
            }
            if status.isLink { #expect(try path.status(followingLink: true).isDirectory, "\(path)") }
        }
        #expect(found.contains { $0.status.isLink })
    }

    @Test func `modes and owners are those of something to look at`() throws {
        for (path, status) in try lab.root.walk() {
            let mode: mode_t = status.isDirectory ? 0o555 : status.isLink ? 0o777 : 0o444
            #expect(status.st_mode & 0o7777 == mode, "\(path)")
            #expect(status.st_uid == getuid() && status.st_gid == getgid(), "\(path)")
        }
    }

    @Test(arguments: ["attic", "cellar"])
    func `captions and funscripts stand beside their scenes`(server: String) throws {
        let stash = try lab.server(server)
        let directory = lab.root / "instances" / server / "scenes"
        let names = try directory.list()
        var expectedNames: Set<String> = []
        for name in names {
            guard let ref = (directory / name).ref else { continue }
            let row = try model.row(ref)
            let stem = (directory / name).stem
            for caption in row.captions {
                let beside = "\(stem).\(caption.language).vtt"
                guard expectedNames.insert(beside).inserted else { continue }
                #expect(try (directory / beside).read() == stash.expectedCaption(ref.id, caption))
            }
            if row.interactive {
                expectedNames.insert(stem + ".funscript")
                #expect(try (directory / (stem + ".funscript")).read() == stash.expectedFunscript(ref.id))
            }
        }
        #expect(Set(names.filter { $0.hasSuffix(".vtt") || $0.hasSuffix(".funscript") }) == expectedNames)
        #expect(expectedNames.count >= 4)
    }

    @Test(arguments: ["", "instances/attic/", "instances/cellar/"], ["performers", "studios", "tags", "groups"])
    func `folder jpg is the picture of the first member that has a real one`(scope: String, kind: String) throws {
        let directory = lab.root / (scope + kind)
        for name in try directory.list() {
            let path = directory / name
            let members = scope.isEmpty ? path.sources : [try #require(path.ref)]
            let expected = members.compactMap { model.servers[$0.server]?.expectedPicture($0.kind, $0.id) }.first
            let found = path.names.contains("folder.jpg") ? try (path / "folder.jpg").read() : nil
            #expect(found == expected, "\(path)")
        }
    }

    @Test func `any part of a file can be read in any order`() throws {
        let scenes = lab.root / "instances" / "attic" / "scenes"
        let path = try #require(try scenes.list().map { scenes / $0 }.first { $0.ref?.kind == .scene })
        let expected = try model.content(try #require(path.ref))
        var random = Random(seed: .random(in: 0...UInt64.max))
        let seed = random.seed
        for _ in 0..<100 {
            let offset = Int(random.next() % UInt64(expected.size + 5000))
            let count = 1 + Int(random.next() % 70_000)
            let wanted = Int64(offset) < expected.size ? expected.bytes(from: Int64(offset), count: count) : []
            #expect(try path.read(at: offset, count: count) == wanted, "\(count) at \(offset), seed \(seed)")
        }
    }
}
