import Foundation

/// Times as clients send them.
enum TimeText {
    /// Seconds since 1970 of an RFC 3339 time, with or without a fraction.
    static func seconds(_ text: String) -> Int64? {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: text.contains("."))
        return (try? Date(text, strategy: style)).map { Int64($0.timeIntervalSince1970) }
    }
}
