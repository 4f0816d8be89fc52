import GRDB

/// One value that a server said about a thing. What is blank is no value.
package enum FieldValue: Sendable, Hashable, Codable {
    case text(String)
    case integer(Int64)
    case number(Double)
    case flag(Bool)
    /// Another thing of the library: two servers mean the same when both belong to one entity, whatever their ids.
    case thing(NodeNumber, name: String)

    /// nil for a text in which nothing can be read.
    package init?(text: String?) {
        guard let text, text.contains(where: { !$0.isWhitespace }) else { return nil }
        self = .text(text)
    }

    /// For people.
    package var text: String {
        switch self {
        case .text(let text): text
        case .integer(let value): "\(value)"
        case .number(let value): value == value.rounded() ? "\(Int64(exactly: value) ?? 0)" : "\(value)"
        case .flag(let value): value ? "yes" : "no"
        case .thing(_, let name): name
        }
    }

    /// Whether two servers say the same: texts may differ in case, in spacing and in Unicode's form.
    package func agrees(with other: FieldValue) -> Bool {
        switch (self, other) {
        case (.thing(let a, _), .thing(let b, _)): a == b
        case (.integer(let a), .number(let b)), (.number(let b), .integer(let a)): Double(a) == b
        case (.text(let a), .text(let b)): a == b || Self.folded(a) == Self.folded(b)
        default: self == other
        }
    }

    private static func folded(_ text: String) -> String {
        NameRules.key(text.split(whereSeparator: \.isWhitespace).joined(separator: " "))
    }

    /// What `encode` wrote; a thing comes back as its name.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        self =
            if let value = try? container.decode(Bool.self) {
                .flag(value)
            } else if let value = try? container.decode(Int64.self) {
                .integer(value)
            } else if let value = try? container.decode(Double.self) {
                .number(value)
            } else {
                .text(try container.decode(String.self))
            }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let text), .thing(_, let text): try container.encode(text)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .flag(let value): try container.encode(value)
        }
    }
}

/// What one server said about one thing, field by field.
package struct MemberFields: Sendable, Equatable {
    package let ref: EntityRef
    package var values: [String: FieldValue]

    package init(ref: EntityRef, values: [String: FieldValue] = [:]) {
        self.ref = ref
        self.values = values
    }
}

/// One field of an entity: who says what, and so what is shown.
package struct ShownField: Sendable, Equatable {
    package struct Said: Sendable, Equatable {
        package let from: EntityRef
        package let value: FieldValue
    }

    /// `title`, `date` (of performers `birthdate`), `details`, `rating`, `favorite`, `studio` (of studios `parent_studio`);
    /// the others go by the server's own name.
    package let name: String
    /// What is shown: the first of `said`.
    package let shown: Said
    /// All that have a value, in priority order.
    package let said: [Said]

    /// Whether the servers disagree.
    package var isConflict: Bool { said.contains { !$0.value.agrees(with: shown.value) } }

    /// The rule of what is shown, in its one place: of every field the first value in the order of `members`.
    ///
    /// - Returns: The fields that people look at first, then the others by name.
    package static func all(of members: [MemberFields]) -> [ShownField] {
        let names = Set(members.flatMap(\.values.keys))
        let first = leading.filter(names.contains)
        return (first + names.subtracting(leading).sorted()).compactMap { name in
            let said = members.compactMap { member in
                member.values[name].map { Said(from: member.ref, value: $0) }
            }
            return said.first.map { ShownField(name: name, shown: $0, said: said) }
        }
    }

    private static let leading = [
        "title", "date", "birthdate", "studio", "parent_studio", "rating", "favorite", "details",
    ]
}

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
            LEFT JOIN document d ON d.place = m.place
            LEFT JOIN json_each(d.json) j ON j.type IN ('text', 'integer', 'real', 'true', 'false')
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
