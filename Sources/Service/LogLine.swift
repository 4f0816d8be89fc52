import Foundation
package import Logging

/// A log that writes each event as one line to standard error: with its priority where the journal of systemd reads, else
/// with the time.
package struct LogLine: LogHandler {
    package enum Form: Sendable {
        /// `<4>attic: no answer came in time`: what sd-daemon(3) asks for. The journal knows the time and the program.
        case journal
        /// `2026-11-28T19:07:51Z warning attic: no answer came in time`
        case plain
    }

    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    private let form: Form

    package init(level: Logger.Level, form: Form) {
        logLevel = level
        self.form = form
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var line = text(of: event, at: Date())
        // One call, so that the lines of two threads do not mix.
        _ = line.withUTF8 { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// The line, with its end.
    func text(of event: LogEvent, at time: Date) -> String {
        var text =
            switch form {
            case .journal: "<\(event.level.priority)>"
            case .plain: time.formatted(.iso8601) + " \(event.level) "
            }
        text += Self.oneLine("\(event.message)")
        let details = metadata.merging(event.metadata ?? [:]) { $1 }
        for (key, value) in details.sorted(by: { $0.key < $1.key }) { text += " \(key)=\(Self.oneLine("\(value)"))" }
        return text + "\n"
    }

    /// Without what would end the line, or command a terminal: servers have a say in what is logged.
    private static func oneLine(_ text: String) -> String {
        String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
    }
}

extension LogLine.Form {
    /// The form for standard error: systemd says which file is its journal's, as device and inode (systemd.exec(5)), and a
    /// service may have redirected it.
    package static func standardError(environment: [String: String]) -> LogLine.Form {
        var status = stat()
        guard let journal = environment["JOURNAL_STREAM"], fstat(STDERR_FILENO, &status) == 0 else { return .plain }
        return journal == "\(status.st_dev):\(status.st_ino)" ? .journal : .plain
    }
}

extension Logger.Level {
    /// Of syslog(3).
    fileprivate var priority: Int {
        switch self {
        case .critical: 2
        case .error: 3
        case .warning: 4
        case .notice: 5
        case .info: 6
        case .debug, .trace: 7
        }
    }
}
