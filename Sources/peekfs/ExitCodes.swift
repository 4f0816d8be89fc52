import Control
import Foundation

/// How a command ends. The numbers are those of `sysexits.h`, so that scripts can tell a typing error (64) from a server
/// that is away (69) without reading a sentence.
enum ExitStatus: Int32 {
    case success = 0
    /// A person said no to a question.
    case declined = 1
    /// EX_USAGE: the command line, a name or an address cannot be understood.
    case usage = 64
    /// EX_DATAERR: what was said cannot be true beside what was said before.
    case contradiction = 65
    /// EX_NOINPUT: what was named does not exist: an instance, a file, a mount point.
    case notFound = 66
    /// EX_NOHOST: a host name cannot be resolved.
    case noHost = 68
    /// EX_UNAVAILABLE: a server does not answer, or a sync did not get through.
    case unavailable = 69
    /// EX_SOFTWARE: something that nobody foresaw.
    case software = 70
    /// EX_OSERR: the system refuses: no FUSE, no descriptor, no process.
    case system = 71
    /// EX_CANTCREAT: it exists already.
    case exists = 73
    /// EX_IOERR: a database or a file cannot be read or written.
    case ioError = 74
    /// EX_TEMPFAIL: busy; the same command succeeds later.
    case busy = 75
    /// EX_PROTOCOL: what answers is no Stash server, one that is too old, or one whose certificate is not believed.
    case notStash = 76
    /// EX_NOPERM: a key is missing or wrong.
    case noPermission = 77
    /// EX_CONFIG: something must be set up first, here or at the server.
    case configuration = 78
}

extension ExitStatus {
    /// How a command ends whose request ended in a problem.
    init(_ code: Problem.Code) {
        self =
            switch code {
            case .usage: .usage
            case .contradiction: .contradiction
            case .notFound: .notFound
            case .noHost: .noHost
            case .unavailable: .unavailable
            case .exists: .exists
            case .busy: .busy
            case .notStash: .notStash
            case .noPermission, .forbidden, .unauthorised: .noPermission
            case .configuration: .configuration
            case .ioError: .ioError
            case .software, .http: .software
            }
    }
}

/// Why a command failed, for a person: one lower-case sentence, and what can be done about it.
struct CommandError: Error, Equatable, CustomStringConvertible {
    let status: ExitStatus
    let message: String
    let hint: String?

    init(_ status: ExitStatus, _ message: String, hint: String? = nil) {
        self.status = status
        self.message = message
        self.hint = hint
    }

    /// What stands on standard error.
    var description: String {
        "peekfs: \(message)\n" + (hint.map { "  hint: \($0)\n" } ?? "")
    }
}

extension CommandError {
    /// The error of a system call with the words of the C library.
    static func system(_ what: String, errno code: Int32, status: ExitStatus = .system, hint: String? = nil) -> Self {
        CommandError(status, "\(what): \(String(cString: strerror(code)).lowercased())", hint: hint)
    }
}
