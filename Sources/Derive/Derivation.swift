import Foundation
import GRDB
package import Library

/// What follows from what the servers said: numbers, entities, names, listings. The one place that writes them.
///
/// It is computed from the members; what must not change (numbers, names) is read from the state database and only added
/// to. What cannot have changed since the last run is left as it is (see `Reach`), so that the time depends on what has changed and
/// not on how much there is. Readers of the index see the old tables until the one commit at the end, then the new ones.
package struct Derivation {
    private let state: StateDatabase
    private let index: IndexDatabase
    private let portion: Int

    /// - Parameters:
    ///   - state: Has what must not change, and what people decided.
    ///   - index: Has what the servers said, and gets what follows from it.
    ///   - portion: Of how many members is found out at once which are one entity, unless more of them depend on each other;
    ///     memory grows with it.
    package init(state: StateDatabase, index: IndexDatabase, portion: Int = 5000) {
        self.state = state
        self.index = index
        self.portion = portion
    }

    /// Forgets what servers said that are not configured any more, once it is noted how to recognise what people said something
    /// about; what they said is in the other database and stays.
    package func forgetRemoved() throws {
        let removed = try index.knownInstances().subtracting(state.instances().map(\.number))
        guard !removed.isEmpty else { return }
        try work { db in
            try prepare(db)
            try Succession(db: db).keepTraces()
        }
        for number in removed { try index.forget(number) }
    }

    /// Runs it over what has changed since the last time, or over everything when that is not known. Of two at a time, also
    /// in two processes, one waits for the other.
    package func run() throws {
        try work(derive)
    }

    private func work(_ body: (Database) throws -> Void) throws {
        let lock = try DerivationLock(index)
        defer { withExtendedLifetime(lock) {} }
        var configuration = Configuration()
        configuration.pollForLocks(seconds: 60)
        let statePath = state.path
        configuration.prepareDatabase { db in
            try db.execute(sql: "ATTACH DATABASE ? AS state", arguments: [statePath])
            try db.execute(sql: "PRAGMA main.synchronous = NORMAL; PRAGMA state.synchronous = FULL")
            // Names come in the order of things, and go to random places. What is sorted takes as much again, each time
            // (sqlite.org/pragma.html#pragma_cache_size, and the sorter's use of it).
            try db.execute(
                sql: """
                    PRAGMA main.cache_size = -16384; PRAGMA state.cache_size = -8192; PRAGMA temp.cache_size = -8192
                    """)
        }
        let queue = try DatabaseQueue(path: index.path, configuration: configuration)
        defer { try? queue.close() }
        try queue.inDatabase(body)
    }

    private func derive(_ db: Database) throws {
        // The state database is written in transactions of its own, before what refers to it: in WAL mode a
        // transaction over two files is not atomic between them (sqlite.org/lang_attach.html). All are deferred
        // and start with a write: an immediate one would lock both files and hold up people's ratings.
        try prepare(db)
        let beginning = try Reach.begin(db)
        try Succession(db: db).run()
        let mark = try Reach.mark(db)
        try giveNumbers(db)
        let reach = try Reach.find(db, beginning, mark)
        try createViews(db, reach)
        let names = NameAssignment(db: db, reach: reach)
        try names.inheritSources()
        try EntityAssignment(db: db, reach: reach, portion: portion).run()
        // Again, for who is only now of the same entity: what a run leaves, the next one finds nothing to do with.
        try names.inheritSources()
        try rankMembers(db)
        try names.run()
        try reach.collectEntities()
        try db.inTransaction(.deferred) {
            try copyNumbers(db, reach)
            try copyEntities(db, reach)
            try copyRefusals(db, reach)
            try TreeTables(db: db, reach: reach).write()
            try reach.conclude(beginning, mark: mark)
            try db.execute(
                sql: "UPDATE main.setting SET value = CAST(value AS INTEGER) + 1 WHERE key = 'generation'")
            return .commit
        }
    }

    private func prepare(_ db: Database) throws {
        try db.execute(
            sql: """
                -- The enabled instances; rank 0 wins conflicts.
                CREATE TEMP TABLE active (instance INTEGER PRIMARY KEY, rank INTEGER NOT NULL, name TEXT NOT NULL);
                INSERT INTO temp.active
                SELECT number, ROW_NUMBER() OVER (ORDER BY priority, number) - 1, name
                FROM state.instance WHERE removed_at IS NULL AND enabled;

                -- What people decided about identity: a link, or with no other one a split.
                CREATE TEMP TABLE decision AS
                SELECT kind, instance, id, other_instance, other_id FROM state.hand_link
                UNION ALL SELECT kind, instance, id, 0, 0 FROM state.hand_split;
                """)
    }

    private func createViews(_ db: Database, _ reach: Reach) throws {
        let members =
            reach.isWhole
            ? "main.member m JOIN state.member s ON s.instance = m.instance AND s.kind = m.kind AND s.id = m.id JOIN"
            : """
            temp.reach r CROSS JOIN state.member s ON s.number = r.number
            CROSS JOIN main.member m ON m.instance = s.instance AND m.kind = s.kind AND m.id = s.id CROSS JOIN
            """
        try db.execute(
            sql: """
                -- Everything that is at a server, with its number. A sync may add rows at any moment: those that have no
                -- number are for the next run. What was replaced at its server is there no more, although deleting it
                -- waits for a second pass. `placed` is whether it was in the tables until now.
                CREATE TEMP VIEW known AS
                SELECT m.instance, m.kind, m.id, s.number, s.entity, s.spare, m.number IS s.number AS placed,
                    m.title, m.stem, m.extension, m.key, m.place
                FROM \(members) state.instance i ON i.number = m.instance AND i.removed_at IS NULL
                WHERE NOT EXISTS (SELECT 1 FROM state.successor o
                    WHERE o.instance = m.instance AND o.kind = m.kind AND o.id = m.id);

                -- Everything that is in the tables, within reach or not.
                CREATE TEMP VIEW placed AS SELECT * FROM main.member WHERE number IS NOT NULL;
                """)
    }

    /// Numbers for what is new, in order of ids, so that older things have lower ones.
    private func giveNumbers(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TEMP TABLE newcomer (position INTEGER PRIMARY KEY, instance INTEGER, kind INTEGER, id INTEGER);
                INSERT INTO temp.newcomer (instance, kind, id)
                SELECT m.instance, m.kind, m.id FROM main.member m WHERE m.number IS NULL AND NOT EXISTS (
                    SELECT 1 FROM state.member s WHERE s.instance = m.instance AND s.kind = m.kind AND s.id = m.id)
                ORDER BY m.instance, m.kind, m.id
                """)
        try Portions(db: db).run(over: "newcomer") { range in
            // Each is the entity of itself until others are found, so the next number (AUTOINCREMENT) is needed twice.
            try db.execute(
                sql: """
                    INSERT OR IGNORE INTO state.member (number, instance, kind, id, entity)
                    SELECT n.number, instance, kind, id, n.number FROM (
                        SELECT position - :first + 1 + coalesce(
                            (SELECT seq FROM state.sqlite_sequence WHERE name = 'member'), 0) AS number, *
                        FROM temp.newcomer WHERE position BETWEEN :first AND :last) n
                    ORDER BY position
                    """, arguments: ["first": range.lowerBound, "last": range.upperBound])
        }
    }

    /// `temp.entity_member`: the members of every entity, those of switched-off servers left out; rank 0 leads.
    private func rankMembers(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TEMP TABLE entity_member (
                    entity INTEGER NOT NULL, rank INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (entity, rank)
                ) WITHOUT ROWID;
                INSERT INTO temp.entity_member (entity, rank, number)
                SELECT m.entity, ROW_NUMBER() OVER (PARTITION BY m.entity ORDER BY a.rank, m.id) - 1, m.number
                FROM temp.known m JOIN temp.active a USING (instance);
                """)
    }

    /// The index shows numbers and entities as the state database has them, whatever it had before: also after the state
    /// database was restored from a backup. What was replaced at its server has none.
    private func copyNumbers(_ db: Database, _ reach: Reach) throws {
        // First away with what is not so any more: numbers are unique at every moment.
        try db.execute(
            sql: """
                UPDATE main.member SET number = NULL, entity = NULL
                WHERE number IS NOT NULL \(reach.only("number")) AND NOT EXISTS (
                    SELECT 1 FROM temp.known k WHERE k.number = main.member.number AND k.instance = main.member.instance
                    AND k.kind = main.member.kind AND k.id = main.member.id AND k.entity = main.member.entity);
                UPDATE main.member SET (number, entity) = (
                    SELECT s.number, s.entity FROM state.member s WHERE s.instance = main.member.instance
                        AND s.kind = main.member.kind AND s.id = main.member.id)
                WHERE number IS NULL AND place IN (SELECT place FROM temp.known WHERE NOT placed);
                """)
    }

    private func copyEntities(_ db: Database, _ reach: Reach) throws {
        let touched = reach.isWhole ? "" : "WHERE entity IN (SELECT entity FROM temp.touched)"
        try db.execute(
            sql: """
                DELETE FROM main.entity_member \(touched);
                INSERT INTO main.entity_member SELECT entity, rank, number FROM temp.entity_member;
                """)
    }

    private func copyRefusals(_ db: Database, _ reach: Reach) throws {
        try db.execute(
            sql: """
                DELETE FROM main.refusal WHERE TRUE \(reach.only("first"));
                INSERT INTO main.refusal SELECT * FROM temp.refusal;
                """)
    }
}

