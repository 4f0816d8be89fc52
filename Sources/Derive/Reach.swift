import Foundation
import GRDB
import Library

/// How far a derivation has to look: the members whose rows changed since the last one, and all whose entities, numbers and
/// names can depend on these. What is not within reach stays as it is.
///
/// Identity, numbers and names are computed for sets that depend on each other, so a set is in here as a whole or not at
/// all: then the same rules, applied to what is in reach only, give what they would give when applied to everything.
struct Reach {
    let db: Database
    /// Everything is within reach: the last derivation is not known to fit these two databases, or so much has changed
    /// that looking for what depends on it would take longer.
    let isWhole: Bool

    /// More members than this are looked at as everything.
    private static let limit = 20_000

    /// Limits a condition to what is within reach.
    func only(_ column: String) -> String { isWhole ? "" : "AND \(column) IN (SELECT number FROM temp.reach)" }

    /// A table with a member's number, from what is within reach.
    func from(_ table: String, number column: String) -> String {
        isWhole ? table : "temp.reach r CROSS JOIN \(table) ON \(column) = r.number"
    }

    // MARK: - What has changed

    /// What a run begins with.
    struct Beginning {
        /// The instances as far as derived tables depend on them.
        let configuration: String
        /// Whether the tables are what the last run made of these two databases.
        let isContinued: Bool
        /// Which run this is; both databases know it in the end.
        let run = UUID().uuidString
    }

    /// Begins a run. Until it ends the two databases do not know the same one, so that after a run that failed, or after one of them
    /// was replaced, the next one looks at everything.
    static func begin(_ db: Database) throws -> Beginning {
        func setting(_ database: String, _ key: String) throws -> String? {
            try String.fetchOne(db, sql: "SELECT value FROM \(database).setting WHERE key = ?", arguments: [key])
        }
        let configuration = try String.fetchOne(
            db,
            sql: """
                SELECT group_concat(number || ' ' || url || ' ' || name || ' ' || enabled || ' ' || priority || ' '
                    || coalesce(removed_at, ''), char(10)) FROM (SELECT * FROM state.instance ORDER BY number)
                """)
        let last = try setting("main", "derivation")
        let isContinued =
            try last != nil && last == setting("state", "derivation")
            && setting("main", "derived-instances") == configuration
        let beginning = Beginning(configuration: configuration ?? "", isContinued: isContinued)
        try db.execute(
            sql: "INSERT OR REPLACE INTO state.setting (key, value) VALUES ('derivation', ?)",
            arguments: [beginning.run])
        try db.execute(
            sql: """
                -- What was read to its end for the first time: a sync may add to it at any moment.
                CREATE TEMP TABLE completed AS SELECT instance, kind FROM main.complete WHERE NOT followed;
                """)
        return beginning
    }

    /// What was changed until some moment; what is marked later is for the next run.
    struct Mark {
        /// The last one that a changed thing has.
        var last: Int64 = 0
        /// The mark of the distrust that this run ends, if there is any.
        var distrust: String?
    }

