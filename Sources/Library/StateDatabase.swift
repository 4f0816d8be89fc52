package import Foundation
import GRDB

/// What people said and decided: instances, ratings, numbers and names once given. Precious: nothing here can be
/// fetched again, so every commit is on disk before it is acknowledged (`synchronous=FULL` in WAL mode).
///
/// Several processes may have it open: the daemon and commands. SQLite's own locks keep them apart.
package final class StateDatabase: Sendable {
    let pool: DatabasePool
    /// The identity of this library; the index that belongs to it carries the same.
    package let libraryID: UUID
    let path: String

    /// Opens `directory/state.sqlite`, making directory (0700) and file (0600) when they are missing.
    ///
    /// - Throws: `StoreError` when the file was written by a newer version or cannot be used.
    package init(directory: String) throws {
        try Files.makePrivateDirectory(directory)
        path = directory + "/state.sqlite"
        Files.createPrivate(path)
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.maximumReaderCount = 16
        configuration.prepareDatabase { db in
            // Acknowledged means on disk: with FULL, WAL mode syncs the log at every commit (sqlite.org/pragma.html).
            if !db.configuration.readonly { try db.execute(sql: "PRAGMA synchronous = FULL") }
        }
        pool = try DatabasePool(path: path, configuration: configuration)
        let file = path
        libraryID = try pool.write { db in
            try Self.migrate(db, path: file)
            let text = try String.fetchOne(db, sql: "SELECT value FROM setting WHERE key = 'library'")
            return text.flatMap(UUID.init(uuidString:)) ?? UUID()
        }
    }

    /// Brings the tables to the present version, all steps in the one transaction that this runs in.
    private static func migrate(_ db: Database, path: String) throws {
        let found = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        let known = StateSchema.steps.count
        guard found <= known else { throw StoreError.newer(path: path, found: found, known: known) }
        guard found < known else { return }
        for step in StateSchema.steps[found...] { try db.execute(sql: step) }
        if found == 0 {
            try db.execute(
                sql: "INSERT INTO setting (key, value) VALUES ('library', ?)",
                arguments: [UUID().uuidString.lowercased()])
        }
        try db.execute(sql: "PRAGMA user_version = \(known)")
    }
}

/// Why a database cannot be used.
package enum StoreError: Error, Equatable, CustomStringConvertible {
    case newer(path: String, found: Int, known: Int)
    case unusable(path: String, reason: String)

    package var description: String {
        switch self {
        case .newer(let path, let found, let known):
            "\(path) has version \(found), written by a newer peekfs; this one knows versions up to \(known). Install the newer one again"
        case .unusable(let path, let reason): "\(path) cannot be used: \(reason)"
        }
    }
}

/// Files and directories that only their owner may look into: they hold keys and what people watch.
package enum Files {
    /// Makes a directory and its missing parents, mode 0700 for what is made.
    package static func makePrivateDirectory(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw StoreError.unusable(
                path: path, reason: "the directory cannot be made (\(error.localizedDescription))")
        }
    }

    /// Makes an empty file with mode 0600, or gives an existing one that mode, before SQLite opens it: SQLite gives the
    /// journal beside it the same mode.
    package static func createPrivate(_ path: String) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        fchmod(descriptor, 0o600)
        close(descriptor)
    }
}
