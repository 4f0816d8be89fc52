import GRDB
import Library

/// Finds out which members are one entity and under which number, and writes that into the state database.
///
/// Members that cannot depend on each other are looked at in portions, so that memory does not grow with how much the servers
/// have in common.
struct EntityAssignment {
    let db: Database
    let reach: Reach
    /// At most so many members make a portion, unless more of them depend on each other.
    let portion: Int

    /// Over all servers in the index, the switched-off ones too: switching one off takes its things out of the tree but
    /// does not take apart what it holds together. `temp.refusal` is then evidence that was refused because it would have put two
    /// members of one server into one entity.
    func run() throws {
        let places = try Int64.fetchAll(db, sql: "SELECT number FROM state.instance ORDER BY url, number")
        let order = Dictionary(
            uniqueKeysWithValues: places.enumerated().map { (InstanceNumber($0.element), $0.offset) })
        try db.execute(
            sql: """
                CREATE TEMP TABLE concerned (
                    portion INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (portion, number)) WITHOUT ROWID;
                CREATE TEMP TABLE refusal (
                    strength INTEGER NOT NULL, kind INTEGER NOT NULL, text TEXT NOT NULL,
                    first INTEGER NOT NULL, second INTEGER NOT NULL);
                """)
        try collectEvidence()
        let portions = try Portions(db: db)
        try divide(into: min(portion, portions.rows))
        let (links, apart) = (try links(), try apart())
        for portion in try Int64.fetchAll(db, sql: "SELECT DISTINCT portion FROM temp.concerned") {
            let joined = Identity.join(
                try evidence(portion) + links[portion, default: []], apart: apart, order: order)
            for refusal in joined.refusals { try store(refusal) }
            let standing = try standing(portion, joined.entities)
            let found = EntityNumbers.assign(standing, sources: try sources(standing))
            try store(found, of: Array(standing.joined()), portions)
        }
        try moveReplaced(portions)
    }

    /// `temp.concerned`: whoever may become one entity with others, or may want their numbers, by portions. Who has nobody to
    /// share anything with stays what it is.
    private func divide(into size: Int) throws {
        if !reach.isWhole, try Int.fetchOne(db, sql: "SELECT count(*) FROM temp.reach") ?? 0 <= size {
            return try db.execute(sql: "INSERT INTO temp.concerned SELECT 0, number FROM temp.reach")
        }
        var sets = DisjointSets()
        func tie(_ pairs: String) throws {
            let rows = try Row.fetchCursor(db, sql: pairs)
            while let row = try rows.next() { sets.tie(row[0], row[1]) }
        }
        try tie("SELECT lag(number, 1, number) OVER (PARTITION BY strength, kind, text), number FROM temp.evidence")
        let member = reach.from("state.member s", number: "s.number")
        let name = reach.from("state.name n", number: "n.source")
        try tie("SELECT a, b FROM \(reach.from("temp.tie", number: "a"))")
        try tie("SELECT s.number, s.entity FROM \(member) WHERE s.entity <> s.number")
        try tie("SELECT s.number, s.spare FROM \(member) WHERE s.spare IS NOT NULL")
        try tie("SELECT n.number, n.source FROM \(name) WHERE n.scope = 0 AND n.current = 1 AND n.number <> n.source")
        let insert = try db.makeStatement(sql: "INSERT INTO temp.concerned (portion, number) VALUES (?, ?)")
        var (portion, count, last): (Int64, Int, Int64) = (0, 0, 0)
        for (set, number) in sets.members() {
            if count >= size, set != last { (portion, count) = (portion + 1, 0) }
            try insert.execute(arguments: [portion, number])
            (count, last) = (count + 1, set)
        }
    }

    // MARK: What joins

