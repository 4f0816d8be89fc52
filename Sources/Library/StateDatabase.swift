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

    private static let version = 1

    private static func migrate(_ db: Database, path: String) throws {
        let found = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        guard found <= version else { throw StoreError.newer(path: path, found: found, known: version) }
        guard found < version else { return }
        try db.execute(
            sql: """
                CREATE TABLE setting (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;

                -- A removed instance keeps its row and number: what people said about it stays under that number.
                CREATE TABLE instance (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    uuid TEXT NOT NULL UNIQUE,
                    name TEXT NOT NULL,
                    url TEXT NOT NULL,
                    api_key TEXT,
                    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
                    priority INTEGER NOT NULL,
                    trust TEXT NOT NULL,
                    created_at INTEGER NOT NULL,
                    removed_at INTEGER
                );
                CREATE UNIQUE INDEX instance_name ON instance (name COLLATE NOCASE) WHERE removed_at IS NULL;

                -- Every thing that any server ever showed, with the number that makes its inode. `entity` is the
                -- number of the entity that it was part of when identities were last computed.
                CREATE TABLE member (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    instance INTEGER NOT NULL REFERENCES instance (number),
                    kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 7),
                    id INTEGER NOT NULL CHECK (id > 0),
                    entity INTEGER NOT NULL,
                    UNIQUE (instance, kind, id)
                );
                CREATE INDEX member_entity ON member (entity);

                -- Names once given. `key` is the name folded for comparison. `source` is the member whose title it was
                -- made of, `stem` and `extension` what that member wished for then: a path changes only when they do.
                -- A name that is no longer current still resolves until another needs it.
                CREATE TABLE name (
                    scope INTEGER NOT NULL,
                    kind INTEGER NOT NULL,
                    key TEXT NOT NULL,
                    name TEXT NOT NULL,
                    stem TEXT NOT NULL,
                    extension TEXT NOT NULL,
                    number INTEGER NOT NULL,
                    source INTEGER NOT NULL,
                    current INTEGER NOT NULL CHECK (current IN (0, 1)),
                    PRIMARY KEY (scope, kind, key)
                ) WITHOUT ROWID;
                CREATE UNIQUE INDEX name_current ON name (scope, number) WHERE current = 1;

                -- One value that one person gave one member. NULL is a value that was taken back: being newer, it wins
                -- over what another member of the same entity still has.
                CREATE TABLE personal (
                    uid INTEGER NOT NULL CHECK (uid >= 0),
                    instance INTEGER NOT NULL REFERENCES instance (number),
                    kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 7),
                    id INTEGER NOT NULL CHECK (id > 0),
                    field INTEGER NOT NULL,
                    value NUMERIC,
                    changed_at INTEGER NOT NULL,
                    PRIMARY KEY (uid, instance, kind, id, field),
                    CHECK (CASE field
                        WHEN 1 THEN value IS NULL OR (typeof(value) = 'integer' AND value BETWEEN 0 AND 100)
                        WHEN 2 THEN value IS NULL OR value IN (0, 1)
                        WHEN 3 THEN value IS NULL OR value >= 0
                        WHEN 4 THEN value IS NULL OR (typeof(value) = 'integer' AND value >= 0)
                        WHEN 5 THEN value IS NULL OR typeof(value) = 'integer'
                        ELSE 0 END)
                ) WITHOUT ROWID;
                """)
        try db.execute(
            sql: "INSERT INTO setting (key, value) VALUES ('library', ?)", arguments: [UUID().uuidString.lowercased()])
        try db.execute(sql: "PRAGMA user_version = \(version)")
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
