/// The query language of GraphQL (the October 2021 edition, section 2), as far as queries and mutations go.
enum Syntax {
    struct Position: Sendable, Equatable {
        var line: Int
        var column: Int
    }

    struct Problem: Error, Equatable {
        var message: String
        var position: Position?
    }

    indirect enum Literal: Sendable {
        case variable(String)
        case constant(JSON)
        case symbol(String)
        case list([Literal])
        case object([(name: String, value: Literal)])
    }

    struct Field: Sendable {
        var alias: String?
        var name: String
        var arguments: [(name: String, value: Literal)]
        var directives: [Directive]
        var selections: [Selection]
        var position: Position
    }

    struct Directive: Sendable {
        var name: String
        var arguments: [(name: String, value: Literal)]
    }

    indirect enum Selection: Sendable {
        case field(Field)
        case inline(condition: String?, directives: [Directive], selections: [Selection], Position)
        case spread(String, directives: [Directive], Position)
    }

    struct Variable: Sendable {
        var name: String
        var type: Schema.Reference
        var fallback: Literal?
    }

    struct Operation: Sendable {
        /// `query`, `mutation` or `subscription`.
        var form: String
        var name: String?
        var variables: [Variable]
        var selections: [Selection]
    }

    struct Fragment: Sendable {
        var name: String
        var condition: String
        var selections: [Selection]
    }

    struct Document: Sendable {
        var operations: [Operation] = []
        var fragments: [String: Fragment] = [:]
    }

