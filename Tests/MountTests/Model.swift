import FakeStash

/// What the merged library has to be, worked out from the servers' catalogues and nothing else.
struct Model {
    let servers: [String: FakeStash]
    /// Every entity's set of members; a member that is alone is its own set.
    private var groups: [Ref: Set<Ref>] = [:]

    init(_ lab: Lab, _ names: [String] = ["attic", "cellar"]) throws {
        var servers: [String: FakeStash] = [:]
        for name in names { servers[name] = try lab.server(name) }
        self.servers = servers
        var holders: [String: [Ref]] = [:]
        for ref in Kind.allCases.flatMap({ refs($0) }) {
            groups[ref] = [ref]
            for key in try evidence(ref) { holders[key, default: []].append(ref) }
        }
        for key in holders.keys.sorted() {
            let together = (holders[key] ?? []).reduce(into: Set<Ref>()) { $0.formUnion(groups[$1] ?? []) }
            guard Set(together.map(\.server)).count == together.count else {
                throw Lab.Trouble(description: "the catalogues make \(together) one, which no test is made for")
            }
            for ref in together { groups[ref] = together }
        }
    }

    /// All entities of a kind, of all servers.
    func refs(_ kind: Kind) -> [Ref] {
        servers.sorted { $0.key < $1.key }.flatMap { name, server in
            server.catalogue.ids(kind).map { Ref(name, kind, $0) }
        }
    }

    func row(_ ref: Ref) throws -> Entity {
        guard let row = servers[ref.server]?.catalogue.entity(ref.kind, ref.id) else {
            throw Lab.Trouble(description: "\(ref) does not exist")
        }
        return row
    }

    /// All members of an entity.
    func entity(_ ref: Ref) -> Set<Ref> { groups[ref] ?? [] }

    func content(_ ref: Ref) throws -> MediaBytes {
        guard let bytes = servers[ref.server]?.content(ref.kind, ref.id) else {
            throw Lab.Trouble(description: "\(ref) has no content")
        }
        return bytes
    }

    /// Whether it is a file that can be listed.
    func hasFile(_ ref: Ref) throws -> Bool { try !row(ref).files.isEmpty }

    /// What stands in the directory of an entity of one server.
    func children(of parent: Ref, _ kind: Kind) throws -> Set<Ref> {
        let found = (servers[parent.server]?.catalogue.ids(kind) ?? []).map { Ref(parent.server, kind, $0) }
        return Set(
            try found.filter { child in
                let row = try row(child)
                guard !row.files.isEmpty else { return false }
                switch parent.kind {
                case .performer: return row.performers.contains(parent.id)
                case .studio: return row.studio == parent.id
                case .tag: return row.tags.contains(parent.id)
                case .group: return row.groups.contains { $0.group == parent.id }
                case .gallery: return row.galleries.contains(parent.id)
                case .scene, .image: return false
                }
            })
    }

    /// What makes it the same thing as another server's.
    private func evidence(_ ref: Ref) throws -> [String] {
        let row = try row(ref)
        // Tags have stash ids from 0.30 on (Stash 6).
        let isTold = ref.kind != .tag || servers[ref.server]?.configuration.generation == .v30
        var keys = (isTold ? row.stashIDs : []).map { id in
            var endpoint = id.endpoint.lowercased()
            if endpoint.hasSuffix("/") { endpoint.removeLast() }
            return "\(ref.kind) \(endpoint) \(id.id)"
        }
        if ref.kind == .scene || ref.kind == .image, let file = row.files.first {
            keys.append("\(ref.kind) \(file.md5)")
        }
        return keys
    }
}

extension MediaBytes {
    /// All of it.
    var all: [UInt8] { bytes(from: 0, count: Int(size)) }
}
