import ArgumentParser
import Control
import Foundation
import Fuse
import Library
import Peek
import Stash
import Sync

/// From the arguments of a process to its end. It is no part of `Peekfs`, because what is written in the type with
/// `@main` belongs to the main actor, and closures made there die on any other thread.
enum Program {
    static func run(_ arguments: [String]) async -> Never {
        do {
            let arguments = try MountHelper.translated(arguments) ?? Array(arguments.dropFirst())
            var command = try Peekfs.parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            end(with: error)
        }
        exit(ExitStatus.success.rawValue)
    }

    /// Help and version are errors to the parser, and its own sentences are good ones: only their form is changed.
    private static func end(with error: any Error) -> Never {
        if error is CleanExit || Peekfs.exitCode(for: error).isSuccess { Peekfs.exit(withError: error) }
        if let code = error as? ExitCode { exit(code.rawValue) }
        let failure = explained(error) ?? misunderstood(error)
        FileHandle.standardError.write(Data(failure.description.utf8))
        exit(failure.status.rawValue)
    }

    private static func misunderstood(_ error: any Error) -> CommandError {
        guard Peekfs.exitCode(for: error) == .validationFailure else {
            return CommandError(.software, "\(error)")
        }
        let message = Peekfs.message(for: error)
        let usage = Peekfs.fullMessage(for: error).split(separator: "\n").first { $0.hasPrefix("Usage: ") }
        return CommandError(
            .usage, message.prefix(1).lowercased() + message.dropFirst(),
            hint: usage.map { $0.prefix(1).lowercased() + $0.dropFirst() } ?? "see `peekfs --help`")
    }

    /// The one table from the errors of the other modules to exit codes; nil for the parser's own.
    static func explained(_ error: any Error) -> CommandError? {
        switch error {
        case let error as CommandError: error
        case let error as Problem: CommandError(ExitStatus(error.code), error.detail, hint: error.hint)
        case is InstanceError, is EntityNameError, is DecisionError, is StoreError:
            explained(Problem(explaining: error))
        case let error as BackupError: explained(error)
        case let error as PeekError: explained(error)
        case let error as MountOptionError: CommandError(.usage, "\(error)", hint: "see `peekfs mount --help`")
        case let error as SessionError: explained(error)
        case let error as UnmountError: explained(error)
        case let error as Errno: CommandError(.system, "\(error)")
        case let error as StashError: CommandError(.system, "\(error)")
        default: nil
        }
    }

    private static func explained(_ error: BackupError) -> CommandError {
        switch error {
        case .exists: CommandError(.exists, "\(error)", hint: "add --force to replace it")
        case .reserved: CommandError(.usage, "\(error)", hint: "choose another name")
        case .missing: CommandError(.notFound, "\(error)")
        case .notState: CommandError(.ioError, "\(error)", hint: "nothing was changed")
        case .busy: CommandError(.busy, "\(error)", hint: "try again when it is done")
        }
    }

    private static func explained(_ error: SessionError) -> CommandError {
        switch error {
        case .unreachable(let path, _):
            CommandError(.notFound, "\(error)", hint: "give an existing directory, or make it: mkdir -p \(path)")
        case .alreadyMounted(let path):
            CommandError(.busy, "\(error)", hint: "unmount it with `peekfs unmount \(path)`")
        case .stale(let path):
            CommandError(.busy, "\(error)", hint: "free it with `peekfs unmount \(path)`")
        case .refused:
            CommandError(
                .system, "\(error)",
                hint: "--allow-other needs root, or the line user_allow_other in /etc/fuse.conf")
        case .noDevice, .incompatible, .noThreads, .broken: CommandError(.system, "\(error)")
        case .left: CommandError(.busy, "\(error)", hint: "free it with `peekfs unmount`")
        }
    }

    private static func explained(_ error: UnmountError) -> CommandError {
        switch error {
        case .unreachable, .notMounted: CommandError(.notFound, "\(error)")
        case .foreign: CommandError(.usage, "\(error)", hint: "use umount for it")
        case .alreadyMounted, .busy: CommandError(.busy, "\(error)", hint: "try again when nobody uses it")
        case .refused: CommandError(.system, "\(error)")
        }
    }

    private static func explained(_ error: PeekError) -> CommandError {
        switch error {
        case .missing: CommandError(.notFound, error.description)
        case .unreadable, .damaged: CommandError(.ioError, error.description)
        case .notPeek:
            CommandError(
                .ioError, error.description, hint: "Peek keeps it as peek-stash-browser.db in its data directory")
        case .inUse: CommandError(.busy, error.description, hint: "stop Peek, or try again")
        }
    }
}
