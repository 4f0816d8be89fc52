import ArgumentParser
import Control
import Foundation
import Library

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

    /// The key that was given, never shown; nil when none was.
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
        // Judged where it is stored; blanks around it are the editor's.
        return text
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

    /// The trust that was asked for; nils leave it.
    var tls: (TLSWord?, caFile: String?) {
        if insecureTls { return (.insecure, nil) }
        return caFile.map { (.file, Locations.absolute($0)) } ?? (nil, nil)
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
            let control = try location.control(adopting: false)
            var new = NewInstance(name: name, url: url)
            new.apiKey = try connection.key()
            new.priority = connection.priority
            (new.tls, new.caFile) = connection.tls
            if connection.noTest { new.test = false }
            let isAsked = try isatty(STDIN_FILENO) == 1 && !fresh && ask(control, &new)
            if fresh { new.fresh = true }
            let added: InstanceView = try control.ask(.post, "/api/setup/stash-instance", body: new)
            if !isAsked { for note in added.notes ?? [] { Output.note(note) } }
            Output.note("added '\(added.name)' (\(added.url)) with priority \(added.priority)")
        }

        /// Asks whether the server that is recognised shall be that one again. Where nobody can be asked it is: nothing is lost
        /// by that, while a new one would part people from what they said.
        ///
        /// - Returns: Whether there was something to ask, and with it all was said that there is to say.
        private func ask(_ control: ControlLine, _ new: inout NewInstance) throws -> Bool {
            var request = TestRequest()
            (request.url, request.apiKey) = (new.url, new.apiKey)
            (request.tls, request.caFile, request.test) = (new.tls, new.caFile, new.test)
            let view: ConnectionView = try control.ask(.post, "/api/setup/stash-instance/test", body: request)
            guard view.ok, let found = view.recognised, let former = found.former else { return false }
            for note in (new.test == false ? [] : [view.message]) + found.remarks { Output.note(note) }
            new.fresh = !Output.confirm("\(former.sentence). Adopt them?", default: true)
            return true
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
            let patch = try self.patch()
            let control = try location.control()
            let changed = try control.change(try control.instance(named: name).id, patch)
            Output.note("changed '\(changed.name)'")
        }

        private func patch() throws -> InstancePatch {
            var patch = InstancePatch()
            (patch.name, patch.url, patch.priority) = (newName, url, connection.priority)
            patch.apiKey = noApiKey ? .some(nil) : try connection.key().map { .some($0) }
            (patch.tls, patch.caFile) = systemTls ? (.system, nil) : connection.tls
            let isEmpty =
                patch.name == nil && patch.url == nil && patch.apiKey == nil && patch.priority == nil
                && patch.tls == nil
            if isEmpty {
                throw CommandError(.usage, "nothing to change", hint: "see `peekfs instance set --help`")
            }
            if keepApiKey { patch.keepApiKey = true }
            if force { patch.force = true }
            if connection.noTest { patch.test = false }
            return patch
        }
    }
}
