/// A JSON value as clients send it.
enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case int(Int64)
    case float(Double)
    case string(String)
    case list([JSON])
    case object([String: JSON])

    /// The value of a body, `nil` if it is not JSON.
    static func parse(_ bytes: [UInt8]) -> JSON? {
        var parser = Parser(bytes)
        return parser.whole()
    }

    subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members[name]
    }

    var text: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    /// A number, or a string of digits as ids are.
    var integer: Int? {
        switch self {
        case .int(let value): Int(value)
        case .string(let text): Int(text)
        case .float(let value) where value == value.rounded(): Int(value)
        default: nil
        }
    }

    var number: Double? {
        switch self {
        case .int(let value): Double(value)
        case .float(let value): value
        default: nil
        }
    }

    var items: [JSON]? {
        switch self {
        case .list(let items): items
        case .null: nil
        // GraphQL takes a single value for a list of one.
        default: [self]
        }
    }

    /// Reads RFC 8259. Written out, because every question is read twice: `Decodable` finds out what a value is by failing, and
    /// where tests run each failure notes where it was thrown, which was a third of their time.
    private struct Parser {
        private let bytes: [UInt8]
        private var place = 0
        private var depth = 0

        private static let deepest = 200

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        mutating func whole() -> JSON? {
            guard let value = value() else { return nil }
            skip()
            return place == bytes.count ? value : nil
        }

        private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

        private mutating func skip() {
            while let next, next == 0x20 || next == 0x0a || next == 0x0d || next == 0x09 { place += 1 }
        }

        private mutating func take(_ byte: UInt8) -> Bool {
            skip()
            guard next == byte else { return false }
            place += 1
            return true
        }

        private mutating func take(_ word: StaticString, for value: JSON) -> JSON? {
            let end = place + word.utf8CodeUnitCount
            let isThere = end <= bytes.count && word.withUTF8Buffer { $0.elementsEqual(bytes[place..<end]) }
            guard isThere else { return nil }
            place = end
            return value
        }

        private mutating func value() -> JSON? {
            skip()
            switch next {
            case 0x6e: return take("null", for: .null)
            case 0x74: return take("true", for: .bool(true))
            case 0x66: return take("false", for: .bool(false))
            case 0x22: return string().map { .string($0) }
            case 0x5b: return nested { parser in parser.list() }
            case 0x7b: return nested { parser in parser.object() }
            default: return number()
            }
        }

        private mutating func nested(_ read: (inout Parser) -> JSON?) -> JSON? {
            guard depth < Self.deepest else { return nil }
            depth += 1
            defer { depth -= 1 }
            place += 1
            return read(&self)
        }

        private mutating func list() -> JSON? {
            var items: [JSON] = []
            if take(0x5d) { return .list(items) }
            repeat {
                guard let item = value() else { return nil }
                items.append(item)
            } while take(0x2c)
            return take(0x5d) ? .list(items) : nil
        }

        private mutating func object() -> JSON? {
            var members: [String: JSON] = [:]
            if take(0x7d) { return .object(members) }
            repeat {
                skip()
                guard let name = string(), take(0x3a), let value = value() else { return nil }
                members[name] = value
            } while take(0x2c)
            return take(0x7d) ? .object(members) : nil
        }

        private mutating func number() -> JSON? {
            let start = place
            while let next, (0x30...0x39).contains(next) || [0x2b, 0x2d, 0x2e, 0x45, 0x65].contains(next) { place += 1 }
            // Swift's numbers may begin with a plus or a point.
            guard start < place, bytes[start] == 0x2d || (0x30...0x39).contains(bytes[start]) else { return nil }
            let text = String(decoding: bytes[start..<place], as: UTF8.self)
            return Int64(text).map { .int($0) } ?? Double(text).map { .float($0) }
        }

        private mutating func string() -> String? {
            guard next == 0x22 else { return nil }
            place += 1
            var text: [UInt8] = []
            while let byte = next {
                place += 1
                switch byte {
                case 0x22: return String(validating: text, as: UTF8.self)
                case 0x5c:
                    guard let character = escape() else { return nil }
                    text.append(contentsOf: String(character).utf8)
                case 0..<0x20: return nil
                default: text.append(byte)
                }
            }
            return nil
        }

        private mutating func escape() -> Unicode.Scalar? {
            guard let byte = next else { return nil }
            place += 1
            switch byte {
            case 0x22, 0x2f, 0x5c: return Unicode.Scalar(byte)
            case 0x62: return "\u{8}"
            case 0x66: return "\u{c}"
            case 0x6e: return "\n"
            case 0x72: return "\r"
            case 0x74: return "\t"
            case 0x75: return unit().flatMap { scalar($0) }
            default: return nil
            }
        }

        /// The character of a UTF-16 unit, and of the one behind it where it takes two.
        private mutating func scalar(_ unit: UInt32) -> Unicode.Scalar? {
            guard (0xd800..<0xdc00).contains(unit) else { return Unicode.Scalar(unit) }
            guard place + 1 < bytes.count, bytes[place] == 0x5c, bytes[place + 1] == 0x75 else { return nil }
            place += 2
            guard let low = self.unit(), (0xdc00..<0xe000).contains(low) else { return nil }
            return Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00))
        }

        private mutating func unit() -> UInt32? {
            guard place + 4 <= bytes.count else { return nil }
            defer { place += 4 }
            let digits = bytes[place..<place + 4]
            guard digits.allSatisfy({ UnicodeScalar($0).properties.isASCIIHexDigit }) else { return nil }
            return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        }
    }
}

