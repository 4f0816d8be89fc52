import ArgumentParser
import Foundation
import Library

/// `peekfs restore FILE`.
struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Puts a backup in the place of what people said and decided since, also while mounted.",
        discussion: """
            Everything that `peekfs backup` wrote comes back, the servers with their keys among it, and what is there now \
            goes; it is kept in a backup of its own, beside the database, whose name is printed. Inode numbers \
            that were given since are not given again. A backup of another library is taken only while nothing is mounted.
            """)

    @Argument(help: "What `peekfs backup` wrote.", completion: .file())
    var file: String
    @Flag(help: "Do not ask.")
    var yes = false
    @OptionGroup var location: LocationOptions

    func run() throws {
        let file = Locations.absolute(self.file)
        let workplace = try Workplace(location, adopting: false)
        let backup = try StagedBackup(file, for: workplace.state)
        let isForeign = backup.summary.library != workplace.state.libraryID
        // Asked before the question, because the answer could not be followed.
        if isForeign { try refuseMounted(workplace.locations.state) }
        try confirm(backup.summary, instead: try workplace.state.summary())
        // The daemon of another library would go on with an index and a memory that mean other things.
        let lock = isForeign ? try libraryLock(workplace.locations.state) : nil
        let kept = try workplace.state.restore(backup, index: try workplace.index())
        if let kept { Output.note("what was there before is kept in \(kept)") }
        Output.note("restored \(file): \(backup.summary.words)")
        // Opened anew: the library may be another one, and then the index is another one too.
        try withExtendedLifetime(lock) { try Workplace(workplace.locations, adopting: false).derive() }
    }

    private func confirm(_ new: StateSummary, instead old: StateSummary) throws {
        guard !yes else { return }
        guard isatty(STDIN_FILENO) == 1 else {
            throw CommandError(
                .usage, "restoring \(file) has to be confirmed", hint: "add --yes to do it without asking")
        }
        Output.note("there are now:     \(old.words)")
        Output.note("in the backup are: \(new.words)")
        guard Output.confirm("replace the former by the latter?") else {
            throw CommandError(.declined, "nothing was changed")
        }
    }

    private func refuseMounted(_ stateDirectory: String) throws {
        guard let holder = DaemonLock.holder(stateDirectory: stateDirectory) else { return }
        throw CommandError(
            .busy, "\(file) is a backup of another library than the one that is mounted on \(holder.mountPoint)",
            hint: "unmount it first: peekfs unmount \(holder.mountPoint)")
    }

    /// Keeps a daemon from starting in the middle.
    private func libraryLock(_ stateDirectory: String) throws -> DaemonLock {
        try refuseMounted(stateDirectory)
        return try DaemonLock(stateDirectory: stateDirectory, mountPoint: "(peekfs restore)")
    }
}
