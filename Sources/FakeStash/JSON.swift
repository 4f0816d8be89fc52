import Foundation

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
        guard let value = try? JSONDecoder().decode(Box.self, from: Data(bytes)) else { return nil }
        return value.json
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

    /// Decodes any JSON value.
    private struct Box: Decodable {
        let json: JSON

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                json = .null
            } else if let value = try? container.decode(Bool.self) {
                json = .bool(value)
            } else if let value = try? container.decode(Int64.self) {
                json = .int(value)
            } else if let value = try? container.decode(Double.self) {
                json = .float(value)
            } else if let value = try? container.decode(String.self) {
                json = .string(value)
            } else if let value = try? container.decode([Box].self) {
                json = .list(value.map(\.json))
            } else {
                json = .object(try container.decode([String: Box].self).mapValues(\.json))
            }
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
