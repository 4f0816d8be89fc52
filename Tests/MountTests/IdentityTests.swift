import FakeStash
import Foundation
import Testing

/// Ids that are the same number on two servers are not the same thing.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .mounted(), .onOwnThread)
struct IdentityTests {
    let lab: Lab
    let model: Model

    init() throws {
        lab = try #require(Lab.current)
        model = try Model(lab)
    }

    private static let directories: [(Kind, String, Kind)] = [
        (.performer, "performers", .scene), (.studio, "studios", .scene), (.tag, "tags", .scene),
        (.group, "groups", .scene), (.gallery, "galleries", .image),
    ]

    @Test func `the ids of the two servers collide in every kind`() {
        for kind in Kind.allCases {
            let ids = model.servers.values.map { Set($0.catalogue.ids(kind)) }
            #expect(ids[0] == ids[1] && !ids[0].isEmpty)
        }
    }

    @Test(arguments: directories)
    func `a merged directory holds what its members have and nothing else`(
        kind: Kind, name: String, child: Kind
    ) throws {
        var seen: [Set<Ref>] = []
        for entry in try (lab.root / name).list() {
            let path = lab.root / name / entry
            let members = Set(path.sources)
            seen.append(members)
            #expect(try #require(members.first.map { model.entity($0) }) == members, "\(path)")
            let listed = try files(in: path, child)
            let expected = try members.reduce(into: Set<Set<Ref>>()) { found, member in
                for ref in try model.children(of: member, child) { found.insert(model.entity(ref)) }
            }
            #expect(Set(listed) == expected, "\(path)")
            #expect(listed.count == expected.count, "\(path) lists something twice")
        }
        #expect(Set(seen).count == seen.count)
        for ref in model.refs(kind) where try !model.children(of: ref, child).isEmpty {
            #expect(seen.contains(model.entity(ref)), "\(ref) has a directory")
        }
    }

    @Test(arguments: ["attic", "cellar"], directories)
    func `an instance's directory holds what its server says and nothing else`(
        server: String, directory: (Kind, String, Kind)
    ) throws {
        let parent = lab.root / "instances" / server / directory.1
        for entry in try parent.list() {
            let path = parent / entry
            let listed = try path.list().compactMap { (path / $0).ref }.filter { $0.kind == directory.2 }
            #expect(Set(listed) == (try model.children(of: try #require(path.ref), directory.2)), "\(path)")
        }
    }

    @Test func `images of a performer are those of all members`() throws {
        for entry in try (lab.root / "performers").list() {
            let path = lab.root / "performers" / entry
            let expected = try path.sources.reduce(into: Set<Set<Ref>>()) { found, member in
                for ref in try model.children(of: member, .image) { found.insert(model.entity(ref)) }
            }
            #expect(Set(try files(in: path / "images", .image)) == expected, "\(path)")
        }
    }

    @Test func `a rating of one server's first scene is not one of the other's`() throws {
        for kind in ["scene", "image"] {
            func first(_ server: String) throws -> Path {
                let directory = lab.root / "instances" / server / (kind + "s")
                return try #require(
                    try directory.list().map { directory / $0 }.first { $0.ref?.id == 1 })
            }
            let (attic, cellar) = (try first("attic"), try first("cellar"))
            try attic.setAttribute("user.peekfs.rating", "85")
            #expect(try cellar.rating() == nil)
            try cellar.setAttribute("user.peekfs.rating", "20")
            #expect(try attic.rating() == "85")
            try attic.removeAttribute("user.peekfs.rating")
            #expect(try cellar.rating() == "20")
        }
    }

    @Test func `a file is one inode wherever it is listed and counts its names`() throws {
        var inodes: [Ref: Set<ino_t>] = [:]
        var owners: [ino_t: Set<Ref>] = [:]
        var places: [ino_t: Int] = [:]
        for (path, status) in try lab.root.walk() where status.isFile {
            places[status.st_ino, default: 0] += 1
            #expect(status.st_nlink >= 2, "\(path)")
            guard let ref = path.ref else { continue }
            inodes[ref, default: []].insert(status.st_ino)
            owners[status.st_ino, default: []].insert(ref)
        }
        #expect(inodes.values.allSatisfy { $0.count == 1 })
        #expect(owners.values.allSatisfy { $0.count == 1 })
        #expect(places.values.contains { $0 > 3 })
    }

    /// What the files of a kind in a directory stand for: the members of each.
    private func files(in path: Path, _ kind: Kind) throws -> [Set<Ref>] {
        path.names.map { path / $0 }.filter { (try? $0.status().isFile) == true && $0.ref?.kind == kind }
            .map { Set($0.sources) }
    }
}
