import Foundation
import GRDB

/// Which entities of the merged library are asked for. All conditions have to be met.
package struct PageQuery: Sendable {
    package var kind: Kind
    /// Those that this server has.
    package var instance: InstanceNumber?
    /// Those that belong to each of these entities: tags, performers, a studio, groups, galleries.
    package var related: [NodeNumber] = []
    /// Those that this person rated so (0–100).
    package var rating: (uid: UInt32, range: ClosedRange<Int64>)?
    /// Those whose title holds each of these words, compared without case.
    package var words: [String] = []
    /// Behind the one with this `Node.name` key.
    package var after: String?
    package var limit: Int

    package init(_ kind: Kind, limit: Int) {
        self.kind = kind
        self.limit = limit
    }
}

/// An entity as programs are told of it.
package struct ListedEntity: Sendable {
    /// Another thing of the library that it belongs to, or that belongs to it.
    package struct Related: Sendable {
        package let kind: Kind
        package let ref: EntityRef
        package let title: String
    }

    package let node: Node
    /// In priority order.
    package let members: [EntityRef]
    package let facts: EntityFacts
    package let related: [Related]
    package let personal: [PersonalField: PersonalValue]
}

/// Entities in the order of their names, with what it takes to go on behind them.
package struct EntityPage: Sendable {
    package let entities: [ListedEntity]
    /// For `PageQuery.after`; nil when nothing is left.
    package let next: String?
}

extension Catalogue {
    /// A page of the merged library, in the order of names, which stay: whoever goes on behind the last one misses nothing that was
    /// there all the time, whatever comes and goes.
    ///
    /// - Parameters:
    ///   - query: What is asked for.
    ///   - uid: Whose ratings are told.
    /// - Returns: At most `query.limit` entities.
    /// - Throws: What SQLite says.
    package func page(_ query: PageQuery, uid: UInt32) throws -> EntityPage {
        let found = try matching(query)
        let kept = found.prefix(query.limit)
        let related = try related(to: kept.map(\.node))
        let entities = try kept.map { found in
            let members = try members(ofEntity: found.node.number)
            return ListedEntity(
                node: found.node, members: members, facts: try facts(members, .merged, found.node.number),
                related: related[found.node.number] ?? [], personal: try state.personal(of: members, uid: uid))
        }
        return EntityPage(entities: entities, next: found.count > query.limit ? kept.last?.key : nil)
    }

    /// How many entities there are on all pages.
    package func count(_ query: PageQuery) throws -> Int {
        var all = query
        all.after = nil
        let condition = try condition(all)
        return try read { db in
            try Int.fetchOne(
                db, sql: "SELECT count(*) FROM node n WHERE \(condition.sql)", arguments: condition.arguments)
                ?? 0
        }
    }

    /// One more than asked for, when there is one.
    private func matching(_ query: PageQuery) throws -> [(key: String, node: Node)] {
        let condition = try condition(query)
        return try read { db in
            let keys = try String.fetchAll(
                db, sql: "SELECT n.key FROM node n WHERE \(condition.sql) ORDER BY n.key LIMIT \(query.limit + 1)",
                arguments: condition.arguments)
            return try keys.compactMap { key in
                try Self.node(db, query.kind, key: key).map { (key, $0) }
            }
        }
    }

    private func condition(_ query: PageQuery) throws -> (sql: String, arguments: StatementArguments) {
        var parts = ["n.scope = 0 AND n.kind = \(query.kind.rawValue) AND n.visible"]
        var arguments: [any DatabaseValueConvertible] = []
        if let instance = query.instance {
            parts.append(
                """
                EXISTS (SELECT 1 FROM entity_member e JOIN member m ON m.number = e.number
                    WHERE e.entity = n.number AND m.instance = \(instance.rawValue))
                """)
        }
        for entity in query.related {
            parts.append("n.number IN (SELECT child FROM link WHERE scope = 0 AND parent = ? AND kind = ?)")
            arguments += [entity.rawValue, query.kind.rawValue]
        }
        if let (uid, range) = query.rating {
            let list = try ratedEntities(query.kind, uid, range).map { "\($0.rawValue)" }.joined(separator: ",")
            parts.append("n.number IN (SELECT value FROM json_each(?))")
            arguments.append("[\(list)]")
        }
        for word in query.words {
            parts.append("instr(n.key, ?) > 0")
            arguments.append(NameRules.key(word))
        }
        if let after = query.after {
            parts.append("n.key > ?")
            arguments.append(after)
        }
        return (parts.joined(separator: " AND "), StatementArguments(arguments))
    }

    private static func node(_ db: Database, _ kind: Kind, key: String) throws -> Node? {
        try collect(
            db, "SELECT \(columns), NULL AS position FROM \(nodes) WHERE n.scope = 0 AND n.kind = ? AND n.key = ?",
            [kind.rawValue, key]
        ).first
    }

    /// The entities of which this person's newest rating is in the range.
    private func ratedEntities(_ kind: Kind, _ uid: UInt32, _ range: ClosedRange<Int64>) throws -> [NodeNumber] {
        try state.pool.read { db in
            try Int64.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT entity FROM (
                            SELECT m.entity AS entity, p.value AS value, max(p.changed_at) FROM personal p
                            JOIN member m ON m.instance = p.instance AND m.kind = p.kind AND m.id = p.id
                            WHERE p.uid = ? AND p.kind = ? AND p.field = ? GROUP BY m.entity)
                        WHERE value BETWEEN ? AND ?
                        """),
                arguments: [
                    Int64(uid), kind.rawValue, PersonalField.rating.rawValue, range.lowerBound, range.upperBound,
                ]
            ).map(NodeNumber.init)
        }
    }

    /// What each of these entities stands in: its performers, tags, studio, groups and galleries.
    private func related(to nodes: [Node]) throws -> [NodeNumber: [ListedEntity.Related]] {
        try read { db in
            let list = nodes.map { "\($0.number.rawValue)" }.joined(separator: ",")
            let rows = try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT l.child, p.kind, p.title, m.instance, m.id FROM json_each(?) j
                        JOIN link l ON l.scope = 0 AND l.child = j.value
                        JOIN node p ON p.scope = 0 AND p.number = l.parent
                        JOIN member m ON m.number = p.member ORDER BY p.kind, p.key
                        """), arguments: ["[\(list)]"])
            var related: [NodeNumber: [ListedEntity.Related]] = [:]
            for row in rows {
                guard let kind = Kind(rawValue: row[1]) else { continue }
                related[NodeNumber(row[0]), default: []].append(
                    ListedEntity.Related(
                        kind: kind, ref: EntityRef(instance: InstanceNumber(row[3]), kind: kind, id: row[4]),
                        title: row[2]))
            }
            return related
        }
    }

    /// What the primary file of a thing is called at its server.
    package func basename(of ref: EntityRef) throws -> String? {
        try read { db in
            try String.fetchOne(
                db.cachedStatement(
                    sql: "SELECT basename FROM file WHERE instance = ? AND kind = ? AND id = ? AND position = 0"),
                arguments: [ref.instance.rawValue, ref.kind.rawValue, ref.id])
        }
    }
}
