/// Reads JSON text (RFC 8259) into a `JSONValue`.
///
/// Pages of a sync are megabytes, and the goal is that reading them costs no more than a third of fetching them; so
/// this goes once over the bytes, keeps the names of members (there are forty different ones in a page of thousands of
/// rows), and makes no intermediate objects.
package struct JSONParser {
    /// Why a text is no JSON.
    package struct Malformed: Error, Sendable, Hashable {
        /// Offset in bytes of what could not be read.
        package let offset: Int
    }

    /// No answer of Stash is deeper than about ten; more would be an attempt to exhaust the stack.
    private static let deepest = 128

    private var bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    private var depth = 0
    private var nameSlots = [(hash: UInt64, offset: Int, count: Int, name: String)?](repeating: nil, count: 256)

    private init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    /// The one value that `bytes` consists of.
    package static func parse(_ bytes: [UInt8]) throws(Malformed) -> JSONValue {
        let result: Result<JSONValue, Malformed> = bytes.withUnsafeBufferPointer { buffer in
            var parser = JSONParser(buffer)
            do throws(Malformed) {
                let value = try parser.value()
                parser.skipSpace()
                guard parser.position == buffer.count else { throw parser.malformed }
                return .success(value)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private var malformed: Malformed { Malformed(offset: position) }

    /// The byte at the position, or zero behind the end, which no rule of the grammar accepts.
    private var next: UInt8 {
        position < bytes.count ? bytes[position] : 0
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private mutating func value() throws(Malformed) -> JSONValue {
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return .object(try object())
        case UInt8(ascii: "["): return .array(try array())
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(Malformed) -> JSONValue {
        guard position + word.utf8CodeUnitCount <= bytes.count else { throw malformed }
        for index in 0..<word.utf8CodeUnitCount where bytes[position + index] != word.utf8Start[index] {
            throw malformed
        }
        position += word.utf8CodeUnitCount
        return value
    }

    private mutating func enter() throws(Malformed) {
        position += 1
        depth += 1
        guard depth <= Self.deepest else { throw malformed }
    }

    /// Whether another element follows; leaves the array or object when not.
    private mutating func more(until close: UInt8, first: Bool) throws(Malformed) -> Bool {
        skipSpace()
        if next == close {
            position += 1
            depth -= 1
            return false
        }
        if first { return true }
        guard next == UInt8(ascii: ",") else { throw malformed }
        position += 1
        return true
    }

    private mutating func array() throws(Malformed) -> [JSONValue] {
        try enter()
        var elements: [JSONValue] = []
        while try more(until: UInt8(ascii: "]"), first: elements.isEmpty) {
            elements.append(try value())
        }
        return elements
    }

    private mutating func object() throws(Malformed) -> JSONObject {
        try enter()
        var members: [JSONObject.Member] = []
        while try more(until: UInt8(ascii: "}"), first: members.isEmpty) {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw malformed }
            let name = try memberName()
            skipSpace()
            guard next == UInt8(ascii: ":") else { throw malformed }
            position += 1
            members.append(JSONObject.Member(name: name, value: try value()))
        }
        return JSONObject(members)
    }

    /// A member's name, from the few that were seen before when it is one of them.
    private mutating func memberName() throws(Malformed) -> String {
        let start = position + 1
        var end = start
        // FNV-1a; a collision costs a comparison, nothing else.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        while end < bytes.count, bytes[end] != UInt8(ascii: "\"") {
            guard bytes[end] != UInt8(ascii: "\\") else { return try string() }
            hash = (hash ^ UInt64(bytes[end])) &* 0x100_0000_01B3
            end += 1
        }
        let slot = Int(truncatingIfNeeded: hash ^ (hash >> 32)) & 0xFF
        if let known = nameSlots[slot], known.hash == hash, known.count == end - start,
            (0..<known.count).allSatisfy({ bytes[known.offset + $0] == bytes[start + $0] })
        {
            position = end + 1
            return known.name
        }
        let name = try string()
        nameSlots[slot] = (hash, start, end - start, name)
        return name
    }

    private mutating func string() throws(Malformed) -> String {
        position += 1
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                let text = String(decoding: bytes[start..<position], as: UTF8.self)
                position += 1
                return text
            case UInt8(ascii: "\\"):
                return try escapedString(from: start)
            case 0..<0x20:
                throw malformed
            default:
                position += 1
            }
        }
        throw malformed
    }

    private mutating func escapedString(from start: Int) throws(Malformed) -> String {
        var text = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw malformed
            default: text.append(byte)
            }
        }
        throw malformed
    }

    private mutating func escape(into text: inout [UInt8]) throws(Malformed) {
        let letter = next
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: String(Character(try escapedScalar())).utf8)
        default: throw malformed
        }
    }

    /// What follows `\u`; half of a surrogate pair without the other becomes U+FFFD, as in Go.
    private mutating func escapedScalar() throws(Malformed) -> Unicode.Scalar {
        let first = try hexadecimal()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, next == UInt8(ascii: "\\"), position + 1 < bytes.count,
            bytes[position + 1] == UInt8(ascii: "u")
        else { return "\u{FFFD}" }
        let back = position
        position += 2
        let second = try hexadecimal()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
        else {
            position = back
            return "\u{FFFD}"
        }
        return scalar
    }

    private mutating func hexadecimal() throws(Malformed) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            let digit: UInt8
            switch next {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = next - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = next - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = next - UInt8(ascii: "A") + 10
            default: throw malformed
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private mutating func number() throws(Malformed) -> JSONValue {
        let start = position
        let isNegative = next == UInt8(ascii: "-")
        if isNegative { position += 1 }
        let firstDigit = position
        var integer: Int64? = 0
        while case let digit = next &- UInt8(ascii: "0"), digit <= 9 {
            integer = integer.flatMap { value in
                let (product, tooBig) = value.multipliedReportingOverflow(by: 10)
                let (sum, tooBigAfterAll) = product.addingReportingOverflow(Int64(digit))
                return tooBig || tooBigAfterAll ? nil : sum
            }
            position += 1
        }
        let digits = position - firstDigit
        guard digits > 0, digits == 1 || bytes[firstDigit] != UInt8(ascii: "0") else { throw malformed }

        var isWhole = true
        if next == UInt8(ascii: ".") {
            isWhole = false
            position += 1
            try atLeastOneDigit()
        }
        if next | 0x20 == UInt8(ascii: "e") {
            isWhole = false
            position += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            try atLeastOneDigit()
        }
        if isWhole, let integer { return .integer(isNegative ? -integer : integer) }
        guard let number = Double(String(decoding: bytes[start..<position], as: UTF8.self)) else { throw malformed }
        return .number(number)
    }

    private mutating func atLeastOneDigit() throws(Malformed) {
        let start = position
        while next &- UInt8(ascii: "0") <= 9 { position += 1 }
        guard position > start else { throw malformed }
    }
}
