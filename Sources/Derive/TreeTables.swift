import GRDB
import Library

/// Writes the tables that the tree reads: nodes, links, media and folders, from members, entities and names.
struct TreeTables {
    let db: Database

    func rebuild() throws {
        try db.execute(
            sql: """
                DELETE FROM main.node; DELETE FROM main.link; DELETE FROM main.media;
                DELETE FROM main.folder; DELETE FROM main.folder_file;
                """)
        try dropSidecars()
        try writeMedia()
        try writeNodes()
        try writeLinks()
        try writePositions()
        try markVisible()
        try writeFolders()
    }

    /// What no longer stands beside anything: a picture that was taken away at its server would show the default one.
    private func dropSidecars() throws {
        try db.execute(
            sql: """
                DELETE FROM main.sidecar WHERE NOT EXISTS (
                    SELECT 1 FROM main.member m WHERE m.instance = main.sidecar.instance
                    AND m.kind = main.sidecar.kind AND m.id = main.sidecar.id AND CASE main.sidecar.sidecar
                    WHEN 1 THEN m.has_picture WHEN 3 THEN m.interactive
                    ELSE EXISTS (SELECT 1 FROM main.caption c WHERE c.instance = m.instance AND c.kind = m.kind
                        AND c.id = m.id AND c.position = main.sidecar.position
                        AND c.language = main.sidecar.language AND c.type = main.sidecar.type) END)
                """)
    }

    private func writeMedia() throws {
        try db.execute(
            sql: """
                INSERT INTO main.media (number, instance, kind, id, size, modified, archived, validator)
                SELECT m.number, m.instance, m.kind, m.id, coalesce(f.served_size, f.size), f.modified, f.archived,
                    f.validator
                FROM temp.placed m JOIN temp.active USING (instance)
                JOIN main.file f ON f.instance = m.instance AND f.kind = m.kind AND f.id = m.id AND f.position = 0
                WHERE m.kind IN (1, 7)
                """)
    }

    private func writeNodes() throws {
        // An untitled thing is shown as its file's base name (Stash 2.2).
        let title = """
            coalesce(m.title, (SELECT f.basename FROM main.file f WHERE f.instance = m.instance AND f.kind = m.kind
                AND f.id = m.id AND f.position = 0), m.stem)
            """
        let picture = "s.instance = x.instance AND s.kind = x.kind AND s.id = x.id AND s.sidecar = 1 AND s.size > 0"
        try db.execute(
            sql: """
                INSERT INTO main.node (scope, number, kind, name, key, title, member, picture, modified, visible)
                SELECT m.instance, m.number, m.kind, n.name, n.key, \(title), m.number,
                    (SELECT x.number FROM main.sidecar s WHERE \(picture)), m.modified, 0
                FROM temp.placed m JOIN temp.active USING (instance) JOIN temp.placed x ON x.number = m.number
                JOIN state.name n ON n.scope = m.instance AND n.number = m.number AND n.current = 1;

                INSERT INTO main.node (scope, number, kind, name, key, title, member, picture, modified, visible)
                SELECT 0, e.entity, n.kind, n.name, n.key,
                    (SELECT \(title) FROM main.entity_member y JOIN temp.placed m ON m.number = y.number
                        WHERE y.entity = e.entity ORDER BY m.title IS NULL, y.rank LIMIT 1),
                    coalesce((SELECT y.number FROM main.entity_member y JOIN main.media USING (number)
                        WHERE y.entity = e.entity ORDER BY y.rank LIMIT 1), e.number),
                    (SELECT x.number FROM main.entity_member y JOIN temp.placed x ON x.number = y.number
                        JOIN main.sidecar s ON \(picture)
                        WHERE y.entity = e.entity ORDER BY y.rank LIMIT 1),
                    l.modified, 0
                FROM main.entity_member e JOIN temp.placed l ON l.number = e.number
                JOIN state.name n ON n.scope = 0 AND n.number = e.entity AND n.current = 1
                WHERE e.rank = 0;
                """)
    }