    /// `temp.evidence`: what more than one server has.
    private func collectEvidence() throws {
        let found = EvidenceSource.union { source in
            """
            SELECT \(source.strength.rawValue) AS strength, \(source.text) AS text, m.kind, m.number, m.instance, m.id
            FROM \(reach.isWhole ? "\(source.table) JOIN temp.known m" : "temp.known m CROSS JOIN \(source.table)")
                USING (instance, kind, id)
            WHERE \(source.isPrimary) \(source == .stashID ? "" : "AND x.kind IN (1, 7)")
            """
        }
        try db.execute(
            sql: """
                CREATE TEMP TABLE evidence (
                    strength INTEGER NOT NULL, text TEXT NOT NULL, kind INTEGER NOT NULL, number INTEGER NOT NULL,
                    instance INTEGER NOT NULL, id INTEGER NOT NULL);
                """)
        // Only what more than one server has can join anything. Files join what is one file itself.
        let servers = try Int.fetchOne(
            db,
            sql: """
                SELECT count(*) FROM state.instance i
                WHERE EXISTS (SELECT 1 FROM main.member m WHERE m.instance = i.number)
                """)
        guard servers ?? 0 > 1 else { return }
        try db.execute(
            sql: """
                INSERT INTO temp.evidence
                SELECT strength, text, kind, number, instance, id FROM (
                    SELECT *, min(instance) OVER same AS first, max(instance) OVER same AS last FROM (\(found))
                    WINDOW same AS (PARTITION BY strength, kind, text))
                WHERE first <> last;
                CREATE INDEX temp.evidence_number ON evidence (number);
                """)
    }

