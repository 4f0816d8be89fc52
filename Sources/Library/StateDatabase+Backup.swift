package import Foundation
import GRDB

/// What a state database holds, for people who decide about it.
package struct StateSummary: Sendable, Equatable {
    package let library: UUID
    /// Configured servers; removed ones are not counted.
    package let instances: Int
    /// Ratings, favourites and so on that are set.
    package let values: Int
    /// Links and splits by hand.
    package let decisions: Int
}

extension StateDatabase {
    package func summary() throws -> StateSummary {
        try pool.read { try StateSummary($0, path: path) }
    }

    /// Writes all of it into one file, mode 0600, while others go on writing: it holds what was committed when this began.
    /// The file has its name only once it was checked and is on disk. It holds the servers' keys.
    ///
    /// - Parameters:
    ///   - file: Where.
    ///   - replacing: Whether an existing file may be replaced.
    /// - Returns: What is in the file.
    /// - Throws: `BackupError`, `StoreError`; then nothing was written.
    package func backup(to file: String, replacing: Bool) throws -> StateSummary {
        guard !isOwn(file) else { throw BackupError.reserved(file) }
        var status = stat()
        if lstat(file, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFREG else { throw BackupError.reserved(file) }
            guard replacing else { throw BackupError.exists(file) }
        }
        // Under a log that is not its own the copy would become something else.
        for suffix in ["-wal", "-journal", "-shm"] where access(file + suffix, F_OK) == 0 {
            throw BackupError.reserved(file)
        }
        do {
            try StateCopy.make(from: pool, to: file)
            let copy = try StateCopy.open(file, readonly: true)
            defer { try? copy.close() }
            return try copy.read { try StateSummary($0, path: file) }
        } catch let error as DatabaseError {
            throw StoreError.unusable(path: file, reason: StateCopy.words(error))
        }
    }

    /// Puts the content of a backup in the place of everything that is there, in one transaction: whoever has the database
    /// open, in whatever process, sees the old content or the new one, also when this is killed.
    ///
    /// What is replaced is kept in a backup beside the database, to the last value that was acknowledged. No number is
    /// given twice: numbers go on after the highest one that either of both has given. What the index says has to be derived
    /// again after this.
    ///
    /// - Parameters:
    ///   - backup: What to bring in.
    ///   - index: The one of this library; nobody derives anything in it meanwhile from what was there before.
    /// - Returns: The path of the backup of what was there; nil when nobody had said anything yet.
    /// - Throws: `StoreError`; then nothing was changed.
    package func restore(_ backup: StagedBackup, index: IndexDatabase) throws -> String? {
        let lock = try DerivationLock(index)
        var kept: String?
        do {
            // Two libraries that come from one backup may have given the same number to different servers since.
            let (old, new) = (try pool.read(Self.servers), try backup.queue.read(Self.servers))
            for (number, uuid) in old where new[number] != uuid { try index.forget(InstanceNumber(number)) }
            // Whatever ends this from here on, the tables are not known to fit.
            try index.pool.write { try IndexDatabase.markAllDirty($0) }
            try backup.queue.inDatabase { [pool, path] staged in
                try pool.writeWithoutTransaction { live in
                    var isFirst = true
                    // The first page takes the write lock, and the last one commits (sqlite.org/c3ref/backup_finish.html).
                    // In between nobody can write or give a number, readers see what was there, and what this connection
                    // changes in the source goes along.
                    try staged.backup(to: live, pagesPerStep: 1) { _ in
                        guard isFirst else { return }
                        isFirst = false
                        let (isFresh, numbers) = try pool.read { (try Self.isFresh($0), try Self.numbers($0)) }
                        if !isFresh { kept = try StateCopy.make(from: pool, beside: path, mark: "before-restore") }
                        try Self.raiseNumbers(staged, to: numbers)
                    }
                }
            }
        } catch {
            guard let error = error as? DatabaseError else { throw error }
            throw StoreError.unusable(path: path, reason: StateCopy.words(error) + "; nothing was changed")
        }
        withExtendedLifetime(lock) {}
        return kept
    }

