import GRDB
import Library

/// Writes the tables that the tree reads, nodes, links, media and folders, from members, entities and names: those rows
/// that depend on what is within reach.
struct TreeTables {
    let db: Database
    let reach: Reach

    func write() throws {
        if !reach.isWhole { try collectTouched() }
        try times.remember()
        if reach.isWhole {
            try db.execute(sql: "DELETE FROM main.node; DELETE FROM main.media; DELETE FROM main.link")
            // One sort makes an index sooner than a million insertions at random places.
            for index in IndexDatabase.treeIndexes { try db.execute(sql: "DROP INDEX main.\(index.name)") }
        } else {
            try deleteTouched()
        }
        try dropSidecars()
        try writeMedia()
        try writeNodes()
        try writeLinks()
        try markVisible()
        try FolderTables(db: db, reach: reach).write()
        try times.write()
    }

    // Links are found by the child only with `INDEXED BY`: for want of statistics SQLite would go through all of a scope instead,
    // for each child, where it has to read more of a link than that index has.

    private var times: DirectoryTimes { DirectoryTimes(db: db, reach: reach) }

    // MARK: - What is written anew

    /// `temp.rewritten`: the nodes that are written anew. `temp.parent`: the nodes all of whose links to children are:
    /// because they are another node than before, or because the children have places that depend on each other. `temp.seen`: the nodes
    /// that may be visible or not for what is written.
    private func collectTouched() throws {
        try db.execute(
            sql: """
                CREATE TEMP TABLE rewritten (
                    scope INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (scope, number)) WITHOUT ROWID;
                INSERT INTO temp.rewritten SELECT instance, number FROM temp.former;
                INSERT INTO temp.rewritten SELECT 0, entity FROM temp.touched;

                CREATE TEMP TABLE seen (
                    scope INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (scope, number)) WITHOUT ROWID;
                INSERT INTO temp.seen SELECT * FROM temp.rewritten;
                INSERT OR IGNORE INTO temp.seen
                SELECT l.scope, l.parent FROM temp.rewritten w
                CROSS JOIN main.link l INDEXED BY link_child ON l.scope = w.scope AND l.child = w.number;

                CREATE TEMP TABLE parent (
                    scope INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (scope, number)) WITHOUT ROWID;
                -- What came, went, or belongs to another entity than before. Of what went the row has gone already.
                CREATE TEMP TABLE moved AS
                SELECT f.instance, f.number, coalesce(f.entity, f.stale) AS former, m.entity
                FROM temp.former f LEFT JOIN main.member m ON m.number = f.number
                WHERE m.number IS NULL OR m.entity IS NOT f.entity;
                INSERT OR IGNORE INTO temp.parent SELECT instance, number FROM temp.moved;
                INSERT OR IGNORE INTO temp.parent SELECT 0, former FROM temp.moved;
                INSERT OR IGNORE INTO temp.parent SELECT 0, entity FROM temp.moved WHERE entity IS NOT NULL;
                -- Galleries and groups in which one of these is or was.
                INSERT OR IGNORE INTO temp.parent
                SELECT s.scope, s.number FROM temp.seen s
                CROSS JOIN main.node n ON n.scope = s.scope AND n.number = s.number WHERE n.kind IN (5, 6);
                INSERT OR IGNORE INTO temp.parent
                SELECT p.instance, p.number FROM temp.reach r CROSS JOIN main.member m ON m.number = r.number
                CROSS JOIN main.edge e ON e.instance = m.instance AND e.from_kind = m.kind AND e.from_id = m.id
                CROSS JOIN main.member p ON p.instance = e.instance AND p.kind = e.to_kind AND p.id = e.to_id
                WHERE e.to_kind IN (5, 6) AND p.number IS NOT NULL;
                -- In its instance and in the merged tree alike.
                INSERT OR IGNORE INTO temp.parent
                SELECT 0, m.entity FROM temp.parent p CROSS JOIN main.member m ON m.number = p.number
                WHERE p.scope <> 0 AND m.entity IS NOT NULL;
                INSERT OR IGNORE INTO temp.parent
                SELECT m.instance, m.number FROM temp.parent p CROSS JOIN main.member m ON m.entity = p.number
                WHERE p.scope = 0;

                -- The links from which those of the tables are made anew.
                CREATE TEMP TABLE edge (
                    instance INTEGER NOT NULL, from_kind INTEGER NOT NULL, from_id INTEGER NOT NULL,
                    to_kind INTEGER NOT NULL, to_id INTEGER NOT NULL, position INTEGER,
                    PRIMARY KEY (instance, from_kind, from_id, to_kind, to_id)) WITHOUT ROWID;
                INSERT OR IGNORE INTO temp.edge
                SELECT e.* FROM temp.reach r CROSS JOIN main.member m ON m.number = r.number
                CROSS JOIN main.edge e ON e.instance = m.instance AND e.from_kind = m.kind AND e.from_id = m.id;
                INSERT OR IGNORE INTO temp.edge
                SELECT e.* FROM temp.parent p CROSS JOIN main.member m ON m.number = p.number AND m.instance = p.scope
                CROSS JOIN main.edge e INDEXED BY edge_to
                    ON e.instance = m.instance AND e.to_kind = m.kind AND e.to_id = m.id;
                """)
    }

