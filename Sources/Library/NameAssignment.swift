import GRDB

/// Gives names to what has none, and new ones where the title changed at its source. What has a name keeps it.
struct NameAssignment {
    let db: Database

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
        try keepSources()
        try giveUncontested()
        let wishes = try self.wishes()
        // In portions: each holds the state database's write lock for milliseconds, so that ratings get through.
        var start = 0
        while start < wishes.count {
            let portion = wishes[start..<min(start + 500, wishes.count)]
            start += portion.count
            try db.inTransaction(.deferred) {
                for wish in portion { try give(wish) }
                return .commit
            }
        }
    }

    /// What of every scope wants which name: one row a thing in the tree. `source` is the member whose title is used:
    /// the one that it was always made of, else the first in priority order that has a title.
    private static let wanted = """
        wanted AS (
            SELECT 0 AS scope, e.entity AS number, coalesce(
                (SELECT n.source FROM state.name n JOIN temp.known s ON s.number = n.source AND s.entity = e.entity
                    WHERE n.scope = 0 AND n.number = e.entity AND n.current = 1),
                (SELECT x.number FROM main.entity_member y JOIN temp.known x ON x.number = y.number
                    WHERE y.entity = e.entity ORDER BY x.title IS NULL, y.rank LIMIT 1)) AS source
            FROM main.entity_member e WHERE e.rank = 0
            UNION ALL
            SELECT m.instance, m.number, m.number FROM temp.known m JOIN temp.active USING (instance)
        )
        """

    /// When the member that a name was made of is gone, the name stays and the next member's title is watched.
    private func keepSources() throws {
        // Looked for first: a statement that may write locks the state database while it searches.
        let isDue = try Bool.fetchOne(
            db,
            sql: """
                WITH \(Self.wanted)
                SELECT EXISTS (SELECT 1 FROM wanted w JOIN state.name n ON n.scope = w.scope AND n.number = w.number
                    AND n.current = 1 WHERE n.source <> w.source)
                """)
        guard isDue == true else { return }
        try db.inTransaction(.deferred) {
            try db.execute(
                sql: """
                    WITH \(Self.wanted)
                    UPDATE state.name SET source = m.number, stem = m.stem, extension = m.extension
                    FROM wanted w JOIN temp.known m ON m.number = w.source
                    WHERE w.scope = state.name.scope AND w.number = state.name.number AND state.name.current = 1
                        AND state.name.source <> w.source
                    """)
            return .commit
        }
    }

    /// Most names are wanted by one thing only: they are given by one statement.
    private func giveUncontested() throws {
        let isDue = try Bool.fetchOne(
            db,
            sql: """
                WITH \(Self.wanted)
                SELECT EXISTS (SELECT 1 FROM wanted w LEFT JOIN state.name n ON n.scope = w.scope
                    AND n.number = w.number AND n.current = 1 WHERE n.key IS NULL)
                """)
        guard isDue == true else { return }
        try db.inTransaction(.deferred) {
            try db.execute(
                sql: """
                    WITH \(Self.wanted)
                    INSERT OR IGNORE INTO state.name (scope, kind, key, name, stem, extension, number, source, current)
                    SELECT w.scope, m.kind, m.key, m.stem || m.extension, m.stem, m.extension, w.number, w.source, 1
                    FROM wanted w JOIN temp.known m ON m.number = w.source JOIN temp.active a USING (instance)
                    LEFT JOIN state.name n ON n.scope = w.scope AND n.number = w.number AND n.current = 1
                    WHERE n.key IS NULL AND (m.kind NOT IN (3, 4) OR m.stem NOT LIKE '%.%')
                    ORDER BY w.scope, m.kind, a.rank, m.id
                    """)
            return .commit
        }
    }

    /// What is left: contested names, and titles that changed.
    private func wishes() throws -> [Wish] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                WITH \(Self.wanted)
                SELECT w.scope, w.number, w.source, m.kind, m.id, m.stem, m.extension, i.name AS instance
                FROM wanted w JOIN temp.known m ON m.number = w.source
                JOIN state.instance i ON i.number = m.instance
                LEFT JOIN temp.active a ON a.instance = m.instance
                LEFT JOIN state.name n ON n.scope = w.scope AND n.number = w.number AND n.current = 1
                WHERE n.key IS NULL OR n.stem <> m.stem OR n.extension <> m.extension
                ORDER BY w.scope, m.kind, a.rank IS NULL, a.rank, m.id
                """)
        return rows.compactMap { row in
            guard let kind = Kind(rawValue: row["kind"]) else { return nil }
            let instance: String = row["instance"]
            let id: Int64 = row["id"]
            let fileExtension: String = row["extension"]
            return Wish(
                scope: row["scope"], number: row["number"], kind: kind, source: row["source"],
                name: WantedName(stem: row["stem"], fileExtension: fileExtension, kind: kind),
                mark: " [\(instance)-\(id)]")
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
