import Derive
import Foundation
import GRDB
import Synchronization

@testable import Library
@testable import Stash
@testable import Sync

/// An empty index in a directory of its own, and what it takes to sync into it.
final class Rig: Sendable {
    let directory: String
    let index: IndexDatabase
    /// Has the instances 1 to 4.
    let state: StateDatabase
    let engine: TransferEngine
    private let derivations = Mutex(0)

    init() throws {
        directory = NSTemporaryDirectory() + "sync-tests-" + UUID().uuidString
        index = try IndexDatabase(directory: directory, libraryID: UUID())
        state = try StateDatabase(directory: directory)
        for number in 1...4 {
            try state.addInstance(name: "server \(number)", url: "http://server-\(number)", apiKey: nil)
        }
        engine = try TransferEngine()
        engine.start()
    }

    deinit {
        engine.stop()
        try? index.pool.close()
        try? state.pool.close()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// How often the derived tables were asked for.
    var derived: Int { derivations.withLock { $0 } }

    /// Notes, as a derivation does, that derived tables have followed.
    func followChanges() throws {
        try index.pool.write { db in
            try db.execute(
                sql: "DELETE FROM dirty; UPDATE complete SET followed = 1; DELETE FROM setting WHERE key = ?",
                arguments: [IndexDatabase.distrust])
        }
    }

    func countDerivation() { derivations.withLock { $0 += 1 } }

    func client(_ url: String, key: String? = nil) throws -> StashClient {
        StashClient(
            access: ServerAccess(address: try ServerAddress(url), apiKey: key.flatMap { APIKey($0) }), engine: engine)
    }

    /// Small pages, so that small catalogues have several, and no patience.
    static func options(attempts: Int = 1, force: Bool = false) -> SyncOptions {
        var options = SyncOptions()
        options.pageSizes = [
            .scene: 8, .image: 8, .gallery: 3, .performer: 5, .studio: 4, .tag: 6, .group: 3,
        ]
        options.idPageSize = 3
        options.retry = Retry(attempts: attempts, firstPause: .milliseconds(1), longestPause: .milliseconds(2))
        options.force = force
        return options
    }

    @discardableResult
    func sync(
        _ url: String, as number: Int64 = 1, key: String? = nil, options: SyncOptions = Rig.options(),
        cancel: Cancellation = Cancellation(), derive: (() throws -> Void)? = nil
    ) throws -> SyncReport {
        let synchroniser = Synchroniser(
            instance: InstanceNumber(number), client: try client(url, key: key), index: index,
            state: state, lockDirectory: directory, options: options)
        return synchroniser.run(cancel: cancel) { [self] in
            countDerivation()
            try derive?()
            try followChanges()
        }
    }

    /// Every row that the index has of an instance, but for the numbers of passes and the places of rows.
    func dump(_ number: Int64 = 1, tables: [String] = Rig.tables) throws -> [String] {
        try index.pool.read { db in
            try tables.flatMap { table in
                let source = table == "member" ? "member JOIN document USING (place)" : table
                return try Row.fetchAll(db, sql: "SELECT * FROM \(source) WHERE instance = ?", arguments: [number])
                    .map { row in
                        table + ": "
                            + row.filter { !["pass", "place"].contains($0.0) }.map { "\($0.0)=\($0.1)" }.joined(
                                separator: " ")
                    }.sorted()
            }
        }
    }

    static let tables = ["member", "file", "stash_id", "edge", "caption", "sidecar", "set_aside"]

    /// The ids of a kind that the index has, and with a condition.
    func ids(_ kind: Library.Kind, where condition: String = "1", _ number: Int64 = 1) throws -> Set<Int64> {
        try index.pool.read { db in
            try Int64.fetchSet(
                db, sql: "SELECT id FROM member WHERE instance = ? AND kind = ? AND \(condition)",
                arguments: [number, kind.rawValue])
        }
    }

    /// Where the edges of one thing lead: kind, id, position.
    func edges(_ kind: Library.Kind, _ id: Int) throws -> Set<LinkRecord> {
        try index.pool.read { db in
            let rows = try Row.fetchAll(
                db,
                sql: "SELECT to_kind, to_id, position FROM edge WHERE instance = 1 AND from_kind = ? AND from_id = ?",
                arguments: [kind.rawValue, id])
            return Set(
                rows.compactMap { row in
                    Library.Kind(rawValue: row["to_kind"]).map {
                        LinkRecord(kind: $0, id: row["to_id"], position: row["position"])
                    }
                })
        }
    }

    func sidecarSizes(_ kind: Library.Kind, _ sidecar: SidecarKind) throws -> [Int64: Int64] {
        try index.pool.read { db in
            let rows = try Row.fetchAll(
                db,
                sql: "SELECT id, size FROM sidecar WHERE instance = 1 AND kind = ? AND sidecar = ? AND position = 0",
                arguments: [kind.rawValue, sidecar.rawValue])
            return Dictionary(uniqueKeysWithValues: rows.map { ($0["id"], $0["size"]) })
        }
    }
}
