import ArgumentParser
import Foundation
import Library
import Peek
import Stash

/// `peekfs import-peek`: takes over what people said in the web app Peek.
struct ImportPeekCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-peek",
        abstract: "Takes over ratings, favourites and watch history from a database of Peek.",
        discussion: """
            The file is only read, also while Peek runs. What was said here later stays, and a second import of the same \
            file changes nothing. Which server the data is about is taken from Peek's addresses and names, or from what \
            both have under the same ids; where that is not clear, nothing is imported until --instance says it.
            """)

    @Argument(help: "Peek's SQLite database.", completion: .file())
    var file: String
    @Option(
        help: ArgumentHelp(
            "Which server here Peek's is; PEEK= is its name or id in Peek, where there are several. Can be repeated.",
            valueName: "[peek=]name"))
    var instance: [String] = []
    @Option(
        help: ArgumentHelp(
            "Who a user of Peek, by id or name, is on this machine, by uid or name. Can be repeated.",
            valueName: "id=uid"))
    var user: [String] = []
    @Flag(help: "Only say what would be done.")
    var dryRun = false
    @Flag(help: "Print JSON.")
    var json = false
    @OptionGroup var location: LocationOptions

    func run() throws {
        let contents = try PeekDatabase(path: Locations.absolute(file)).contents()
        let workplace = try Workplace(location)
        let people = try PeekPeople(contents.users, options: user)
        let rows = contents.rows.filter { people.uids[$0.user] != nil }
        let servers = try ServerChoice(contents, origins: Set(rows.map(\.origin)), workplace, options: instance).made()
        let plan = PeekImport(contents, users: people.uids, instances: servers.mapValues(\.instance.number))
        let outcome = try workplace.state.importPersonal(plan.values, dryRun: dryRun)
        let report = ImportReport(
            contents: contents, people: people, servers: servers, plan: plan, outcome: outcome, dryRun: dryRun)
        try json ? Output.json(report) : report.printText()
    }
}

/// Who Peek's users are on this machine.
struct PeekPeople {
    private(set) var uids: [Int64: UInt32] = [:]
    let users: [PeekUser]
    /// Nobody said who the only user is: it is taken for whoever runs this.
    let isAssumed: Bool

    init(_ users: [PeekUser], options: [String]) throws {
        self.users = users
        isAssumed = options.isEmpty && users.count == 1
        if options.isEmpty {
            guard users.count <= 1 else {
                let list = users.map { "\($0.label) with \(Output.count($0.rows, "row"))" }.joined(separator: ", ")
                throw CommandError(
                    .usage, "the data is of several users: \(list)",
                    hint:
                        "say who they are here, like --user \(users[0].name ?? "\(users[0].id)")=\(getuid()); nothing was imported"
                )
            }
            for user in users { uids[user.id] = getuid() }
        }
        for option in options {
            guard let separator = option.lastIndex(of: "="), separator > option.startIndex else {
                throw CommandError(
                    .usage, "'\(option)' does not say who is who", hint: "write it like --user admin=1000")
            }
            let user = try Self.user(String(option[..<separator]), users)
            let uid = try Self.uid(String(option[option.index(after: separator)...]))
            guard uids[user.id] ?? uid == uid else {
                throw CommandError(.usage, "Peek's user \(user.label) cannot be two people")
            }
            uids[user.id] = uid
        }
    }

    private static func user(_ text: String, _ users: [PeekUser]) throws(CommandError) -> PeekUser {
        let found = users.filter { "\($0.id)" == text || $0.name == text }
        guard let first = found.first else {
            throw CommandError(
                .notFound, "the data has nothing of a user '\(text)'",
                hint: users.isEmpty ? nil : "there is \(users.map(\.label).joined(separator: ", "))")
        }
        guard found.count == 1 else {
            throw CommandError(
                .usage, "'\(text)' is the id of one user and the name of another", hint: "use the other one")
        }
        return first
    }

