import Foundation
import GRDB
import Library

/// Keeps for each directory when what it lists changed last, from what the tables said before a derivation and after it. Who
/// only looks at a directory's time has to see every entry that came, went or got another name, and nothing else.
struct DirectoryTimes {
    let db: Database
    let reach: Reach

    private static let nodes = "scope, number, kind, name, member, picture, modified, visible"

    // MARK: - Before

    /// Notes the nodes and links that are about to be written anew.
    func remember() throws {
        try db.execute(
            sql: """
                CREATE TEMP TABLE former_node (
                    scope INTEGER NOT NULL, number INTEGER NOT NULL, kind INTEGER NOT NULL, name TEXT NOT NULL,
                    member INTEGER NOT NULL, picture INTEGER, modified INTEGER NOT NULL, visible INTEGER NOT NULL,
                    PRIMARY KEY (scope, number)) WITHOUT ROWID;
                CREATE TEMP TABLE former_link (
                    scope INTEGER NOT NULL, parent INTEGER NOT NULL, kind INTEGER NOT NULL, child INTEGER NOT NULL,
                    position INTEGER, PRIMARY KEY (scope, parent, kind, child)) WITHOUT ROWID;
                -- Servers all of whose folders are written anew, and folders and files for which that is so by themselves.
                CREATE TEMP TABLE refoldered (scope INTEGER PRIMARY KEY);
                CREATE TEMP TABLE refolded (
                    scope INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (scope, number)) WITHOUT ROWID;
                CREATE TEMP TABLE refiled (member INTEGER PRIMARY KEY);
                CREATE TEMP TABLE former_folder (
                    scope INTEGER NOT NULL, number INTEGER NOT NULL, parent INTEGER NOT NULL, name TEXT NOT NULL,
                    modified INTEGER NOT NULL, PRIMARY KEY (scope, number)) WITHOUT ROWID;
                CREATE TEMP TABLE former_file (
                    member INTEGER PRIMARY KEY, scope INTEGER NOT NULL, folder INTEGER NOT NULL, name TEXT NOT NULL);
                """)
        if reach.isWhole {
            try db.execute(
                sql: """
                    INSERT INTO temp.former_node SELECT \(Self.nodes) FROM main.node;
                    INSERT INTO temp.former_link SELECT scope, parent, kind, child, position FROM main.link;
                    """)
        } else {
            try rememberNodes("rewritten")
            // Captions and scripts come and go beside what is as it was.
            try db.execute(
                sql: """
                    INSERT OR IGNORE INTO temp.former_node
                    SELECT \(Self.nodes) FROM (
                        SELECT m.instance AS scope, m.number AS number FROM main.rearranged r
                        CROSS JOIN main.member m ON m.instance = r.instance AND m.kind = r.kind AND m.id = r.id
                        UNION ALL
                        SELECT 0, m.entity FROM main.rearranged r
                        CROSS JOIN main.member m ON m.instance = r.instance AND m.kind = r.kind AND m.id = r.id)
                    CROSS JOIN main.node USING (scope, number)
                    """)
            try db.execute(
                sql: """
                    INSERT INTO temp.former_link
                    SELECT l.scope, l.parent, l.kind, l.child, l.position
                    FROM temp.parent p CROSS JOIN main.link l ON l.scope = p.scope AND l.parent = p.number;
                    INSERT OR IGNORE INTO temp.former_link
                    SELECT l.scope, l.parent, l.kind, l.child, l.position
                    FROM temp.rewritten w CROSS JOIN main.link l INDEXED BY link_child ON l.scope = w.scope AND l.child = w.number;
                    """)
        }
        try db.execute(sql: "CREATE INDEX temp.former_link_child ON former_link (scope, child)")
    }

