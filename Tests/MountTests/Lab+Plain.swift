import FakeStash
import Foundation

/// Servers that hold what a test says and nothing that it does not.
extension Lab {
    /// How one shared registry is spelled on different servers.
    static let spellings = [
        "https://box.example/graphql", "HTTPS://Box.Example:443/graphql", "https://box.example/graphql/",
    ]

    /// Starts a server of four performers and four scenes. Each performer is in the scene of its own id and in no other,
    /// and nothing is on another server too until a test says so.
    @discardableResult
    func startPlainServer(_ name: String, _ generation: Generation = .v30) throws -> FakeStash {
        let server = try startServer(name, generation) {
            $0.overlap = nil
            ($0.scenes, $0.performers, $0.studios, $0.tags) = (4, 4, 1, 1)
            ($0.groups, $0.galleries, $0.images) = (0, 0, 0)
            $0.mediaSize = 1000...2000
        }
        for id in 1...4 {
            server.catalogue.edit(.performer, id) { row in
                row = Entity(kind: .performer, id: id, created: row.created)
                row.title = "Person \(id) of \(name)"
            }
            server.catalogue.edit(.scene, id) { row in
                row = Entity(kind: .scene, id: id, created: row.created)
                row.title = "Scene \(id) of \(name)"
                row.performers = [id]
                row.files = [server.catalogue.newFile(.video, basename: "\(id).mp4", size: Int64(2000 + id))]
            }
        }
        return server
    }

    /// Gives a performer ids in the shared registry.
    func mark(_ ref: Ref, _ ids: String..., spelling: Int = 0) throws {
        try server(ref.server).catalogue.edit(ref.kind, ref.id) { row in
            row.stashIDs = ids.map { StashID(endpoint: Self.spellings[spelling], id: $0) }
        }
    }

    /// Puts one file, byte for byte, behind scenes of several servers.
    func shareFile(_ refs: [Ref]) throws {
        guard let first = refs.first,
            let file = try server(first.server).catalogue.entity(.scene, first.id)?.files.first
        else { throw Trouble(description: "nothing to share") }
        for ref in refs.dropFirst() {
            try server(ref.server).catalogue.edit(.scene, ref.id) { row in
                for place in row.files.indices {
                    row.files[place].identity = file.identity
                    row.files[place].size = file.size
                }
            }
        }
    }

    /// What stands for any of these in a directory.
    func standing(_ directory: String, for refs: Set<Ref>) -> [Path] {
        let directory = root / directory
        return directory.names.sorted().map { directory / $0 }.filter { !refs.isDisjoint(with: $0.sources) }
    }

    /// Every path of the mount with what it is and where it leads, as `find` would list them.
    func listing(entering isEntered: (Path) -> Bool = { _ in true }) throws -> String {
        try root.walk(entering: isEntered).map { path, status in
            let target = status.isLink ? try FileManager.default.destinationOfSymbolicLink(atPath: path.text) : ""
            return "\(status.st_mode) \(path) \(target)"
        }.sorted().joined(separator: "\n")
    }
}

/// What `peekfs conflicts --json` prints, as far as it is looked at.
struct ShownConflicts: Decodable {
    struct Thing: Decodable {
        let id: String
    }

    struct Refusal: Decodable {
        let evidence: String
        let text: String
        let first: Thing
        let second: Thing
        let clash: [Thing]?
    }

    struct Conflict: Decodable {
        let title: String
    }

    let conflicts: [Conflict]
    let refused: [Refusal]

    init(_ lab: Lab) throws {
        let outcome = try lab.run(["conflicts", "--json"])
        guard outcome.status == 0 else { throw Lab.Trouble(description: outcome.errors) }
        self = try JSONDecoder().decode(Self.self, from: Data(outcome.output.utf8))
    }
}
