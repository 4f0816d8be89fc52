/// One value that a server said about a thing. What is blank is no value.
package enum FieldValue: Sendable, Hashable, Encodable {
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
