import GRDB
import Library

/// Finds what a server replaced: a thing that vanished, while the same file or shared id is at that server under another
/// id (Stash merges scenes and performers, and gives a file that is removed and scanned again a new id).
///
/// Its successor takes its place: number, names, decisions by hand and what people said. Nothing is copied; the old
/// thing's row stays and belongs to the successor's entity.
struct Succession {
    let db: Database

    func run() throws {
        try keepTraces()
        try forgetReturned()
        try find()
    }

    /// Of what people said something about, what it could be recognised by is kept beside that: the index may be lost
    /// when it is needed.
    func keepTraces() throws {
        let present = EvidenceSource.union { source in
            """
            SELECT d.instance, d.kind, d.id, \(source.text) AS evidence
            FROM temp.dear d CROSS JOIN \(source.table) USING (instance, kind, id) WHERE \(source.isGiven)
            """
        }
        try db.execute(
            sql: """
                CREATE TEMP TABLE dear (instance INTEGER, kind INTEGER, id INTEGER, PRIMARY KEY (instance, kind, id))
                WITHOUT ROWID;
                INSERT OR IGNORE INTO temp.dear SELECT instance, kind, id FROM state.personal;
                INSERT OR IGNORE INTO temp.dear SELECT instance, kind, id FROM state.hand_split;
                INSERT OR IGNORE INTO temp.dear SELECT instance, kind, id FROM state.hand_link;
                INSERT OR IGNORE INTO temp.dear SELECT other_instance, kind, other_id FROM state.hand_link;
                INSERT OR IGNORE INTO temp.dear SELECT instance, kind, successor FROM state.successor;
                -- What a pass has missed may be gone with the next one, and its paths are kept by what it was.
                INSERT OR IGNORE INTO temp.dear SELECT instance, kind, id FROM main.member INDEXED BY member_missed
                WHERE missed > 0;
                DELETE FROM temp.dear WHERE NOT EXISTS (SELECT 1 FROM main.member m
                    WHERE m.instance = dear.instance AND m.kind = dear.kind AND m.id = dear.id);

                CREATE TEMP TABLE present (instance INTEGER, kind INTEGER, id INTEGER, evidence TEXT,
                    PRIMARY KEY (instance, kind, id, evidence)) WITHOUT ROWID;
                INSERT OR IGNORE INTO temp.present \(present);

                CREATE TEMP TABLE track (
                    position INTEGER PRIMARY KEY, instance INTEGER, kind INTEGER, id INTEGER, evidence TEXT);
                INSERT INTO temp.track (instance, kind, id, evidence)
                SELECT * FROM temp.present EXCEPT SELECT * FROM state.trace;
                CREATE TEMP TABLE cold (
                    position INTEGER PRIMARY KEY, instance INTEGER, kind INTEGER, id INTEGER, evidence TEXT);
                INSERT INTO temp.cold (instance, kind, id, evidence)
                SELECT t.* FROM state.trace t JOIN temp.dear USING (instance, kind, id)
                EXCEPT SELECT * FROM temp.present;
                """)
        try Portions(db: db).run(over: "track") { range in
            try db.execute(
                sql: """
                    INSERT OR IGNORE INTO state.trace SELECT instance, kind, id, evidence FROM temp.track
                    WHERE position BETWEEN ? AND ?
                    """, arguments: [range.lowerBound, range.upperBound])
        }
        try Portions(db: db).run(over: "cold") { range in
            try db.execute(
                sql: """
                    DELETE FROM state.trace WHERE (instance, kind, id, evidence) IN (
                        SELECT instance, kind, id, evidence FROM temp.cold WHERE position BETWEEN ? AND ?)
                    """, arguments: [range.lowerBound, range.upperBound])
        }
    }

    /// What is at its server after all, or whose successor has vanished without one, stands for itself again.
    private func forgetReturned() throws {
        let returned = """
            SELECT o.instance, o.kind, o.id FROM state.successor o
            CROSS JOIN main.member m USING (instance, kind, id) WHERE m.missed = 0
            """
        let refs = try Row.fetchAll(db, sql: returned).compactMap(Self.ref)
        guard !refs.isEmpty else { return }
        try IndexDatabase.markDirty(refs, db)
        try db.inTransaction(.deferred) {
            try db.execute(sql: "DELETE FROM state.successor WHERE (instance, kind, id) IN (\(returned))")
            return .commit
        }
    }

