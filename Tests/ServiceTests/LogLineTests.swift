import Foundation
import Logging
import Testing

@testable import Service

struct LogLineTests {
    private func line(
        _ message: String, _ level: Logger.Level = .warning, _ form: LogLine.Form = .journal,
        _ metadata: Logger.Metadata? = nil
    ) -> String {
        let event = LogEvent(
            level: level, message: "\(message)", metadata: metadata, source: "test", file: "", function: "", line: 0)
        return LogLine(level: .trace, form: form).text(of: event, at: Date(timeIntervalSince1970: 1_800_000_000))
    }

    @Test(arguments: [
        (Logger.Level.trace, 7), (.debug, 7), (.info, 6), (.notice, 5), (.warning, 4), (.error, 3), (.critical, 2),
    ])
    func `the journal gets its own priorities`(level: Logger.Level, priority: Int) {
        #expect(line("attic: up", level) == "<\(priority)>attic: up\n")
    }

    @Test func `elsewhere the time and the level stand before it`() {
        #expect(line("attic: up", .notice, .plain) == "2027-01-15T08:00:00Z notice attic: up\n")
    }

    @Test func `whatever a server says, an event is one line and commands no terminal`() {
        #expect(line("a\nb\r\u{1B}[31mc\u{7}\u{0}d") == "<4>a b  [31mc  d\n")
        #expect(line("m", .info, .journal, ["b": "2\n3", "a": "1"]) == "<6>m a=1 b=2 3\n")
    }

    @Test func `the journal is believed only where standard error goes to it`() {
        var status = stat()
        #expect(fstat(STDERR_FILENO, &status) == 0)
        let here = "\(status.st_dev):\(status.st_ino)"
        #expect(LogLine.Form.standardError(environment: ["JOURNAL_STREAM": here]) == .journal)
        #expect(LogLine.Form.standardError(environment: ["JOURNAL_STREAM": here + "1"]) == .plain)
        #expect(LogLine.Form.standardError(environment: [:]) == .plain)
    }
}
