import Foundation

/// `--background`: this program again, in a session of its own, and this process waits until that one has mounted.
///
/// Nothing is forked and continued: a fork of a process with threads may call only async-signal-safe functions.
struct Background {
    /// The descriptor on which the child tells its parent how the start went; 0–2 are the standard ones.
    static let readyDescriptor: Int32 = 3
    private static let mounted = "mounted\n"

    /// Starts the child and returns when it is mounted.
    ///
    /// - Parameters:
    ///   - arguments: All of them, the program's name first.
    ///   - log: Where the child's standard output and error go.
    /// - Throws: The child's own error.
    static func start(arguments: [String], log: String) throws(CommandError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .system("a pipe", errno: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        let pid: pid_t
        do {
            defer { close(ends[1]) }
            pid = try spawn(arguments: arguments, log: log, ready: ends[1])
        }
        let said = String(decoding: FileHandle(fileDescriptor: ends[0]).readDataToEndOfFile(), as: UTF8.self)
        guard said != mounted else { return }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let code = ExitStatus(rawValue: (status >> 8) & 0xFF) ?? .software
        guard !said.isEmpty else {
            throw CommandError(
                code == .success ? .software : code, "the daemon ended before it had mounted", hint: "see \(log)")
        }
        let lines = said.split(separator: "\n", maxSplits: 1)
        throw CommandError(code, String(lines[0]), hint: lines.count > 1 ? String(lines[1]) : nil)
    }

    private static func spawn(arguments: [String], log: String, ready: Int32) throws(CommandError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        posix_spawn_file_actions_adddup2(&actions, ready, readyDescriptor)
        // The file itself, not the link: it gives the process its name in ps(1).
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/proc/self/exe"
        var words = arguments.map { strdup($0) }
        defer { for word in words { free(word) } }
        words.append(nil)
        var pid: pid_t = 0
        let code = posix_spawn(&pid, program, &actions, nil, words, environ)
        guard code == 0 else { throw .system("the daemon cannot be started", errno: code) }
        return pid
    }

    /// In the child: leaves the terminal, and the directory it was started in, which may be on a disk that somebody
    /// wants to take away. All paths have to be absolute by then.
    static func detach() {
        setsid()
        chdir("/")
    }

    /// In the child: the start is done, with this error or with none.
    static func report(_ failure: CommandError?) {
        var text = mounted
        if let failure { text = failure.message + "\n" + (failure.hint ?? "") }
        _ = text.withCString { write(readyDescriptor, $0, strlen($0)) }
        close(readyDescriptor)
    }
}
