import Foundation
import Testing

/// The built `peekfs` with a library of its own, run as people run it: as a child process.
final class Program: Sendable {
    /// How a run ended.
    struct Outcome: Sendable {
        let status: Int32
        let output: String
        let errors: String

        /// Standard output, decoded.
        func json<Value: Decodable>(as _: Value.Type = Value.self) throws -> Value {
            try JSONDecoder().decode(Value.self, from: Data(output.utf8))
        }
    }

    /// Where everything of this library is; removed with it.
    let directory: String

    init() throws {
        let path = NSTemporaryDirectory() + "/peekfs-test-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        directory = path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Beside the tests' own executable.
    static let executable: URL = {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent("peekfs")
    }()

    /// Runs it to its end. Nothing of the cooperative pool waits meanwhile.
    func run(
        _ arguments: String..., input: String = "", environment: [String: String] = [:],
        whileRunning look: (@Sendable (pid_t) -> Void)? = nil
    ) async throws -> Outcome {
        try await run(arguments, input: input, environment: environment, whileRunning: look)
    }

    func run(
        _ arguments: [String], input: String = "", environment: [String: String] = [:],
        whileRunning look: (@Sendable (pid_t) -> Void)? = nil
    ) async throws -> Outcome {
        let file = directory + "/" + UUID().uuidString + ".in"
        try input.write(toFile: file, atomically: false, encoding: .utf8)
        return try await run(
            arguments, FileHandle(forReadingAtPath: file), environment: environment, whileRunning: look)
    }

    /// Runs it with a terminal as its standard input, on which that is typed.
    func run(_ arguments: [String], terminalInput: String) async throws -> Outcome {
        let person = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        defer { close(person) }
        // TIOCSPTLCK and TIOCGPTN of ioctl_tty(2), which are no constants in Swift: unlock, and the terminal's number.
        var (isLocked, number) = (CInt(0), CUnsignedInt(0))
        guard person >= 0, ioctl(person, 0x4004_5431, &isLocked) == 0, ioctl(person, 0x8004_5430, &number) == 0 else {
            throw POSIXError(.ENOTTY)
        }
        let terminal = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard terminal >= 0 else { throw POSIXError(.ENOTTY) }
        FileHandle(fileDescriptor: person).write(Data(terminalInput.utf8))
        return try await run(
            arguments, FileHandle(fileDescriptor: terminal, closeOnDealloc: true), environment: [:], whileRunning: nil)
    }

    private func run(
        _ arguments: [String], _ input: FileHandle?, environment: [String: String],
        whileRunning look: (@Sendable (pid_t) -> Void)?
    ) async throws -> Outcome {
        let name = directory + "/" + UUID().uuidString
        let process = Process()
        process.executableURL = Self.executable
        process.arguments = arguments
        process.environment = baseEnvironment.merging(environment) { $1 }
        process.standardInput = input
        // Files and not pipes: nobody has to read them in time.
        process.standardOutput = try Self.fresh(name + ".out")
        process.standardError = try Self.fresh(name + ".err")
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in done.resume() }
            do {
                try process.run()
                look?(process.processIdentifier)
            } catch {
                done.resume(throwing: error)
            }
        }
        return Outcome(
            status: process.terminationStatus, output: try String(contentsOfFile: name + ".out", encoding: .utf8),
            errors: try String(contentsOfFile: name + ".err", encoding: .utf8))
    }

    private var baseEnvironment: [String: String] {
        var environment = ProcessInfo.processInfo.environment
        for name in ["STASH_URL", "STASH_API_KEY", "NOTIFY_SOCKET", "XDG_RUNTIME_DIR"] { environment[name] = nil }
        environment["PEEKFS_STATE_DIR"] = directory + "/state"
        environment["PEEKFS_CACHE_DIR"] = directory + "/cache"
        return environment
    }

    private static func fresh(_ path: String) throws -> FileHandle {
        try Data().write(to: URL(fileURLWithPath: path))
        guard let handle = FileHandle(forWritingAtPath: path) else { throw CocoaError(.fileWriteUnknown) }
        return handle
    }
}

/// What `instance list --json` and `show --json` print.
struct ShownInstance: Decodable {
    let id: String
    let name: String
    let url: String
    let enabled: Bool
    let priority: Int64
    let hasApiKey: Bool
    let tls: String
    let caFile: String?
}