    static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f: true
        default: false
        }
    }

    static func parse(_ text: String) throws(Problem) -> Document {
        var parser = Parser(text)
        return try parser.document()
    }

    private struct Parser {
        private let bytes: [UInt8]
        private var place = 0

        init(_ text: String) { bytes = Array(text.utf8) }

        // MARK: Tokens

        private mutating func skip() {
            while place < bytes.count {
                switch bytes[place] {
                case 0x20, 0x09, 0x0a, 0x0d, 0x2c: place += 1
                case 0x23: while place < bytes.count, bytes[place] != 0x0a { place += 1 }
                default: return
                }
            }
        }

        private var position: Position {
            var line = 1
            var start = 0
            for index in 0..<min(place, bytes.count) where bytes[index] == 0x0a {
                line += 1
                start = index + 1
            }
            return Position(line: line, column: place - start + 1)
        }

        private func peek() -> UInt8? { place < bytes.count ? bytes[place] : nil }

        private mutating func take(_ text: StaticString) -> Bool {
            skip()
            let count = text.utf8CodeUnitCount
            guard place + count <= bytes.count else { return false }
            for index in 0..<count where bytes[place + index] != text.utf8Start[index] { return false }
            place += count
            return true
        }

        private func fail(_ message: String) -> Problem { Problem(message: message, position: position) }

        private mutating func expect(_ text: StaticString) throws(Problem) {
            guard take(text) else {
                throw fail("Expected \(text), found \(peek().map { String(UnicodeScalar($0)) } ?? "<EOF>")")
            }
        }

        private mutating func name() throws(Problem) -> String {
            skip()
            let start = place
            while place < bytes.count, Syntax.isNameByte(bytes[place]) { place += 1 }
            guard start < place else {
                throw fail("Expected Name, found \(peek().map { String(UnicodeScalar($0)) } ?? "<EOF>")")
            }
            return String(decoding: bytes[start..<place], as: UTF8.self)
        }

        // MARK: Grammar

        mutating func document() throws(Problem) -> Document {
            var document = Document()
            skip()
            while place < bytes.count {
                if peek() == 0x7b {
                    document.operations.append(
                        Operation(form: "query", name: nil, variables: [], selections: try selections()))
                } else {
                    let keyword = try name()
                    if keyword == "fragment" {
                        let name = try name()
                        guard try self.name() == "on" else { throw fail("Expected \"on\"") }
                        let condition = try self.name()
                        document.fragments[name] = Fragment(
                            name: name, condition: condition, selections: try selections())
                    } else {
                        document.operations.append(try operation(keyword))
                    }
                }
                skip()
            }
            return document
        }

        private mutating func operation(_ form: String) throws(Problem) -> Operation {
            guard form == "query" || form == "mutation" || form == "subscription" else {
                throw fail("Unexpected Name \"\(form)\"")
            }
            skip()
            var operation = Operation(form: form, name: nil, variables: [], selections: [])
            if let byte = peek(), Syntax.isNameByte(byte) { operation.name = try name() }
            if take("(") {
                while !take(")") {
                    try expect("$")
                    let name = try name()
                    try expect(":")
                    let type = try type()
                    let fallback = take("=") ? try literal() : nil
                    operation.variables.append(Variable(name: name, type: type, fallback: fallback))
                }
            }
            operation.selections = try selections()
            return operation
        }

        private mutating func type() throws(Problem) -> Schema.Reference {
            var reference: Schema.Reference
            if take("[") {
                reference = .list(try type())
                try expect("]")
            } else {
                reference = .named(try name())
            }
            if take("!") { reference = .required(reference) }
            return reference
        }

        private mutating func selections() throws(Problem) -> [Selection] {
            try expect("{")
            var list: [Selection] = []
            while !take("}") {
                if take("...") {
                    list.append(try fragment())
                } else {
                    list.append(.field(try field()))
                }
            }
            return list
        }

        private mutating func fragment() throws(Problem) -> Selection {
            skip()
            let start = position
            guard let byte = peek(), Syntax.isNameByte(byte) else {
                let directives = try directives()
                return .inline(condition: nil, directives: directives, selections: try selections(), start)
            }
            let word = try name()
            guard word == "on" else { return .spread(word, directives: try directives(), start) }
            let condition = try name()
            let directives = try directives()
            return .inline(condition: condition, directives: directives, selections: try selections(), start)
        }

        private mutating func field() throws(Problem) -> Field {
            skip()
            let start = position
            var name = try name()
            var alias: String?
            if take(":") {
                alias = name
                name = try self.name()
            }
            let arguments = try arguments()
            let directives = try directives()
            skip()
            let selections = peek() == 0x7b ? try selections() : []
            return Field(
                alias: alias, name: name, arguments: arguments, directives: directives, selections: selections,
                position: start)
        }

        private mutating func directives() throws(Problem) -> [Directive] {
            var list: [Directive] = []
            while take("@") { list.append(Directive(name: try name(), arguments: try arguments())) }
            return list
        }

        private mutating func arguments() throws(Problem) -> [(name: String, value: Literal)] {
            var list: [(name: String, value: Literal)] = []
            guard take("(") else { return list }
            while !take(")") {
                let name = try name()
                try expect(":")
                list.append((name, try literal()))
            }
            return list
        }

        private mutating func literal() throws(Problem) -> Literal {
            skip()
            guard let byte = peek() else { throw fail("Expected a value, found <EOF>") }
            switch byte {
            case 0x24:
                place += 1
                return .variable(try name())
            case 0x5b:
                place += 1
                var items: [Literal] = []
                while !take("]") { items.append(try literal()) }
                return .list(items)
            case 0x7b:
                place += 1
                var members: [(name: String, value: Literal)] = []
                while !take("}") {
                    let name = try name()
                    try expect(":")
                    members.append((name, try literal()))
                }
                return .object(members)
            case 0x22: return .constant(.string(try string()))
            case 0x2d, 0x30...0x39: return .constant(try number())
            default:
                switch try name() {
                case "null": return .constant(.null)
                case "true": return .constant(.bool(true))
                case "false": return .constant(.bool(false))
                case let symbol: return .symbol(symbol)
                }
            }
        }

        private mutating func number() throws(Problem) -> JSON {
            let start = place
            while let byte = peek(), byte == 0x2d || byte == 0x2b || byte == 0x2e || Syntax.isNameByte(byte) {
                place += 1
            }
            let text = String(decoding: bytes[start..<place], as: UTF8.self)
            if let value = Int64(text) { return .int(value) }
            guard let value = Double(text) else { throw fail("Invalid number \(text)") }
            return .float(value)
        }

        private mutating func string() throws(Problem) -> String {
            if take("\"\"\"") {
                let start = place
                while place + 2 < bytes.count {
                    if bytes[place] == 0x22, bytes[place + 1] == 0x22, bytes[place + 2] == 0x22 {
                        place += 3
                        return String(decoding: bytes[start..<(place - 3)], as: UTF8.self)
                    }
                    place += 1
                }
                throw fail("Unterminated string.")
            }
            let start = place
            place += 1
            while let byte = peek(), byte != 0x22, byte != 0x0a { place += byte == 0x5c ? 2 : 1 }
            guard peek() == 0x22 else { throw fail("Unterminated string.") }
            place += 1
            // GraphQL's escapes are JSON's.
            guard case .list(let items) = JSON.parse([0x5b] + bytes[start..<place] + [0x5d]),
                let text = items.first?.text
            else { throw fail("Invalid character within String") }
            return text
        }
    }
}
