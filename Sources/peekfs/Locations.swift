import ArgumentParser
import Control
import Foundation

/// Where people's data and what the servers said are kept.
struct Locations: Equatable, Sendable {
    /// Precious: `state.sqlite`; with `daemon.lock` and `control.token`.
    let state: String
    /// Can be deleted: `index.sqlite`, `sync-*.lock`, `daemon.log`, `blocks/`.
    let cache: String
    /// Blocks of media files, which can be deleted, too.
    var blocks: String { cache + "/blocks" }
    /// Where a daemon can be asked.
    let controlSocket: String

    /// What the command line says, else `PEEKFS_STATE_DIR` and `PEEKFS_CACHE_DIR`, else the directories of the XDG base
    /// directory specification, which wants relative values of its variables to be ignored.
    init(stateOption: String?, cacheOption: String?, environment: [String: String]) throws(CommandError) {
        func chosen(_ option: String?, _ variable: String, xdg: String, fallback: String) throws(CommandError) -> String
        {
            if let text = option ?? environment[variable], !text.isEmpty { return Self.absolute(text) }
            if let base = environment[xdg], base.hasPrefix("/") { return base + "/peekfs" }
            guard let home = Self.home(environment) else {
                throw CommandError(
                    .configuration, "there is no home directory", hint: "give --state-dir and --cache-dir")
            }
            return "\(home)/\(fallback)/peekfs"
        }
        state = try chosen(stateOption, "PEEKFS_STATE_DIR", xdg: "XDG_DATA_HOME", fallback: ".local/share")
        cache = try chosen(cacheOption, "PEEKFS_CACHE_DIR", xdg: "XDG_CACHE_HOME", fallback: ".cache")
        let usual = try? chosen(nil, "", xdg: "XDG_DATA_HOME", fallback: ".local/share")
        controlSocket = Entrance.socketPath(
            stateDirectory: state, isDefault: state == usual, environment: environment)
    }

    /// `HOME`, or what the user database says: mount(8) runs helpers at boot without `HOME`.
    private static func home(_ environment: [String: String]) -> String? {
        if let home = environment["HOME"], home.hasPrefix("/") { return home }
        guard let entry = getpwuid(getuid()), let directory = entry.pointee.pw_dir else { return nil }
        return String(cString: directory)
    }

    static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }
}

/// The options of every command that touches the databases.
struct LocationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where instances and people's data are kept.",
            discussion: "Default: PEEKFS_STATE_DIR, else $XDG_DATA_HOME/peekfs.", valueName: "dir"),
        completion: .directory)
    var stateDir: String?

    @Option(
        help: ArgumentHelp(
            "Where the index and the cache are kept; can be deleted.",
            discussion: "Default: PEEKFS_CACHE_DIR, else $XDG_CACHE_HOME/peekfs.", valueName: "dir"),
        completion: .directory)
    var cacheDir: String?

    func locations() throws(CommandError) -> Locations {
        try Locations(
            stateOption: stateDir, cacheOption: cacheDir, environment: ProcessInfo.processInfo.environment)
    }
}
