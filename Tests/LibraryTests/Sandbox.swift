import Derive
import Foundation
import Library

/// Two fresh databases in a directory of their own, gone with the value.
final class Sandbox {
    let directory: String
    let state: StateDatabase
    var index: IndexDatabase
    let catalogue: Catalogue

    init() throws {
        directory = NSTemporaryDirectory() + "library-\(UUID().uuidString)"
        state = try StateDatabase(directory: directory)
        index = try IndexDatabase(directory: directory, libraryID: state.libraryID)
        catalogue = try Catalogue(state: state, index: index)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    /// Adds an instance, or adds it again when it was removed.
    @discardableResult
    func instance(_ name: String, priority: Int64? = nil) throws -> InstanceNumber {
        let url = "http://\(name)"
        let former = try state.removedInstances().first { $0.url == url }?.number
        return try state.addInstance(name: name, url: url, apiKey: nil, priority: priority, adopting: former).number
    }

    /// What a complete pass over the instance would store.
    @discardableResult
    func sync(_ instance: InstanceNumber, _ records: [MemberRecord], force: Bool = false) throws -> [DeletionReport] {
        let pass = try index.beginPass(instance)
        _ = try index.store(records, in: pass)
        let reports = try Kind.allCases.map { kind in
            let seen = IDSet(records.map(\.ref).filter { $0.kind == kind }.map(\.id))
            return try index.finish(kind, in: pass, seen: seen, force: force)
        }
        try index.endPass(pass, error: nil)
        try Derivation(state: state, index: index).run()
        return reports
    }

    func names(_ scope: Scope, _ kind: Kind) throws -> [String] {
        try catalogue.nodes(scope, kind).map(\.name).sorted()
    }
}

/// A record with a file, if it is a scene or an image.
func record(
    _ instance: InstanceNumber, _ kind: Kind, _ id: Int64, _ title: String?, stashID: String? = nil,
    links: [(Kind, Int64)] = [], oshash: String? = nil, file: String? = nil
) -> MemberRecord {
    var record = MemberRecord(
        ref: EntityRef(instance: instance, kind: kind, id: id), title: title, updatedAt: "2024-05-01T10:00:00Z",
        modified: 1_714_557_600)
    if kind.isFile {
        let name = file ?? "file \(instance.rawValue) \(id)." + (kind == .scene ? "mp4" : "jpg")
        record.files = [
            FileRecord(path: "/data/\(name)", basename: name, size: 1000 + id, modified: 1_700_000_000, oshash: oshash)
        ]
    }
    if let stashID { record.stashIDs = [StashIDRecord(endpoint: "https://box/graphql", stashID: stashID)] }
    record.links = links.map { LinkRecord(kind: $0.0, id: $0.1) }
    return record
}
