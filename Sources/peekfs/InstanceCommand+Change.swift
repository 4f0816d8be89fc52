import ArgumentParser
import Foundation
import Library
import Stash

/// How a server is reached besides its address; shared by `add` and `set`.
struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Read the API key from this file.", valueName: "file"), completion: .file())
    var apiKeyFile: String?

    @Flag(help: "Read the API key from standard input; on a terminal it is asked for and not shown.")
    var apiKeyStdin = false

    @Flag(help: "Accept any certificate. The connection is encrypted, but nobody knows with whom.")
    var insecureTls = false

    @Option(
        help: ArgumentHelp(
            "Believe certificates of the authorities in this PEM file, and no others.", valueName: "file"),
        completion: .file())
    var caFile: String?

    @Option(help: ArgumentHelp("Lower wins where servers disagree.", valueName: "n"))
    var priority: Int64?

    @Flag(help: "Do not test the connection first.")
    var noTest = false

    func validate() throws {
        if apiKeyFile != nil, apiKeyStdin {
            throw ValidationError("--api-key-file and --api-key-stdin exclude each other")
        }
        if caFile != nil, insecureTls { throw ValidationError("--ca-file and --insecure-tls exclude each other") }
    }

    /// The key that was given, checked but never shown; nil when none was.
    func key() throws(CommandError) -> String? {
        let text: String
        if let apiKeyFile {
            guard let data = FileManager.default.contents(atPath: apiKeyFile) else {
                throw CommandError(.notFound, "the key file \(apiKeyFile) cannot be read")
            }
            text = String(decoding: data, as: UTF8.self)
        } else if apiKeyStdin {
            text = Self.keyFromStandardInput()
        } else {
            return nil
        }
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !trimmed.isEmpty else {
            throw CommandError(.usage, "the API key is empty", hint: "leave the option out for a server without a key")
        }
        guard APIKey(trimmed) != nil else {
            throw CommandError(
                .usage, "this is no API key: it holds blanks or characters that cannot stand in a header",
                hint: "copy it from Stash's Settings, Security, API key")
        }
        return trimmed
    }

    private static func keyFromStandardInput() -> String {
        guard isatty(STDIN_FILENO) == 1 else {
            return String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
        }
        FileHandle.standardError.write(Data("API key: ".utf8))
        var shown = termios()
        tcgetattr(STDIN_FILENO, &shown)
        var hidden = shown
        hidden.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden)
        let text = readLine() ?? ""
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown)
        FileHandle.standardError.write(Data("\n".utf8))
        return text
    }

    /// The trust that was asked for; nil leaves it.
    func trust() throws(CommandError) -> InstanceTrust? {
        if insecureTls { return .insecure }
        guard let caFile else { return nil }
        let path = Locations.absolute(caFile)
        guard access(path, R_OK) == 0 else { throw .system("the CA file \(path)", errno: errno, status: .notFound) }
        return .file(path)
    }
}

/// An address as it was typed, brought into the form that is stored.
func parsedAddress(_ text: String) throws(CommandError) -> ServerAddress {
    do {
        return try ServerAddress(text)
    } catch {
        let hint =
            error == .keyInURL
            ? "leave the key out of the address and give it with --api-key-file or --api-key-stdin" : error.hint
        throw CommandError(.usage, error.description, hint: hint)
    }
}

extension InstanceCommand {
    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Adds a server, after a test of the connection.",
            discussion: """
                Example:  peekfs instance add attic http://nas:9999 --api-key-file ~/attic.key
                """)

        @Argument(help: "What it is called: a directory below /instances.")
        var name: String
        @Argument(help: "The address that the browser shows for Stash, such as http://nas:9999.")
        var url: String
        @OptionGroup(title: "Connection") var connection: ConnectionOptions
        @OptionGroup var location: LocationOptions

        func run() throws {
            try Instance.validate(name: name)
            let address = try parsedAddress(url)
            let key = try connection.key()
            let trust = try connection.trust() ?? .system
            let workplace = try Workplace(location, adopting: false)
            let taken = try workplace.state.instances().contains { $0.name.lowercased() == name.lowercased() }
            if taken { throw InstanceError.nameTaken(name) }
            if !connection.noTest {
                let settings = ServerSettings(address: address, apiKey: key, trust: trust)
                Output.note(try ConnectionTest.pass(settings).sentence)
            }
            let added = try workplace.state.addInstance(
                name: name, url: address.url, apiKey: key, priority: connection.priority, trust: trust)
            Output.note("added '\(added.name)' (\(added.url)) with priority \(added.priority)")
        }
    }

    struct Set: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Changes what is given and nothing else, after a test of the connection.")

        @Argument(help: "Its name.")
        var name: String
        @Option(name: .customLong("name"), help: ArgumentHelp("Call it so from now on.", valueName: "new"))
        var newName: String?
        @Option(help: "Another address of the same server.")
        var url: String?
        @Flag(help: "Forget the API key.")
        var noApiKey = false
        @Flag(help: "Believe the certificate authorities of the system again.")
        var systemTls = false
        @OptionGroup(title: "Connection") var connection: ConnectionOptions
        @OptionGroup var location: LocationOptions

        func validate() throws {
            if noApiKey, connection.apiKeyFile != nil || connection.apiKeyStdin {
                throw ValidationError("--no-api-key and a new key exclude each other")
            }
            if systemTls, connection.insecureTls || connection.caFile != nil {
                throw ValidationError("--system-tls, --insecure-tls and --ca-file exclude each other")
            }
        }

        func run() throws {
            let change = try self.change()
            let workplace = try Workplace(location)
            let instance = try workplace.state.instance(named: name)
            let connectionChanges = change.url != nil || change.apiKey != nil || change.trust != nil
            if connectionChanges, !connection.noTest {
                let key = change.apiKey.map { $0 } ?? instance.apiKey
                let settings = ServerSettings(
                    address: try parsedAddress(change.url ?? instance.url), apiKey: key,
                    trust: change.trust ?? instance.trust)
                Output.note(try ConnectionTest.pass(settings).sentence)
            }
            let changed = try workplace.state.changeInstance(instance.number, change)
            Output.note("changed '\(changed.name)'")
        }

        private func change() throws -> InstanceChange {
            let key = try connection.key()
            let change = InstanceChange(
                name: newName, url: try url.map { try parsedAddress($0).url },
                apiKey: noApiKey ? .some(nil) : key.map { .some($0) }, priority: connection.priority,
                trust: systemTls ? .system : try connection.trust())
            let isEmpty =
                change.name == nil && change.url == nil && change.apiKey == nil && change.priority == nil
                && change.trust == nil
            if isEmpty {
                throw CommandError(.usage, "nothing to change", hint: "see `peekfs instance set --help`")
            }
            return change
        }
    }
}
