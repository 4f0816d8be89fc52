import Derive
import Foundation
import Library

/// Several servers, what a person does, and what must hold whatever happens: a small model of the whole library in memory
/// beside the real databases.
final class World {
    struct Thing: Equatable {
        var title: String
        var stashIDs: [String] = []
        var oshash: String?
    }

    /// One thing by its server's name: what does not depend on the order in which servers are added.
    struct Place: Hashable, Comparable {
        let server: String
        let kind: Kind
        let id: Int64

        static func < (a: Place, b: Place) -> Bool {
            (a.server, a.kind.rawValue, a.id) < (b.server, b.kind.rawValue, b.id)
        }
    }

    struct Server {
        var number: InstanceNumber
        var isAdded = true
        var isEnabled = true
        var things: [Kind: [Int64: Thing]] = [.scene: [:], .performer: [:]]
        var nextID: Int64 = 1
    }

    let directory: String
    let state: StateDatabase
    private(set) var index: IndexDatabase
    private(set) var catalogue: Catalogue
    var servers: [String: Server] = [:]

    init(servers names: [String]) throws {
        directory = NSTemporaryDirectory() + "world-\(UUID().uuidString)"
        state = try StateDatabase(directory: directory)
        index = try IndexDatabase(directory: directory, libraryID: state.libraryID)
        catalogue = try Catalogue(state: state, index: index)
        for name in names { servers[name] = Server(number: try add(name)) }
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    private func add(_ name: String, adopting former: InstanceNumber? = nil) throws -> InstanceNumber {
        try state.addInstance(name: name, url: "http://\(name)", apiKey: nil, adopting: former).number
    }

    func name(of number: InstanceNumber) -> String { servers.first { $1.number == number }?.key ?? "?" }

    func ref(_ place: Place) -> EntityRef? {
        servers[place.server].map { EntityRef(instance: $0.number, kind: place.kind, id: place.id) }
    }

    func place(_ ref: EntityRef) -> Place { Place(server: name(of: ref.instance), kind: ref.kind, id: ref.id) }

    /// What is at servers that are used.
    var shown: [Place] {
        servers.flatMap { name, server -> [Place] in
            guard server.isAdded, server.isEnabled else { return [] }
            return server.things.flatMap { kind, things in things.keys.map { Place(server: name, kind: kind, id: $0) } }
        }.sorted()
    }

    // MARK: What happens

    /// A complete pass, as a sync makes it.
    func sync(_ name: String) throws {
        guard let server = servers[name], server.isAdded, server.isEnabled else { return }
        let pass = try index.beginPass(server.number)
        for (kind, things) in server.things {
            let records = things.map { id, thing in
                var record = record(server.number, kind, id, thing.title, oshash: thing.oshash)
                // The file goes with its content, not with the entry.
                if let oshash = thing.oshash { record.files = record.files.map { $0.with(size: 5000, oshash: oshash) } }
                record.stashIDs = thing.stashIDs.map { StashIDRecord(endpoint: "https://box/graphql", stashID: $0) }
                if kind == .scene {
                    record.links = server.things[.performer, default: [:]].keys.sorted().prefix(3).map {
                        LinkRecord(kind: .performer, id: $0)
                    }
                }
                return record
            }
            _ = try index.store(records, in: pass)
        }
        for kind in Kind.allCases {
            let seen = IDSet(server.things[kind, default: [:]].keys)
            _ = try index.finish(kind, in: pass, seen: seen, force: true)
        }
        try index.endPass(pass, error: nil)
    }

    func derive() throws {
        let derivation = Derivation(state: state, index: index)
        try derivation.forgetRemoved()
        try derivation.run()
        try catalogue.reloadInstances()
    }

    func remove(_ name: String) throws {
        guard let server = servers[name] else { return }
        try state.removeInstance(server.number, purge: false)
        servers[name]?.isAdded = false
    }

    func addAgain(_ name: String) throws {
        let former = servers[name]?.number
        servers[name]?.number = try add(name, adopting: former)
        servers[name]?.isAdded = true
        servers[name]?.isEnabled = true
    }

    func enable(_ name: String, _ isEnabled: Bool) throws {
        guard let server = servers[name] else { return }
        try state.changeInstance(server.number, InstanceChange(enabled: isEnabled))
        servers[name]?.isEnabled = isEnabled
    }

    func loseIndex() throws {
        for suffix in ["", "-wal", "-shm"] { unlink(directory + "/index.sqlite" + suffix) }
        index = try IndexDatabase(directory: directory, libraryID: state.libraryID)
        catalogue = try Catalogue(state: state, index: index)
    }

    // MARK: What is seen

    /// All entities of the merged library as sets of what is shown.
    func entities() throws -> Set<Set<Place>> {
        var entities: Set<Set<Place>> = []
        for place in shown { entities.insert(try entity(of: place)) }
        return entities
    }

    func entity(of place: Place) throws -> Set<Place> {
        guard let ref = ref(place), let number = try catalogue.number(of: ref),
            let entity = try catalogue.entity(of: number)
        else { return [] }
        return Set(try catalogue.members(ofEntity: entity).map(self.place))
    }

    /// Names of scenes in the merged tree, with what they stand for.
    func listing() throws -> [String: (number: NodeNumber, members: Set<Place>)] {
        var listing: [String: (number: NodeNumber, members: Set<Place>)] = [:]
        for node in try catalogue.nodes(.merged, .scene) {
            listing[node.name] = (node.number, Set(try catalogue.members(ofEntity: node.number).map(place)))
        }
        return listing
    }

    func resolve(_ name: String) throws -> Set<Place>? {
        guard let node = try catalogue.node(.merged, .scene, named: name) else { return nil }
        return Set(try catalogue.members(ofEntity: node.number).map(place))
    }
}

extension FileRecord {
    fileprivate func with(size: Int64, oshash: String) -> FileRecord {
        var file = self
        file.size = size
        file.oshash = oshash
        return file
    }
}
