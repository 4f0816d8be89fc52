import Foundation
import Library
import Stash
import Sync

/// A test of a connection before it is stored, and when somebody asks for one.
enum ConnectionTest {
    /// Tests and returns what was found.
    static func report(_ settings: ServerSettings) throws -> ConnectionReport {
        let engine = try TransferEngine()
        engine.start()
        defer { engine.stop() }
        return testConnection(settings.access, engine: engine)
    }

    /// Tests, and samples the catalogue; throws when the server could not be used.
    static func pass(_ settings: ServerSettings) throws -> (ConnectionReport, CatalogueReading) {
        let engine = try TransferEngine()
        engine.start()
        defer { engine.stop() }
        let report = testConnection(settings.access, engine: engine)
        if let problem = report.problem(hint: untested) { throw problem }
        let client = StashClient(
            access: settings.access, engine: engine, capabilities: report.capabilities, graphQLTimeouts: .test)
        do {
            return (report, try CatalogueReading(of: client, retry: .media))
        } catch {
            let problem = Problem(explaining: error)
            throw Problem(problem.code, problem.detail, hint: untested)
        }
    }

    /// Tests and tells, with what is recognised in what was found.
    static func view(
        _ settings: ServerSettings, isTried: Bool, recognise: (CatalogueFingerprint?) throws -> RecognitionView
    ) throws -> ConnectionView {
        guard isTried else {
            var view = ConnectionView(untriedAt: settings.access.address)
            view.recognised = try recognise(nil)
            return view
        }
        let report = try report(settings)
        var view = ConnectionView(report)
        if report.isOK { view.recognised = try recognise(try pass(settings).1.fingerprint) }
        return view
    }

    private static let untested = "or store it untested with --no-test"
}

extension ConnectionReport {
    /// Why the server cannot be used, nil when it can; `more` is what else can be done about it.
    package func problem(hint more: String? = nil) -> Problem? {
        guard let kind = problemCode else { return nil }
        let hints = [hint, more].compactMap { $0 }.joined(separator: "; ")
        return Problem(kind, sentence, hint: hints.isEmpty ? nil : hints, diagnosis: code)
    }

    fileprivate var capabilities: Capabilities? {
        guard case .ok(let description, _) = diagnosis else { return nil }
        return description.capabilities
    }

    private var problemCode: Problem.Code? {
        switch diagnosis {
        case .ok: nil
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
package struct ConnectionView: Codable, Sendable {
    package let ok: Bool
    /// A stable word: `ok`, `refused`, `wrong-key` …
    package let code: String
    package let message: String
    package let hint: String?
    package let version: String?
    package let counts: [String: Int64]?
    /// Why it cannot be used.
    package let problem: Problem?
    /// Of an address that is no instance's yet: whether the server was here before.
    package var recognised: RecognitionView?

    init(_ report: ConnectionReport) {
        ok = report.isOK
        code = report.code
        message = report.sentence
        hint = report.hint
        problem = report.problem()
        if case .ok(let description, let found) = report.diagnosis {
            version = description.version
            counts = Dictionary(uniqueKeysWithValues: found.map { ("\($0.key.rawValue)", $0.value) })
        } else {
            version = nil
            counts = nil
        }
    }

    /// Nothing was asked of the server.
    init(untriedAt address: ServerAddress) {
        ok = true
        code = "untested"
        message = "\(address) was not tested"
        hint = nil
        problem = nil
        version = nil
        counts = nil
    }
}
