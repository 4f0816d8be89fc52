import ArgumentParser
import Control
import Foundation
import Library

/// `peekfs status`: what the daemon knows, and without one what the databases and the kernel's list of mounts tell.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows the mount, the servers, what was synced of them and what was left out.")

    @Flag(help: "Print JSON.")
    var json = false
    @OptionGroup var location: LocationOptions

    func run() throws {
        let status: StatusView = try location.control().ask(.get, "/api/status")
        if json { return try Output.json(status) }
        status.printText(Paint(isOn: isatty(STDOUT_FILENO) == 1))
    }
}

extension StatusView {
    func printText(_ paint: Paint) {
        if let mount {
            let state = mount.mounted ? "mounted on" : "about to mount, or to unmount,"
            Output.line("\(state) \(mount.path) by process \(mount.pid) since \(mount.since.formatted(.iso8601))")
            if let page = mount.page { Output.line("page: \(page) (`peekfs page` prints the address with its token)") }
        } else {
            Output.line("not mounted")
        }
        guard !instances.isEmpty else {
            return Output.line("no instance yet; add one with `peekfs instance add NAME URL`")
        }
        let kinds = Kind.allCases.map(\.directoryName)
        Output.table(
            ["NAME", "STATE"] + kinds.map { $0.uppercased() },
            instances.map { server in
                [server.instance.name, server.stateWord] + kinds.map { "\(server.counts[$0] ?? 0)" }
            })
        for server in instances {
            if let line = server.line(paint) { Output.line("\(server.instance.name): \(line)") }
        }
        Output.line("cache: \(cache.summary)")
        let passes = instances.flatMap { server in server.kinds.map { (server.instance.name, $0) } }
        if !passes.isEmpty {
            Output.table(
                ["NAME", "LAST SYNC OF", "BEGAN", "WHY", "TOOK", "READ", "CHANGED", "REMOVED"],
                passes.map { name, pass in
                    [
                        name, pass.kind, pass.startedAt.formatted(.iso8601), pass.occasion,
                        String(format: "%.1f s", pass.seconds), "\(pass.read)", "\(pass.changed)", "\(pass.removed)",
                    ]
                })
        }
        for server in instances {
            for remark in server.remarks { Output.line("\(server.instance.name): \(remark)") }
        }
        for server in instances {
            for row in server.setAside {
                Output.line(
                    "\(server.instance.name): left out \(row.kind) \(row.id.map(String.init) ?? "?"): \(Words.plain(row.reason))"
                )
            }
        }
    }
}

extension StatusView.Server {
    /// Without a daemon nobody knows more than what is configured.
    fileprivate var stateWord: String {
        if state.word == "unknown" { return sync == nil ? "enabled" : "waiting" }
        return state.word
    }

    /// What somebody should look at.
    fileprivate var remarks: [String] {
        let name = Words.shellQuoted(instance.name)
        return kinds.flatMap { pass -> [String] in
            var remarks: [String] = []
            if pass.isSuspect {
                remarks.append(
                    "too many \(pass.kind) seem to be gone and are kept; `peekfs sync \(name) --force` removes them")
            } else if pass.missing > 0 {
                remarks.append(
                    "\(pass.missing) of its \(pass.kind) were not there any more; they go when the next sync agrees")
            }
            if let problem = pass.problem {
                remarks.append("its \(pass.kind) were not read to the end: \(Words.plain(problem))")
            }
            return remarks
        }
    }

    /// What a daemon knows of it; nil when none does.
    fileprivate func line(_ paint: Paint) -> String? {
        guard let sync else { return nil }
        func time(_ date: Date?) -> String { date?.formatted(.iso8601) ?? "never" }
        var parts: [String] = []
        switch state.word {
        case "up": parts.append(paint.green("up") + " since \(time(state.since))")
        case "down":
            parts.append(paint.red("down") + " since \(time(state.since)): \(Words.plain(state.reason ?? "no answer"))")
        default: break
        }
        if let version { parts.append("Stash \(Words.plain(version))") }
        if let stage = sync.stage {
            let place = (sync.total ?? 0) > 0 ? " \(sync.done ?? 0)/\(sync.total ?? 0)" : ""
            parts.append("syncing \(stage)\(place)")
        } else {
            parts.append("synced " + time(sync.lastSuccess))
            if let next = sync.next { parts.append(paint.faint("again \(time(next))")) }
        }
        if let problem = sync.lastPass?.problem, state.word != "down" {
            parts.append(paint.red("last sync failed") + ": \(Words.plain(problem.detail))")
        }
        return parts.joined(separator: "; ")
    }
}
