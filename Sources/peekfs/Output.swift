import Foundation

/// What commands print: tables and JSON on standard output, everything about the command itself on standard error.
enum Output {
    static func line(_ text: String) {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }

    /// A remark on standard error, which does not end the command.
    static func note(_ text: String) {
        FileHandle.standardError.write(Data("peekfs: \(text)\n".utf8))
    }

    /// One JSON value with sorted keys, so that two runs can be compared by their text.
    static func json(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        line(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// Columns that are as wide as their widest cell, without trailing blanks.
    static func table(_ header: [String], _ rows: [[String]]) {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        for row in all {
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            var text = cells.joined(separator: "  ")
            while text.hasSuffix(" ") { text.removeLast() }
            line(text)
        }
    }

    /// `1 scene`, `2 scenes`.
    static func count(_ number: Int, _ singular: String, _ plural: String? = nil) -> String {
        "\(number) \(number == 1 ? singular : plural ?? singular + "s")"
    }

    /// Whether a person watches standard error, where progress and questions go.
    static var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }

    /// Asks on standard error and reads a line; anything but yes is no, but for nothing, which is the default.
    static func confirm(_ question: String, default fallback: Bool = false) -> Bool {
        FileHandle.standardError.write(Data("\(question) [\(fallback ? "Y/n" : "y/N")] ".utf8))
        let answer = readLine(strippingNewline: true)?.lowercased() ?? ""
        return answer.isEmpty ? fallback : answer == "y" || answer == "yes"
    }
}

/// Colours of a terminal, or none.
struct Paint {
    let isOn: Bool

    func bold(_ text: String) -> String { painted(1, text) }
    func faint(_ text: String) -> String { painted(2, text) }
    func red(_ text: String) -> String { painted(31, text) }
    func green(_ text: String) -> String { painted(32, text) }
    func yellow(_ text: String) -> String { painted(33, text) }

    private func painted(_ code: Int, _ text: String) -> String {
        isOn ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
