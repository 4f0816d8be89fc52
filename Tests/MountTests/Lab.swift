import FakeStash
import Foundation
import Testing

/// Servers, and a `peekfs` with a library of its own that mounts them, run as people run it: as a child process.
final class Lab: Sendable {
    /// What went wrong with the lab itself.
    struct Trouble: Error, CustomStringConvertible {
        let description: String
    }

    /// How a run of the program ended.
    struct Outcome: Sendable {
        let status: Int32
        let output: String
        let errors: String
    }

    private struct State: Sendable {
        var servers: [String: FakeStash] = [:]
        var daemon: Daemon?
        var isOverdue = false
    }

    /// The mount of the suite that runs.
    @TaskLocal static var current: Lab?

    /// Less than the time limit of the suites, which does not end a system call: whatever still waits for the mount then gets an
    /// error from the kernel.
    private static let watchdogSeconds = 510.0

    /// Everything of this lab is below; removed with it.
    let directory: String
    let mountPoint: String
    private let state = Box(State())
    private let isOver = DispatchSemaphore(value: 0)

    init() throws {
        var template = Array("/tmp/peekfs-mount-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure("/tmp") }
        directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        mountPoint = directory + "/mnt"
        // Other users of the mount pass through here; the library beside it is private by itself.
        guard chmod(directory, 0o711) == 0 else { throw Failure(directory) }
        guard mkdir(mountPoint, 0o755) == 0 else { throw Failure(mountPoint) }
        Thread.detachNewThread { [isOver, weak self] in
            guard isOver.wait(timeout: .now() + Self.watchdogSeconds) == .timedOut, let self else { return }
            state.change { $0.isOverdue = true }
            killDaemon()
        }
    }

    /// A lab for one test.
    static func with(_ body: (Lab) throws -> Void) throws {
        let lab = try Lab()
        defer { lab.tearDown() }
        try body(lab)
    }

    var root: Path { Path(mountPoint) }

    // MARK: Servers

    func server(_ name: String) throws -> FakeStash {
        guard let found = state.value.servers[name] else { throw Trouble(description: "no server \(name)") }
        return found
    }

    func key(of name: String) -> String { "key-of-" + name }

    /// Starts a server that wants a key. Small files, for reading all of them has to be quick.
    @discardableResult
    func startServer(
        _ name: String, _ generation: Generation = .v30, _ configure: (inout FakeStash.Configuration) -> Void = { _ in }
    ) throws -> FakeStash {
        var configuration = FakeStash.Configuration()
        configuration.generation = generation
        configuration.name = name
        configuration.apiKey = key(of: name)
        configuration.requiresLogin = true
        configuration.transcodes = false
        configuration.mediaSize = 50_000...400_000
        configure(&configuration)
        let server = try FakeStash.start(configuration)
        state.change { $0.servers[name] = server }
        return server
    }

    /// Ends a server and starts another one like it on the same port.
    func restartServer(_ name: String) throws {
        let server = try FakeStash.start(server(name).configuration)
        state.change { $0.servers[name] = server }
    }

    /// Ends a server and starts another one, with a catalogue of its own, under the same address and key.
    @discardableResult
    func replaceServer(_ name: String, seed: UInt64) throws -> FakeStash {
        try server(name).stop()
        var configuration = try server(name).configuration
        configuration.seed = seed
        let server = try FakeStash.start(configuration)
        state.change { $0.servers[name] = server }
        return server
    }

    /// Ends a server, which goes on at another port and under another name here, with all that it holds.
    func moveServer(_ name: String, to newName: String) throws {
        let old = try server(name)
        var configuration = old.configuration
        configuration.port = nil
        configuration.apiKey = key(of: newName)
        let new = try FakeStash.start(configuration)
        new.catalogue.restore(old.catalogue.backup())
        old.stop()
        state.change { state in
            state.servers[name] = nil
            state.servers[newName] = new
        }
    }

    /// Makes a running server an instance.
    func addInstance(_ name: String, _ options: String...) throws {
        try succeed(
            ["instance", "add", name, try server(name).url, "--api-key-stdin"] + options, input: key(of: name) + "\n")
    }

    /// Two servers whose ids collide in all seven kinds.
    func addAtticAndCellar(_ configure: (inout FakeStash.Configuration) -> Void = { _ in }) throws {
        try startServer("attic", .v30, configure)
        try startServer("cellar", .v22, configure)
        try addInstance("attic")
        try addInstance("cellar")
    }

    // MARK: The program

    /// Beside the tests' own executable.
    private static let executable: URL = {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent("peekfs")
    }()

    private var locations: [String] { ["--state-dir", directory + "/state", "--cache-dir", directory + "/cache"] }

    func process(_ arguments: [String], log: String, input: String = "") throws -> Process {
        let process = Process()
        process.executableURL = Self.executable
        process.arguments = arguments + locations
        var environment = ProcessInfo.processInfo.environment
        for name in ["STASH_URL", "STASH_API_KEY", "NOTIFY_SOCKET", "XDG_RUNTIME_DIR"] { environment[name] = nil }
        process.environment = environment
        try Data(input.utf8).write(to: URL(fileURLWithPath: log + ".in"))
        process.standardInput = FileHandle(forReadingAtPath: log + ".in")
        // Files and not pipes: nobody has to read them in time.
        process.standardOutput = try Self.fresh(log + ".out")
        process.standardError = try Self.fresh(log + ".err")
        return process
    }

    private static func fresh(_ path: String) throws -> FileHandle {
        try Data().write(to: URL(fileURLWithPath: path))
        guard let handle = FileHandle(forWritingAtPath: path) else { throw CocoaError(.fileWriteUnknown) }
        return handle
    }

    /// Runs a command to its end.
    func run(_ arguments: [String], input: String = "") throws -> Outcome {
        let log = directory + "/" + UUID().uuidString
        let process = try process(arguments, log: log, input: input)
        let ended = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in ended.signal() }
        try process.run()
        guard ended.wait(timeout: .now() + 60) == .success else {
            kill(process.processIdentifier, SIGKILL)
            throw Trouble(description: "`peekfs \(arguments.joined(separator: " "))` does not end")
        }
        return Outcome(
            status: process.terminationStatus, output: try String(contentsOfFile: log + ".out", encoding: .utf8),
            errors: try String(contentsOfFile: log + ".err", encoding: .utf8))
    }

