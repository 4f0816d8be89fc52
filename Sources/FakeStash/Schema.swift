/// The types of one generation, read from `SchemaText`.
struct Schema: Sendable {
    indirect enum Reference: Sendable, Equatable {
        case named(String)
        case list(Reference)
        case required(Reference)

        /// The name inside all wrappings.
        var base: String {
            switch self {
            case .named(let name): name
            case .list(let inner), .required(let inner): inner.base
            }
        }

        var isRequired: Bool {
            if case .required = self { return true }
            return false
        }

        /// Without an outer `!`.
        var nullable: Reference {
            if case .required(let inner) = self { return inner }
            return self
        }

        var text: String {
            switch self {
            case .named(let name): name
            case .list(let inner): "[\(inner.text)]"
            case .required(let inner): inner.text + "!"
            }
        }
    }

    struct Field: Sendable {
        let name: String
        let type: Reference
        let arguments: [(name: String, type: Reference)]
        let isDeprecated: Bool
    }

    enum Form: String, Sendable {
        case type
        case input
        case `enum`
        case union
        case interface
        case scalar
    }

    struct Definition: Sendable {
        let form: Form
        let name: String
        /// In the order of the schema.
        var fieldNames: [String] = []
        var fields: [String: Field] = [:]
        /// Possible types of unions and interfaces; values of enums.
        var members: [String] = []
    }

    let types: [String: Definition]

    static let v22 = Schema(SchemaText.v22)
    static let v30 = Schema(SchemaText.v30)

    static func of(_ generation: Generation) -> Schema { generation == .v22 ? v22 : v30 }

    static let scalars: Set<String> = ["ID", "Int", "Float", "String", "Boolean"]

    func isLeaf(_ name: String) -> Bool {
        if Self.scalars.contains(name) { return true }
        guard let form = types[name]?.form else { return false }
        return form == .scalar || form == .enum
    }

    /// Whether an object of `type` can be what a fragment on `condition` is about.
    func matches(_ type: String, _ condition: String) -> Bool {
        type == condition || (types[condition]?.members.contains(type) ?? false)
    }

    init(_ text: String) {
        var types: [String: Definition] = [:]
        var logical = ""
        func flush() {
            guard !logical.isEmpty, let definition = Self.definition(logical) else { return }
            types[definition.name] = definition
        }
        for line in text.split(separator: "\n") {
            if line.hasPrefix(" ") {
                logical += line
            } else {
                flush()
                logical = String(line)
            }
        }
        flush()
        self.types = types
    }

    private static func definition(_ line: String) -> Definition? {
        var words = Scanner(line)
        guard let form = words.word().flatMap(Form.init(rawValue:)), let name = words.word() else { return nil }
        var definition = Definition(form: form, name: name)
        while !words.isAtEnd {
            if words.take("|") || form == .enum {
                if let member = words.word() { definition.members.append(member) }
                continue
            }
            guard let field = words.field() else { break }
            definition.fieldNames.append(field.name)
            definition.fields[field.name] = field
        }
        return definition
    }

    /// Reads words, punctuation and types of the schema text.
    private struct Scanner {
        private let bytes: [UInt8]
        private var place = 0

        init(_ text: String) { bytes = Array(text.utf8) }

        private mutating func skip() {
            while place < bytes.count, bytes[place] == 0x20 { place += 1 }
        }

        var isAtEnd: Bool {
            mutating get {
                skip()
                return place >= bytes.count
            }
        }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            skip()
            guard place < bytes.count, bytes[place] == UInt8(truncatingIfNeeded: character.value) else { return false }
            place += 1
            return true
        }

        mutating func word() -> String? {
            skip()
            let start = place
            while place < bytes.count, Syntax.isNameByte(bytes[place]) { place += 1 }
            return start == place ? nil : String(decoding: bytes[start..<place], as: UTF8.self)
        }

        mutating func type() -> Reference? {
            var reference: Reference
            if take("[") {
                guard let inner = type(), take("]") else { return nil }
                reference = .list(inner)
            } else {
                guard let name = word() else { return nil }
                reference = .named(name)
            }
            if take("!") { reference = .required(reference) }
            return reference
        }

        mutating func field() -> Field? {
            guard let name = word() else { return nil }
            var arguments: [(name: String, type: Reference)] = []
            if take("(") {
                while !take(")") {
                    _ = take(",")
                    guard let argument = word(), take(":"), let type = type() else { return nil }
                    arguments.append((argument, type))
                }
            }
            guard take(":"), let type = type() else { return nil }
            return Field(name: name, type: type, arguments: arguments, isDeprecated: take("~"))
        }
    }
}
