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
    @Flag(help: "Print what happens as JSON, an object a line.")
    var json = false
    @OptionGroup var location: LocationOptions

    func run() throws {
        let workplace = try Workplace(location)
        let instances = try chosen(workplace)
        let index = try workplace.index()
        let derivation = Derivation(state: workplace.state, index: index)
        let engine = try TransferEngine()
        engine.start()
        defer { engine.stop() }

        let cancel = Cancellation()
        let signals = Signals()
        signals.watch(
            stop: { again in
                if again { _exit(128 + SIGINT) }
                cancel.cancel()
            }, reload: {})

        var options = SyncOptions()
        options.force = force
        let board = json ? nil : ProgressBoard(instances)
        let passes = try instances.map { instance in
            let synchroniser = Synchroniser(
                instance: instance.number,
                client: StashClient(access: try ServerSettings(instance).access, engine: engine), index: index,
                state: workplace.state, lockDirectory: workplace.locations.cache, options: options)
            return Pass(
                synchroniser, showing: board ?? EventPrinter(instance), cancel: cancel
            ) { try derivation.run() }
        }
        let reports = passes.map { $0.wait() }
        if let failure = Self.failure(reports) { throw failure }
    }

    private func chosen(_ workplace: Workplace) throws -> [Instance] {
        let instances = try workplace.instances(named: names)
        if names.isEmpty {
            let enabled = instances.filter(\.enabled)
            guard !enabled.isEmpty else {
                throw CommandError(
                    .configuration, "there is no instance to sync",
                    hint: instances.isEmpty
                        ? "add one with `peekfs instance add NAME URL`" : "switch one on with `peekfs instance enable`")
            }
            return enabled
        }
        if let disabled = instances.first(where: { !$0.enabled }) {
            throw CommandError(
                .configuration, "'\(disabled.name)' is disabled",
                hint: "switch it on with `peekfs instance enable \(disabled.name)`")
        }
        return instances
    }

    /// The sentences were printed when each pass ended; what is left is the exit code.
    private static func failure(_ reports: [SyncReport]) -> CommandError? {
        let errors = reports.compactMap(\.error)
        guard let first = errors.first else { return nil }
        let same = errors.allSatisfy { $0.exitStatus == first.exitStatus }
        return CommandError(
            same ? first.exitStatus : .unavailable,
            "\(errors.count) of \(Output.count(reports.count, "server")) could not be synced")
    }
}

/// Whoever shows how far passes are, on their threads.
private protocol PassDisplay: Sendable {
    func update(_ progress: SyncProgress)
    func finish(_ report: SyncReport)
}

extension ProgressBoard: PassDisplay {
    func finish(_ report: SyncReport) { finish(report.instance, report.sentence) }
}

/// Prints what happens with one server, an event a line.
private final class EventPrinter: PassDisplay {
    private let instance: Instance
    private let start = ContinuousClock.now
    private let events = Lock(ProgressEvents())

    init(_ instance: Instance) {
        self.instance = instance
        tell(.began(SyncEvent.Began(occasion: .request)))
    }

    func update(_ progress: SyncProgress) {
        let now = ContinuousClock.now - start
        if let event = events.withLock({ $0.event(progress, at: now) }) { tell(.progress(event)) }
    }

    func finish(_ report: SyncReport) { tell(.ended(SyncEvent.Ended(report))) }

    private func tell(_ what: SyncEvent.What) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let now = Int64(Date().timeIntervalSince1970)
        let event = SyncEvent(at: now, instance: instance.id, name: instance.name, what: what)
        guard let data = try? encoder.encode(event) else { return }
        Output.line(String(decoding: data, as: UTF8.self))
    }
}

/// One server's pass on a thread of its own: a slow server slows only itself.
private final class Pass: Sendable {
    private let report = Lock<SyncReport?>(nil)
    private let ended = DispatchSemaphore(value: 0)

    init(
        _ synchroniser: Synchroniser, showing display: any PassDisplay, cancel: Cancellation,
        derive: @escaping @Sendable () throws -> Void
    ) {
        let thread = Thread { [self] in
            let report = synchroniser.run(cancel: cancel, progress: { display.update($0) }, derive: derive)
            display.finish(report)
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

extension SyncReport {
    /// What came of a pass, for people.
    var sentence: String {
        let changes = "\(changed) changed, \(removed) removed"
        let time = String(format: "%.1f s", seconds)
        var text = error.map { "failed: \($0)" } ?? "\(Output.count(rows, "entry", "entries")), \(changes), \(time)"
        if setAside > 0 { text += "; \(setAside) left out, see `peekfs status`" }
        if !suspects.isEmpty {
            let kinds = suspects.map(\.directoryName).joined(separator: ", ")
            text += "; too many \(kinds) seem to be gone and are kept: `peekfs sync NAME --force` removes them"
        }
        return text
    }
}

extension SyncError {
    /// How `peekfs sync` ends when nothing else failed.
    var exitStatus: ExitStatus {
        switch self {
        case .server(.unauthorised, _): .noPermission
        case .server(.unreachable(.nameNotResolved), _): .noHost
        case .server(.notStash, _), .server(.tls, _), .tooOld: .notStash
        case .server: .unavailable
        case .busy: .busy
        // A person has to set the address right, or to confirm what is there: no later try will do.
        case .otherCatalogue, .configuration: .configuration
        case .local: .ioError
        case .cancelled: .busy
        }
    }
}
