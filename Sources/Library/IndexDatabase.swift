package import Foundation
package import GRDB

/// What the servers said, and what follows from it. It can be deleted: a sync builds it again.
package final class IndexDatabase: Sendable {
    package let pool: DatabasePool
    package let path: String

    /// Raised with every change of the tables: an index of another version is thrown away and synced again.
    private static let version = 9

    /// Opens `directory/index.sqlite`; an index of another version, of another library or a damaged one is replaced
    /// by an empty one.
    package init(directory: String, libraryID: UUID) throws {
        try Files.makePrivateDirectory(directory)
        path = directory + "/index.sqlite"
        // Only what can never be used again is thrown away: a busy or full disk is no reason.
        do {
            if let fit = try Self.open(path, libraryID) {
                pool = fit
                return
            }
        } catch let error as DatabaseError {
            guard [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode) else { throw error }
        }
        for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
        guard let fresh = try Self.open(path, libraryID) else {
            throw StoreError.unusable(path: path, reason: "it belongs to another library although it was just made")
        }
        pool = fresh
    }

    /// nil when the file is of another version or library.
    private static func open(_ path: String, _ libraryID: UUID) throws -> DatabasePool? {
        Files.createPrivate(path)
        var configuration = Configuration()
        // A derivation of everything writes for minutes where there are two million things; other instances' pages wait.
        configuration.busyMode = .timeout(3600)
        // As many as there are threads that answer the kernel: a long listing keeps no `stat` waiting.
        configuration.maximumReaderCount = 16
        configuration.prepareDatabase { db in
            // Derived data: a power cut may lose the last commits, never the file's consistency.
            if !db.configuration.readonly { try db.execute(sql: "PRAGMA synchronous = NORMAL") }
            // A derivation of everything leaves a log of a gigabyte. Its size does no good to the next pages, which write it from
            // the beginning. That it is written back after each page stays as it is: of 64 MiB at once, a first sync was a third
            // faster, and a `setfattr` beside it waited three times as long for the disk (p99, one run each).
            try db.execute(sql: "PRAGMA journal_size_limit = 67108864")
            // There may be as many readers as there are listings at once, and the kernel caches the file as well.
            try db.execute(sql: "PRAGMA cache_size = \(db.configuration.readonly ? -4096 : -16384)")
        }
        let pool = try DatabasePool(path: path, configuration: configuration)
        // Looked at before it is written to: a derivation may hold the write lock for seconds.
        let isEmpty = try pool.read { try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0 } == 0
        if isEmpty {
            try pool.write { db in
                guard try Int.fetchOne(db, sql: "PRAGMA user_version") == 0 else { return }
                try db.execute(sql: schema)
                for index in treeIndexes { try db.execute(sql: index.definition) }
                try db.execute(
                    sql: "INSERT INTO setting (key, value) VALUES ('library', ?), ('generation', '0')",
                    arguments: [libraryID.uuidString])
                try db.execute(sql: "PRAGMA user_version = \(version)")
            }
        }
        let fits = try pool.read { db -> Bool in
            let found = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
            let library = try String.fetchOne(db, sql: "SELECT value FROM setting WHERE key = 'library'")
            return found == version && library == libraryID.uuidString
        }
        if !fits { try pool.close() }
        return fits ? pool : nil
    }

    /// Counts up whenever the derived tables changed: what watches this knows when to look again. Cheap enough to ask
    /// several times a second.
    package func generation() throws -> Int64 {
        try pool.read { db in
            try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT CAST(value AS INTEGER) FROM setting WHERE key = 'generation'")) ?? 0
        }
    }

    /// Rows per instance and kind, as the servers said them.
    package func counts() throws -> [InstanceNumber: [Kind: Int]] {
        try pool.read { db in
            var counts: [InstanceNumber: [Kind: Int]] = [:]
            let rows = try Row.fetchCursor(
                db, sql: "SELECT instance, kind, count(*) AS n FROM member GROUP BY instance, kind")
            while let row = try rows.next() {
                guard let kind = Kind(rawValue: row["kind"]) else { continue }
                counts[InstanceNumber(row["instance"]), default: [:]][kind] = row["n"]
            }
            return counts
        }
    }

    /// An index of the derived tables that whoever writes all their rows may drop before and make after.
    package struct TreeIndex: Sendable {
        package let name: String
        package let table: String
        fileprivate let columns: String
        fileprivate var isUnique = false

        /// The statement that makes it.
        package var definition: String {
            "CREATE \(isUnique ? "UNIQUE " : "")INDEX main.\(name) ON \(table) (\(columns))"
        }
    }

    /// All of them.
    package static let treeIndexes = [
        TreeIndex(name: "node_key", table: "node", columns: "scope, kind, key", isUnique: true),
        // Listings go by numbers, which do not move when a name does.
        TreeIndex(name: "node_number", table: "node", columns: "scope, kind, number"),
        // The parents of something.
        TreeIndex(name: "link_child", table: "link", columns: "scope, child, parent"),
    ]

    private static let schema = """
        CREATE TABLE setting (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;

        -- What the servers said. `pass` is the sync pass that wrote the row; `missed` counts complete passes that did
        -- not see it. `number` and `entity` are copied from the state database.
        CREATE TABLE member (
            place INTEGER PRIMARY KEY,
            instance INTEGER NOT NULL, kind INTEGER NOT NULL, id INTEGER NOT NULL,
            number INTEGER, entity INTEGER,
            title TEXT, stem TEXT NOT NULL, extension TEXT NOT NULL, key TEXT NOT NULL,
            date TEXT, details TEXT, rating INTEGER, favorite INTEGER,
            interactive INTEGER NOT NULL, updated_at TEXT NOT NULL, modified INTEGER NOT NULL,
            has_picture INTEGER NOT NULL DEFAULT 0,
            digest INTEGER NOT NULL,
            pass INTEGER NOT NULL, missed INTEGER NOT NULL DEFAULT 0,
            UNIQUE (instance, kind, id)
        );
        CREATE UNIQUE INDEX member_number ON member (number);
        CREATE INDEX member_entity ON member (entity) WHERE entity IS NOT NULL;
        CREATE INDEX member_missed ON member (instance, kind, id) WHERE missed > 0;

        -- All of what was said of one. It is most of the bytes, and apart from the member because it is rarely looked at.
        CREATE TABLE document (place INTEGER PRIMARY KEY, json TEXT NOT NULL);
        CREATE TRIGGER member_goes AFTER DELETE ON member
        BEGIN DELETE FROM document WHERE place = old.place; END;

        CREATE TABLE file (
            instance INTEGER NOT NULL, kind INTEGER NOT NULL, id INTEGER NOT NULL, position INTEGER NOT NULL,
            path TEXT NOT NULL, sort_key TEXT NOT NULL, basename TEXT NOT NULL,
            folder TEXT NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL,
            size INTEGER NOT NULL, modified INTEGER NOT NULL,
            duration REAL, width INTEGER, height INTEGER, oshash TEXT, md5 TEXT, phash TEXT,
            archived INTEGER NOT NULL,
            served_size INTEGER, validator TEXT, file_id INTEGER, updated_at TEXT,
            PRIMARY KEY (instance, kind, id, position)
        ) WITHOUT ROWID;
        CREATE INDEX file_file_id ON file (instance, file_id);
        CREATE INDEX file_oshash ON file (oshash, size) WHERE oshash IS NOT NULL;
        CREATE INDEX file_md5 ON file (md5) WHERE md5 IS NOT NULL;

        CREATE TABLE stash_id (
            instance INTEGER NOT NULL, kind INTEGER NOT NULL, id INTEGER NOT NULL,
            endpoint TEXT NOT NULL, stash_id TEXT NOT NULL,
            PRIMARY KEY (instance, kind, id, endpoint, stash_id)
        ) WITHOUT ROWID;
        CREATE INDEX stash_id_value ON stash_id (stash_id, endpoint);

        CREATE TABLE edge (
            instance INTEGER NOT NULL, from_kind INTEGER NOT NULL, from_id INTEGER NOT NULL,
            to_kind INTEGER NOT NULL, to_id INTEGER NOT NULL, position INTEGER,
            PRIMARY KEY (instance, from_kind, from_id, to_kind, to_id)
        ) WITHOUT ROWID;
        CREATE INDEX edge_to ON edge (instance, to_kind, to_id, from_kind);

        CREATE TABLE caption (
            instance INTEGER NOT NULL, kind INTEGER NOT NULL, id INTEGER NOT NULL, position INTEGER NOT NULL,
            language TEXT NOT NULL, type TEXT NOT NULL,
            PRIMARY KEY (instance, kind, id, position)
        ) WITHOUT ROWID;

        -- Sizes that were asked for. A size of -1 says that there is nothing to show.
        CREATE TABLE sidecar (
            instance INTEGER NOT NULL, kind INTEGER NOT NULL, id INTEGER NOT NULL,
            sidecar INTEGER NOT NULL, position INTEGER NOT NULL,
            language TEXT NOT NULL, type TEXT NOT NULL, size INTEGER NOT NULL, learned_for TEXT NOT NULL,
            PRIMARY KEY (instance, kind, id, sidecar, position)
        ) WITHOUT ROWID;

        -- What the derived tables have not followed yet: rows that came, changed or went, each with its last mark.
        CREATE TABLE dirty (
            mark INTEGER PRIMARY KEY AUTOINCREMENT,
            instance INTEGER NOT NULL, kind INTEGER NOT NULL, id INTEGER NOT NULL,
            UNIQUE (instance, kind, id)
        );

        -- The decisions by hand that they have followed; of a split the other is 0.
        CREATE TABLE decided (
            kind INTEGER NOT NULL, instance INTEGER NOT NULL, id INTEGER NOT NULL,
            other_instance INTEGER NOT NULL, other_id INTEGER NOT NULL
        );

        -- What a sync could not take, with the reason.
        CREATE TABLE set_aside (
            instance INTEGER NOT NULL, kind INTEGER NOT NULL, id INTEGER, reason TEXT NOT NULL, pass INTEGER NOT NULL
        );

        -- The last passes over each instance.
        CREATE TABLE pass (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            instance INTEGER NOT NULL, started INTEGER NOT NULL, finished INTEGER, error TEXT
        );

        -- How far a source of changes was read: the kinds by their numbers, files and plays. See `Watermark`.
        CREATE TABLE watermark (
            instance INTEGER NOT NULL, source INTEGER NOT NULL, text TEXT NOT NULL, modified INTEGER NOT NULL,
            noted INTEGER NOT NULL, settled INTEGER NOT NULL, greatest INTEGER NOT NULL,
            PRIMARY KEY (instance, source)
        ) WITHOUT ROWID;

        -- The last pass over each kind that saw everything its server has. `followed` is whether the derived tables know that there
        -- was one: from then on what has no row is known to be gone.
        CREATE TABLE complete (
            instance INTEGER NOT NULL, kind INTEGER NOT NULL, pass INTEGER NOT NULL, followed INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (instance, kind)
        ) WITHOUT ROWID;

        -- How each server was found last, and since when it is so.
        CREATE TABLE health (
            instance INTEGER PRIMARY KEY NOT NULL, up INTEGER NOT NULL, since INTEGER NOT NULL, reason TEXT
        );

        -- What the last pass did with each kind, for people.
        CREATE TABLE kind_pass (
            instance INTEGER NOT NULL, kind INTEGER NOT NULL, occasion TEXT NOT NULL, started INTEGER NOT NULL,
            seconds REAL NOT NULL, rows INTEGER NOT NULL, changed INTEGER NOT NULL, removed INTEGER NOT NULL,
            missing INTEGER NOT NULL, suspect INTEGER NOT NULL, problem TEXT,
            PRIMARY KEY (instance, kind)
        ) WITHOUT ROWID;

        -- Derived from here on, by one place. Members of an entity in priority order: rank 0 leads.
        CREATE TABLE entity_member (
            entity INTEGER NOT NULL, rank INTEGER NOT NULL, number INTEGER NOT NULL,
            PRIMARY KEY (entity, rank)
        ) WITHOUT ROWID;

        -- Evidence that would have put two members of one server into one entity. `strength` is 0 for what a person
        -- said, 1 for a shared id, 2 for an equal file; `text` says which; the members go by their numbers.
        CREATE TABLE refusal (
            strength INTEGER NOT NULL, kind INTEGER NOT NULL, text TEXT NOT NULL,
            first INTEGER NOT NULL, second INTEGER NOT NULL
        );

        -- What has a name in a tree. `member` is the number of the member that serves its file or leads it.
        CREATE TABLE node (
            scope INTEGER NOT NULL, number INTEGER NOT NULL, kind INTEGER NOT NULL,
            name TEXT NOT NULL, key TEXT NOT NULL, title TEXT NOT NULL,
            member INTEGER NOT NULL, picture INTEGER, modified INTEGER NOT NULL, visible INTEGER NOT NULL,
            PRIMARY KEY (scope, number)
        ) WITHOUT ROWID;

        -- What is listed in what.
        CREATE TABLE link (
            scope INTEGER NOT NULL, parent INTEGER NOT NULL, kind INTEGER NOT NULL, child INTEGER NOT NULL,
            position INTEGER,
            PRIMARY KEY (scope, parent, kind, child)
        ) WITHOUT ROWID;

        -- When what a directory lists changed last, by `DirectoryPart`; no row where it did not since the index was made.
        -- `content` is what the directories of a handful list.
        CREATE TABLE listed (
            part INTEGER NOT NULL, scope INTEGER NOT NULL, number INTEGER NOT NULL, time INTEGER NOT NULL, content TEXT,
            PRIMARY KEY (part, scope, number)
        ) WITHOUT ROWID;

        -- What the last derivations changed of the tree: of a directory by its `DirectoryPart` what it lists or, with a name, an
        -- entry (the name without its `position`, where it has one); of a file, where the part is missing, what it is.
        CREATE TABLE notice (
            generation INTEGER NOT NULL, part INTEGER, scope INTEGER NOT NULL, number INTEGER NOT NULL, name TEXT,
            position INTEGER
        );
        CREATE INDEX notice_generation ON notice (generation);

        -- Scenes beside which other captions and scripts stand than these times tell of.
        CREATE TABLE rearranged (
            instance INTEGER NOT NULL, kind INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (instance, kind, id)
        ) WITHOUT ROWID;
        CREATE TRIGGER sidecar_comes BEFORE INSERT ON sidecar
        WHEN new.sidecar IN (2, 3) AND (new.size > 0) <> EXISTS (
            SELECT 1 FROM sidecar s WHERE s.instance = new.instance AND s.kind = new.kind AND s.id = new.id
            AND s.sidecar = new.sidecar AND s.position = new.position AND s.language = new.language AND s.size > 0)
        BEGIN INSERT OR IGNORE INTO rearranged VALUES (new.instance, new.kind, new.id); END;
        CREATE TRIGGER sidecar_goes AFTER DELETE ON sidecar WHEN old.sidecar IN (2, 3) AND old.size > 0
        BEGIN INSERT OR IGNORE INTO rearranged VALUES (old.instance, old.kind, old.id); END;

        -- The bytes behind a file's inode.
        CREATE TABLE media (
            number INTEGER PRIMARY KEY, instance INTEGER NOT NULL, kind INTEGER NOT NULL, id INTEGER NOT NULL,
            size INTEGER NOT NULL, modified INTEGER NOT NULL, archived INTEGER NOT NULL, validator TEXT
        );

        -- A server's own folders; 0 is the top. `number` is a hash of the path, so that it survives a lost index.
        CREATE TABLE folder (
            scope INTEGER NOT NULL, number INTEGER NOT NULL, parent INTEGER NOT NULL,
            name TEXT NOT NULL, key TEXT NOT NULL, path TEXT NOT NULL, modified INTEGER NOT NULL,
            PRIMARY KEY (scope, number)
        ) WITHOUT ROWID;
        CREATE UNIQUE INDEX folder_key ON folder (scope, parent, key);
        CREATE INDEX folder_number ON folder (scope, parent, number);
        CREATE INDEX folder_path ON folder (scope, path);
        -- `base` is the file's own key where another file or folder has it.
        CREATE TABLE folder_file (
            member INTEGER PRIMARY KEY, scope INTEGER NOT NULL, folder INTEGER NOT NULL, key TEXT NOT NULL,
            name TEXT NOT NULL, base TEXT
        );
        CREATE UNIQUE INDEX folder_file_key ON folder_file (scope, folder, key);
        CREATE INDEX folder_file_base ON folder_file (scope, folder, base) WHERE base IS NOT NULL;
        CREATE INDEX folder_file_folder ON folder_file (scope, folder, member);
        """
}

/// Held by whoever computes the index's derived tables, or changes under them what they are computed from. The kernel lets
/// it go however the process ends.
package final class DerivationLock: Sendable {
    private let descriptor: Int32

    /// Waits as long as somebody else holds it, in this process or another.
    package init(_ index: IndexDatabase) throws {
        descriptor = open(index.path + ".derive-lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                let reason = "it cannot be locked (\(StateCopy.lastError()))"
                throw StoreError.unusable(path: index.path, reason: reason)
            }
        }
    }

    deinit {
        // A child process between fork and exec has the descriptor, too: closing ours alone would leave it locked (flock(2)).
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