    /// Runs a command that has to succeed.
    func succeed(_ arguments: [String], input: String = "") throws {
        let outcome = try run(arguments, input: input)
        guard outcome.status == 0 else {
            throw Trouble(description: "`peekfs \(arguments.joined(separator: " "))`: \(outcome.errors)")
        }
    }

    func succeed(_ arguments: String...) throws { try succeed(arguments) }

    // MARK: The daemon

    /// Mounts, and waits until every instance was synced once.
    func mount(_ options: String...) throws {
        let daemon = try Daemon(self, options)
        state.change { $0.daemon = daemon }
        guard try eventually(seconds: 30, { try Self.isMounted(mountPoint) || daemon.hasEnded }), !daemon.hasEnded
        else { throw Trouble(description: "not mounted: \(daemon.log)") }
        let running = try run(["instance", "list"]).output.split(separator: "\n").filter { $0.contains(" enabled") }
        for line in running {
            let name = String(line.prefix { $0 != " " })
            guard daemon.waitForSync(of: name) else {
                throw Trouble(description: "\(name) was not synced: \(daemon.log)")
            }
        }
    }

    var daemon: Daemon {
        get throws {
            guard let daemon = state.value.daemon else { throw Trouble(description: "no daemon") }
            return daemon
        }
    }

    /// Ends the daemon by a signal; returns its exit status, or nil when it does not end.
    @discardableResult
    func endDaemon(_ signal: Int32 = SIGTERM, seconds: Double = 30) throws -> Int32? {
        try daemon.end(signal, seconds: seconds)
    }

    func remount() throws {
        guard try endDaemon() == 0 else { throw Trouble(description: "the daemon failed: \(try daemon.log)") }
        try mount()
    }

    /// Whether the kernel lists a mount there.
    static func isMounted(_ mountPoint: String) throws -> Bool {
        try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8).split(separator: "\n")
            .contains { $0.split(separator: " ").dropFirst(4).first == Substring(mountPoint) }
    }

    private func killDaemon() {
        _ = state.value.daemon?.end(SIGKILL, seconds: 10)
        while umount2(mountPoint, Int32(MNT_DETACH)) == 0 {}
    }

    /// Ends everything, whatever state it is in.
    func tearDown() {
        isOver.signal()
        if state.value.isOverdue {
            Issue.record("after \(Self.watchdogSeconds) seconds the test was not over, and its daemon was killed")
        }
        if let daemon = state.value.daemon, let signal = daemon.end(SIGTERM, seconds: 20),
            [-SIGILL, -SIGTRAP, -SIGABRT, -SIGSEGV, -SIGBUS].contains(signal)
        {
            Issue.record("the daemon died by signal \(-signal): \(daemon.log)")
        }
        killDaemon()
        for server in state.value.servers.values { server.stop() }
        try? FileManager.default.removeItem(atPath: directory)
    }
}

/// A `peekfs mount` in the foreground.
final class Daemon: Sendable {
    let pid: pid_t
    private let logPath: String
    private let ended = DispatchSemaphore(value: 0)
    private let status = Box<Int32?>(nil)

    init(_ lab: Lab, _ options: [String] = []) throws {
        logPath = lab.directory + "/daemon-" + UUID().uuidString
        let process = try lab.process(["mount", lab.mountPoint, "--allow-other"] + options, log: logPath)
        process.terminationHandler = { [ended, status] process in
            status.set(process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus)
            ended.signal()
        }
        try process.run()
        pid = process.processIdentifier
    }

    /// What it has said so far.
    var log: String { (try? String(contentsOfFile: logPath + ".err", encoding: .utf8)) ?? "" }

    var hasEnded: Bool { status.value != nil }

    /// Waits until an instance was synced that often since the daemon started.
    func waitForSync(of name: String, times: Int = 1) -> Bool {
        // Forty thousand images take a busy machine, without optimisation, more than a minute.
        eventually(seconds: 240) { log.components(separatedBy: "synced \(name): ").count > times }
    }

    /// Sends a signal and waits for the end; the exit status, the signal's number below zero, or nil when it goes on.
    func end(_ signal: Int32, seconds: Double) -> Int32? {
        if !hasEnded { kill(pid, signal) }
        if ended.wait(timeout: .now() + seconds) == .success { ended.signal() }
        return status.value
    }
}
