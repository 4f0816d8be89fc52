/// A point in time as a server wrote it, and what it means.
///
/// The text matters: the filter on `updated_at` compares texts, not times (Stash 3.1).
package struct WireTime: Sendable, Hashable {
    /// RFC 3339 with the offset that the server had when it wrote the row: `2025-12-28T10:47:51-08:00`.
    package let text: String
    /// Seconds since 1970-01-01T00:00:00Z; a fraction is cut off.
    package let unixSeconds: Int64

    /// Nil for anything but a date and a time with an offset.
    package init?(_ text: String) {
        guard let seconds = Self.seconds(Array(text.utf8)) else { return nil }
        self.text = text
        unixSeconds = seconds
    }

    /// The wall clock of the server without the offset, which is how a watermark has to be sent (Stash 3.1, rule b).
    package var wallClock: String { String(text.prefix(19)) }

    /// The same wall clock so many seconds earlier.
    package func wallClock(earlierBy seconds: Int64) -> String {
        let wall = (Self.seconds(Array((wallClock + "Z").utf8)) ?? unixSeconds) - seconds
        let time = ((wall % 86_400) + 86_400) % 86_400
        let (year, month, day) = Self.date(ofDay: (wall - time) / 86_400)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let zeros = String(repeating: "0", count: max(0, 4 - "\(year)".count))
        return "\(zeros)\(year)-\(two(month))-\(two(day))T\(two(time / 3_600)):\(two(time / 60 % 60)):\(two(time % 60))"
    }

    /// The date so many days after 1970-01-01; `days` backwards.
    private static func date(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let isAfterDecember = month >= 10
        return (
            yearOfEra + era * 400 + (isAfterDecember ? 1 : 0), isAfterDecember ? month - 9 : month + 3,
            dayOfYear - (153 * month + 2) / 5 + 1
        )
    }

    private static func seconds(_ text: [UInt8]) -> Int64? {
        // 2025-12-28T10:47:51 is nineteen bytes; at least one follows: Z, an offset, or a fraction and then those.
        guard text.count > 19, text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-"),
            text[10] | 0x20 == UInt8(ascii: "t") || text[10] == UInt8(ascii: " "),
            text[13] == UInt8(ascii: ":"), text[16] == UInt8(ascii: ":"),
            let year = number(text[0..<4]), let month = number(text[5..<7]), let day = number(text[8..<10]),
            let hour = number(text[11..<13]), let minute = number(text[14..<16]), let second = number(text[17..<19]),
            (1...12).contains(month), (1...daysIn(month: month, year: year)).contains(day),
            hour < 24, minute < 60, second <= 60
        else { return nil }

        var rest = text[19...]
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            let digits = rest.prefix { $0 &- UInt8(ascii: "0") <= 9 }
            guard !digits.isEmpty else { return nil }
            rest = rest.dropFirst(digits.count)
        }
        guard let offset = offset(rest) else { return nil }
        return days(year: year, month: month, day: day) * 86_400 + hour * 3_600 + minute * 60 + second - offset
    }

    private static func offset(_ text: ArraySlice<UInt8>) -> Int64? {
        guard let sign = text.first else { return nil }
        if sign | 0x20 == UInt8(ascii: "z") { return text.count == 1 ? 0 : nil }
        let text = Array(text)
        guard text.count == 6, text[3] == UInt8(ascii: ":"), let hours = number(text[1..<3]),
            let minutes = number(text[4..<6]), hours < 24, minutes < 60
        else { return nil }
        switch sign {
        case UInt8(ascii: "+"): return hours * 3_600 + minutes * 60
        case UInt8(ascii: "-"): return -(hours * 3_600 + minutes * 60)
        default: return nil
        }
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        var value: Int64 = 0
        for digit in digits {
            guard digit &- UInt8(ascii: "0") <= 9 else { return nil }
            value = value * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        return value
    }

    private static func daysIn(month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970-01-01 in the Gregorian calendar: years begin in March, so that the leap day is the last one, and
    /// 719,468 days lie between 0000-03-01 and 1970-01-01.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}