    /// Notes the nodes of a temporary table that were not noted yet; a new one counts as one that was not listed.
    func rememberNodes(_ table: String) throws {
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO temp.former_node
                SELECT \(Self.nodes) FROM temp.\(table) CROSS JOIN main.node USING (scope, number)
                """)
    }

    /// Notes the folders of a server that are all about to be written anew.
    func rememberFolders(of instance: Int64) throws {
        try db.execute(
            sql: """
                INSERT INTO temp.refoldered VALUES (:i);
                INSERT INTO temp.former_folder SELECT scope, number, parent, name, modified FROM main.folder WHERE scope = :i;
                INSERT INTO temp.former_file SELECT member, scope, folder, name FROM main.folder_file WHERE scope = :i;
                """, arguments: ["i": instance])
    }

    /// Notes a file whose place is about to be written anew.
    static func remember(file member: Int64, _ db: Database) throws {
        try db.cachedStatement(sql: "INSERT OR IGNORE INTO temp.refiled VALUES (?)").execute(arguments: [member])
        try db.cachedStatement(
            sql: """
                INSERT OR IGNORE INTO temp.former_file
                SELECT member, scope, folder, name FROM main.folder_file WHERE member = ?
                """
        ).execute(arguments: [member])
    }

    /// Notes a folder that is about to be made or removed.
    static func remember(folder number: Int64, of instance: Int64, _ db: Database) throws {
        try db.cachedStatement(sql: "INSERT OR IGNORE INTO temp.refolded VALUES (?, ?)")
            .execute(arguments: [instance, number])
        try db.cachedStatement(
            sql: """
                INSERT OR IGNORE INTO temp.former_folder
                SELECT scope, number, parent, name, modified FROM main.folder WHERE scope = ? AND number = ?
                """
        ).execute(arguments: [instance, number])
    }

    // MARK: - After

    /// Compares, and writes the times.
    func write() throws {
        // Nobody has looked at what was never there.
        let isFirst = try Bool.fetchOne(db, sql: "SELECT NOT EXISTS (SELECT 1 FROM temp.former_node)") ?? false
        if reach.isWhole, isFirst {
            try db.execute(sql: "DELETE FROM main.rearranged")
            try writeFirst()
            return try writeRoots()
        }
        try findAltered()
        try findLinks()
        try findFolders()
        try writeTimes()
        if try reach.isWhole || Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM temp.relisted)") ?? false {
            try writeRoots()
        }
        try db.execute(sql: "DELETE FROM main.rearranged")
        if reach.isWhole { try dropUnused() }
        try Notices(db: db, reach: reach).write()
    }

    /// Whether something was listed before; `node` stands for its scope and number.
    private func wasListed(_ scope: String, _ number: String) -> String {
        let unchanged =
            reach.isWhole
            ? "0" : "(SELECT u.visible FROM main.node u WHERE u.scope = \(scope) AND u.number = \(number))"
        return """
            coalesce((SELECT v.visible FROM temp.former_node v WHERE v.scope = \(scope) AND v.number = \(number)),
                \(unchanged), 0)
            """
    }

    /// `temp.altered`: what has come, gone, got another name, another file or other small files beside it, wherever it is listed.
    private func findAltered() throws {
        let written = reach.isWhole ? "main.node n" : "temp.rewritten w CROSS JOIN main.node n USING (scope, number)"
        let rearranged = """
            main.rearranged r
            CROSS JOIN main.member m ON m.instance = r.instance AND m.kind = r.kind AND m.id = r.id CROSS JOIN
            """
        try db.execute(
            sql: """
                CREATE TEMP TABLE altered (
                    scope INTEGER NOT NULL, number INTEGER NOT NULL, kind INTEGER NOT NULL,
                    PRIMARY KEY (scope, number)) WITHOUT ROWID;
                INSERT INTO temp.altered
                SELECT f.scope, f.number, f.kind FROM temp.former_node f
                LEFT JOIN main.node n ON n.scope = f.scope AND n.number = f.number
                WHERE f.visible <> coalesce(n.visible, 0)
                    OR f.visible AND (n.name <> f.name OR n.kind IN (1, 7) AND n.member <> f.member);
                INSERT OR IGNORE INTO temp.altered
                SELECT n.scope, n.number, n.kind FROM \(written) WHERE n.visible AND NOT EXISTS (
                    SELECT 1 FROM temp.former_node f WHERE f.scope = n.scope AND f.number = n.number);
                INSERT OR IGNORE INTO temp.altered
                SELECT n.scope, n.number, n.kind FROM \(rearranged) main.node n
                ON n.scope = m.instance AND n.number = m.number WHERE n.visible;
                INSERT OR IGNORE INTO temp.altered
                SELECT n.scope, n.number, n.kind FROM \(rearranged) main.node n
                ON n.scope = 0 AND n.number = m.entity WHERE n.visible AND n.member = m.number;

                -- The directories, by `DirectoryPart`, that list something else than before.
                CREATE TEMP TABLE relisted (
                    part INTEGER NOT NULL, scope INTEGER NOT NULL, number INTEGER NOT NULL,
                    PRIMARY KEY (part, scope, number)) WITHOUT ROWID;
                INSERT INTO temp.relisted
                SELECT DISTINCT \(DirectoryPart.kind.rawValue), scope, kind FROM temp.altered;
                """)
    }

    private func findLinks() throws {
        let link = "SELECT l.scope, l.parent, l.kind FROM"
        let candidates =
            reach.isWhole
            ? ["main.link l"]
            : [
                "temp.parent p CROSS JOIN main.link l ON l.scope = p.scope AND l.parent = p.number",
                "temp.rewritten w CROSS JOIN main.link l INDEXED BY link_child ON l.scope = w.scope AND l.child = w.number",
            ]
        func isIn(_ table: String) -> String {
            """
            EXISTS (SELECT 1 FROM \(table) o WHERE o.scope = l.scope AND o.parent = l.parent AND o.kind = l.kind
                AND o.child = l.child)
            """
        }
        let isListed = "EXISTS (SELECT 1 FROM main.node c WHERE c.scope = l.scope AND c.number = l.child AND c.visible)"
        var sources = [
            // Where something altered is or was.
            "\(link) temp.altered a CROSS JOIN main.link l INDEXED BY link_child ON l.scope = a.scope AND l.child = a.number",
            "\(link) temp.altered a CROSS JOIN temp.former_link l ON l.scope = a.scope AND l.child = a.number",
            // From where something was taken that is listed elsewhere.
            "\(link) temp.former_link l WHERE NOT \(isIn("main.link")) AND \(wasListed("l.scope", "l.child"))",
            // Where something has another place in an order.
            """
            \(link) temp.former_link f CROSS JOIN main.link l USING (scope, parent, kind, child)
            WHERE l.position IS NOT f.position
            """,
        ]
        sources += candidates.map { "\(link) \($0) WHERE NOT \(isIn("temp.former_link")) AND \(isListed)" }
        try db.execute(
            sql: """
                CREATE TEMP TABLE relinked (
                    scope INTEGER NOT NULL, parent INTEGER NOT NULL, kind INTEGER NOT NULL,
                    PRIMARY KEY (scope, parent, kind)) WITHOUT ROWID;
                """)
        for source in sources { try db.execute(sql: "INSERT OR IGNORE INTO temp.relinked \(source)") }
        // What is new itself nobody has looked at.
        let part = """
            CASE WHEN n.kind = 2 THEN CASE r.kind WHEN 1 THEN 0 WHEN 5 THEN 5 WHEN 7 THEN 7 END
                WHEN n.kind IN (3, 4) THEN iif(r.kind IN (1, n.kind), 0, NULL)
                WHEN n.kind = 5 THEN iif(r.kind = 7, 0, NULL)
                WHEN n.kind = 6 THEN iif(r.kind = 1, 0, NULL) END
            """
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO temp.relisted
                SELECT part, scope, number FROM (
                    SELECT \(part) AS part, n.scope, n.number FROM temp.relinked r
                    CROSS JOIN main.node n ON n.scope = r.scope AND n.number = r.parent
                    WHERE \(wasListed("n.scope", "n.number"))) WHERE part IS NOT NULL;

                -- A picture that came or went.
                INSERT OR IGNORE INTO temp.relisted
                SELECT 0, n.scope, n.number FROM temp.former_node f CROSS JOIN main.node n USING (scope, number)
                WHERE f.visible AND n.kind IN (2, 3, 4, 6) AND (f.picture IS NULL) <> (n.picture IS NULL);
                """)
        try findSubdirectories(isKept: reach.isWhole ? "0" : "NOT \(isTouched)")
    }

    /// Of a link that is now, whether it was looked at.
    private var isTouched: String {
        """
        (EXISTS (SELECT 1 FROM temp.parent t WHERE t.scope = l.scope AND t.number = l.parent)
            OR EXISTS (SELECT 1 FROM temp.rewritten t WHERE t.scope = l.scope AND t.number = l.child))
        """
    }

    /// A performer's `images` and `galleries` stand in its directory as long as they hold something.
    private func findSubdirectories(isKept: String) throws {
        let links = "WHERE l.scope = r.scope AND l.parent = r.number AND l.kind = r.part"
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO temp.relisted
                SELECT 0, r.scope, r.number FROM temp.relisted r WHERE r.part IN (5, 7)
                AND EXISTS (SELECT 1 FROM main.link l JOIN main.node c ON c.scope = l.scope AND c.number = l.child
                    \(links) AND c.visible)
                <> (EXISTS (SELECT 1 FROM temp.former_link l \(links) AND \(wasListed("l.scope", "l.child")))
                    OR EXISTS (SELECT 1 FROM main.link l \(links) AND \(isKept)
                        AND \(wasListed("l.scope", "l.child"))))
                """)
    }

    private func findFolders() throws {
        let folders = "scope, parent, number, name"
        let files = "scope, folder, member, name"
        func now(_ columns: String, _ table: String, _ single: String) -> String {
            """
            SELECT \(columns) FROM main.\(table) WHERE scope IN (SELECT scope FROM temp.refoldered)
            UNION SELECT \(columns) FROM \(single)
            """
        }
        let pairs = [
            (
                "SELECT \(folders) FROM temp.former_folder",
                now(folders, "folder", "temp.refolded CROSS JOIN main.folder USING (scope, number)"), "parent"
            ),
            (
                "SELECT \(files) FROM temp.former_file",
                now(files, "folder_file", "temp.refiled CROSS JOIN main.folder_file USING (member)"), "folder"
            ),
        ]
        let insert = "INSERT OR IGNORE INTO temp.relisted SELECT \(DirectoryPart.folder.rawValue),"
        for (former, now, column) in pairs {
            for difference in ["\(former) EXCEPT SELECT * FROM (\(now))", "SELECT * FROM (\(now)) EXCEPT \(former)"] {
                try db.execute(sql: "\(insert) scope, \(column) FROM (\(difference))")
            }
        }
        try db.execute(
            sql: """
                -- What is new itself nobody has looked at.
                DELETE FROM temp.relisted WHERE part = \(DirectoryPart.folder.rawValue) AND number <> 0
                AND (scope IN (SELECT scope FROM temp.refoldered)
                    OR (scope, number) IN (SELECT scope, number FROM temp.refolded))
                AND NOT EXISTS (SELECT 1 FROM temp.former_folder f
                    WHERE f.scope = temp.relisted.scope AND f.number = temp.relisted.number);
                \(insert) f.scope, f.folder FROM main.rearranged r
                CROSS JOIN main.member m ON m.instance = r.instance AND m.kind = r.kind AND m.id = r.id
                CROSS JOIN main.folder_file f ON f.member = m.number;
                """)
    }

    // MARK: - Times

    private var now: Int64 { Int64(Date().timeIntervalSince1970) }

    /// A time always grows, also within a second, and where the server's own time of the entry is in the future.
    private func writeTimes() throws {
        try db.execute(
            sql: """
                INSERT INTO main.listed (part, scope, number, time)
                SELECT r.part, r.scope, r.number, max(:now, 1 + CASE
                    WHEN r.part IN (0, 5, 7) THEN coalesce(
                        (SELECT f.modified FROM temp.former_node f WHERE f.scope = r.scope AND f.number = r.number),
                        (SELECT n.modified FROM main.node n WHERE n.scope = r.scope AND n.number = r.number), 0)
                    WHEN r.part = 4 THEN coalesce(
                        (SELECT f.modified FROM temp.former_folder f WHERE f.scope = r.scope AND f.number = r.number),
                        (SELECT n.modified FROM main.folder n WHERE n.scope = r.scope AND n.number = r.number), 0)
                    ELSE 0 END)
                FROM temp.relisted r WHERE TRUE
                ON CONFLICT DO UPDATE SET time = max(excluded.time, main.listed.time + 1)
                """, arguments: ["now": now])
    }

    /// What has no time of its own gets one, which stays.
    private func writeFirst() throws {
        let insert = "INSERT INTO main.listed (part, scope, number, time) VALUES (?, ?, ?, ?)"
        let update = "ON CONFLICT DO UPDATE SET time = max(excluded.time, main.listed.time + 1)"
        let active = try Int64.fetchAll(db, sql: "SELECT instance FROM temp.active")
        for scope in active + [0] {
            for kind in try Kind.allCases.filter({ try hasNodes(scope, $0) }) {
                try db.execute(
                    sql: "\(insert) \(update)",
                    arguments: [DirectoryPart.kind.rawValue, scope, kind.rawValue, now])
            }
            guard scope != 0 else { continue }
            try db.execute(sql: "\(insert) \(update)", arguments: [DirectoryPart.folder.rawValue, scope, 0, now])
        }
    }

    /// Directories of a handful are compared by what they list.
    private func writeRoots() throws {
        let active = try Row.fetchAll(db, sql: "SELECT instance, name FROM temp.active ORDER BY instance")
        var instances: [String] = []
        for row in active {
            let scope: Int64 = row["instance"]
            var names = try kinds(scope)
            if !names.isEmpty { instances.append(row["name"]) }
            let hasFolders = try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM main.folder WHERE scope = :i AND parent = 0)
                        OR EXISTS (SELECT 1 FROM main.folder_file WHERE scope = :i AND folder = 0)
                    """, arguments: ["i": scope])
            if hasFolders ?? false { names.append("folders") }
            try write(.root, scope, names)
        }
        try write(.instances, 0, instances)
        try write(.root, 0, kinds(0) + (instances.isEmpty ? [] : ["instances"]))
    }

    private func kinds(_ scope: Int64) throws -> [String] {
        try Kind.allCases.filter { try hasNodes(scope, $0) }.map(\.directoryName)
    }

    private func hasNodes(_ scope: Int64, _ kind: Kind) throws -> Bool {
        try Bool.fetchOne(
            db,
            sql: """
                SELECT EXISTS (SELECT 1 FROM main.node INDEXED BY node_key WHERE scope = ? AND kind = ? AND visible)
                """, arguments: [scope, kind.rawValue]) ?? false
    }

    private func write(_ part: DirectoryPart, _ scope: Int64, _ names: [String]) throws {
        try db.execute(
            sql: """
                INSERT INTO main.listed (part, scope, number, time, content) VALUES (?, ?, 0, ?, ?)
                ON CONFLICT DO UPDATE SET time = max(excluded.time, main.listed.time + 1), content = excluded.content
                WHERE main.listed.content IS NOT excluded.content
                """, arguments: [part.rawValue, scope, now, names.joined(separator: "\n")])
    }

    /// Forgets the times of what is nowhere any more.
    private func dropUnused() throws {
        try db.execute(
            sql: """
                DELETE FROM main.listed WHERE scope <> 0 AND scope NOT IN (
                    SELECT number FROM state.instance WHERE removed_at IS NULL);
                DELETE FROM main.listed WHERE part IN (0, 5, 7) AND scope IN (SELECT 0 UNION SELECT instance FROM temp.active)
                AND NOT EXISTS (SELECT 1 FROM main.node n WHERE n.scope = main.listed.scope AND n.number = main.listed.number);
                """)
    }
}
