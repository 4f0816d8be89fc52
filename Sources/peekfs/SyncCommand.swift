import ArgumentParser
import Control
import Derive
import Foundation
import Library
import Service
import Stash
import Sync

/// `peekfs sync`: copies servers into the index now. A daemon that is mounted sees it and tells the kernel.
struct SyncCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync",
        abstract: "Asks the servers what they have, now.",
        discussion: "Works also while mounted. Ends with an error when a server could not be read to its end.")

    @Argument(help: "Which servers; all that are enabled when none is named.")
    var names: [String] = []
    @Flag(
        help: """
            Believe a server also when more than a fifth of what it had seems to be gone, or when its content is another than \
            before.
            """)
    var force = false
    @Flag(help: "Read everything again, instead of what has changed.")
    var full = false
    @OptionGroup var location: LocationOptions

    func run() throws {
        let cancel = Cancellation()
        let remote = RemoteSync(try location.control(), names: names, PassDemand(force: force, isFull: full))
        let signals = Signals()
        signals.watch(
            stop: { again in
                if again { _exit(128 + SIGINT) }
                cancel.cancel()
                remote.interrupt()
            }, reload: {})
        if try !remote.run() { try syncHere(cancel) }
    }

    /// Without a daemon.
    private func syncHere(_ cancel: Cancellation) throws {
        let workplace = try Workplace(location)
        let instances = try workplace.premises().chosen(names)
        let index = try workplace.index()
        let derivation = Derivation(state: workplace.state, index: index)
        let engine = try TransferEngine()
        engine.start()
        defer { engine.stop() }
        var options = SyncOptions()
        options.force = force
        options.scope = full ? .full : .incremental
        let board = ProgressBoard(instances.map(\.name))
        let passes = try instances.map { instance in
            let synchroniser = Synchroniser(
                instance: instance.number,
                client: StashClient(access: try ServerSettings(instance).access, engine: engine), index: index,
                state: workplace.state, lockDirectory: workplace.locations.cache, options: options)
            return Pass(synchroniser, named: instance.name, board: board, cancel: cancel) { try derivation.run() }
        }
        let reports = passes.map { $0.wait() }
        try Self.fail(reports.compactMap { $0.error.map { Problem(explaining: $0) } }, of: reports.count)
    }

    /// The sentences were printed when each pass ended; what is left is the exit code.
    static func fail(_ problems: [Problem], of count: Int) throws {
        guard let first = problems.first else { return }
        let same = problems.allSatisfy { $0.code == first.code }
        throw CommandError(
            same ? ExitStatus(first.code) : .unavailable,
            "\(problems.count) of \(Output.count(count, "server")) could not be synced")
    }
}

/// One server's pass on a thread of its own: a slow server slows only itself.
private final class Pass: Sendable {
    private let report = Lock<SyncReport?>(nil)
    private let ended = DispatchSemaphore(value: 0)

    init(
        _ synchroniser: Synchroniser, named name: String, board: ProgressBoard, cancel: Cancellation,
        derive: @escaping @Sendable () throws -> Void
    ) {
        let thread = Thread { [self] in
            let report = synchroniser.run(
                cancel: cancel,
                progress: { board.update(name, $0.stage.word, done: $0.done, total: $0.total) }, derive: derive)
            board.finish(name, SyncEvent.Ended(report).sentence)
            self.report.withLock { $0 = report }
            ended.signal()
        }
        thread.name = "sync"
        thread.start()
    }

    func wait() -> SyncReport {
        while true {
            ended.wait()
            if let report = report.withLock({ $0 }) { return report }
        }
    }
}

extension SyncEvent.Ended {
    /// What came of a pass, for people.
    var sentence: String {
        let changes = "\(changed) changed, \(removed) removed"
        let time = String(format: "%.1f s", seconds)
        var text = error.map { "failed: \($0)" } ?? "\(Output.count(rows, "entry", "entries")), \(changes), \(time)"
        if setAside > 0 { text += "; \(setAside) left out, see `peekfs status`" }
        if !suspects.isEmpty {
            let kinds = suspects.joined(separator: ", ")
            text += "; too many \(kinds) seem to be gone and are kept: `peekfs sync NAME --force` removes them"
        }
        return text
    }
}
