import ArgumentParser
import Control
import Foundation
import Library
import Stash

/// `peekfs instance …`: which servers there are.
struct InstanceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "instance",
        abstract: "Lists, adds, changes and removes servers.",
        discussion: "A change takes effect at once, also while mounted.",
        subcommands: [
            List.self, Add.self, Show.self, Set.self, Remove.self, Enable.self, Disable.self, Test.self,
        ],
        defaultSubcommand: List.self)
}

/// What is shown of an instance; the key is not among it.
struct InstanceView: Encodable {
    let id: String
    let name: String
    let url: String
    let enabled: Bool
    let priority: Int64
    let hasApiKey: Bool
    /// `system`, `insecure` or `file`.
    let tls: String
    let caFile: String?
    let createdAt: Date

    init(_ instance: Instance) {
        id = instance.id.uuidString.lowercased()
        name = instance.name
        url = instance.url
        enabled = instance.enabled
        priority = instance.priority
        hasApiKey = instance.apiKey != nil
        createdAt = Date(timeIntervalSince1970: TimeInterval(instance.createdAt))
        switch instance.trust {
        case .system: (tls, caFile) = ("system", nil)
        case .insecure: (tls, caFile) = ("insecure", nil)
        case .file(let path): (tls, caFile) = ("file", path)
        }
    }
}

extension InstanceCommand {
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the servers in priority order.")

        @Flag(help: "Print JSON.")
        var json = false
        @OptionGroup var location: LocationOptions

        func run() throws {
            let instances = try Workplace(location).state.instances()
            if json { return try Output.json(instances.map(InstanceView.init)) }
            guard !instances.isEmpty else {
                return Output.note("there is no instance yet; add one with `peekfs instance add NAME URL`")
            }
            Output.table(
                ["NAME", "URL", "PRIORITY", "KEY", "STATE"],
                instances.map {
                    [
                        $0.name, $0.url, "\($0.priority)", $0.apiKey == nil ? "none" : "set",
                        $0.enabled ? "enabled" : "disabled",
                    ]
                })
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows one server's settings.")

        @Argument(help: "Its name.")
        var name: String
        @Flag(help: "Print JSON.")
        var json = false
        @OptionGroup var location: LocationOptions

        func run() throws {
            let view = InstanceView(try Workplace(location).state.instance(named: name))
            if json { return try Output.json(view) }
            Output.line("name      \(view.name)")
            Output.line("url       \(view.url)")
            Output.line("key       \(view.hasApiKey ? "set" : "none")")
            Output.line("tls       \(view.caFile ?? view.tls)")
            Output.line("priority  \(view.priority)")
            Output.line("state     \(view.enabled ? "enabled" : "disabled")")
            Output.line("id        \(view.id)")
            Output.line("created   \(view.createdAt.formatted(.iso8601))")
        }
    }

    struct Enable: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Uses a server again.")

        @Argument(help: "Its name.")
        var name: String
        @OptionGroup var location: LocationOptions

        func run() throws { try Workplace(location).setEnabled(name, true) }
    }

    struct Disable: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Leaves a server out for the time being; what people said about its things is kept.")

        @Argument(help: "Its name.")
        var name: String
        @OptionGroup var location: LocationOptions

        func run() throws { try Workplace(location).setEnabled(name, false) }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forgets a server and its key.",
            discussion: "Ratings and other values that people gave to its things are kept, unless --purge.")

        @Argument(help: "Its name.")
        var name: String
        @Flag(help: "Do not ask.")
        var yes = false
        @Flag(help: "Delete also what people said about its things. This cannot be undone.")
        var purge = false
        @OptionGroup var location: LocationOptions

        func run() throws {
            let workplace = try Workplace(location)
            let instance = try workplace.state.instance(named: name)
            let kept = try workplace.state.personalCount(of: instance.number)
            let values = Output.count(kept, "value") + " that people gave to its things"
            if !yes {
                guard isatty(STDIN_FILENO) == 1 else {
                    throw CommandError(
                        .usage, "removing '\(instance.name)' has to be confirmed",
                        hint: "add --yes to do it without asking")
                }
                let outcome = purge ? "\(values) will be DELETED" : "\(values) will be kept"
                guard Output.confirm("remove the instance '\(instance.name)' (\(instance.url))? \(outcome).") else {
                    throw CommandError(.declined, "nothing was removed")
                }
            }
            try workplace.state.removeInstance(instance.number, purge: purge)
            try workplace.deriveUnlessMounted()
            Output.note("removed '\(instance.name)'; \(values) \(purge ? "were deleted" : "are kept")")
        }
    }

    struct Test: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Tries to talk to a server and says what is wrong.")

        @Argument(help: "Its name.")
        var name: String
        @Flag(help: "Print JSON.")
        var json = false
        @OptionGroup var location: LocationOptions

        func run() throws {
            let instance = try Workplace(location).state.instance(named: name)
            let report = try ConnectionTest.report(try ServerSettings(instance))
            if json { try Output.json(ConnectionView(report)) } else if report.isOK { Output.line(report.sentence) }
            if let failure = report.failure() { throw failure }
        }
    }
}

extension Workplace {
    fileprivate func setEnabled(_ name: String, _ enabled: Bool) throws {
        let instance = try state.instance(named: name)
        guard instance.enabled != enabled else {
            return Output.note("'\(instance.name)' is \(enabled ? "enabled" : "disabled") already")
        }
        try state.changeInstance(instance.number, InstanceChange(enabled: enabled))
        try deriveUnlessMounted()
        Output.note("'\(instance.name)' is now \(enabled ? "enabled" : "disabled")")
    }
}