    private func evidence(_ portion: Int64) throws -> [Identity.Evidence] {
        let rows = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT e.* FROM temp.concerned c CROSS JOIN temp.evidence e ON e.number = c.number
                    WHERE c.portion = ? ORDER BY e.strength, e.kind, e.text
                    """), arguments: [portion])
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

    private func store(_ refusal: Identity.Refusal) throws {
        try db.cachedStatement(
            sql: "INSERT INTO temp.refusal (strength, kind, text, first, second) VALUES (?, ?, ?, ?, ?)"
        ).execute(arguments: [
            refusal.strength.rawValue, refusal.first.ref.kind.rawValue, refusal.text,
            refusal.first.number.rawValue, refusal.second.number.rawValue,
        ])
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

    /// By portions.
    private func links() throws -> [Int64: [Identity.Evidence]] {
        let rows = try Row.fetchCursor(
            db,
            sql: """
                \(Self.replaced)
                SELECT c.portion, a.number, a.instance, a.kind, a.id,
                    b.number AS number2, b.instance AS instance2, b.id AS id2
                FROM state.hand_link l
                CROSS JOIN state.member x ON x.instance = l.instance AND x.kind = l.kind
                    AND x.id = \(Self.current("l.instance", "l.kind", "l.id"))
                CROSS JOIN state.member y ON y.instance = l.other_instance AND y.kind = l.kind
                    AND y.id = \(Self.current("l.other_instance", "l.kind", "l.other_id"))
                JOIN temp.known a ON a.number = x.number JOIN temp.known b ON b.number = y.number
                JOIN temp.concerned c ON c.number = a.number
                """)
        var links: [Int64: [Identity.Evidence]] = [:]
        while let row = try rows.next() {
            guard let a = Self.member(row) else { continue }
            let ref = EntityRef(instance: InstanceNumber(row["instance2"]), kind: a.ref.kind, id: row["id2"])
            let b = Identity.Member(number: NodeNumber(row["number2"]), ref: ref)
            links[row["portion"], default: []].append(Identity.Evidence(.hand, "", [a, b]))
        }
        return links
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

    /// The joined members of a portion, and each of the others by itself, with what is remembered of them.
    private func standing(_ portion: Int64, _ joined: [[Identity.Member]]) throws -> [[EntityNumbers.Standing]] {
        var places: [NodeNumber: Int] = [:]
        for (place, members) in joined.enumerated() {
            for member in members { places[member.number] = place }
        }
        let rows = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT k.*, a.instance IS NOT NULL AND EXISTS (
                        SELECT 1 FROM main.member m JOIN main.entity_member e ON e.entity = m.entity AND e.number = m.number
                        WHERE m.number = k.number) AS shown
                    FROM temp.concerned c
                    CROSS JOIN temp.known k ON k.number = c.number LEFT JOIN temp.active a ON a.instance = k.instance
                    WHERE c.portion = ?
                    """), arguments: [portion])
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
        let byNumber = try db.cachedStatement(
            sql: "SELECT number, source FROM state.name WHERE scope = 0 AND number = ? AND current = 1")
        let bySource = try db.cachedStatement(
            sql: "SELECT number, source FROM state.name WHERE scope = 0 AND source = ? AND current = 1")
        for one in entities.joined() {
            let numbers = [one.known, one.member.number] + (one.spare.map { [$0] } ?? [])
            var rows = try numbers.flatMap { try Row.fetchAll(byNumber, arguments: [$0.rawValue]) }
            rows += try Row.fetchAll(bySource, arguments: [one.member.number.rawValue])
            for row in rows { sources[NodeNumber(row["number"])] = NodeNumber(row["source"]) }
        }
        return sources
    }

    /// Writes what a portion came to, all at once: where only some of those who depend on each other are known by their new
    /// numbers, the others would get other ones when a run that was killed there is done again.
    private func store(
        _ found: EntityNumbers.Result, of standing: [EntityNumbers.Standing], _ portions: Portions
    ) throws {
        var numbers = found.numbers
        // Who has got no number yet is among these.
        guard standing.contains(where: { numbers[$0.member.number] != $0.known }) else { return }
        try portions.run {
            for (first, members) in found.unnumbered {
                let number = try spareNumber(for: first)
                for member in members { numbers[member] = number }
            }
            for one in standing {
                guard let entity = numbers[one.member.number], entity != one.known else { continue }
                try move(one.member.number.rawValue, to: entity.rawValue)
            }
            try moveAbsent(standing, numbers)
        }
    }

    private func move(_ member: Int64, to entity: Int64) throws {
        try db.cachedStatement(sql: "UPDATE state.member SET entity = ? WHERE number = ?")
            .execute(arguments: [entity, member])
    }

    /// A number that is no member's: the next one that a member would have got.
    private func spareNumber(for member: NodeNumber) throws -> NodeNumber {
        try db.execute(sql: "UPDATE state.sqlite_sequence SET seq = seq + 1 WHERE name = 'member'")
        let number = try Int64.fetchOne(db, sql: "SELECT seq FROM state.sqlite_sequence WHERE name = 'member'") ?? 0
        try db.execute(
            sql: "UPDATE state.member SET spare = ? WHERE number = ?", arguments: [number, member.rawValue])
        return NodeNumber(number)
    }

    /// Members whose servers are gone belong to what the others of their entity belong to now: people's values and old paths lead
    /// there.
    private func moveAbsent(
        _ standing: [EntityNumbers.Standing], _ numbers: [NodeNumber: NodeNumber]
    ) throws {
        let held = Set(numbers.values)
        var target: [NodeNumber: (member: Identity.Member, entity: NodeNumber)] = [:]
        for one in standing where !held.contains(one.known) {
            guard let entity = numbers[one.member.number] else { continue }
            if let other = target[one.known], other.member.ref < one.member.ref { continue }
            target[one.known] = (one.member, entity)
        }
        let isHeld = try db.cachedStatement(
            sql: "SELECT EXISTS (SELECT 1 FROM temp.known WHERE number = ? AND entity = ?)")
        for (former, (_, entity)) in target.sorted(by: { $0.key < $1.key }) {
            // A single member that is known by its own number was no concern, but holds that number all the same.
            guard try Bool.fetchOne(isHeld, arguments: [former.rawValue, former.rawValue]) != true else { continue }
            try db.cachedStatement(sql: "UPDATE state.member SET entity = ? WHERE entity = ?")
                .execute(arguments: [entity.rawValue, former.rawValue])
        }
    }

    /// What was replaced at its server belongs to what its replacement does.
    private func moveReplaced(_ portions: Portions) throws {
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
        try portions.run(heirs) { try move($0["number"], to: $0["entity"]) }
    }
}
