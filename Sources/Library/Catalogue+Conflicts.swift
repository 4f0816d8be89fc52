import GRDB

/// An entity about which its servers disagree.
package struct EntityConflict: Sendable, Equatable {
    package let entity: NodeNumber
    package let kind: Kind
    /// As it is shown.
    package let title: String
    /// All members on servers that are switched on, in priority order.
    package let members: [NamedThing]
    /// The fields in which they disagree; never empty.
    package let fields: [ShownField]
}

/// A page of conflicts.
package struct ConflictPage: Sendable, Equatable {
    package let entities: [EntityConflict]
    /// How many entities there are with a conflict, on this page or not.
    package let total: Int
    /// How many fields, over all entities.
    package let totalFields: Int
}

/// Evidence that two things are the same, which was not followed: it would have made two things of one server one.
package struct RefusedEvidence: Sendable, Equatable, Hashable {
    package let strength: Identity.Evidence.Strength
    package let kind: Kind
    /// `<endpoint> <id>` of a shared id; `oshash …` or `md5 …` of a file; empty of a link by hand.
    package let text: String
    /// Of the server with the lower number.
    package let first: EntityRef
    package let second: EntityRef
    /// The two of one server that would have become one; nil when the servers have said something else since.
    package let clash: [EntityRef]?
}

extension Catalogue {
    /// Where servers disagree about the same entity. Only entities with two members or more are read; all of them are, because
    /// the total is told, in one pass over the index that keeps one page in memory.
    ///
    /// - Parameters:
    ///   - kind: nil for all.
    ///   - limit: Entities on the page.
    ///   - offset: Entities before the page, in the order of their numbers.
    /// - Returns: The page and the totals.
    /// - Throws: What SQLite says.
    package func conflicts(kind: Kind? = nil, limit: Int, offset: Int = 0) throws -> ConflictPage {
        var scan = ConflictScan(limit: limit, offset: offset)
        try read { db in
            // CROSS keeps the order of entities, which is the table's own.
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT e.entity, \(FieldRows.columns) FROM entity_member e CROSS JOIN member m \(FieldRows.joins(.merged))
                    WHERE m.number = e.number AND (:kind IS NULL OR m.kind = :kind) AND EXISTS (
                        SELECT 1 FROM entity_member o WHERE o.entity = e.entity AND o.rank = 1)
                    ORDER BY e.entity, e.rank
                    """, arguments: ["kind": kind?.rawValue])
            while let row = try rows.next() { scan.take(row) }
            scan.end()
        }
        return ConflictPage(
            entities: try scan.found.map { found in
                let refs = found.members.map(\.ref)
                let title = try node(.merged, found.entity)?.title
                return EntityConflict(
                    entity: found.entity, kind: refs[0].kind, title: title ?? "", members: try things(refs),
                    fields: found.fields)
            }, total: scan.total, totalFields: scan.totalFields)
    }

    /// Evidence that was refused when identities were last computed, the strongest first.
    package func refusals() throws -> [RefusedEvidence] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT r.strength, r.kind, r.text, a.instance, a.id, b.instance, b.id, a.entity, b.entity
                    FROM refusal r JOIN member a ON a.number = r.first JOIN member b ON b.number = r.second
                    """
            ).compactMap { row in
                guard let strength = Identity.Evidence.Strength(rawValue: row[0]), let kind = Kind(rawValue: row[1])
                else {
                    return nil
                }
                let pair = [
                    EntityRef(instance: InstanceNumber(row[3]), kind: kind, id: row[4]),
                    EntityRef(instance: InstanceNumber(row[5]), kind: kind, id: row[6]),
                ].sorted()
                return RefusedEvidence(
                    strength: strength, kind: kind, text: row[2], first: pair[0], second: pair[1],
                    clash: try Self.clash(row[7], row[8], kind, db))
            }.sorted {
                ($0.strength, $0.kind.rawValue, $0.text, $0.first, $0.second)
                    < ($1.strength, $1.kind.rawValue, $1.text, $1.first, $1.second)
            }
        }
    }

    private static func clash(_ a: Int64?, _ b: Int64?, _ kind: Kind, _ db: Database) throws -> [EntityRef]? {
        guard let a, let b, a != b else { return nil }
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT x.instance, x.id, y.id FROM member x JOIN member y ON y.instance = x.instance
                    WHERE x.entity = ? AND y.entity = ? ORDER BY x.instance, x.id, y.id LIMIT 1
                    """), arguments: [a, b])
        return row.map { row in
            [row[1] as Int64, row[2]].map { EntityRef(instance: InstanceNumber(row[0]), kind: kind, id: $0) }
        }
    }
}

/// Goes through the members of entities, row by row, and keeps those that disagree.
private struct ConflictScan {
    struct Found {
        let entity: NodeNumber
        let members: [MemberFields]
        let fields: [ShownField]
    }

    let limit: Int
    let offset: Int
    private(set) var found: [Found] = []
    private(set) var total = 0
    private(set) var totalFields = 0
    private var entity: NodeNumber?
    private var rows = FieldRows()

    init(limit: Int, offset: Int) {
        self.limit = limit
        self.offset = offset
    }

    mutating func take(_ row: Row) {
        let next = NodeNumber(row[0])
        if next != entity {
            end()
            entity = next
        }
        rows.take(row)
    }

    /// Ends the entity whose rows were taken last.
    mutating func end() {
        defer { rows.removeAll() }
        guard let entity else { return }
        let fields = ShownField.all(of: rows.members).filter(\.isConflict)
        guard !fields.isEmpty else { return }
        if total >= offset, found.count < limit {
            found.append(Found(entity: entity, members: rows.members, fields: fields))
        }
        total += 1
        totalFields += fields.count
    }
}
