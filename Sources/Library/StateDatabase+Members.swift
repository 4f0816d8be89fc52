import GRDB

extension StateDatabase {
    /// Every member that is part of the same entity, itself too, also those of servers that are switched off or removed
    /// and those that were replaced at their servers: what people say is said of all of them. Empty when the thing is not
    /// known.
    package func members(togetherWith ref: EntityRef) throws -> [EntityRef] {
        try pool.read { db in try Self.members(togetherWith: ref, db) }
    }

    static func members(togetherWith ref: EntityRef, _ db: Database) throws -> [EntityRef] {
        try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT instance, kind, id FROM member WHERE entity = (
                        SELECT entity FROM member WHERE instance = ? AND kind = ? AND id = ?) ORDER BY instance, id
                    """),
            arguments: [ref.instance.rawValue, ref.kind.rawValue, ref.id]
        ).compactMap { row in
            guard let kind = Kind(rawValue: row["kind"]) else { return nil }
            return EntityRef(instance: InstanceNumber(row["instance"]), kind: kind, id: row["id"])
        }
    }

    /// The entity that a number leads to: a member's own number, or the second one that it got.
    func entity(of number: NodeNumber) throws -> NodeNumber? {
        try pool.read { db in
            try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT entity FROM member WHERE number = ?1 OR spare = ?1"),
                arguments: [number.rawValue]
            ).map(NodeNumber.init)
        }
    }
}
