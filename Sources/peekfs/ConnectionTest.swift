import Control
import Library
import Stash
import Sync

/// A test of a connection before it is stored, and `peekfs instance test`.
enum ConnectionTest {
    /// Tests and returns what was found.
    static func report(_ settings: ServerSettings) throws -> ConnectionReport {
        let engine = try TransferEngine()
        engine.start()
        defer { engine.stop() }
        return testConnection(settings.access, engine: engine)
    }

    /// Tests, says what was found, and samples the catalogue; throws when the server could not be used.
    static func pass(_ settings: ServerSettings) throws -> CatalogueReading {
        let engine = try TransferEngine()
        engine.start()
        defer { engine.stop() }
        let report = testConnection(settings.access, engine: engine)
        if let failure = report.failure(hint: untested) { throw failure }
        Output.note(report.sentence)
        let client = StashClient(
            access: settings.access, engine: engine, capabilities: report.capabilities, graphQLTimeouts: .test)
        do {
            return try CatalogueReading(of: client, retry: .media)
        } catch {
            throw CommandError(error.exitStatus, "\(error)", hint: untested)
        }
    }

    private static let untested = "or store it untested with --no-test"
}

extension ConnectionReport {
    /// Why the server cannot be used, nil when it can; `more` is what else can be done about it.
    func failure(hint more: String? = nil) -> CommandError? {
        guard !isOK else { return nil }
        let hints = [hint, more].compactMap { $0 }.joined(separator: "; ")
        return CommandError(status, sentence, hint: hints.isEmpty ? nil : hints)
    }

    fileprivate var capabilities: Capabilities? {
        guard case .ok(let description, _) = diagnosis else { return nil }
        return description.capabilities
    }

    private var status: ExitStatus {
        switch diagnosis {
        case .ok: .success
        case .badAddress: .usage
        case .nameNotResolved: .noHost
        case .refused, .unreachable, .failed: .unavailable
        case .tls, .notStash, .tooOld: .notStash
        case .needsKey, .wrongKey, .keyButServerHasNone: .noPermission
        case .notSetUp, .tripwire: .configuration
        }
    }
}

/// A report for programs.
struct ConnectionView: Encodable {
    let ok: Bool
    /// A stable word: `ok`, `refused`, `wrong-key` …
    let code: String
    let message: String
    let hint: String?
    let version: String?
    let counts: [String: Int64]?

    init(_ report: ConnectionReport) {
        ok = report.isOK
        code = report.code
        message = report.sentence
        hint = report.hint
        if case .ok(let description, let found) = report.diagnosis {
            version = description.version
            counts = Dictionary(uniqueKeysWithValues: found.map { ("\($0.key.rawValue)", $0.value) })
        } else {
            version = nil
            counts = nil
        }
    }
}
