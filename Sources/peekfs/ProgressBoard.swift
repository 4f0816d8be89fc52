import Foundation
import Stash

/// How far the sync of each server is, on standard error: on a terminal one line a server that changes, else one line for
/// each stage that a server has behind it.
final class ProgressBoard: Sendable {
    private struct State {
        var rows: [Row]
        var linesDrawn = 0
        var lastDrawn: ContinuousClock.Instant?
    }

    /// One server.
    struct Row {
        let name: String
        /// As `SyncProgress.Stage.word` has it.
        var stage: String?
        var done = 0
        var total = 0
        var since: ContinuousClock.Instant
        /// What came of it, when it is over.
        var result: String?
    }

    private let state: Lock<State>
    private let isInteractive: Bool

    init(_ names: [String], isInteractive: Bool = Output.isInteractive) {
        let now = ContinuousClock.now
        state = Lock(State(rows: names.map { Row(name: $0, since: now) }))
        self.isInteractive = isInteractive
    }

    /// How far a server is in a stage.
    func update(_ name: String, _ stage: String, done: Int, total: Int) {
        let now = ContinuousClock.now
        let isInteractive = isInteractive
        state.withLock { state in
            guard let place = state.rows.firstIndex(where: { $0.name == name }) else { return }
            let before = state.rows[place]
            if before.stage != stage {
                if !isInteractive, let line = before.stageBehind { Output.note(line) }
                state.rows[place].since = now
            }
            state.rows[place].stage = stage
            state.rows[place].done = done
            state.rows[place].total = total
            if isInteractive { Self.draw(&state, now: now, always: before.stage != stage) }
        }
    }

    /// The sync of a server is over.
    func finish(_ name: String, _ result: String) {
        let isInteractive = isInteractive
        state.withLock { state in
            guard let place = state.rows.firstIndex(where: { $0.name == name }) else { return }
            state.rows[place].result = result
            if isInteractive {
                Self.draw(&state, now: ContinuousClock.now, always: true)
            } else {
                Output.note("\(state.rows[place].name): \(result)")
            }
        }
    }

    /// Ten times a second is as often as anybody can read.
    private static func draw(_ state: inout sending State, now: ContinuousClock.Instant, always: Bool) {
        if !always, let last = state.lastDrawn, now - last < .milliseconds(100) { return }
        state.lastDrawn = now
        var text = state.linesDrawn > 0 ? "\u{1B}[\(state.linesDrawn)A" : ""
        let width = terminalWidth()
        for row in state.rows { text += "\r\u{1B}[K" + row.line(now: now, width: width) + "\n" }
        state.linesDrawn = state.rows.count
        FileHandle.standardError.write(Data(text.utf8))
    }

    private static func terminalWidth() -> Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}

extension ProgressBoard.Row {
    /// A line that fits on a terminal of this width.
    func line(now: ContinuousClock.Instant, width: Int) -> String {
        var text = name + "  "
        if let result {
            text += result
        } else if let stage {
            text += Self.words(stage)
            if total > 0 { text += "  " + bar(20) + "  \(done)/\(total)" + pace(now) }
        } else {
            text += "waiting"
        }
        return String(text.prefix(max(10, width - 1)))
    }

    /// What is said of a stage when the next one begins; nil for the small ones.
    var stageBehind: String? {
        guard let stage, total > 0, !stage.hasPrefix("pictures") else { return nil }
        return "\(name): \(Self.words(stage)) \(done)/\(total)"
    }

    /// For people.
    private static func words(_ stage: String) -> String {
        switch stage {
        case "sidecars": "sizes of pictures and subtitles"
        case "deriving": "names and listings"
        default: stage
        }
    }

    private func bar(_ width: Int) -> String {
        let filled = min(width, width * done / max(1, total))
        return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled) + "]"
    }

    /// Rate and time left, once there is something to reckon with.
    private func pace(_ now: ContinuousClock.Instant) -> String {
        let seconds = (now - since) / .seconds(1)
        guard seconds > 0.5, done > 0 else { return "" }
        let rate = Double(done) / seconds
        let left = Int((Double(max(0, total - done)) / rate).rounded(.up))
        let minutes = left % 60 < 10 ? "\(left / 60):0\(left % 60)" : "\(left / 60):\(left % 60)"
        return "  \(Int(rate))/s  \(minutes) left"
    }
}