    private func deleteTouched() throws {
        try db.execute(
            sql: """
                DELETE FROM main.node WHERE (scope, number) IN (SELECT scope, number FROM temp.rewritten);
                DELETE FROM main.media WHERE number IN (SELECT number FROM temp.reach);
                DELETE FROM main.link WHERE (scope, parent) IN (SELECT scope, number FROM temp.parent);
                DELETE FROM main.link WHERE (scope, parent, kind, child) IN (
                    SELECT l.scope, l.parent, l.kind, l.child FROM temp.rewritten w
                    CROSS JOIN main.link l INDEXED BY link_child ON l.scope = w.scope AND l.child = w.number);
                """)
    }

    /// What no longer stands beside anything: a picture that was taken away at its server would show the default one.
    private func dropSidecars() throws {
        let within =
            reach.isWhole
            ? ""
            : """
            (instance, kind, id) IN (
                SELECT s.instance, s.kind, s.id FROM temp.reach r CROSS JOIN state.member s ON s.number = r.number) AND
            """
        try db.execute(
            sql: """
                DELETE FROM main.sidecar WHERE \(within) NOT EXISTS (
                    SELECT 1 FROM main.member m WHERE m.instance = main.sidecar.instance
                    AND m.kind = main.sidecar.kind AND m.id = main.sidecar.id AND CASE main.sidecar.sidecar
                    WHEN 1 THEN m.has_picture WHEN 3 THEN m.interactive
                    ELSE EXISTS (SELECT 1 FROM main.caption c WHERE c.instance = m.instance AND c.kind = m.kind
                        AND c.id = m.id AND c.position = main.sidecar.position
                        AND c.language = main.sidecar.language AND c.type = main.sidecar.type) END)
                """)
    }

    private func makeIndexes(of table: String) throws {
        for index in IndexDatabase.treeIndexes where index.table == table { try db.execute(sql: index.definition) }
    }

    // MARK: - Media and nodes

