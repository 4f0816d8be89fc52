import Foundation
import GRDB

/// What follows from what the servers said: numbers, entities, names, listings. The one place that writes them.
///
/// Everything is computed again from the members; what must not change (numbers, names) is read from the state
/// database and only added to. Readers of the index see the old tables until the last commit, then the new ones.
package struct Derivation {
    private let state: StateDatabase
    private let index: IndexDatabase

    package init(state: StateDatabase, index: IndexDatabase) {
        self.state = state
        self.index = index
    }

    /// Runs it. Of two at a time, also in two processes, one waits for the other.
    ///
    /// - Returns: Evidence that was refused because it would have put two members of one server into one entity.
    @discardableResult
    package func run() throws -> [Identity.Refusal] {
        let lock = open(index.path + ".derive-lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(lock) }
        while flock(lock, LOCK_EX) != 0 {
            guard errno == EINTR else {
                let reason = "it cannot be locked (\(String(cString: strerror(errno))))"
                throw StoreError.unusable(path: index.path, reason: reason)
            }
        }
        var configuration = Configuration()
        configuration.busyMode = .timeout(60)
        let statePath = state.path
        configuration.prepareDatabase { db in
            try db.execute(sql: "ATTACH DATABASE ? AS state", arguments: [statePath])
            try db.execute(sql: "PRAGMA main.synchronous = NORMAL; PRAGMA state.synchronous = FULL")
            try db.execute(sql: "PRAGMA temp_store = MEMORY; PRAGMA main.cache_size = -65536")
        }
        let queue = try DatabaseQueue(path: index.path, configuration: configuration)
        defer { try? queue.close() }
        return try queue.inDatabase { db in
            // The state database is written in transactions of its own, before what refers to it: in WAL mode a
            // transaction over two files is not atomic between them (sqlite.org/lang_attach.html). All are deferred
            // and start with a write: an immediate one would lock both files and hold up people's ratings.
            try db.inTransaction(.deferred) {
                try prepareInstances(db)
                return .commit
            }
            try db.inTransaction(.deferred) {
                try dropForeignNumbers(db)
                return .commit
            }
            if try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM main.member WHERE number IS NULL)") == true {
                try db.inTransaction(.deferred) {
                    try giveNumbers(db)
                    return .commit
                }
            }
            try db.inTransaction(.deferred) {
                try copyNumbers(db)
                return .commit
            }
            let identity = try joinMembers(db)
            try storeEntities(identity.numbers, db)
            try db.inTransaction(.deferred) {
                try writeEntityMembers(db)
                return .commit
            }
            try NameAssignment(db: db).run()
            try db.inTransaction(.deferred) {
                try TreeTables(db: db).rebuild()
                try db.execute(
                    sql: "UPDATE main.setting SET value = CAST(value AS INTEGER) + 1 WHERE key = 'generation'")
                return .commit
            }
            return identity.refusals
        }
    }

    /// `temp.active`: the enabled instances; rank 0 wins conflicts.
    private func prepareInstances(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TEMP TABLE active (instance INTEGER PRIMARY KEY, rank INTEGER NOT NULL, name TEXT NOT NULL);
                INSERT INTO temp.active
                SELECT number, ROW_NUMBER() OVER (ORDER BY priority, number) - 1, name
                FROM state.instance WHERE removed_at IS NULL AND enabled;

                -- A sync may add rows at any moment: those without a number are for the next run.
                CREATE TEMP VIEW known AS SELECT * FROM main.member WHERE number IS NOT NULL AND entity IS NOT NULL;
                """)
    }

    /// Numbers that the state database does not know (it was restored from a backup) would point to other things.
    private func dropForeignNumbers(_ db: Database) throws {
        try db.execute(
            sql: """
                UPDATE main.member SET number = NULL, entity = NULL WHERE number IS NOT NULL AND NOT EXISTS (
                    SELECT 1 FROM state.member s WHERE s.number = main.member.number
                    AND s.instance = main.member.instance AND s.kind = main.member.kind AND s.id = main.member.id)
                """)
    }

    private func giveNumbers(_ db: Database) throws {
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO state.member (instance, kind, id, entity)
                SELECT instance, kind, id, 0 FROM main.member WHERE number IS NULL ORDER BY instance, kind, id
                """)
        guard db.changesCount > 0 else { return }
        try db.execute(sql: "UPDATE state.member SET entity = number WHERE entity = 0")
    }

    private func copyNumbers(_ db: Database) throws {
        try db.execute(
            sql: """
                UPDATE main.member SET (number, entity) = (
                    SELECT s.number, s.entity FROM state.member s WHERE s.instance = main.member.instance
                    AND s.kind = main.member.kind AND s.id = main.member.id)
                WHERE number IS NULL
                """)
    }

    /// Identity over all servers in the index, the switched-off ones too: switching one off takes its things out of
    /// the tree but does not take apart what it holds together.
    private func joinMembers(
        _ db: Database
    ) throws -> (numbers: [NodeNumber: NodeNumber], refusals: [Identity.Refusal]) {
        let order = try Int64.fetchAll(db, sql: "SELECT number FROM state.instance ORDER BY url, number")
        let places = Dictionary(
            uniqueKeysWithValues: order.enumerated().map { (InstanceNumber($0.element), $0.offset) })
        let joined = Identity.join(try evidence(db), order: places)

        var known: [NodeNumber: NodeNumber] = [:]
        var entities = joined.entities
        let together = Set(entities.joined().map(\.number))
        let rows = try Row.fetchCursor(
            db, sql: "SELECT number, entity, instance, kind, id FROM main.member WHERE number <> entity")
        while let row = try rows.next() {
            let number = NodeNumber(row["number"])
            known[number] = NodeNumber(row["entity"])
            guard !together.contains(number), let member = Self.member(row) else { continue }
            entities.append([member])
        }
        var live = Set<NodeNumber>()
        for number in Set(known.values) {
            let found = try Bool.fetchOne(
                db.cachedStatement(sql: "SELECT 1 FROM main.member WHERE number = ?"), arguments: [number.rawValue])
            if found == true { live.insert(number) }
        }
        return (Identity.numbers(of: entities, known: known, live: live), joined.refusals)
    }

    private func evidence(_ db: Database) throws -> [Identity.Evidence] {
        // Only what more than one server has can join anything.
        let shared = """
            SELECT key, number, instance, kind, id FROM found
            WHERE key IN (SELECT key FROM found GROUP BY key HAVING count(DISTINCT instance) > 1) ORDER BY key
            """
        let stashIDs = """
            WITH found AS (
                SELECT '1 ' || m.kind || ' ' || s.endpoint || char(10) || s.stash_id AS key,
                    m.number, m.instance, m.kind, m.id
                FROM main.stash_id s JOIN temp.known m USING (instance, kind, id)) \(shared)
            """
        let files = """
            WITH found AS (
                SELECT '2 ' || m.kind || ' ' || f.oshash || ' ' || f.size AS key, m.number, m.instance, m.kind, m.id
                FROM main.file f JOIN temp.known m USING (instance, kind, id)
                WHERE f.position = 0 AND f.oshash IS NOT NULL AND f.size > 0 AND m.kind IN (1, 7)
                UNION ALL
                SELECT '3 ' || m.kind || ' ' || f.md5, m.number, m.instance, m.kind, m.id
                FROM main.file f JOIN temp.known m USING (instance, kind, id)
                WHERE f.position = 0 AND f.md5 IS NOT NULL AND f.size > 0 AND m.kind IN (1, 7)) \(shared)
            """
        var evidence: [Identity.Evidence] = []
        for sql in [stashIDs, files] {
            var key: String?
            var members: [Identity.Member] = []
            let rows = try Row.fetchCursor(db, sql: sql)
            while let row = try rows.next() {
                let next: String = row["key"]
                if let before = key, before != next {
                    evidence.append(Identity.Evidence(key: before, members: members))
                    members = []
                }
                key = next
                if let member = Self.member(row) { members.append(member) }
            }
            if let key { evidence.append(Identity.Evidence(key: key, members: members)) }
        }
        return evidence
    }

    private static func member(_ row: Row) -> Identity.Member? {
        guard let kind = Kind(rawValue: row["kind"]) else { return nil }
        return Identity.Member(
            number: NodeNumber(row["number"]),
            ref: EntityRef(instance: InstanceNumber(row["instance"]), kind: kind, id: row["id"]))
    }

    private func storeEntities(_ numbers: [NodeNumber: NodeNumber], _ db: Database) throws {
        for table in ["state.member", "main.member"] {
            let changed = try numbers.filter { member, entity in
                try Int64.fetchOne(
                    db.cachedStatement(sql: "SELECT entity FROM \(table) WHERE number = ?"),
                    arguments: [member.rawValue]) != entity.rawValue
            }
            guard !changed.isEmpty else { continue }
            try db.inTransaction(.deferred) {
                let statement = try db.makeStatement(sql: "UPDATE \(table) SET entity = ? WHERE number = ?")
                for (member, entity) in changed {
                    try statement.execute(arguments: [entity.rawValue, member.rawValue])
                }
                return .commit
            }
        }
    }

    private func writeEntityMembers(_ db: Database) throws {
        try db.execute(
            sql: """
                DELETE FROM main.entity_member;
                INSERT INTO main.entity_member (entity, rank, number)
                SELECT m.entity, ROW_NUMBER() OVER (PARTITION BY m.entity ORDER BY a.rank) - 1, m.number
                FROM temp.known m JOIN temp.active a USING (instance);
                """)
    }
}