    private func writeLinks() throws {
        try db.execute(
            sql: """
                INSERT INTO main.link (scope, parent, kind, child, position)
                SELECT e.instance, p.number, e.from_kind, c.number, e.position
                FROM main.edge e JOIN temp.active USING (instance)
                JOIN temp.placed c ON c.instance = e.instance AND c.kind = e.from_kind AND c.id = e.from_id
                JOIN temp.placed p ON p.instance = e.instance AND p.kind = e.to_kind AND p.id = e.to_id
                WHERE p.number <> c.number;

                -- The union over the members; a position is that of the server with the highest priority that has one
                -- (SQLite takes bare columns from the row of the minimum, sqlite.org/lang_select.html).
                INSERT INTO main.link (scope, parent, kind, child, position)
                SELECT 0, parent, kind, child, position FROM (
                    SELECT p.entity AS parent, e.from_kind AS kind, c.entity AS child, e.position AS position,
                        min(a.rank + CASE WHEN e.position IS NULL THEN 1000000 ELSE 0 END)
                    FROM main.edge e JOIN temp.active a USING (instance)
                    JOIN temp.placed c ON c.instance = e.instance AND c.kind = e.from_kind AND c.id = e.from_id
                    JOIN temp.placed p ON p.instance = e.instance AND p.kind = e.to_kind AND p.id = e.to_id
                    WHERE p.entity <> c.entity
                    GROUP BY p.entity, e.from_kind, c.entity);
                """)
    }

    private func writePositions() throws {
        try db.execute(
            sql: """
                -- Images of a gallery stand in the order of their paths, as the server shows them (Stash 2.3).
                UPDATE main.link SET position = o.place FROM (
                    SELECT l.scope, l.parent, l.child, ROW_NUMBER() OVER (
                        PARTITION BY l.scope, l.parent ORDER BY f.sort_key, l.child) AS place
                    FROM main.link l JOIN main.node p ON p.scope = l.scope AND p.number = l.parent AND p.kind = 5
                    JOIN main.node n ON n.scope = l.scope AND n.number = l.child
                    JOIN main.media d ON d.number = n.member
                    JOIN main.file f ON f.instance = d.instance AND f.kind = d.kind AND f.id = d.id AND f.position = 0
                    WHERE l.kind = 7) o
                WHERE main.link.scope = o.scope AND main.link.parent = o.parent AND main.link.kind = 7
                    AND main.link.child = o.child;

                -- Scenes without an index in their group come after the others.
                UPDATE main.link SET position = o.place FROM (
                    SELECT l.scope, l.parent, l.child, coalesce((SELECT max(x.position) FROM main.link x
                        WHERE x.scope = l.scope AND x.parent = l.parent AND x.kind = 1), 0) + ROW_NUMBER() OVER (
                        PARTITION BY l.scope, l.parent ORDER BY n.key) AS place
                    FROM main.link l JOIN main.node p ON p.scope = l.scope AND p.number = l.parent AND p.kind = 6
                    JOIN main.node n ON n.scope = l.scope AND n.number = l.child
                    WHERE l.kind = 1 AND l.position IS NULL) o
                WHERE main.link.scope = o.scope AND main.link.parent = o.parent AND main.link.kind = 1
                    AND main.link.child = o.child;
                """)
    }

    /// A directory is listed when it holds something. Studios and tags hold their children's symlinks too, so they are
    /// marked from the leaves up until nothing changes; a cycle of tags without content stays unlisted.
    private func markVisible() throws {
        let holds = """
            EXISTS (SELECT 1 FROM main.link l JOIN main.node c ON c.scope = l.scope AND c.number = l.child
                WHERE l.scope = main.node.scope AND l.parent = main.node.number AND c.visible AND l.kind IN
            """
        try db.execute(
            sql: """
                UPDATE main.node SET visible = 1 WHERE kind IN (1, 7) AND member IN (SELECT number FROM main.media);
                UPDATE main.node SET visible = 1 WHERE kind = 5 AND \(holds) (7));
                UPDATE main.node SET visible = 1 WHERE kind = 6 AND (picture IS NOT NULL OR \(holds) (1)));
                UPDATE main.node SET visible = 1 WHERE kind = 2 AND (picture IS NOT NULL OR \(holds) (1, 5, 7)));
                UPDATE main.node SET visible = 1 WHERE kind IN (3, 4) AND (picture IS NOT NULL OR \(holds) (1)));
                """)
        repeat {
            try db.execute(
                sql: "UPDATE main.node SET visible = 1 WHERE NOT visible AND kind IN (3, 4) AND \(holds) (3, 4))")
        } while db.changesCount > 0
    }

