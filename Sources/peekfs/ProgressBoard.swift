import Foundation
import Library
import Stash
import Sync

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
        let instance: InstanceNumber
        let name: String
        var stage: SyncProgress.Stage?
        var done = 0
        var total = 0
        var pace = SyncPace()
        var speed: (rate: Double, secondsLeft: Int)?
        /// What came of it, when it is over.
        var result: String?
    }

    private let state: Lock<State>
    private let isInteractive: Bool
    private let start = ContinuousClock.now

    init(_ instances: [Instance], isInteractive: Bool = Output.isInteractive) {
        state = Lock(State(rows: instances.map { Row(instance: $0.number, name: $0.name) }))
        self.isInteractive = isInteractive
    }

    func update(_ progress: SyncProgress) {
        let now = ContinuousClock.now
        let isInteractive = isInteractive
        state.withLock { state in
            guard let place = state.rows.firstIndex(where: { $0.instance == progress.instance }) else { return }
            let before = state.rows[place]
            if before.stage != progress.stage {
                if !isInteractive, let line = before.stageBehind { Output.note(line) }
            }
            state.rows[place].speed = state.rows[place].pace.note(progress, at: now - start)
            state.rows[place].stage = progress.stage
            state.rows[place].done = progress.done
            state.rows[place].total = progress.total
            if isInteractive { Self.draw(&state, now: now, always: before.stage != progress.stage) }
        }
    }

    /// The sync of a server is over.
    func finish(_ instance: InstanceNumber, _ result: String) {
        let isInteractive = isInteractive
        state.withLock { state in
            guard let place = state.rows.firstIndex(where: { $0.instance == instance }) else { return }
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
        for row in state.rows { text += "\r\u{1B}[K" + row.line(width: width) + "\n" }
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
    func line(width: Int) -> String {
        var text = name + "  "
        if let result {
            text += result
        } else if let stage {
            text += stage.words
            if total > 0 { text += "  " + bar(20) + "  \(done)/\(total)" + speedText }
        } else {
            text += "waiting"
        }
        return String(text.prefix(max(10, width - 1)))
    }

    /// What is said of a stage when the next one begins; nil for the small ones.
    var stageBehind: String? {
        guard let stage, total > 0 else { return nil }
        if case .pictures = stage { return nil }
        return "\(name): \(stage.words) \(done)/\(total)"
    }

    private func bar(_ width: Int) -> String {
        let filled = min(width, width * done / max(1, total))
        return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled) + "]"
    }

    /// Rate and time left, once there is something to reckon with.
    private var speedText: String {
        guard let speed else { return "" }
        let (minutes, seconds) = (speed.secondsLeft / 60, speed.secondsLeft % 60)
        return "  \(Int(speed.rate))/s  \(minutes):\(seconds < 10 ? "0" : "")\(seconds) left"
    }
}

extension SyncProgress.Stage {
    /// For people.
    var words: String {
        switch self {
        case .connecting: "connecting"
        case .rows(let kind): kind.directoryName
        case .pictures(let kind): "pictures of \(kind.directoryName)"
        case .sidecars: "sizes of pictures and subtitles"
        case .deriving: "names and listings"
        }
    }
}
