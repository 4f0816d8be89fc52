import GRDB

extension Catalogue {
    /// What each of these members' servers said, in their order. Names of studios are those of `scope`.
    package func fields(of members: [EntityRef], _ scope: Scope) throws -> [MemberFields] {
        try read { db in try members.flatMap { try Self.fields(of: $0, scope, db) } }
    }

    static func fields(of member: EntityRef, _ scope: Scope, _ db: Database) throws -> [MemberFields] {
        var fields = FieldRows()
        let rows = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT 0, \(FieldRows.columns) FROM member m \(FieldRows.joins(scope))
                    WHERE m.instance = ? AND m.kind = ? AND m.id = ?
                    """), arguments: [member.instance.rawValue, member.kind.rawValue, member.id])
        while let row = try rows.next() { fields.take(row) }
        return fields.members
    }
}

/// Reads members' fields from rows, of which a member has one for each scalar of its JSON, and at least one.
///
/// The columns count where there are such: they were checked when they were stored. Of the JSON only what describes the
/// thing itself: no ids, times of the row, counters, nor facts about files; of nested values none, because lists are
/// united and not chosen from.
struct FieldRows {
    private(set) var members: [MemberFields] = []

    /// After one column for the caller. The order is what `take` reads by.
    static let columns = """
        m.instance, m.kind, m.id, m.title, m.date, m.details, m.rating, m.favorite, s.number, s.entity,
        coalesce(n.title, s.title), j.key, j.type, j.value
        """

    /// What `columns` needs besides `member m`.
    static func joins(_ scope: Scope) -> String {
        let number = scope == .merged ? "s.entity" : "s.number"
        return """
            LEFT JOIN edge g ON g.instance = m.instance AND g.from_kind = m.kind AND g.from_id = m.id
                AND g.to_kind = \(Kind.studio.rawValue)
            LEFT JOIN member s ON s.instance = g.instance AND s.kind = g.to_kind AND s.id = g.to_id
            LEFT JOIN node n ON n.scope = \(scope.rawValue) AND n.number = \(number)
            LEFT JOIN json_each(m.json) j ON j.type IN ('text', 'integer', 'real', 'true', 'false')
                AND j.key NOT IN (\(left))
            """
    }

    /// What is no content, or is in a column: Stash's names, of all kinds and generations.
    private static let left = [
        "id", "created_at", "updated_at", "title", "name", "disambiguation", "date", "birthdate", "details",
        "description",
        "synopsis", "rating100", "favorite", "studio", "parent_studio", "o_counter", "play_count", "last_played_at",
        "resume_time", "play_duration", "organized", "interactive", "interactive_speed", "folder", "aliases",
    ].map { "'\($0)'" }.joined(separator: ", ")

    /// Rows of one member come together.
    mutating func take(_ row: Row) {
        guard let kind = Kind(rawValue: row[2]) else { return }
        let ref = EntityRef(instance: InstanceNumber(row[1]), kind: kind, id: row[3])
        if members.last?.ref != ref { members.append(MemberFields(ref: ref, values: Self.stored(row, kind))) }
        if let key: String = row[12] { members[members.count - 1].values[key] = Self.scalar(row) }
    }

    mutating func removeAll() { members.removeAll(keepingCapacity: true) }

    private static func stored(_ row: Row, _ kind: Kind) -> [String: FieldValue] {
        var values: [String: FieldValue] = [:]
        values["title"] = FieldValue(text: row[4])
        values[kind == .performer ? "birthdate" : "date"] = FieldValue(text: row[5])
        values["details"] = FieldValue(text: row[6])
        values["rating"] = (row[7] as Int64?).map(FieldValue.integer)
        values["favorite"] = (row[8] as Bool?).map(FieldValue.flag)
        if let number: Int64 = row[9], let name: String = row[11], FieldValue(text: name) != nil {
            let entity: Int64? = row[10]
            values[kind == .studio ? "parent_studio" : "studio"] = .thing(NodeNumber(entity ?? number), name: name)
        }
        return values
    }

    private static func scalar(_ row: Row) -> FieldValue? {
        let type: String = row[13]
        return switch type {
        case "true": .flag(true)
        case "false": .flag(false)
        case "integer": .integer(row[14])
        case "real": .number(row[14])
        default: FieldValue(text: row[14])
        }
    }
}