    private func writeMedia() throws {
        try db.execute(
            sql: """
                INSERT INTO main.media (number, instance, kind, id, size, modified, archived, validator)
                SELECT m.number, m.instance, m.kind, m.id, coalesce(f.served_size, f.size), f.modified, f.archived,
                    f.validator
                FROM \(reach.from("temp.placed m", number: "m.number")) JOIN temp.active USING (instance)
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
        func picture(of x: String) -> String {
            "s.instance = \(x).instance AND s.kind = \(x).kind AND s.id = \(x).id AND s.sidecar = 1 AND s.size > 0"
        }
        let entities =
            reach.isWhole
            ? "main.entity_member e"
            : "temp.touched t CROSS JOIN main.entity_member e ON e.entity = t.entity"
        let hasOthers = "EXISTS (SELECT 1 FROM main.entity_member o WHERE o.entity = e.entity AND o.rank = 1)"
        // Where all nodes are new, files need not be visited again to be made visible.
        func isVisible(_ kind: String, _ member: String) -> String {
            reach.isWhole
                ? "\(kind) IN (1, 7) AND EXISTS (SELECT 1 FROM main.media d WHERE d.number = \(member))" : "0"
        }
        try db.execute(
            sql: """
                INSERT INTO main.node (scope, number, kind, name, key, title, member, picture, modified, visible)
                SELECT m.instance, m.number, m.kind, n.name, n.key, \(title), m.number,
                    (SELECT m.number FROM main.sidecar s WHERE \(picture(of: "m"))), m.modified, \(isVisible("m.kind", "m.number"))
                FROM \(reach.from("temp.placed m", number: "m.number")) CROSS JOIN temp.active USING (instance)
                CROSS JOIN state.name n ON n.scope = m.instance AND n.number = m.number AND n.current = 1;

                -- What only one server has is in the merged tree as it is in that server's.
                INSERT INTO main.node (scope, number, kind, name, key, title, member, picture, modified, visible)
                SELECT 0, e.entity, n.kind, n.name, n.key, o.title, o.member, o.picture, o.modified, o.visible
                FROM \(entities) CROSS JOIN temp.placed l ON l.number = e.number
                CROSS JOIN main.node o ON o.scope = l.instance AND o.number = l.number
                CROSS JOIN state.name n ON n.scope = 0 AND n.number = e.entity AND n.current = 1
                WHERE e.rank = 0 AND NOT \(hasOthers);

                INSERT INTO main.node (scope, number, kind, name, key, title, member, picture, modified, visible)
                SELECT 0, entity, kind, name, key, title, member, picture, modified, \(isVisible("kind", "member")) FROM (
                SELECT e.entity, n.kind, n.name, n.key,
                    (SELECT \(title) FROM main.entity_member y JOIN temp.placed m ON m.number = y.number
                        WHERE y.entity = e.entity ORDER BY m.title IS NULL, y.rank LIMIT 1) AS title,
                    coalesce((SELECT y.number FROM main.entity_member y JOIN main.media USING (number)
                        WHERE y.entity = e.entity ORDER BY y.rank LIMIT 1), e.number) AS member,
                    (SELECT x.number FROM main.entity_member y JOIN temp.placed x ON x.number = y.number
                        JOIN main.sidecar s ON \(picture(of: "x"))
                        WHERE y.entity = e.entity ORDER BY y.rank LIMIT 1) AS picture,
                    l.modified
                FROM \(entities) CROSS JOIN temp.placed l ON l.number = e.number
                CROSS JOIN state.name n ON n.scope = 0 AND n.number = e.entity AND n.current = 1
                WHERE e.rank = 0 AND \(hasOthers));
                """)
        if reach.isWhole { try makeIndexes(of: "node") }
    }

    // MARK: - Links

    private func writeLinks() throws {
        try writeLinks("e.instance", "p.number", "c.number")
        try writeLinks("0", "p.entity", "c.entity")
        if reach.isWhole { try makeIndexes(of: "link") }
        try orderScenes()
    }

    /// The links of an instance's scope, or the union over those of all members of the merged tree's.
    private func writeLinks(_ scope: String, _ parent: String, _ child: String) throws {
        // In the order of what is linked, in which its rows are stored as well; what it is linked to is so little that it stays in
        // memory. In the order of the latter each row would be fetched from another place.
        let edges = """
            temp.active a
            CROSS JOIN \(reach.isWhole ? "main.edge" : "temp.edge") e INDEXED BY sqlite_autoindex_edge_1
                ON e.instance = a.instance
            CROSS JOIN temp.placed c ON c.instance = e.instance AND c.kind = e.from_kind AND c.id = e.from_id
            CROSS JOIN temp.placed p ON p.instance = e.instance AND p.kind = e.to_kind AND p.id = e.to_id
            """
        try db.execute(
            sql: """
                -- A position is that of the server with the highest priority that has one (SQLite takes bare columns from the
                -- row of the minimum, sqlite.org/lang_select.html).
                INSERT INTO main.link (scope, parent, kind, child, position)
                SELECT scope, parent, kind, child, position FROM (
                    SELECT \(scope) AS scope, \(parent) AS parent, e.from_kind AS kind, \(child) AS child, e.position AS position,
                        min(a.rank + CASE WHEN e.position IS NULL THEN 1000000 ELSE 0 END)
                    FROM \(edges) WHERE \(parent) <> \(child)
                    GROUP BY 1, 2, 3, 4);

                -- Images of a gallery stand in the order of their paths, as the server shows them (Stash 2.3).
                INSERT INTO main.link (scope, parent, kind, child, position)
                SELECT scope, parent, 7, child, ROW_NUMBER() OVER (PARTITION BY scope, parent ORDER BY sort_key, child) FROM (
                    SELECT \(scope) AS scope, \(parent) AS parent, \(child) AS child, f.sort_key AS sort_key
                    FROM \(edges)
                    CROSS JOIN main.node n ON n.scope = \(scope) AND n.number = \(child)
                    CROSS JOIN main.media d ON d.number = n.member
                    CROSS JOIN main.file f ON f.instance = d.instance AND f.kind = d.kind AND f.id = d.id AND f.position = 0
                    WHERE e.from_kind = 7 AND e.to_kind = 5 AND \(parent) <> \(child)
                    -- Sorted, where DISTINCT would put each into a tree at a random place.
                    GROUP BY 1, 2, 3)
                WHERE TRUE ON CONFLICT DO UPDATE SET position = excluded.position;
                """)
    }

    /// Scenes without an index in their group come after the others.
    private func orderScenes() throws {
        let groups = reach.isWhole ? "main.node p" : "temp.parent w CROSS JOIN main.node p USING (scope, number)"
        try db.execute(
            sql: """
                INSERT INTO main.link (scope, parent, kind, child, position)
                SELECT l.scope, l.parent, l.kind, l.child, coalesce((SELECT max(x.position) FROM main.link x
                    WHERE x.scope = l.scope AND x.parent = l.parent AND x.kind = 1), 0) + ROW_NUMBER() OVER (
                    PARTITION BY l.scope, l.parent ORDER BY n.key)
                FROM \(groups) CROSS JOIN main.link l
                ON l.scope = p.scope AND l.parent = p.number AND p.kind = 6 AND l.kind = 1 AND l.position IS NULL
                CROSS JOIN main.node n ON n.scope = l.scope AND n.number = l.child
                WHERE TRUE ON CONFLICT DO UPDATE SET position = excluded.position;
                """)
    }

    // MARK: - What is listed

    /// A directory is listed when it holds something. Studios and tags hold their children's symlinks too, so they are
    /// marked from the leaves up until nothing changes; a cycle of tags without content stays unlisted.
    private func markVisible() throws {
        let holds = """
            EXISTS (SELECT 1 FROM main.link l JOIN main.node c ON c.scope = l.scope AND c.number = l.child
                WHERE l.scope = main.node.scope AND l.parent = main.node.number AND c.visible AND l.kind IN
            """
        if !reach.isWhole { try collectSeen() }
        // With the scope, directories are found among many more files by an index.
        let within =
            reach.isWhole
            ? "AND scope IN (SELECT 0 UNION ALL SELECT instance FROM temp.active)"
            : "AND (scope, number) IN (SELECT scope, number FROM temp.seen)"
        try db.execute(
            sql: """
                UPDATE main.node SET visible = 1 WHERE kind = 5 \(within) AND \(holds) (7));
                UPDATE main.node SET visible = 1 WHERE kind = 6 \(within) AND (picture IS NOT NULL OR \(holds) (1)));
                UPDATE main.node SET visible = 1
                WHERE kind = 2 \(within) AND (picture IS NOT NULL OR \(holds) (1, 5, 7)));
                UPDATE main.node SET visible = 1
                WHERE kind IN (3, 4) \(within) AND (picture IS NOT NULL OR \(holds) (1)));
                """)
        repeat {
            try db.execute(
                sql: """
                    UPDATE main.node SET visible = 1
                    WHERE NOT visible AND kind IN (3, 4) \(within) AND \(holds) (3, 4))
                    """)
        } while db.changesCount > 0
    }

    /// Completes `temp.seen` by the directories above what was written, and hides all of it: what is in a directory that
    /// is listed for nothing else may be what was taken away.
    private func collectSeen() throws {
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO temp.seen SELECT * FROM temp.parent;
                INSERT OR IGNORE INTO temp.seen
                SELECT l.scope, l.parent FROM temp.rewritten w
                CROSS JOIN main.link l INDEXED BY link_child ON l.scope = w.scope AND l.child = w.number;
                -- A gallery stands in its performers, and a studio or a tag in those above it.
                WITH RECURSIVE above (scope, number) AS (
                    SELECT scope, number FROM temp.seen
                    UNION
                    SELECT l.scope, l.parent FROM above a
                    CROSS JOIN main.link l INDEXED BY link_child ON l.scope = a.scope AND l.child = a.number AND l.kind IN (3, 4, 5))
                INSERT OR IGNORE INTO temp.seen SELECT scope, number FROM above;
                """)
        try times.rememberNodes("seen")
        try db.execute(
            sql: """
                UPDATE main.node SET visible = 0 WHERE (scope, number) IN (SELECT scope, number FROM temp.seen);
                UPDATE main.node SET visible = 1 WHERE kind IN (1, 7)
                AND (scope, number) IN (SELECT scope, number FROM temp.seen)
                AND EXISTS (SELECT 1 FROM main.media d WHERE d.number = main.node.member);
                """)
    }
}