/// Bulk writes to the state database in portions: each holds its write lock for milliseconds, and between two of them
/// people's ratings get through. As long as nothing is listed there is nothing to rate, and portions are large.
struct Portions {
    private let db: Database
    private let isWaitedFor: Bool
    /// So many rows are written at once.
    var rows: Int { isWaitedFor ? 500 : 50_000 }

    init(db: Database) throws {
        self.db = db
        isWaitedFor = try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM main.node)") ?? true
    }

    /// Microseconds; more than a waiting writer lets pass between two looks at the lock.
    private static let pause: UInt32 = 3000

    /// Runs `body` for each of some values, many in a transaction.
    func run<Value>(_ values: [Value], body: (Value) throws -> Void) throws {
        for start in stride(from: 0, to: values.count, by: rows) {
            try run { for value in values[start..<min(start + rows, values.count)] { try body(value) } }
        }
    }

    /// Runs `body` for ranges of `position`, from 1 to the last one in a temporary table, each in a transaction.
    func run(over table: String, body: (ClosedRange<Int64>) throws -> Void) throws {
        let last = try Int64.fetchOne(db, sql: "SELECT max(position) FROM temp.\(table)") ?? 0
        var start: Int64 = 1
        while start <= last {
            let range = start...min(start + Int64(rows) - 1, last)
            try run { try body(range) }
            start = range.upperBound + 1
        }
    }

    /// Runs `body`, which begins with a write, in one transaction.
    func run(_ body: () throws -> Void) throws {
        try db.inTransaction(.deferred) {
            try body()
            return .commit
        }
        if isWaitedFor { usleep(Self.pause) }
    }
}
