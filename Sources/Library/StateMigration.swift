import Foundation
package import GRDB

/// Opens a state database and brings it to the version that this program knows: forward only, all steps in one
/// transaction, and only after a backup of what was there.
enum StateMigration {
    /// How long somebody else's migration is waited for: a million rows with their backup take some ten seconds.
    private static let patience: Duration = .seconds(60)

    /// - Throws: `StoreError`; then nothing was changed.
    static func open(_ path: String, steps: [String]) throws -> DatabasePool {
        let deadline = ContinuousClock.now.advanced(by: patience)
        while true {
            do {
                let pool = try DatabasePool(path: path, configuration: configuration)
                // Acknowledged means on disk: with FULL, WAL mode syncs the log at every commit (sqlite.org/pragma.html).
                // Said only now, because GRDB sets NORMAL where it switches to WAL, which comes after `prepareDatabase`.
                try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
                try migrate(pool, path: path, steps: steps)
                return pool
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
                guard ContinuousClock.now < deadline else { throw error }
                // Most tries have waited for their lock already, but where two could wait for each other SQLite does not.
                usleep(10_000)
            } catch let error as DatabaseError where error.resultCode == .SQLITE_NOTADB {
                throw StoreError.unusable(path: path, reason: "it is no SQLite database")
            }
        }
    }

    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.pollForLocks(seconds: 10)
        configuration.maximumReaderCount = 16
        return configuration
    }

    private static func migrate(_ pool: DatabasePool, path: String, steps: [String]) throws {
        // Looked at before the write lock is taken, which a writer may hold for a while.
        guard try pool.read({ try isDue($0, path: path, steps: steps) }) else { return }
        var backup: String?
        do {
            try pool.writeWithoutTransaction { db in
                try db.inTransaction(.immediate) {
                    // Two may have come here; the second one finds it done.
                    guard try isDue(db, path: path, steps: steps) else { return .rollback }
                    if try version(db) > 0 { backup = try self.backup(path, version: version(db)) }
                    try run(db, steps: steps)
                    return .commit
                }
            }
        } catch {
            // What it would have been for did not happen: left where it is, one more would come with every attempt.
            if let backup { unlink(backup) }
            throw error
        }
    }

    private static func isDue(_ db: Database, path: String, steps: [String]) throws -> Bool {
        let found = try version(db)
        guard found <= steps.count else { throw StoreError.newer(path: path, found: found, known: steps.count) }
        if found == 0, let table = try String.fetchOne(db, sql: "SELECT name FROM sqlite_master WHERE type = 'table'") {
            throw StoreError.unusable(
                path: path, reason: "it is another program's database (it has a table '\(table)')")
        }
        return found < steps.count
    }

    /// A connection of its own reads what was committed, while the caller's transaction keeps everybody from adding to it.
    private static func backup(_ path: String, version: Int) throws -> String {
        do {
            let source = try StateCopy.open(path, readonly: true)
            defer { try? source.close() }
            return try StateCopy.make(from: source, beside: path, mark: "v\(version)")
        } catch {
            throw StoreError.unusable(
                path: path,
                reason:
                    "it has to be brought from version \(version) to a newer one, and the backup that is made first "
                    + "failed (\(StateCopy.words(error))); nothing was changed")
        }
    }

    static func version(_ db: Database) throws -> Int { try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0 }

    /// The steps that are missing, in the transaction of the caller.
    static func run(_ db: Database, steps: [String]) throws {
        let found = try version(db)
        for step in steps[found...] { try db.execute(sql: step) }
        if found == 0 {
            try db.execute(
                sql: "INSERT INTO setting (key, value) VALUES ('library', ?)",
                arguments: [UUID().uuidString.lowercased()])
        }
        try db.execute(sql: "PRAGMA user_version = \(steps.count)")
    }
}

extension Configuration {
    /// Waits for a lock of another connection by looking every millisecond. SQLite's own timeout looks less and less
    /// often, in the end every 100 ms, and so comes too late again and again while others write one after the other.
    package mutating func pollForLocks(seconds: Int) {
        busyMode = .callback { tries in
            usleep(1000)
            return tries < seconds * 1000
        }
    }
}
