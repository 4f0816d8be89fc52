import GRDB
import Library

/// Finds out which members are one entity and under which number, and writes that into the state database.
struct EntityAssignment {
    let db: Database
    let reach: Reach

    /// Over all servers in the index, the switched-off ones too: switching one off takes its things out of the tree but
    /// does not take apart what it holds together.
    ///
    /// - Returns: Evidence that was refused because it would have put two members of one server into one entity.
    func run() throws -> [Identity.Refusal] {
        let places = try Int64.fetchAll(db, sql: "SELECT number FROM state.instance ORDER BY url, number")
        let order = Dictionary(
            uniqueKeysWithValues: places.enumerated().map { (InstanceNumber($0.element), $0.offset) })
        let joined = Identity.join(try evidence() + links(), apart: try apart(), order: order)
        let standing = try self.standing(joined.entities)
        var found = EntityNumbers.assign(standing, sources: try sources(standing))
        for (first, members) in found.unnumbered {
            let number = try spareNumber(for: first)
            for member in members { found.numbers[member] = number }
        }
        try store(found.numbers)
        try moveAbsent(standing.joined(), found.numbers)
        return joined.refusals
    }

    // MARK: What joins

    private func evidence() throws -> [Identity.Evidence] {
        // Only what more than one server has can join anything. Files join what is one file itself.
        let servers = try Int.fetchOne(
            db, sql: "SELECT count(*) FROM state.instance WHERE number IN (SELECT DISTINCT instance FROM main.member)")
        guard servers ?? 0 > 1 else { return [] }
        let found = EvidenceSource.union { source in
            """
            SELECT \(source.strength.rawValue) AS strength, \(source.text) AS text, m.kind, m.number, m.instance, m.id
            FROM \(reach.isWhole ? "\(source.table) JOIN temp.known m" : "temp.known m CROSS JOIN \(source.table)")
                USING (instance, kind, id)
            WHERE \(source.isPrimary) \(source == .stashID ? "" : "AND x.kind IN (1, 7)")
            """
        }
        let rows = try Row.fetchCursor(
            db,
            sql: """
                WITH found AS MATERIALIZED (\(found))
                SELECT strength, text, number, instance, kind, id FROM found
                WHERE (strength, kind, text) IN (
                    SELECT strength, kind, text FROM found GROUP BY 1, 2, 3 HAVING count(DISTINCT instance) > 1)
                ORDER BY strength, kind, text
                """)
        var evidence: [Identity.Evidence] = []
        var members: [Identity.Member] = []
        var shared: (strength: Identity.Evidence.Strength, text: String)?
        func close() {
            guard let shared else { return }
            evidence.append(Identity.Evidence(shared.strength, shared.text, members))
            members = []
        }
        while let row = try rows.next() {
            guard let member = Self.member(row), let strength = Identity.Evidence.Strength(rawValue: row["strength"])
            else { continue }
            let text: String = row["text"]
            if shared?.strength != strength || shared?.text != text || members.last?.ref.kind != member.ref.kind {
                close()
            }
            shared = (strength, text)
            members.append(member)
        }
        close()
        return evidence
    }

    /// A thing that was replaced at its server stands for what replaced it.
    private static let replaced = """
        WITH RECURSIVE heir (instance, kind, id, current, steps) AS (
            SELECT instance, kind, id, successor, 1 FROM state.successor
            UNION ALL
            SELECT h.instance, h.kind, h.id, s.successor, h.steps + 1 FROM heir h JOIN state.successor s
                ON s.instance = h.instance AND s.kind = h.kind AND s.id = h.current WHERE h.steps < 100)
        """

    private static func current(_ instance: String, _ kind: String, _ id: String) -> String {
        """
        coalesce((SELECT current FROM heir h WHERE h.instance = \(instance) AND h.kind = \(kind) AND h.id = \(id)
            ORDER BY steps DESC LIMIT 1), \(id))
        """
    }

