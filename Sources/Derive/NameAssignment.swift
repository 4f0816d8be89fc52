import GRDB
import Library

/// Gives names to what has none, and new ones where the title changed at its source. What has a name keeps it.
struct NameAssignment {
    let db: Database
    let reach: Reach

    /// Studios and tags stand as symlinks beside scenes, captions and `folder.jpg`. One that is called like such a file
    /// is always marked, so that names need to be compared within their own kind only.
    private static let fileExtensions: Set<String> = [
        "3gp", "asf", "avi", "divx", "f4v", "flv", "funscript", "jpg", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg",
        "mpg", "mts", "ogm", "ogv", "rm", "rmvb", "ts", "vob", "vtt", "webm", "wmv",
    ]

    /// A thing that needs a name.
    private struct Wish {
        let scope: Int64
        let number: Int64
        let kind: Kind
        let source: Int64
        let name: WantedName
        /// ` [attic-123]`
        let mark: String
    }

    func run() throws {
        try freeNames()
        try collectWanted()
        try keepSources()
        try collectWishes()
        // The first in order keeps the plain name, so what is uncontested is given by one statement and the rest of the
        // same portion after it.
        try Portions(db: db).run(over: "wish") { range in
            try giveUncontested(range)
            for wish in try wishes(range) { try give(wish) }
        }
    }

    /// Names of what is at no server any more become former ones, which others may take. What is only out of sight (its
    /// server is removed, or not synced since the index was made) keeps its names.
    private func freeNames() throws {
        try db.execute(
            sql: """
                CREATE TEMP TABLE dead (number INTEGER PRIMARY KEY);
                INSERT INTO temp.dead (number)
                SELECT s.number FROM \(reach.from("state.member s", number: "s.number"))
                JOIN main.complete USING (instance, kind)
                JOIN state.instance i ON i.number = s.instance AND i.removed_at IS NULL
                WHERE NOT EXISTS (SELECT 1 FROM temp.known k WHERE k.number = s.number);

                CREATE TEMP TABLE freed (
                    position INTEGER PRIMARY KEY, scope INTEGER NOT NULL, kind INTEGER NOT NULL, key TEXT NOT NULL);
                INSERT INTO temp.freed (scope, kind, key)
                SELECT n.scope, n.kind, n.key FROM temp.dead d
                CROSS JOIN state.member s ON s.number = d.number
                CROSS JOIN state.name n ON n.scope = s.instance AND n.number = d.number AND n.current = 1
                UNION
                -- In the merged tree: with the last one of its entity. It goes with a member that is there, if there is one.
                SELECT n.scope, n.kind, n.key FROM temp.dead d
                CROSS JOIN state.member s ON s.number = d.number
                CROSS JOIN state.name n INDEXED BY name_source
                    ON n.scope = 0 AND n.source = d.number AND n.current = 1
                WHERE NOT EXISTS (SELECT 1 FROM state.member o LEFT JOIN temp.dead x ON x.number = o.number
                    WHERE o.entity = s.entity AND x.number IS NULL);
                """)
        try Portions(db: db).run(over: "freed") { range in
            try db.execute(
                sql: """
                    UPDATE state.name SET current = 0 WHERE (scope, kind, key) IN (
                        SELECT scope, kind, key FROM temp.freed WHERE position BETWEEN ? AND ?)
                    """, arguments: [range.lowerBound, range.upperBound])
        }
    }

    /// `temp.wanted`: what of every scope wants a name, one row a thing in the tree. `source` is the member whose title is
    /// used: the one that it was always made of, else the first in priority order that has a title.
    private func collectWanted() throws {
        try db.execute(
            sql: """
                CREATE TEMP TABLE wanted (
                    scope INTEGER NOT NULL, number INTEGER NOT NULL, source INTEGER NOT NULL,
                    PRIMARY KEY (scope, number)) WITHOUT ROWID;
                INSERT INTO temp.wanted
                SELECT 0, e.entity, coalesce(
                    (SELECT n.source FROM state.name n JOIN temp.known s ON s.number = n.source AND s.entity = e.entity
                        WHERE n.scope = 0 AND n.number = e.entity AND n.current = 1),
                    (SELECT x.number FROM temp.entity_member y JOIN temp.known x ON x.number = y.number
                        WHERE y.entity = e.entity ORDER BY x.title IS NULL, y.rank LIMIT 1), e.number)
                FROM temp.entity_member e WHERE e.rank = 0;
                INSERT INTO temp.wanted
                SELECT m.instance, m.number, m.number FROM temp.known m JOIN temp.active USING (instance);
                """)
    }

    /// When the member that a name was made of is out of the tree, the name goes with another one of its entity, be it listed
    /// or one that old paths use. That is to be found out before entities are computed anew.
    func inheritSources() throws {
        try resource(
            """
            WITH orphan AS (
                SELECT n.scope, n.kind, n.key, n.number, s.entity
                FROM \(reach.from("state.name n", number: "n.source")) JOIN state.member s ON s.number = n.source
                WHERE n.scope = 0 AND NOT EXISTS (
                    SELECT 1 FROM temp.known x JOIN temp.active USING (instance) WHERE x.number = n.source)
            ), heir AS (
                SELECT p.scope, p.kind, p.key, k.number, k.stem, k.extension, ROW_NUMBER() OVER (
                    PARTITION BY p.scope, p.kind, p.key
                    ORDER BY k.number <> p.number, k.spare IS NOT p.number, a.rank, k.id) AS place
                FROM orphan p JOIN temp.known k ON k.entity = p.entity
                JOIN temp.active a ON a.instance = k.instance)
            SELECT scope, kind, key, number, stem, extension FROM heir WHERE place = 1
            """)
    }

