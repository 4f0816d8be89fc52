import ArgumentParser
import Control
import Doctor
import Foundation
import Fuse
import Library
import Stash

/// `peekfs doctor`: what is wrong with this machine or these servers, and how to mend it. Changes nothing.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Says what is wrong with this machine or these servers, and how to mend it.",
        discussion: """
            Looks at what mounting needs, at the directories, at mounts that died, and at each enabled server from its name to \
            its clock. Changes nothing. Ends with 0 when there is nothing to mend.
            """)

    @Flag(help: "Print JSON.")
    var json = false
    @OptionGroup var location: LocationOptions

    func run() throws {
        let examinations = try Self.examine(location.locations())
        if json {
            try Output.json(DoctorView(examinations))
        } else {
            let paint = Paint(
                isOn: isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil)
            for examination in examinations { print(examination, paint) }
        }
        let worst = examinations.flatMap(\.findings).first { $0.weight == .problem }
        if let worst { throw ExitCode(worst.cause.exitStatus.rawValue) }
    }

    private static func examine(_ locations: Locations) throws -> [Examination] {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let machine = MachineExamination(searchPath: path, isRoot: geteuid() == 0)
        var places = Examination(
            subject: "directories",
            findings: PlaceExamination.directory(locations.state, "people's data", isPrecious: true)
                + PlaceExamination.directory(locations.cache, "what servers said", isPrecious: false))
        var instances: [Instance] = []
        // Opening it would make one.
        if access(locations.state + "/state.sqlite", F_OK) == 0 {
            do {
                let state = try StateDatabase(directory: locations.state)
                places.findings.append(PlaceExamination.database(state))
                instances = try state.instances()
            } catch {
                let reason = Program.explained(error)
                places.findings.append(
                    .problem(
                        "state-file", .files, reason?.message ?? "\(error)",
                        mend: reason?.hint ?? "restore the last backup with `peekfs restore FILE`"))
            }
        }
        return [
            Examination(subject: "this machine", findings: machine.findings()), places,
            Examination(subject: "mounts", findings: PlaceExamination.mounts(try MountTable.current())),
        ] + (try servers(instances))
    }

    /// All at once, so that a slow one costs its own time only.
    private static func servers(_ instances: [Instance]) throws -> [Examination] {
        guard !instances.isEmpty else {
            return [
                Examination(
                    subject: "servers",
                    findings: [
                        .remark(
                            "servers", "there is no server yet", mend: "add one with `peekfs instance add NAME URL`")
                    ])
            ]
        }
        let engine = try TransferEngine()
        engine.start()
        defer { engine.stop() }
        let found = Lock<[Int: [Finding]]>([:])
        DispatchQueue.concurrentPerform(iterations: instances.count) { place in
            let findings = findings(of: instances[place], engine)
            found.withLock { $0[place] = findings }
        }
        return found.withLock { found in
            instances.enumerated().map { place, instance in
                Examination(subject: "\(instance.name), \(instance.url)", findings: found[place] ?? [])
            }
        }
    }

    private static func findings(of instance: Instance, _ engine: TransferEngine) -> [Finding] {
        guard instance.enabled else { return [.fine("enabled", "it is disabled, so nothing is asked of it")] }
        do throws(Problem) {
            return ServerExamination(try ServerSettings(instance).access, engine: engine).findings()
        } catch {
            return [.problem("address", .files, error.detail, mend: error.hint ?? "give it another address")]
        }
    }

    private func print(_ examination: Examination, _ paint: Paint) {
        Output.line(paint.bold(Words.plain(examination.subject)))
        for finding in examination.findings {
            Output.line("  \(paint.mark(finding.weight)) \(Words.plain(finding.sentence))")
            if let mend = finding.mend { Output.line("    \(Words.plain(mend))") }
        }
    }
}

extension Paint {
    fileprivate func mark(_ weight: Finding.Weight) -> String {
        switch weight {
        case .fine: green("✓")
        case .remark: yellow("!")
        case .problem: red("✗")
        }
    }
}

/// What `peekfs doctor --json` prints.
private struct DoctorView: Encodable {
    struct Entry: Encodable {
        let subject: String
        let check: String
        /// `fine`, `remark` or `problem`.
        let weight: String
        let message: String
        let mend: String?
    }

    /// Whether there is no problem.
    let ok: Bool
    let findings: [Entry]

    init(_ examinations: [Examination]) {
        findings = examinations.flatMap { examination in
            examination.findings.map {
                Entry(
                    subject: examination.subject, check: $0.check, weight: $0.weight.rawValue, message: $0.sentence,
                    mend: $0.mend)
            }
        }
        ok = !findings.contains { $0.weight == Finding.Weight.problem.rawValue }
    }
}

extension Finding.Cause {
    fileprivate var exitStatus: ExitStatus {
        switch self {
        case .machine: .system
        case .files: .ioError
        case .mount: .busy
        case .name: .noHost
        case .server: .unavailable
        case .misfit: .notStash
        case .key: .noPermission
        }
    }
}