    private func links() throws -> [Identity.Evidence] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                \(Self.replaced)
                SELECT a.number, a.instance, a.kind, a.id, b.number AS number2, b.instance AS instance2, b.id AS id2
                FROM state.hand_link l
                CROSS JOIN state.member x ON x.instance = l.instance AND x.kind = l.kind
                    AND x.id = \(Self.current("l.instance", "l.kind", "l.id"))
                CROSS JOIN state.member y ON y.instance = l.other_instance AND y.kind = l.kind
                    AND y.id = \(Self.current("l.other_instance", "l.kind", "l.other_id"))
                JOIN temp.known a ON a.number = x.number JOIN temp.known b ON b.number = y.number
                """)
        return rows.compactMap { row in
            guard let a = Self.member(row) else { return nil }
            let ref = EntityRef(instance: InstanceNumber(row["instance2"]), kind: a.ref.kind, id: row["id2"])
            return Identity.Evidence(.hand, "", [a, Identity.Member(number: NodeNumber(row["number2"]), ref: ref)])
        }
    }

    private func apart() throws -> Set<EntityRef> {
        let rows = try Row.fetchAll(
            db,
            sql: """
                \(Self.replaced)
                SELECT instance, kind, \(Self.current("p.instance", "p.kind", "p.id")) AS id FROM state.hand_split p
                """)
        return Set(
            rows.compactMap { row in
                Kind(rawValue: row["kind"]).map {
                    EntityRef(instance: InstanceNumber(row["instance"]), kind: $0, id: row["id"])
                }
            })
    }

    private static func member(_ row: Row) -> Identity.Member? {
        guard let kind = Kind(rawValue: row["kind"]) else { return nil }
        return Identity.Member(
            number: NodeNumber(row["number"]),
            ref: EntityRef(instance: InstanceNumber(row["instance"]), kind: kind, id: row["id"]))
    }

    // MARK: Under which number

    /// The joined members, and the single ones that are not simply known by their own number or whose number others are
    /// known by; each with what is remembered of it.
    private func standing(_ joined: [[Identity.Member]]) throws -> [[EntityNumbers.Standing]] {
        var places: [NodeNumber: Int] = [:]
        for (place, members) in joined.enumerated() {
            for member in members { places[member.number] = place }
        }
        try db.execute(sql: "CREATE TEMP TABLE concerned (number INTEGER PRIMARY KEY)")
        let insert = try db.makeStatement(sql: "INSERT INTO temp.concerned (number) VALUES (?)")
        for number in places.keys { try insert.execute(arguments: [number.rawValue]) }
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO temp.concerned SELECT number FROM temp.known WHERE entity <> number;
                INSERT OR IGNORE INTO temp.concerned
                SELECT k.number FROM temp.concerned c CROSS JOIN state.member o ON o.number = c.number
                JOIN temp.known k ON k.number = o.entity;
                """)
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT k.*, a.instance IS NOT NULL AND EXISTS (
                    SELECT 1 FROM main.member m JOIN main.entity_member e ON e.entity = m.entity AND e.number = m.number
                    WHERE m.number = k.number) AS shown
                FROM temp.concerned c
                CROSS JOIN temp.known k ON k.number = c.number LEFT JOIN temp.active a ON a.instance = k.instance
                """)
        var entities: [[EntityNumbers.Standing]] = Array(repeating: [], count: joined.count)
        while let row = try rows.next() {
            guard let member = Self.member(row) else { continue }
            let standing = EntityNumbers.Standing(
                member: member, known: NodeNumber(row["entity"]), spare: (row["spare"] as Int64?).map(NodeNumber.init),
                isContinued: row["placed"] && row["shown"])
            if let place = places[member.number] {
                entities[place].append(standing)
            } else {
                entities.append([standing])
            }
        }
        return entities.filter { !$0.isEmpty }
    }

    /// The names that go with numbers of these entities, and those that were made of their members: which member each was
    /// made of.
    private func sources(_ entities: [[EntityNumbers.Standing]]) throws -> [NodeNumber: NodeNumber] {
        var sources: [NodeNumber: NodeNumber] = [:]
        let byNumber = try db.makeStatement(
            sql: "SELECT number, source FROM state.name WHERE scope = 0 AND number = ? AND current = 1")
        let bySource = try db.makeStatement(
            sql: "SELECT number, source FROM state.name WHERE scope = 0 AND source = ? AND current = 1")
        for one in entities.joined() {
            let numbers = [one.known, one.member.number] + (one.spare.map { [$0] } ?? [])
            var rows = try numbers.flatMap { try Row.fetchAll(byNumber, arguments: [$0.rawValue]) }
            rows += try Row.fetchAll(bySource, arguments: [one.member.number.rawValue])
            for row in rows { sources[NodeNumber(row["number"])] = NodeNumber(row["source"]) }
        }
        return sources
    }

    /// A number that is no member's: the next one that a member would have got.
    private func spareNumber(for member: NodeNumber) throws -> NodeNumber {
        var number: Int64 = 0
        try db.inTransaction(.deferred) {
            try db.execute(sql: "UPDATE state.sqlite_sequence SET seq = seq + 1 WHERE name = 'member'")
            number = try Int64.fetchOne(db, sql: "SELECT seq FROM state.sqlite_sequence WHERE name = 'member'") ?? 0
            try db.execute(
                sql: "UPDATE state.member SET spare = ? WHERE number = ?", arguments: [number, member.rawValue])
            return .commit
        }
        return NodeNumber(number)
    }

    private func store(_ numbers: [NodeNumber: NodeNumber]) throws {
        try db.execute(
            sql: """
                CREATE TEMP TABLE reassigned (
                    position INTEGER PRIMARY KEY, number INTEGER NOT NULL, entity INTEGER NOT NULL)
                """)
        let known = try db.makeStatement(sql: "SELECT entity FROM state.member WHERE number = ?")
        let insert = try db.makeStatement(sql: "INSERT INTO temp.reassigned (number, entity) VALUES (?, ?)")
        for (member, entity) in numbers.sorted(by: { $0.key < $1.key }) {
            guard try Int64.fetchOne(known, arguments: [member.rawValue]) != entity.rawValue else { continue }
            try insert.execute(arguments: [member.rawValue, entity.rawValue])
        }
        try Portions(db: db).run(over: "reassigned") { range in
            try db.execute(
                sql: """
                    UPDATE state.member SET entity = v.entity FROM temp.reassigned v
                    WHERE v.position BETWEEN ? AND ? AND state.member.number = v.number
                    """, arguments: [range.lowerBound, range.upperBound])
        }
    }

    /// Members whose servers are gone, and those that were replaced, belong to what the others of their entity belong to
    /// now, or what replaced them does: people's values and old paths lead there.
    private func moveAbsent(
        _ standing: some Sequence<EntityNumbers.Standing>, _ numbers: [NodeNumber: NodeNumber]
    ) throws {
        let held = Set(numbers.values)
        var target: [NodeNumber: (member: Identity.Member, entity: NodeNumber)] = [:]
        for one in standing where !held.contains(one.known) {
            guard let entity = numbers[one.member.number] else { continue }
            if let other = target[one.known], other.member.ref < one.member.ref { continue }
            target[one.known] = (one.member, entity)
        }
        let isHeld = try db.makeStatement(
            sql: "SELECT EXISTS (SELECT 1 FROM temp.known WHERE number = ? AND entity = ?)")
        for (former, (_, entity)) in target.sorted(by: { $0.key < $1.key }) {
            // A single member that is known by its own number was no concern, but holds that number all the same.
            guard try Bool.fetchOne(isHeld, arguments: [former.rawValue, former.rawValue]) != true else { continue }
            try move("entity = \(former.rawValue)", to: entity.rawValue)
        }
        let heirs = try Row.fetchAll(
            db,
            sql: """
                \(Self.replaced)
                SELECT s.number, k.entity FROM state.successor o
                CROSS JOIN state.member s ON s.instance = o.instance AND s.kind = o.kind AND s.id = o.id
                CROSS JOIN state.member x ON x.instance = o.instance AND x.kind = o.kind
                    AND x.id = \(Self.current("o.instance", "o.kind", "o.id"))
                CROSS JOIN temp.known k ON k.number = x.number
                WHERE s.entity <> k.entity
                """)
        for row in heirs { try move("number = \(row["number"] as Int64)", to: row["entity"]) }
    }

    private func move(_ condition: String, to entity: Int64) throws {
        let isDue = try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM state.member WHERE \(condition))")
        guard isDue == true else { return }
        try db.inTransaction(.deferred) {
            try db.execute(sql: "UPDATE state.member SET entity = ? WHERE \(condition)", arguments: [entity])
            return .commit
        }
    }
}