    /// What was changed until now.
    static func mark(_ db: Database) throws -> Mark {
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT (SELECT coalesce(max(mark), 0) FROM main.dirty), (SELECT value FROM main.setting WHERE key = ?)
                """, arguments: [IndexDatabase.distrust])
        return row.map { Mark(last: $0[0], distrust: $0[1]) } ?? Mark()
    }

    /// Finds out what is within reach, after everything at the servers has its number, and makes `temp.reach` of it.
    static func find(_ db: Database, _ beginning: Beginning, _ mark: Mark) throws -> Reach {
        let reach = Reach(db: db, isWhole: !beginning.isContinued || mark.distrust != nil)
        try reach.tie()
        guard !reach.isWhole else { return reach }
        try reach.collectChanged()
        var round: Int64 = 0
        while try reach.widen(round) {
            round += 1
            let count = try Int.fetchOne(db, sql: "SELECT count(*) FROM temp.reach") ?? 0
            if count > limit { return Reach(db: db, isWhole: true) }
        }
        try reach.remember()
        return reach
    }

    /// Notes, in the transaction that writes the tables, what they were derived from.
    func conclude(_ beginning: Beginning, mark: Mark) throws {
        try db.execute(
            sql: """
                UPDATE main.complete SET followed = 1
                WHERE (instance, kind) IN (SELECT instance, kind FROM temp.completed);
                DELETE FROM main.dirty WHERE mark <= ?;
                DELETE FROM main.setting WHERE key = ? AND value IS ?;
                INSERT OR REPLACE INTO main.setting (key, value) VALUES ('derivation', ?), ('derived-instances', ?);
                DELETE FROM main.decided;
                INSERT INTO main.decided SELECT * FROM temp.decision;
                """,
            arguments: [
                mark.last, IndexDatabase.distrust, mark.distrust, beginning.run, beginning.configuration,
            ])
    }

    // MARK: - What depends on it

    private func collectChanged() throws {
        try db.execute(
            sql: """
                CREATE TEMP TABLE reach (number INTEGER PRIMARY KEY, round INTEGER NOT NULL);
                CREATE INDEX temp.reach_round ON reach (round);
                INSERT OR IGNORE INTO temp.reach SELECT s.number, 0 FROM main.dirty d CROSS JOIN state.member s
                    ON s.instance = d.instance AND s.kind = d.kind AND s.id = d.id;
                -- What an earlier index had and is known now to be gone.
                INSERT OR IGNORE INTO temp.reach SELECT s.number, 0
                FROM temp.completed c CROSS JOIN state.member s ON s.instance = c.instance AND s.kind = c.kind
                WHERE NOT EXISTS (SELECT 1 FROM main.member m
                    WHERE m.instance = s.instance AND m.kind = s.kind AND m.id = s.id);
                -- What was decided by hand or taken back since.
                CREATE TEMP TABLE news AS
                SELECT * FROM (SELECT * FROM temp.decision EXCEPT SELECT * FROM main.decided)
                UNION SELECT * FROM (SELECT * FROM main.decided EXCEPT SELECT * FROM temp.decision);
                INSERT OR IGNORE INTO temp.reach SELECT s.number, 0 FROM temp.news d CROSS JOIN state.member s
                    ON s.instance = d.instance AND s.kind = d.kind AND s.id = d.id;
                INSERT OR IGNORE INTO temp.reach SELECT s.number, 0 FROM temp.news d CROSS JOIN state.member s
                    ON s.instance = d.other_instance AND s.kind = d.kind AND s.id = d.other_id;
                """)
    }

    /// `temp.tie`: pairs that hold together whatever else there is, from what people decided and what was replaced.
    private func tie() throws {
        try db.execute(
            sql: """
                CREATE TEMP TABLE tie (a INTEGER NOT NULL, b INTEGER NOT NULL, PRIMARY KEY (a, b)) WITHOUT ROWID;
                INSERT OR IGNORE INTO temp.tie
                SELECT a.number, b.number FROM state.hand_link l
                CROSS JOIN state.member a ON a.instance = l.instance AND a.kind = l.kind AND a.id = l.id
                CROSS JOIN state.member b
                    ON b.instance = l.other_instance AND b.kind = l.kind AND b.id = l.other_id;
                INSERT OR IGNORE INTO temp.tie
                SELECT a.number, b.number FROM state.successor o
                CROSS JOIN state.member a ON a.instance = o.instance AND a.kind = o.kind AND a.id = o.id
                CROSS JOIN state.member b ON b.instance = o.instance AND b.kind = o.kind AND b.id = o.successor;
                INSERT OR IGNORE INTO temp.tie SELECT first, second FROM main.refusal;
                INSERT OR IGNORE INTO temp.tie SELECT b, a FROM temp.tie;
                """)
    }

    /// Adds what depends on the members that the last round added; false when there is nothing more.
    private func widen(_ round: Int64) throws -> Bool {
        let latest = "temp.reach r INDEXED BY reach_round CROSS JOIN state.member s ON s.number = r.number"
        var sources = [
            // One entity, now or before: its other members.
            "SELECT o.number FROM \(latest) CROSS JOIN state.member o ON o.entity = s.entity WHERE r.round = :round",
            "SELECT t.b FROM temp.reach r INDEXED BY reach_round CROSS JOIN temp.tie t ON t.a = r.number WHERE r.round = :round",
        ]
        // Numbers: who may want one of its, and whose it may want.
        try db.execute(
            sql: """
                CREATE TEMP TABLE IF NOT EXISTS wanted_number (number INTEGER PRIMARY KEY);
                DELETE FROM temp.wanted_number;
                INSERT OR IGNORE INTO temp.wanted_number SELECT s.number FROM \(latest) WHERE r.round = :round;
                INSERT OR IGNORE INTO temp.wanted_number SELECT s.entity FROM \(latest) WHERE r.round = :round;
                INSERT OR IGNORE INTO temp.wanted_number
                SELECT s.spare FROM \(latest) WHERE r.round = :round AND s.spare IS NOT NULL;
                INSERT OR IGNORE INTO temp.wanted_number
                SELECT n.number FROM \(latest) CROSS JOIN state.name n ON n.source = s.number AND n.scope = 0 AND n.current = 1
                WHERE r.round = :round;
                """, arguments: ["round": round])
        let wanted = "temp.wanted_number w CROSS JOIN"
        sources += [
            "SELECT o.number FROM \(wanted) state.member o ON o.number = w.number",
            "SELECT o.number FROM \(wanted) state.member o ON o.entity = w.number",
            "SELECT o.number FROM \(wanted) state.member o ON o.spare = w.number",
            """
            SELECT o.number FROM \(wanted) state.name n ON n.scope = 0 AND n.number = w.number AND n.current = 1
            CROSS JOIN state.member o ON o.number = n.source
            """,
        ]
        // Evidence: who shares any.
        for source in EvidenceSource.allCases {
            sources.append(
                """
                SELECT o.number FROM \(latest)
                CROSS JOIN \(source.table) ON x.instance = s.instance AND x.kind = s.kind AND x.id = s.id
                    AND \(source.isPrimary)
                CROSS JOIN \(source.table(as: "y")) ON \(source.isShared)
                CROSS JOIN state.member o ON o.instance = y.instance AND o.kind = y.kind AND o.id = y.id
                WHERE r.round = :round
                """)
        }
        var isWider = false
        for source in sources {
            // Read to its end before it is added: a statement that reads what it writes may go round for ever.
            let needsRound = source.contains(":round")
            let found = try Int64.fetchAll(db, sql: source, arguments: needsRound ? ["round": round] : [:])
            let insert = try db.cachedStatement(sql: "INSERT OR IGNORE INTO temp.reach (number, round) VALUES (?, ?)")
            for number in found {
                try insert.execute(arguments: [number, round + 1])
                if db.changesCount > 0 { isWider = true }
            }
        }
        return isWider
    }

    // MARK: - What was

    /// `temp.former`: what the tables show of the members within reach, before anything is written.
    private func remember() throws {
        try db.execute(
            sql: """
                CREATE TEMP TABLE former (
                    number INTEGER PRIMARY KEY, instance INTEGER NOT NULL, entity INTEGER, stale INTEGER NOT NULL,
                    folder INTEGER, path TEXT, key TEXT, name TEXT, modified INTEGER);
                INSERT INTO temp.former
                SELECT s.number, s.instance, m.entity, s.entity, f.folder, coalesce(o.path, ''), coalesce(f.base, f.key),
                    iif(f.base IS NULL, f.name, NULL), d.modified
                FROM temp.reach r CROSS JOIN state.member s ON s.number = r.number
                LEFT JOIN main.member m ON m.number = r.number
                LEFT JOIN main.folder_file f ON f.member = r.number
                LEFT JOIN main.folder o ON o.scope = f.scope AND o.number = f.folder
                LEFT JOIN main.media d ON d.number = r.number;
                """)
    }

    /// `temp.touched`: the entities that members within reach belong to or belonged to.
    func collectEntities() throws {
        guard !isWhole else { return }
        try db.execute(
            sql: """
                CREATE TEMP TABLE touched (entity INTEGER PRIMARY KEY);
                INSERT OR IGNORE INTO temp.touched SELECT entity FROM temp.former WHERE entity IS NOT NULL;
                INSERT OR IGNORE INTO temp.touched SELECT stale FROM temp.former;
                INSERT OR IGNORE INTO temp.touched
                SELECT s.entity FROM temp.reach r CROSS JOIN state.member s ON s.number = r.number;
                """)
    }
}
