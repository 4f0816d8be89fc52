import Foundation
import GRDB
import Synchronization
import Testing

@testable import Library

/// Older state databases, which have to survive this version and the next.
@Suite(.timeLimit(.minutes(9)))
struct StateMigrationTests {
    /// Every table of version 1 with rows; never changed, for such databases exist.
    private static let firstRows = """
        INSERT INTO setting VALUES ('library', '6f9619ff-8b86-d011-b42d-00cf4fc964ff');
        INSERT INTO instance (number, uuid, name, url, api_key, enabled, priority, trust, created_at, removed_at) VALUES
            (1, '6f9619ff-8b86-d011-b42d-00cf4fc964f1', 'attic', 'http://nas:9999', 'secret', 1, 10, 'system', 1700000000, NULL),
            (3, '6f9619ff-8b86-d011-b42d-00cf4fc964f3', 'cellar', 'http://nas:9998', NULL, 0, 20, 'insecure', 1700000001, 1700000009);
        INSERT INTO member (number, instance, kind, id, entity) VALUES (5, 1, 1, 11, 5), (9, 3, 1, 11, 5);
        INSERT INTO name VALUES (0, 1, 'blue dance.mp4', 'Blue Dance.mp4', 'Blue Dance', 'mp4', 5, 5, 1);
        INSERT INTO personal VALUES (1000, 1, 1, 11, 1, 85, 1700000002000000), (0, 3, 2, 4, 2, 1, 5), (0, 1, 1, 11, 3, 1.5, 6);
        DELETE FROM member WHERE number = 9;
        """

    private let directory = NSTemporaryDirectory() + "migration-\(UUID().uuidString)"

    private final class Cleaner {
        let directory: String
        init(_ directory: String) { self.directory = directory }
        deinit { try? FileManager.default.removeItem(atPath: directory) }
    }
    private let cleaner: Cleaner

    init() throws {
        cleaner = Cleaner(directory)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let old = try DatabaseQueue(path: directory + "/state.sqlite")
        try old.write { db in
            try db.execute(sql: StateSchema.steps[0])
            try db.execute(sql: Self.firstRows)
            try db.execute(sql: "PRAGMA user_version = 1")
        }
        try old.close()
    }

    private var backups: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".backup") } }
    }

    /// Every row of the tables of version 1, in the columns of version 1.
    private func rows(_ path: String) throws -> [String: [String]] {
        let model = try DatabaseQueue()
        let queue = try DatabaseQueue(path: path)
        defer { try? queue.close() }
        return try model.inDatabase { model in
            try model.execute(sql: StateSchema.steps[0])
            let tables = try String.fetchAll(model, sql: "SELECT name FROM sqlite_master WHERE type = 'table'")
            return try queue.inDatabase { db in
                var rows: [String: [String]] = [:]
                for table in tables {
                    let columns = try model.columns(in: table).map(\.name).joined(separator: ", ")
                    rows[table] = try Row.fetchAll(db, sql: "SELECT \(columns) FROM \(table) ORDER BY 1, 2").map {
                        "\($0)"
                    }
                }
                return rows
            }
        }
    }

    private func version(_ path: String) throws -> Int? {
        let queue = try DatabaseQueue(path: path)
        defer { try? queue.close() }
        return try queue.inDatabase { try Int.fetchOne($0, sql: "PRAGMA user_version") }
    }

    private var path: String { directory + "/state.sqlite" }

    @Test func `every row of version 1 survives, and a backup of it lies beside`() throws {
        let before = try rows(path)
        #expect(before.values.allSatisfy { !$0.isEmpty })
        #expect(before.count == 6, "tables and sqlite_sequence: \(before.keys.sorted())")
        let state = try StateDatabase(directory: directory)
        #expect(state.libraryID.uuidString.lowercased() == "6f9619ff-8b86-d011-b42d-00cf4fc964ff")
        #expect(try state.instances().map(\.name) == ["attic"])
        try state.pool.close()
        #expect(try rows(path) == before)
        #expect(try version(path) == StateSchema.steps.count)

        let backup = directory + "/" + (try #require(try backups.first))
        #expect(backup.contains("state.sqlite.v1-"))
        #expect(try FileManager.default.attributesOfItem(atPath: backup)[.posixPermissions] as? Int == 0o600)
        #expect(try version(backup) == 1)
        #expect(try rows(backup) == before)

        // Once.
        _ = try StateDatabase(directory: directory)
        #expect(try backups.count == 1)
    }

    @Test func `a step that fails leaves the old version as it was`() throws {
        let before = try rows(path)
        let steps = StateSchema.steps + ["CREATE TABLE more (number INTEGER); DELETE FROM personal; SELECT nonsense"]
        #expect(throws: DatabaseError.self) { try StateDatabase(directory: directory, steps: steps) }
        #expect(try rows(path) == before)
        #expect(try version(path) == 1)
        #expect(try backups.isEmpty)
        _ = try StateDatabase(directory: directory)
        #expect(try version(path) == StateSchema.steps.count)
    }

    @Test func `without a backup nothing is migrated`() throws {
        let before = try rows(path)
        // Longer than a file's name may be, once the backup's own part is added, and still good for the database and its log.
        let name = String(repeating: "x", count: 245)
        try FileManager.default.moveItem(atPath: path, toPath: directory + "/" + name)
        let long = directory + "/" + name
        let error = #expect(throws: StoreError.self) { try StateMigration.open(long, steps: StateSchema.steps) }
        #expect(error?.description.contains("backup") == true)
        #expect(error?.description.contains("nothing was changed") == true)
        #expect(try rows(long) == before)
        #expect(try version(long) == 1)
    }

    @Test func `what a newer version wrote is refused`() throws {
        try StateDatabase(directory: directory).pool.close()
        let future = StateSchema.steps + ["CREATE TABLE future (number INTEGER)"]
        try StateDatabase(directory: directory, steps: future).pool.close()
        let known = StateSchema.steps.count
        #expect(throws: StoreError.newer(path: path, found: known + 1, known: known)) {
            try StateDatabase(directory: directory)
        }
        #expect(try version(path) == known + 1)
    }

    @Test func `another program's database is left alone`() throws {
        let other = directory + "/other"
        try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
        let queue = try DatabaseQueue(path: other + "/state.sqlite")
        try queue.write { try $0.execute(sql: "CREATE TABLE mine (number INTEGER)") }
        try queue.close()
        #expect(throws: StoreError.self) { try StateDatabase(directory: other) }
        try Data("no database, but long enough to be looked at".utf8).write(
            to: URL(fileURLWithPath: other + "/state.sqlite"))
        let error = #expect(throws: StoreError.self) { try StateDatabase(directory: other) }
        #expect(error?.description.contains("no SQLite database") == true)
    }

    @Test func `many that open it at once find it migrated, and one backup`() throws {
        let before = try rows(path)
        let directory = self.directory
        inThreads(8) { _ in
            #expect(throws: Never.self) { try StateDatabase(directory: directory) }
        }
        #expect(try rows(path) == before)
        #expect(try backups.count == 1)
    }

    @Test func `many that open a new one at once agree whose it is`() throws {
        let fresh = directory + "/fresh"
        let found = Mutex(Set<String>())
        inThreads(8) { _ in
            do {
                let id = try StateDatabase(directory: fresh).libraryID
                found.withLock { _ = $0.insert(id.uuidString) }
            } catch {
                found.withLock { _ = $0.insert("\(error)") }
            }
        }
        #expect(found.withLock { $0.count } == 1, "\(found.withLock { $0 })")
    }
}