    private static func uid(_ text: String) throws(CommandError) -> UInt32 {
        // The highest number means "nobody" to the system.
        if let uid = UInt32(text), uid != .max { return uid }
        guard let entry = getpwnam(text) else {
            throw CommandError(.notFound, "there is no user '\(text)' on this machine")
        }
        return entry.pointee.pw_uid
    }

    /// `ann`, or the number where it has no name.
    static func name(_ uid: UInt32) -> String {
        getpwuid(uid).flatMap { $0.pointee.pw_name }.map { String(cString: $0) } ?? "\(uid)"
    }
}

extension PeekUser {
    /// `1 (admin)`.
    var label: String { name.map { "\(id) (\($0))" } ?? "\(id)" }
}

/// Which server here each of Peek's is.
struct ServerChoice {
    struct Match {
        let instance: Instance
        let basis: PeekMatching.Basis
        let evidence: PeekEvidence?
    }

    private let contents: PeekContents
    private let origins: [PeekOrigin]
    private let workplace: Workplace
    private let instances: [Instance]
    private let matching: PeekMatching
    private let options: [String]

    init(_ contents: PeekContents, origins: Set<PeekOrigin>, _ workplace: Workplace, options: [String]) throws {
        self.contents = contents
        self.origins = origins.sorted()
        self.workplace = workplace
        self.options = options
        instances = try workplace.state.instances()
        matching = PeekMatching(
            servers: contents.servers.map {
                PeekServer(id: $0.id, name: $0.name, url: (try? ServerAddress($0.url))?.url ?? $0.url)
            }, instances: instances)
    }

    /// - Throws: `CommandError` that names every server of Peek about which nothing is certain, when nobody can be asked.
    func made() throws -> [PeekOrigin: Match] {
        let chosen = try chosen()
        guard !origins.isEmpty else { return [:] }
        guard !instances.isEmpty else {
            throw CommandError(
                .configuration, "there is no instance that the data could be about",
                hint: "add the server with `peekfs instance add NAME URL` and sync it")
        }
        let index = try workplace.index()
        var matches: [PeekOrigin: Match] = [:]
        var open: [(origin: PeekOrigin, doubt: String)] = []
        for origin in origins {
            let evidence = try index.evidence(contents.samples(of: origin), at: instances.map(\.number))
            switch matching.answer(origin, chosen: chosen[origin], evidence: evidence) {
            case .found(let number, let basis): matches[origin] = match(number, basis, evidence)
            case .contradicted(let number, let found):
                let name = instances.first { $0.number == number }?.name ?? ""
                open.append((origin, "'\(name)' has other things under the same ids (\(found.phrase))"))
            case .undecided: open.append((origin, doubt(evidence)))
            }
        }
        guard !open.isEmpty else { return matches }
        guard isatty(STDIN_FILENO) == 1, Output.isInteractive else { throw undecided(open) }
        for (origin, doubt) in open { matches[origin] = try ask(origin, doubt) }
        return matches
    }

    private func match(_ number: InstanceNumber, _ basis: PeekMatching.Basis, _ evidence: [PeekEvidence]) -> Match? {
        instances.first { $0.number == number }.map { instance in
            Match(instance: instance, basis: basis, evidence: evidence.first { $0.instance == number })
        }
    }

    // MARK: What a person says

    private func chosen() throws -> [PeekOrigin: InstanceNumber] {
        var chosen: [PeekOrigin: InstanceNumber] = [:]
        for option in options {
            let (meant, name) = try meaning(of: option)
            let number = try workplace.state.instance(named: name).number
            for origin in meant {
                guard chosen[origin] ?? number == number else {
                    throw CommandError(.usage, "\(title(origin)) cannot be two servers")
                }
                chosen[origin] = number
            }
        }
        return chosen
    }