    private func writeFolders() throws {
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT f.instance, f.folder, max(f.modified) AS modified FROM main.file f
                JOIN temp.active USING (instance)
                WHERE f.position = 0 AND f.kind IN (1, 7) GROUP BY f.instance, f.folder ORDER BY 1, 2
                """)
        var trees: [Int64: FolderTree] = [:]
        while let row = try rows.next() {
            trees[row["instance"], default: FolderTree()].add(row["folder"], modified: row["modified"])
        }
        let statement = try db.makeStatement(
            sql: """
                INSERT INTO main.folder (scope, number, parent, name, key, path, modified) VALUES (?, ?, ?, ?, ?, ?, ?)
                """)
        for (scope, tree) in trees {
            for folder in tree.folders {
                try statement.execute(arguments: [
                    scope, folder.number, folder.parent, folder.name, NameRules.key(folder.name), folder.path,
                    folder.modified,
                ])
            }
        }
        let files = """
            SELECT f.instance AS scope, coalesce(o.number, 0) AS folder, f.key, f.name, m.number, m.id, f.kind
            FROM main.file f JOIN temp.placed m USING (instance, kind, id) JOIN temp.active USING (instance)
            LEFT JOIN main.folder o ON o.scope = f.instance AND o.path = f.folder
            WHERE f.position = 0 AND f.kind IN (1, 7)
            """
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO main.folder_file (scope, folder, key, name, member)
                SELECT scope, folder, key, name, number FROM (\(files)) f
                WHERE NOT EXISTS (SELECT 1 FROM main.folder o
                    WHERE o.scope = f.scope AND o.parent = f.folder AND o.key = f.key)
                ORDER BY number
                """)
        // Names that differ only in case, or were made equal by cleaning.
        let left = try Row.fetchAll(
            db,
            sql: """
                SELECT f.*, a.name AS instance_name FROM (\(files)) f JOIN temp.active a ON a.instance = f.scope
                WHERE NOT EXISTS (SELECT 1 FROM main.folder_file x WHERE x.scope = f.scope AND x.folder = f.folder
                    AND x.key = f.key AND x.member = f.number) ORDER BY f.number
                """)
        for row in left {
            let name: String = row["name"]
            let stem = NameRules.stem(name)
            let mark = " [\(row["instance_name"] as String)-\(row["id"] as Int64)]"
            let unique = stem + mark + name.dropFirst(stem.count)
            try db.execute(
                sql: "INSERT OR IGNORE INTO main.folder_file (scope, folder, key, name, member) VALUES (?, ?, ?, ?, ?)",
                arguments: [row["scope"], row["folder"], NameRules.key(unique), unique, row["number"]])
        }
    }
}

/// The folders of one server, from the paths of its files.
struct FolderTree {
    struct Folder {
        let number: Int64
        let parent: Int64
        let name: String
        let path: String
        var modified: Int64
    }

    private var byPath: [String: Folder] = [:]
    private var numbers: Set<Int64> = []
    private var names: Set<String> = []

    var folders: [Folder] { byPath.values.sorted { $0.path < $1.path } }

    /// Adds a folder and those above it. Paths come sorted, so that of two folders that differ only in case always the
    /// same one keeps its name.
    mutating func add(_ path: String, modified: Int64) {
        var prefix = ""
        var parent: Int64 = 0
        for component in path.split(separator: "/") {
            prefix += prefix.isEmpty ? String(component) : "/" + component
            if let known = byPath[prefix] {
                parent = known.number
                if known.modified < modified { byPath[prefix]?.modified = modified }
                continue
            }
            var name = String(component)
            var attempt = 2
            while !names.insert("\(parent)/" + NameRules.key(name)).inserted {
                name = "\(component) [\(attempt)]"
                attempt += 1
            }
            let number = unusedNumber(for: prefix)
            byPath[prefix] = Folder(number: number, parent: parent, name: name, path: prefix, modified: modified)
            parent = number
        }
    }

    /// 40 bits of FNV-1a: what an inode number has room for.
    private mutating func unusedNumber(for path: String) -> Int64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in path.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        var number = Int64((hash ^ (hash >> 40)) & 0xFF_FFFF_FFFF)
        while number == 0 || !numbers.insert(number).inserted { number = (number + 1) & 0xFF_FFFF_FFFF }
        return number
    }
}
