/// A JSON value that keeps the order of an object's members, so that what a server said can be shown as it said it.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    /// A number without a fraction or an exponent that fits.
    case integer(Int64)
    /// Any other number.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

/// The members of a JSON object in their order.
package struct JSONObject: Sendable, Hashable {
    /// One name with its value.
    package struct Member: Sendable, Hashable {
        package var name: String
        package var value: JSONValue
    }

    package var members: [Member]

    package init(_ members: [Member] = []) {
        self.members = members
    }

    package var isEmpty: Bool { members.isEmpty }

    /// Looks for a member by going through them; setting appends, replaces, or with nil removes.
    package subscript(name: String) -> JSONValue? {
        get { members.first { $0.name == name }?.value }
        set {
            if let index = members.firstIndex(where: { $0.name == name }) {
                if let newValue {
                    members[index].value = newValue
                } else {
                    members.remove(at: index)
                }
            } else if let newValue {
                members.append(Member(name: name, value: newValue))
            }
        }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        members = elements.map { Member(name: $0.0, value: $0.1) }
    }
}

extension JSONValue {
    package var isNull: Bool { self == .null }

    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    package var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    package var array: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    package var object: JSONObject? {
        if case .object(let object) = self { object } else { nil }
    }

    /// A whole number in whatever form: from one million on, Go prints floats as `3.596168e+06`.
    package var int64: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        default: nil
        }
    }

    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
}

// MARK: - Writing

extension JSONValue {
    /// Compact JSON text, members in their order.
    package var text: String {
        var text = ""
        write(to: &text)
        return text
    }

    package func write(to text: inout String) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        // JSON has no infinities; the servers send 0 for them as well (Stash 2.2).
        case .number(let value): text += value.isFinite ? String(value) : "0"
        case .string(let value): Self.write(value, to: &text)
        case .array(let elements):
            text += "["
            var separator = ""
            for element in elements {
                text += separator
                element.write(to: &text)
                separator = ","
            }
            text += "]"
        case .object(let object):
            text += "{"
            var separator = ""
            for member in object.members {
                text += separator
                Self.write(member.name, to: &text)
                text += ":"
                member.value.write(to: &text)
                separator = ","
            }
            text += "}"
        }
    }

    private static func write(_ string: String, to text: inout String) {
        func isEscaped(_ byte: UInt8) -> Bool {
            byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
        }
        text += "\""
        guard string.utf8.contains(where: isEscaped) else {
            text += string
            text += "\""
            return
        }
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