    /// When the member that a name was made of is part of another entity now, the name stays and the next member's title
    /// is watched.
    private func keepSources() throws {
        try resource(
            """
            SELECT n.scope, n.kind, n.key, w.source, m.stem, m.extension FROM temp.wanted w
            CROSS JOIN state.name n ON n.scope = w.scope AND n.number = w.number AND n.current = 1
            CROSS JOIN temp.known m ON m.number = w.source WHERE n.source <> w.source
            """)
    }

    private func resource(_ changes: String) throws {
        try db.execute(
            sql: """
                DROP TABLE IF EXISTS temp.resourced;
                CREATE TEMP TABLE resourced (
                    position INTEGER PRIMARY KEY, scope INTEGER NOT NULL, kind INTEGER NOT NULL, key TEXT NOT NULL,
                    source INTEGER NOT NULL, stem TEXT NOT NULL, extension TEXT NOT NULL);
                INSERT INTO temp.resourced (scope, kind, key, source, stem, extension) \(changes);
                """)
        try Portions(db: db).run(over: "resourced") { range in
            try db.execute(
                sql: """
                    UPDATE state.name SET source = r.source, stem = r.stem, extension = r.extension
                    FROM temp.resourced r WHERE r.position BETWEEN ? AND ? AND r.scope = state.name.scope
                        AND r.kind = state.name.kind AND r.key = state.name.key
                    """, arguments: [range.lowerBound, range.upperBound])
        }
    }

    /// `temp.wish`: what has no name, and titles that changed, in the order in which names are given.
    private func collectWishes() throws {
        try db.execute(
            sql: """
                CREATE TEMP TABLE wish (
                    position INTEGER PRIMARY KEY, scope INTEGER NOT NULL, number INTEGER NOT NULL,
                    source INTEGER NOT NULL, kind INTEGER NOT NULL, id INTEGER NOT NULL, stem TEXT NOT NULL,
                    extension TEXT NOT NULL, key TEXT NOT NULL, instance TEXT NOT NULL, is_new INTEGER NOT NULL);
                INSERT INTO temp.wish (scope, number, source, kind, id, stem, extension, key, instance, is_new)
                SELECT w.scope, w.number, w.source, m.kind, m.id, m.stem, m.extension, m.key, i.name, n.key IS NULL
                FROM temp.wanted w JOIN temp.known m ON m.number = w.source
                JOIN state.instance i ON i.number = m.instance
                LEFT JOIN temp.active a ON a.instance = m.instance
                LEFT JOIN state.name n ON n.scope = w.scope AND n.number = w.number AND n.current = 1
                WHERE n.key IS NULL OR n.stem <> m.stem OR n.extension <> m.extension
                ORDER BY w.scope, m.kind, a.rank IS NULL, a.rank, m.id;
                """)
    }

    private func giveUncontested(_ range: ClosedRange<Int64>) throws {
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO state.name (scope, kind, key, name, stem, extension, number, source, current)
                SELECT scope, kind, key, stem || extension, stem, extension, number, source, 1 FROM temp.wish
                WHERE position BETWEEN ? AND ? AND is_new AND (kind NOT IN (3, 4) OR stem NOT LIKE '%.%')
                ORDER BY position
                """, arguments: [range.lowerBound, range.upperBound])
    }

    /// What is left of a portion: contested names, and titles that changed.
    private func wishes(_ range: ClosedRange<Int64>) throws -> [Wish] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT w.* FROM temp.wish w
                LEFT JOIN state.name n ON n.scope = w.scope AND n.number = w.number AND n.current = 1
                WHERE w.position BETWEEN ? AND ? AND (n.key IS NULL OR n.stem <> w.stem OR n.extension <> w.extension)
                ORDER BY w.position
                """, arguments: [range.lowerBound, range.upperBound])
        return rows.compactMap { row in
            guard let kind = Kind(rawValue: row["kind"]) else { return nil }
            return Wish(
                scope: row["scope"], number: row["number"], kind: kind, source: row["source"],
                name: WantedName(stem: row["stem"], fileExtension: row["extension"], kind: kind),
                mark: " [\(row["instance"] as String)-\(row["id"] as Int64)]")
        }
    }

    private func give(_ wish: Wish) throws {
        var name = wish.name
        var attempt = 1
        while try isTaken(name.key, by: wish) {
            name = wish.name.distinguished(by: attempt == 1 ? wish.mark : "\(wish.mark) \(attempt)", kind: wish.kind)
            attempt += 1
        }
        try db.cachedStatement(
            sql: "UPDATE state.name SET current = 0 WHERE scope = ? AND number = ? AND current = 1"
        ).execute(arguments: [wish.scope, wish.number])
        try db.cachedStatement(
            sql: """
                INSERT INTO state.name (scope, kind, key, name, stem, extension, number, source, current)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)
                ON CONFLICT DO UPDATE SET name = excluded.name, stem = excluded.stem, extension = excluded.extension,
                    number = excluded.number, source = excluded.source, current = 1
                """
        ).execute(arguments: [
            wish.scope, wish.kind.rawValue, name.key, name.stem + name.fileExtension, wish.name.stem,
            wish.name.fileExtension, wish.number, wish.source,
        ])
    }

    /// A name is free when nobody has it, when the thing itself had it before, or when it is only remembered.
    private func isTaken(_ key: String, by wish: Wish) throws -> Bool {
        if wish.kind == .studio || wish.kind == .tag, let found = NameRules.pathExtension(key),
            Self.fileExtensions.contains(found)
        {
            return true
        }
        let row = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT number, current FROM state.name WHERE scope = ? AND kind = ? AND key = ?"),
            arguments: [wish.scope, wish.kind.rawValue, key])
        guard let row, row["current"] else { return false }
        return (row["number"] as Int64) != wish.number
    }
}