/// Writes JSON as Stash's two layers of encoders do: `&`, `<` and `>` escaped, floats from 1e6 on with an exponent.
struct JSONWriter {
    var bytes: [UInt8] = []

    mutating func raw(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    mutating func raw(_ text: [UInt8]) {
        bytes.append(contentsOf: text)
    }

    mutating func integer(_ value: Int64) {
        bytes.append(contentsOf: String(value).utf8)
    }

    mutating func float(_ value: Double) {
        bytes.append(contentsOf: JSONWriter.text(value).utf8)
    }

    /// Go's `%g` of the shortest digits: an exponent below 1e-4 and from 1e21 on in general, but from the number of digits
    /// shown on for the shortest form, which the recordings show as 3.596168e+06; 0 stands for what is not a number.
    static func text(_ value: Double) -> String {
        guard value.isFinite, value != 0 else { return "0" }
        let shortest = "\(abs(value))"
        let parts = shortest.split(separator: "e")
        let mantissa = parts[0].split(separator: ".")
        let whole = String(mantissa[0])
        let fraction = mantissa.count > 1 && mantissa[1] != "0" ? String(mantissa[1]) : ""
        var digits = whole + fraction
        var point = whole.utf8.count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        while digits.hasPrefix("0"), digits.utf8.count > 1 {
            digits.removeFirst()
            point -= 1
        }
        while digits.hasSuffix("0"), digits.utf8.count > 1 { digits.removeLast() }
        let sign = value < 0 ? "-" : ""
        let exponent = point - 1
        if exponent < -4 || exponent >= 6 {
            let tail = String(digits.dropFirst())
            return sign + String(digits.prefix(1)) + (tail.isEmpty ? "" : "." + tail)
                + (exponent < 0 ? "e-" : "e+") + pad(abs(exponent))
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if digits.utf8.count <= point {
            return sign + digits + String(repeating: "0", count: point - digits.utf8.count)
        }
        return sign + String(digits.prefix(point)) + "." + String(digits.dropFirst(point))
    }

    mutating func string(_ value: String) {
        bytes.append(0x22)
        var text = value
        text.withUTF8 { utf8 in
            if JSONWriter.isPlain(utf8) {
                bytes.append(contentsOf: utf8)
                return
            }
            var index = 0
            while index < utf8.count {
                escape(utf8, &index)
            }
        }
        bytes.append(0x22)
    }

    private static func isPlain(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        var index = 0
        while index < utf8.count {
            let byte = utf8[index]
            if byte < 0x20 || byte == 0x22 || byte == 0x5c || byte == 0x26 || byte == 0x3c || byte == 0x3e
                || byte == 0xe2
            {
                return false
            }
            index += 1
        }
        return true
    }

    private mutating func escape(_ utf8: UnsafeBufferPointer<UInt8>, _ index: inout Int) {
        let byte = utf8[index]
        index += 1
        switch byte {
        case 0x22: raw("\\\"")
        case 0x5c: raw("\\\\")
        case 0x0a: raw("\\n")
        case 0x0d: raw("\\r")
        case 0x09: raw("\\t")
        case 0..<0x20, 0x26, 0x3c, 0x3e:
            raw("\\u00")
            bytes.append(contentsOf: hexadecimal(UInt64(byte), width: 2).utf8)
        case 0xe2 where index + 1 < utf8.count && utf8[index] == 0x80 && (utf8[index + 1] & 0xfe) == 0xa8:
            // U+2028 and U+2029.
            raw("\\u202")
            bytes.append(utf8[index + 1] == 0xa8 ? 0x38 : 0x39)
            index += 2
        default: bytes.append(byte)
        }
    }

    mutating func value(_ json: JSON) {
        switch json {
        case .null: raw("null")
        case .bool(let value): value ? raw("true") : raw("false")
        case .int(let value): integer(value)
        case .float(let value): float(value)
        case .string(let text): string(text)
        case .list(let items):
            bytes.append(0x5b)
            for (number, item) in items.enumerated() {
                if number > 0 { bytes.append(0x2c) }
                value(item)
            }
            bytes.append(0x5d)
        case .object(let members):
            bytes.append(0x7b)
            for (number, key) in members.keys.sorted().enumerated() {
                if number > 0 { bytes.append(0x2c) }
                string(key)
                bytes.append(0x3a)
                value(members[key] ?? .null)
            }
            bytes.append(0x7d)
        }
    }
}