    /// A complete pass has not seen the one, and has seen it under a new id: no second pass has to agree that the one is gone.
    /// What was there before takes over only from what is gone for good.
    private func find() throws {
        var found: [(ref: EntityRef, successor: Int64)] = []
        for (ref, isDeleted, evidence) in try gone() {
            // Two cuts of one scene may share an id.
            let isIDEnough = isDeleted || ref.kind != .scene
            // The same file is a better proof than a shared id; of several the oldest is taken.
            var best: (source: EvidenceSource, id: Int64)?
            for text in evidence {
                for source in EvidenceSource.allCases where isIDEnough || source.strength == .file {
                    guard let id = try successor(of: ref, isNew: !isDeleted, sharing: text, source) else { continue }
                    let isBetter = best.map { (source.strength, -id) > ($0.source.strength, -$0.id) } ?? true
                    if isBetter { best = (source, id) }
                }
            }
            if let best { found.append((ref, best.id)) }
        }
        guard !found.isEmpty else { return }
        try IndexDatabase.markDirty(
            found.map(\.ref)
                + found.map { EntityRef(instance: $0.ref.instance, kind: $0.ref.kind, id: $0.successor) }, db)
        try Portions(db: db).run(found) { try replace($0.ref, by: $0.successor) }
    }

    /// What the last complete pass over its kind did not see and nothing replaced yet, with its evidence.
    private func gone() throws -> [(EntityRef, isDeleted: Bool, evidence: [String])] {
        let missing = EvidenceSource.union { source in
            """
            SELECT m.instance, m.kind, m.id, FALSE AS deleted, \(source.text) AS evidence
            FROM main.member m INDEXED BY member_missed CROSS JOIN \(source.table) USING (instance, kind, id)
            WHERE m.missed > 0 AND \(source.isPrimary)
            """
        }
        let rows = try Row.fetchAll(
            db,
            sql: """
                WITH gone AS (
                    \(missing)
                    UNION ALL
                    SELECT t.instance, t.kind, t.id, TRUE, t.evidence
                    FROM state.trace t JOIN main.complete c USING (instance, kind)
                    WHERE NOT EXISTS (SELECT 1 FROM main.member m
                        WHERE m.instance = t.instance AND m.kind = t.kind AND m.id = t.id))
                SELECT DISTINCT g.* FROM gone g WHERE NOT EXISTS (SELECT 1 FROM state.successor o
                    WHERE o.instance = g.instance AND o.kind = g.kind AND o.id = g.id)
                ORDER BY 1, 2, 3, 5
                """)
        var gone: [(ref: EntityRef, isDeleted: Bool, evidence: [String])] = []
        for row in rows {
            guard let ref = Self.ref(row) else { continue }
            if gone.last?.ref != ref { gone.append((ref, row["deleted"], [])) }
            gone[gone.count - 1].evidence.append(row["evidence"])
        }
        return gone
    }

    private static func ref(_ row: Row) -> EntityRef? {
        Kind(rawValue: row["kind"]).map {
            EntityRef(instance: InstanceNumber(row["instance"]), kind: $0, id: row["id"])
        }
    }

    private func successor(
        of ref: EntityRef, isNew: Bool, sharing text: String, _ source: EvidenceSource
    ) throws -> Int64? {
        guard let (condition, values) = source.matches(text) else { return nil }
        let key: [any DatabaseValueConvertible] = [ref.instance.rawValue, ref.kind.rawValue, ref.id]
        return try Int64.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT x.id FROM \(source.table) JOIN main.member m USING (instance, kind, id)
                    WHERE \(condition) AND x.instance = ? AND x.kind = ? AND x.id <> ? AND m.missed = 0
                        AND NOT (? AND EXISTS (SELECT 1 FROM state.member s
                            WHERE s.instance = x.instance AND s.kind = x.kind AND s.id = x.id))
                    ORDER BY x.id LIMIT 1
                    """), arguments: StatementArguments(values as [any DatabaseValueConvertible] + key + [isNew]))
    }

    private func replace(_ ref: EntityRef, by successor: Int64) throws {
        let key: [any DatabaseValueConvertible] = [ref.instance.rawValue, ref.kind.rawValue]
        try db.execute(
            sql: """
                INSERT INTO state.successor (instance, kind, id, successor, found_at)
                VALUES (?, ?, ?, ?, CAST(strftime('%s', 'now') AS INTEGER))
                """, arguments: StatementArguments(key + [ref.id, successor]))
        // One that is new takes over the number of the entity and the names; one that was there has its own, and former paths
        // lead to it.
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO state.member (instance, kind, id, entity)
                SELECT instance, kind, ?, entity FROM state.member WHERE instance = ? AND kind = ? AND id = ?
                """, arguments: StatementArguments([successor] + key + [ref.id]))
        let isNew = db.changesCount > 0
        let number = "SELECT number FROM state.member WHERE instance = ? AND kind = ? AND id = ?"
        let heir = try Int64.fetchOne(db, sql: number, arguments: StatementArguments(key + [successor]))
        let former = try Int64.fetchOne(db, sql: number, arguments: StatementArguments(key + [ref.id]))
        guard let heir, let former else { return }
        if isNew {
            try db.execute(
                sql: "UPDATE state.name SET number = ? WHERE scope = ? AND number = ?",
                arguments: [heir, ref.instance.rawValue, former])
        }
        try db.execute(sql: "UPDATE state.name SET source = ? WHERE source = ?", arguments: [heir, former])
    }
}
