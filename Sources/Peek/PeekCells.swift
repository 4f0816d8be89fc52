import GRDB
import Library

/// What cells of Peek's tables mean. SQLite keeps any type in any column, so nothing is believed unseen.
enum PeekCell {
    /// A whole number: an integer, a real without fraction, or the digits of one. nil for anything else.
    static func integer(_ cell: DatabaseValue) -> Int64? {
        switch cell.storage {
        case .int64(let value): value
        case .double(let value): Int64(exactly: value)
        case .string(let text): Int64(text).flatMap { String($0) == text ? $0 : nil }
        default: nil
        }
    }

    /// A finite number.
    static func real(_ cell: DatabaseValue) -> Double? {
        let value: Double? =
            switch cell.storage {
            case .int64(let value): Double(value)
            case .double(let value): value
            case .string(let text): Double(text)
            default: nil
            }
        return value.flatMap { $0.isFinite ? $0 : nil }
    }

    static func text(_ cell: DatabaseValue) -> String? {
        switch cell.storage {
        case .string(let text): text
        case .int64(let value): String(value)
        case .double(let value): "\(value)"
        default: nil
        }
    }

    /// A point of time in Unix microseconds, between 1970 and 9999; nil for anything else.
    ///
    /// Prisma stores `DateTime` in SQLite as an integer of Unix milliseconds; a column's default CURRENT_TIMESTAMP is UTC
    /// text without a zone (`2025-11-01 10:00:00`), and Prisma's driver adapters write RFC 3339.
    static func time(_ cell: DatabaseValue) -> Int64? {
        let microseconds: Int64? =
            switch cell.storage {
            case .int64(let value): inRange(milliseconds: value)
            case .double(let value): Int64(exactly: value.rounded()).flatMap(inRange(milliseconds:))
            case .string(let text): Int64(text).map(inRange(milliseconds:)) ?? time(text)
            default: nil
            }
        return microseconds
    }

    private static func inRange(milliseconds: Int64) -> Int64? {
        (0..<253_402_300_800_000).contains(milliseconds) ? milliseconds * 1000 : nil
    }

    private static func time(_ text: String) -> Int64? {
        var rest = Substring(text)
        func number(_ digits: Int, _ range: ClosedRange<Int64>) -> Int64? {
            let head = rest.prefix(digits)
            guard head.utf8.count == digits, head.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let value = Int64(head), range.contains(value)
            else { return nil }
            rest = rest.dropFirst(digits)
            return value
        }
        func take(_ any: String) -> Character? {
            guard let first = rest.first, any.contains(first) else { return nil }
            rest = rest.dropFirst()
            return first
        }
        func skip(_ any: String) -> Bool { take(any) != nil }
        guard let year = number(4, 1970...9999), skip("-"), let month = number(2, 1...12), skip("-"),
            let day = number(2, 1...daysIn(month, of: year)), skip("T "), let hour = number(2, 0...23), skip(":"),
            let minute = number(2, 0...59), skip(":"), let second = number(2, 0...59)
        else { return nil }
        var microsecond: Int64 = 0
        if skip(".") {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard !digits.isEmpty else { return nil }
            rest = rest.dropFirst(digits.count)
            microsecond = Int64(String(digits.prefix(6)).padded(to: 6)) ?? 0
        }
        var offset: Int64 = 0
        if let sign = take("+-") {
            guard let hours = number(2, 0...23) else { return nil }
            _ = skip(":")
            guard let minutes = number(2, 0...59) else { return nil }
            offset = (sign == "-" ? -1 : 1) * (hours * 60 + minutes) * 60
        } else {
            _ = skip("Zz")
        }
        guard rest.isEmpty else { return nil }
        let days = daysSince1970(year, month, day)
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
        return seconds >= 0 ? seconds * 1_000_000 + microsecond : nil
    }

    private static func daysIn(_ month: Int64, of year: Int64) -> Int64 {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// Days of the Gregorian calendar, counted in years that begin in March, so that a leap day is a year's last.
    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let years = month > 2 ? year : year - 1
        let months = (month + 9) % 12
        let days = years * 365 + years / 4 - years / 100 + years / 400 + (months * 153 + 2) / 5 + day - 1
        // 719 468 days lie between 1 March of the year 0 and 1 January 1970.
        return days - 719_468
    }
}

extension String {
    fileprivate func padded(to length: Int) -> String {
        count < length ? self + String(repeating: "0", count: length - count) : self
    }
}