    private func meaning(of option: String) throws(CommandError) -> ([PeekOrigin], name: String) {
        let isName = instances.contains { $0.name.lowercased() == option.lowercased() }
        guard !isName, let separator = option.lastIndex(of: "=") else {
            // Without a name in Peek it is what has none, or the only one.
            if origins.contains(.unnamed) || origins.isEmpty { return ([.unnamed], option) }
            guard origins.count == 1 else {
                throw CommandError(
                    .usage, "the data is about several servers: \(origins.map(title).joined(separator: ", "))",
                    hint: "say which one is meant, like --instance \(Self.word(origins[0], matching))=\(option)")
            }
            return (origins, option)
        }
        let text = String(option[..<separator]).lowercased()
        let meant = origins.filter { origin in
            let server = matching.server(of: origin)
            if case .instance(let id) = origin, id.lowercased() == text { return true }
            return server?.name.lowercased() == text
        }
        let servers = Set(meant.map { matching.server(of: $0)?.id })
        guard !meant.isEmpty else {
            throw CommandError(
                .notFound, "the data is about no server that Peek calls '\(option[..<separator])'",
                hint: "it is about \(origins.map(title).joined(separator: ", "))")
        }
        guard servers.count == 1 else {
            throw CommandError(
                .usage, "Peek calls several servers '\(option[..<separator])'",
                hint: "use their ids: \(meant.map(title).joined(separator: ", "))")
        }
        return (meant, String(option[option.index(after: separator)...]))
    }

    private static func word(_ origin: PeekOrigin, _ matching: PeekMatching) -> String {
        guard case .instance(let id) = origin else { return "PEEK" }
        return matching.server(of: origin)?.name ?? id
    }

    // MARK: What is not certain

    private func title(_ origin: PeekOrigin) -> String {
        Self.title(origin, contents)
    }

    /// A server of Peek for people.
    static func title(_ origin: PeekOrigin, _ contents: PeekContents) -> String {
        switch origin {
        case .unnamed: "the data without a server"
        case .instance(let id):
            contents.servers.first { $0.id == id }.map { "'\($0.name)' (\($0.url), id \(id))" }
                ?? "a server with the id \(id)"
        }
    }

    private func doubt(_ evidence: [PeekEvidence]) -> String {
        guard evidence.contains(where: { $0.sampled > 0 }) else {
            return "there is nothing in it by which a server could be recognised"
        }
        let parts = evidence.map { found in
            "\(instances.first { $0.number == found.instance }?.name ?? ""): \(found.phrase)"
        }
        return "the content does not decide it (\(parts.joined(separator: "; ")))"
    }

    private func undecided(_ open: [(origin: PeekOrigin, doubt: String)]) -> CommandError {
        let which = open.map { "\(title($0.origin)), because \($0.doubt)" }.joined(separator: "; ")
        let names = instances.map(\.name).joined(separator: ", ")
        let prefix = origins.count > 1 && open[0].origin != .unnamed ? Self.word(open[0].origin, matching) + "=" : ""
        return CommandError(
            .usage, "it is not certain which server is meant: \(which)",
            hint: "say it with --instance \(prefix)NAME, where NAME is one of \(names); nothing was imported")
    }

    private func ask(_ origin: PeekOrigin, _ doubt: String) throws(CommandError) -> Match {
        let list = instances.enumerated().map { "  \($0 + 1)) \($1.name) (\($1.url))\n" }.joined()
        let question =
            "it is not certain which server is meant: \(title(origin)), because \(doubt)\n\(list)which one is it? [1-\(instances.count), nothing to give up] "
        FileHandle.standardError.write(Data(question.utf8))
        guard let answer = readLine(), let number = Int(answer), instances.indices.contains(number - 1) else {
            throw CommandError(.declined, "nothing was imported")
        }
        return Match(instance: instances[number - 1], basis: .chosen, evidence: nil)
    }
}

extension PeekEvidence {
    /// `of 50 things 30 can be compared and 12 are the same`.
    var phrase: String { "of \(sampled) things \(comparable) can be compared and \(agreeing) are the same" }
}
