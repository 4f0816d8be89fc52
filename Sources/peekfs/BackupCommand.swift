import ArgumentParser
import Foundation
import Library

/// `peekfs backup FILE`.
struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Writes what people said and decided into one file, also while mounted.",
        discussion: """
            The file holds ratings and everything else that people said, decisions by hand, given names, and the \
            servers WITH THEIR KEYS: keep it where nobody else can read it. What the servers themselves said is not in \
            it; a sync fetches that again. `peekfs restore` brings the file back.
            """)

    @Argument(help: "Where to; only its owner will be able to read it.", completion: .file())
    var file: String
    @Flag(help: "Replace the file if it exists.")
    var force = false
    @OptionGroup var location: LocationOptions

    func run() throws {
        let locations = try location.locations()
        // Opening would make one, and its backup would pass for a good one.
        guard access(locations.state + "/state.sqlite", F_OK) == 0 else {
            throw CommandError(
                .notFound, "there is nothing to back up in \(locations.state)",
                hint: "say where it is with --state-dir")
        }
        let workplace = try Workplace(locations, adopting: false)
        let file = Locations.absolute(self.file)
        let summary = try workplace.state.backup(to: file, replacing: force)
        Output.note("wrote \(file): \(summary.words); it holds the servers' keys")
    }
}

extension StateSummary {
    /// `2 servers, 40 values that people gave, 1 decision by hand`.
    var words: String {
        "\(Output.count(instances, "server")), \(Output.count(values, "value")) that people gave, "
            + "\(Output.count(decisions, "decision")) by hand"
    }
}
