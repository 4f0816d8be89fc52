import Foundation
import GRDB

/// What is known of one entity, as people are shown it: each value from the first member that has one, sets united.
package struct EntityFacts: Sendable, Equatable {
    /// All members in the order of their right to be shown; the first is the one that was asked for.
    package var members: [EntityRef] = []
    package var title = ""
    package var date: String?
    package var details: String?
    package var rating: Int64?
    /// The server's text of the first member.
    package var updatedAt = ""
    package var studio: String?
    package var performers: [String] = []
    package var tags: [String] = []
    package var groups: [String] = []
    /// Seconds.
    package var duration: Double?
    package var width: Int64?
    package var height: Int64?
    package var basename: String?
    /// Every field with who says what about it; the values above are taken from here.
    package var fields: [ShownField] = []
    /// Of the first member that has any, in the order of their times.
    package var markers: [MarkerFacts] = []
    /// `endpoint id`, normalised.
    package var stashIDs: [String] = []
    /// What each member's server said, whole; one JSON object a member, in the order of `members`.
    package var json: [String] = []
}

/// A place in a scene that somebody has marked.
package struct MarkerFacts: Sendable, Equatable {
    /// From the beginning.
    package let seconds: Double
    /// Both may be empty.
    package let title: String
    package let tag: String
}

extension EntityFacts {
    fileprivate mutating func show(_ fields: [ShownField]) {
        self.fields = fields
        for field in fields {
            switch (field.name, field.shown.value) {
            case ("title", let value): title = value.text
            case ("date", let value), ("birthdate", let value): date = value.text
            case ("details", let value): details = value.text
            case ("rating", .integer(let value)): rating = value
            case ("studio", let value), ("parent_studio", let value): studio = value.text
            default: break
            }
        }
    }
}

extension Catalogue {
    /// The members of an entity, in priority order; none when all its servers are switched off.
    package func members(ofEntity entity: NodeNumber) throws -> [EntityRef] {
        try read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT m.instance, m.kind, m.id FROM entity_member e JOIN member m ON m.number = e.number
                        WHERE e.entity = ? ORDER BY e.rank
                        """), arguments: [entity.rawValue]
            ).compactMap { row in
                guard let kind = Kind(rawValue: row["kind"]) else { return nil }
                return EntityRef(instance: InstanceNumber(row["instance"]), kind: kind, id: row["id"])
            }
        }
    }

    /// Everything that attributes show.
    /// `members` come in the order of their right to be shown; related names are those of `scope`, in which the thing has
    /// this number.
    package func facts(_ members: [EntityRef], _ scope: Scope, _ number: NodeNumber) throws -> EntityFacts {
        try read { db in
            var facts = EntityFacts()
            facts.members = members
            for (rank, ref) in members.enumerated() {
                let key: StatementArguments = [ref.instance.rawValue, ref.kind.rawValue, ref.id]
                try Self.addMember(&facts, first: rank == 0, key, db)
                try Self.addFile(&facts, key, db)
                if ref.kind == .scene, facts.markers.isEmpty { facts.markers = try Self.markers(key, db) }
                let ids = try String.fetchAll(
                    db.cachedStatement(
                        sql: """
                            SELECT endpoint || ' ' || stash_id FROM stash_id
                            WHERE instance = ? AND kind = ? AND id = ? ORDER BY endpoint, stash_id
                            """), arguments: key)
                for id in ids where !facts.stashIDs.contains(id) { facts.stashIDs.append(id) }
            }
            facts.show(ShownField.all(of: try members.flatMap { try Self.fields(of: $0, scope, db) }))
            if facts.title.isEmpty { facts.title = facts.basename ?? "" }
            try Self.addRelations(&facts, scope, number, db)
            return facts
        }
    }

    private static func addMember(
        _ facts: inout EntityFacts, first: Bool, _ key: StatementArguments, _ db: Database
    ) throws {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT updated_at, json FROM member CROSS JOIN document USING (place)
                    WHERE instance = ? AND kind = ? AND id = ?
                    """), arguments: key)
        guard let row else { return }
        if first { facts.updatedAt = row["updated_at"] }
        facts.json.append(row["json"])
    }

    private static func addFile(_ facts: inout EntityFacts, _ key: StatementArguments, _ db: Database) throws {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT basename, duration, width, height FROM file
                    WHERE instance = ? AND kind = ? AND id = ? AND position = 0
                    """), arguments: key)
        guard let row else { return }
        let basename: String = row["basename"]
        if facts.basename == nil, !basename.isEmpty { facts.basename = basename }
        facts.duration = facts.duration ?? row["duration"]
        if facts.width == nil {
            facts.width = row["width"]
            facts.height = row["height"]
        }
    }

    private static func markers(_ key: StatementArguments, _ db: Database) throws -> [MarkerFacts] {
        try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT j.value ->> 'seconds' AS seconds, coalesce(j.value ->> 'title', '') AS title,
                        coalesce(t.title, '') AS tag
                    FROM member m CROSS JOIN document d USING (place) JOIN json_each(d.json, '$.scene_markers') j
                    LEFT JOIN member t ON t.instance = m.instance AND t.kind = \(Kind.tag.rawValue)
                        AND t.id = j.value ->> 'primary_tag'
                    WHERE m.instance = ? AND m.kind = ? AND m.id = ?
                    ORDER BY j.key
                    """), arguments: key
        ).map { MarkerFacts(seconds: $0["seconds"], title: $0["title"], tag: $0["tag"]) }
    }

    private static func addRelations(
        _ facts: inout EntityFacts, _ scope: Scope, _ number: NodeNumber, _ db: Database
    ) throws {
        let rows = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT p.kind, p.title FROM link l JOIN node p ON p.scope = l.scope AND p.number = l.parent
                    WHERE l.scope = ? AND l.child = ? ORDER BY p.key
                    """), arguments: [scope.rawValue, number.rawValue])
        for row in rows {
            let title: String = row["title"]
            switch Kind(rawValue: row["kind"]) {
            case .performer: facts.performers.append(title)
            case .tag: facts.tags.append(title)
            case .group: facts.groups.append(title)
            default: break
            }
        }
    }

    /// The entity's number for one of its members.
    package func entity(of member: NodeNumber) throws -> NodeNumber? {
        try read { db in
            try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT entity FROM member WHERE number = ?"), arguments: [member.rawValue]
            ).map(NodeNumber.init)
        }
    }

    /// A member's number; nil when it is not in the tree.
    package func number(of ref: EntityRef) throws -> NodeNumber? {
        try read { db in
            try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT number FROM member WHERE instance = ? AND kind = ? AND id = ?"),
                arguments: [ref.instance.rawValue, ref.kind.rawValue, ref.id]
            ).map(NodeNumber.init)
        }
    }

    /// The reference of a member by its number.
    package func ref(of member: NodeNumber) throws -> EntityRef? {
        try read { db in
            let row = try Row.fetchOne(
                db.cachedStatement(sql: "SELECT instance, kind, id FROM member WHERE number = ?"),
                arguments: [member.rawValue])
            guard let row, let kind = Kind(rawValue: row["kind"]) else { return nil }
            return EntityRef(instance: InstanceNumber(row["instance"]), kind: kind, id: row["id"])
        }
    }
}