    /// Which server has which number.
    private static func servers(_ db: Database) throws -> [Int64: String] {
        let rows = try Row.fetchAll(db, sql: "SELECT number, uuid FROM instance")
        return Dictionary(uniqueKeysWithValues: rows.map { ($0["number"], $0["uuid"]) })
    }

    /// Whether nobody has said anything yet.
    private static func isFresh(_ db: Database) throws -> Bool {
        try Bool.fetchOne(
            db, sql: "SELECT NOT EXISTS (SELECT 1 FROM instance) AND NOT EXISTS (SELECT 1 FROM personal)") ?? false
    }

    /// The highest number that was ever given, by table.
    private static func numbers(_ db: Database) throws -> [String: Int64] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT name, max(seq) AS seq FROM (
                    SELECT name, seq FROM sqlite_sequence UNION ALL SELECT 'member', max(spare) FROM member)
                WHERE seq IS NOT NULL GROUP BY name
                """)
        return Dictionary(uniqueKeysWithValues: rows.map { ($0["name"], $0["seq"]) })
    }

    private static func raiseNumbers(_ db: Database, to given: [String: Int64]) throws {
        let own = try numbers(db)
        try db.inTransaction {
            for (table, number) in given.merging(own, uniquingKeysWith: max) {
                try db.execute(sql: "DELETE FROM sqlite_sequence WHERE name = ?", arguments: [table])
                try db.execute(
                    sql: "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", arguments: [table, number])
            }
            return .commit
        }
    }

    /// The database itself and what SQLite or a restore keep beside it.
    private func isOwn(_ file: String) -> Bool {
        func resolved(_ path: String) -> String {
            let url = URL(fileURLWithPath: path)
            return url.deletingLastPathComponent().resolvingSymlinksInPath().path + "/" + url.lastPathComponent
        }
        return ["", "-wal", "-shm", "-journal", ".restoring", ".restoring.lock"]
            .contains { resolved(file) == resolved(path + $0) }
    }
}

/// Why a backup was not written or cannot be taken; nothing was changed.
package enum BackupError: Error, Equatable, CustomStringConvertible {
    case exists(String)
    case reserved(String)
    case missing(String)
    case notState(String, reason: String)
    case busy(String)

    package var description: String {
        switch self {
        case .exists(let file): "\(file) exists already"
        case .reserved(let file): "\(file) is no place for a backup: it is the database itself, or no regular file"
        case .missing(let file): "\(file) cannot be read"
        case .notState(let file, let reason): "\(file) is no usable backup of a state database: \(reason)"
        case .busy(let path): "another restore into \(path) is running"
        }
    }
}

/// A backup that was checked and brought to the present version, in a copy beside the database that it is meant for. The
/// copy goes with the value; one that a killed process left behind goes with the next.
package final class StagedBackup: Sendable {
    package let summary: StateSummary
    let queue: DatabaseQueue
    private let path: String
    private let lock: Int32

    /// Copies and checks a file; the file itself and the database stay as they are.
    ///
    /// - Throws: `BackupError`, `StoreError.newer`.
    package init(_ file: String, for state: StateDatabase) throws {
        let path = state.path + ".restoring"
        let lock = try Self.lock(path + ".lock", path: state.path)
        do {
            Self.clear(path)
            (queue, summary) = try Self.stage(file, at: path, for: state)
        } catch {
            Self.clear(path)
            close(lock)
            throw Self.explained(error, file: file)
        }
        self.path = path
        self.lock = lock
    }

    deinit {
        try? queue.close()
        Self.clear(path)
        close(lock)
    }

    /// One restore at a time has the copy's name.
    private static func lock(_ name: String, path: String) throws -> Int32 {
        let lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw StoreError.unusable(path: name, reason: StateCopy.lastError()) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            throw BackupError.busy(path)
        }
        return lock
    }

    private static func clear(_ path: String) {
        for suffix in ["", "-journal", "-wal", "-shm"] { unlink(path + suffix) }
    }

    private static func stage(
        _ file: String, at path: String, for state: StateDatabase
    ) throws -> (DatabaseQueue, StateSummary) {
        let queue = try copy(file, to: path, steps: state.steps)
        do {
            let summary = try queue.inDatabase { db in
                try check(db, file: file, steps: state.steps)
                return try StateSummary(db, path: file)
            }
            try fit(queue, to: state)
            return (queue, summary)
        } catch {
            try? queue.close()
            throw error
        }
    }

    private static func copy(_ file: String, to path: String, steps: [String]) throws -> DatabaseQueue {
        var status = stat()
        guard stat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, access(file, R_OK) == 0 else {
            throw BackupError.missing(file)
        }
        Files.createPrivate(path)
        let source = try StateCopy.open(file, readonly: true)
        defer { try? source.close() }
        // Read before anything is believed of it.
        let version = try source.read(StateMigration.version)
        guard version <= steps.count else {
            throw StoreError.newer(path: file, found: version, known: steps.count)
        }
        guard version > 0 else { throw BackupError.notState(file, reason: "it was not written by peekfs") }
        let copy = try StateCopy.open(path)
        do {
            try source.backup(to: copy)
            try StateCopy.finish(copy, path: file)
        } catch {
            try? copy.close()
            throw error
        }
        return copy
    }

    /// Has it every table of its version? Then the steps to the present one follow.
    private static func check(_ db: Database, file: String, steps: [String]) throws {
        let version = try StateMigration.version(db)
        let reference = try DatabaseQueue()
        let wanted = try reference.inDatabase { model in
            try StateMigration.run(model, steps: Array(steps.prefix(version)))
            return try columns(model)
        }
        let found = try columns(db)
        for (table, columns) in wanted where !columns.isSubset(of: found[table] ?? []) {
            throw BackupError.notState(file, reason: "its table '\(table)' is missing or another one")
        }
        let extra = try String.fetchOne(db, sql: "SELECT name FROM sqlite_master WHERE type IN ('trigger', 'view')")
        if let extra { throw BackupError.notState(file, reason: "it holds '\(extra)', which no state database does") }
        guard version < steps.count else { return }
        try db.inTransaction {
            try StateMigration.run(db, steps: steps)
            return .commit
        }
    }

    private static func columns(_ db: Database) throws -> [String: Set<String>] {
        var columns: [String: Set<String>] = [:]
        for table in try String.fetchAll(db, sql: "SELECT name FROM sqlite_master WHERE type = 'table'") {
            columns[table] = try Set(
                String.fetchAll(db, sql: "SELECT name FROM pragma_table_info(?)", arguments: [table]))
        }
        return columns
    }

    /// Pages can be copied only between databases whose pages are of one size (sqlite.org/c3ref/backup_finish.html).
    private static func fit(_ queue: DatabaseQueue, to state: StateDatabase) throws {
        let size = try state.pool.read { try Int.fetchOne($0, sql: "PRAGMA page_size") ?? 4096 }
        try queue.inDatabase { db in
            guard try Int.fetchOne(db, sql: "PRAGMA page_size") != size else { return }
            try db.execute(sql: "PRAGMA page_size = \(size); VACUUM")
        }
    }

    private static func explained(_ error: any Error, file: String) -> any Error {
        if case StoreError.unusable(_, let reason) = error { return BackupError.notState(file, reason: reason) }
        guard let error = error as? DatabaseError else { return error }
        return switch error.resultCode {
        case .SQLITE_NOTADB: BackupError.notState(file, reason: "it is no SQLite database")
        case .SQLITE_CORRUPT: BackupError.notState(file, reason: "it is damaged or not whole")
        case .SQLITE_FULL, .SQLITE_IOERR: StoreError.unusable(path: file, reason: StateCopy.words(error))
        default: BackupError.notState(file, reason: StateCopy.words(error))
        }
    }
}

extension StateSummary {
    fileprivate init(_ db: Database, path: String) throws {
        let text = try String.fetchOne(db, sql: "SELECT value FROM setting WHERE key = 'library'")
        guard let library = text.flatMap(UUID.init(uuidString:)) else {
            throw BackupError.notState(path, reason: "it does not say which library it belongs to")
        }
        func count(_ sql: String) throws -> Int { try Int.fetchOne(db, sql: "SELECT count(*) FROM \(sql)") ?? 0 }
        self.library = library
        instances = try count("instance WHERE removed_at IS NULL")
        values = try count("personal WHERE value IS NOT NULL")
        decisions = try count("hand_link") + count("hand_split")
    }
}
