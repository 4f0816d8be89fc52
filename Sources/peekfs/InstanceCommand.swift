import ArgumentParser
import Control
import Foundation
import Library

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

extension InstanceCommand {
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the servers in priority order.")

        @Flag(help: "Print JSON.")
        var json = false
        @OptionGroup var location: LocationOptions

        func run() throws {
            let instances = try location.control().instances()
            if json { return try Output.json(instances) }
            guard !instances.isEmpty else {
                return Output.note("there is no instance yet; add one with `peekfs instance add NAME URL`")
            }
            Output.table(
                ["NAME", "URL", "PRIORITY", "KEY", "STATE"],
                instances.map {
                    [
                        $0.name, $0.url, "\($0.priority)", $0.hasApiKey ? "set" : "none",
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
            let view = try location.control().instance(named: name)
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

        func run() throws { try location.control().setEnabled(name, true) }
    }

    struct Disable: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Leaves a server out for the time being; what people said about its things is kept.")

        @Argument(help: "Its name.")
        var name: String
        @OptionGroup var location: LocationOptions

        func run() throws { try location.control().setEnabled(name, false) }
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
            let control = try location.control()
            let instance = try control.instance(named: name)
            let values = Output.count(instance.values, "value") + " that people gave to its things"
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
            let _: RemovalView = try control.ask(
                .delete, "/api/setup/stash-instance/{uuid}", parameters: ["uuid": instance.id],
                query: ["purge": purge ? "true" : nil])
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
            let control = try location.control()
            var request = TestRequest()
            request.id = try control.instance(named: name).id
            let view: ConnectionView = try control.ask(.post, "/api/setup/stash-instance/test", body: request)
            if json { try Output.json(view) } else if view.ok { Output.line(view.message) }
            if let problem = view.problem { throw problem }
        }
    }
}

extension ControlLine {
    func instances() throws -> [InstanceView] { try ask(.get, "/api/setup/stash-instances") }

    /// The instance of that name (compared without case).
    func instance(named name: String) throws -> InstanceView {
        guard let found = try instances().first(where: { $0.name.lowercased() == name.lowercased() }) else {
            throw InstanceError.noSuchInstance(name)
        }
        return found
    }

    /// Changes an instance; what the change says is said.
    func change(_ id: String, _ patch: InstancePatch) throws -> InstanceView {
        let view: InstanceView = try ask(
            .put, "/api/setup/stash-instance/{uuid}", parameters: ["uuid": id], body: patch)
        for note in view.notes ?? [] { Output.note(note) }
        return view
    }

    fileprivate func setEnabled(_ name: String, _ enabled: Bool) throws {
        let instance = try instance(named: name)
        guard instance.enabled != enabled else {
            return Output.note("'\(instance.name)' is \(enabled ? "enabled" : "disabled") already")
        }
        var patch = InstancePatch()
        patch.enabled = enabled
        _ = try change(instance.id, patch)
        Output.note("'\(instance.name)' is now \(enabled ? "enabled" : "disabled")")
    }
}
