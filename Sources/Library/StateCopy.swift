import Foundation
import GRDB

/// Whole copies of a state database, each in one file that needs no other beside it. They hold the servers' keys: mode 0600.
enum StateCopy {
    /// Copies what is committed, checks the copy, brings it to the disk and only then gives it its name. What people write
    /// meanwhile is neither kept waiting nor in the copy.
    ///
    /// - Throws: `StoreError`, `DatabaseError`; then there is no new file, and an old one of that name is as it was.
    static func make(from source: some DatabaseReader, to path: String) throws {
        var template = Array((path + ".XXXXXX").utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw StoreError.unusable(path: path, reason: lastError()) }
        defer { close(descriptor) }
        let temporary = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        do {
            let copy = try open(temporary)
            do {
                try source.backup(to: copy)
                try finish(copy, path: path)
            } catch {
                try? copy.close()
                throw error
            }
            try copy.close()
            guard fsync(descriptor) == 0, rename(temporary, path) == 0 else {
                throw StoreError.unusable(path: path, reason: lastError())
            }
        } catch {
            for suffix in ["", "-journal", "-wal", "-shm"] { unlink(temporary + suffix) }
            throw error
        }
        Files.syncDirectory(of: path)
    }

    /// A copy whose name says what it is and when it was made, in UTC; an existing file is never replaced.
    ///
    /// - Returns: Its path, such as `state.sqlite.v1-20250131T235959Z.backup`.
    static func make(from source: some DatabaseReader, beside path: String, mark: String) throws -> String {
        let stem = "\(path).\(mark)-\(Date().formatted(compact))"
        var name = stem + ".backup"
        var more = 1
        while access(name, F_OK) == 0 {
            more += 1
            name = "\(stem)-\(more).backup"
        }
        try make(from: source, to: name)
        return name
    }

    private static let compact = Date.ISO8601FormatStyle(
        dateSeparator: .omitted, timeSeparator: .omitted, timeZone: .gmt)

    /// A database whose file is complete without a log beside it.
    static func open(_ path: String, readonly: Bool = false) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.readonly = readonly
        configuration.pollForLocks(seconds: 10)
        if !readonly {
            configuration.prepareDatabase { db in
                // Nobody else has it, and whoever made it brings it to the disk as a whole.
                try db.execute(sql: "PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE")
            }
        }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// A copy says that it has a log beside it, as its source does: that is taken back. Then it is checked.
    static func finish(_ copy: DatabaseQueue, path: String) throws {
        try copy.inDatabase { db in
            guard try String.fetchOne(db, sql: "PRAGMA journal_mode = DELETE") == "delete" else {
                throw StoreError.unusable(path: path, reason: "it cannot be made a single file")
            }
            try check(db, path: path)
        }
    }

    /// Whether every page and index is in order.
    static func check(_ db: Database, path: String) throws {
        let complaint = try String.fetchOne(db, sql: "PRAGMA integrity_check(1)")
        guard complaint == "ok" else {
            // The first line only says which database it was.
            let words = complaint?.split(separator: "\n").last.map(String.init) ?? "no answer"
            throw StoreError.unusable(path: path, reason: "it is damaged (\(words))")
        }
    }

    /// An error for a person.
    static func words(_ error: any Error) -> String {
        switch error {
        case let error as StoreError: error.description
        case let error as DatabaseError: error.message ?? "SQLite error \(error.resultCode.rawValue)"
        default: error.localizedDescription
        }
    }

    static func lastError() -> String { String(cString: strerror(errno)).lowercased() }
}
