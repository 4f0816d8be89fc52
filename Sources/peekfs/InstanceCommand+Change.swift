import ArgumentParser
import Control
import Foundation
import Library
import Stash
import Sync

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
                A server that was removed is recognised by its content, whatever its address is now, and gets back what \
                people said about its things.

                Example:  peekfs instance add attic http://nas:9999 --api-key-file ~/attic.key
                """)

        @Argument(help: "What it is called: a directory below /instances.")
        var name: String
        @Argument(help: "The address that the browser shows for Stash, such as http://nas:9999.")
        var url: String
        @Flag(help: "Make it a new server also when it is recognised as one that was removed.")
        var fresh = false
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
            let settings = ServerSettings(address: address, apiKey: key, trust: trust)
            let found = connection.noTest ? nil : try ConnectionTest.pass(settings).fingerprint
            let former =
                fresh ? nil : try Recognition(of: address.url, found, in: workplace.state).adopted()
            let added = try workplace.state.addInstance(
                name: name, url: address.url, apiKey: key, priority: connection.priority, trust: trust,
                adopting: former, fingerprint: found)
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
        @Flag(help: "Send the key that is stored to the new address too, although it is another host or port.")
        var keepApiKey = false
        @Flag(help: "Take what is found for this server's content also when it is another than before.")
        var force = false
        @Flag(help: "Believe the certificate authorities of the system again.")
        var systemTls = false
        @OptionGroup(title: "Connection") var connection: ConnectionOptions
        @OptionGroup var location: LocationOptions

        func validate() throws {
            if noApiKey, connection.apiKeyFile != nil || connection.apiKeyStdin {
                throw ValidationError("--no-api-key and a new key exclude each other")
            }
            if keepApiKey, noApiKey || connection.apiKeyFile != nil || connection.apiKeyStdin {
                throw ValidationError("--keep-api-key excludes --no-api-key and a new key")
            }
            if force, connection.noTest { throw ValidationError("--force and --no-test exclude each other") }
            if systemTls, connection.insecureTls || connection.caFile != nil {
                throw ValidationError("--system-tls, --insecure-tls and --ca-file exclude each other")
            }
        }

        func run() throws {
            var change = try self.change()
            let workplace = try Workplace(location)
            let instance = try workplace.state.instance(named: name)
            let connectionChanges = change.url != nil || change.apiKey != nil || change.trust != nil
            if connectionChanges {
                let address = try parsedAddress(change.url ?? instance.url)
                let key = change.apiKey ?? instance.apiKey
                if change.apiKey == nil, key != nil, !keepApiKey { try refuseKey(of: instance, at: address) }
                if !connection.noTest {
                    let settings = ServerSettings(
                        address: address, apiKey: key, trust: change.trust ?? instance.trust)
                    change.fingerprint = try recognised(settings, as: instance, workplace.state)
                }
            }
            let changed = try workplace.state.changeInstance(
                instance.number, change, seen: connectionChanges ? instance : nil)
            if change.priority != nil { try workplace.deriveUnlessMounted() }
            Output.note("changed '\(changed.name)'")
        }

        /// A key goes to the server that it was given for. Throws when the address is another origin.
        private func refuseKey(of instance: Instance, at address: ServerAddress) throws {
            if let old = try? ServerAddress(instance.url), old.hasSameOrigin(as: address) { return }
            throw CommandError(
                .usage, "the API key of '\(instance.name)' was given for \(instance.url); it is not sent to \(address)",
                hint: "give one with --api-key-file or --api-key-stdin, or say --keep-api-key or --no-api-key")
        }

        /// Tests the connection and makes sure that it leads to the same catalogue as before, where ids mean the same.
        private func recognised(
            _ settings: ServerSettings, as instance: Instance, _ state: StateDatabase
        ) throws -> CatalogueFingerprint {
            let (reading, address) = (try ConnectionTest.pass(settings), settings.access.address)
            let verdict: CatalogueFingerprint.Verdict
            do {
                verdict = try reading.verdict(against: state.fingerprint(of: instance.number), at: address)
            } catch let error as SyncError {
                throw CommandError(error.exitStatus, "\(error)")
            }
            if verdict == .other, !force {
                throw CommandError(
                    .configuration,
                    "\(address) has another catalogue than '\(instance.name)', or it was reset or restored; nothing was changed",
                    hint: """
                        add another server with `peekfs instance add`; --force if its things have the ids that they had
                        """)
            }
            return reading.fingerprint
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
