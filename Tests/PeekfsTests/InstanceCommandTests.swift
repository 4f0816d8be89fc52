import FakeStash
import Foundation
import Testing

/// `peekfs instance …` from outside.
@Suite(.timeLimit(.minutes(9)))
struct InstanceCommandTests {
    let peekfs: Program

    init() throws {
        peekfs = try Program()
    }

    private func list() async throws -> [ShownInstance] {
        try await peekfs.run("instance", "list", "--json").json()
    }

    private func add(_ name: String, _ more: String...) async throws -> Program.Outcome {
        try await peekfs.run(["instance", "add", name, "http://127.0.0.1:9", "--no-test"] + more)
    }

    // MARK: None, one, several

    @Test func `with no instance the list is empty and says how to begin`() async throws {
        let text = try await peekfs.run("instance", "list")
        #expect(text.status == 0)
        #expect(text.output.isEmpty)
        #expect(text.errors.contains("peekfs instance add"))
        #expect(try await list().isEmpty)
        #expect(try await peekfs.run("status").output.contains("no instance yet"))
    }

    @Test func `instances are listed in the order of their priority`() async throws {
        #expect(try await add("attic").status == 0)
        #expect(try await add("cellar").status == 0)
        #expect(try await add("shed", "--priority", "1").status == 0)
        #expect(try await list().map(\.name) == ["shed", "attic", "cellar"])
        #expect(try await peekfs.run("instance", "set", "cellar", "--priority", "0").status == 0)
        let table = try await peekfs.run("instance", "list").output.split(separator: "\n")
        #expect(table.dropFirst().map { $0.prefix { $0 != " " } } == ["cellar", "shed", "attic"])
    }

    @Test func `a rename keeps the identity`() async throws {
        _ = try await add("attic")
        let before = try #require(try await list().first)
        #expect(try await peekfs.run("instance", "set", "ATTIC", "--name", "loft").status == 0)
        let after: ShownInstance = try await peekfs.run("instance", "show", "loft", "--json").json()
        #expect(after.id == before.id)
        #expect(after.name == "loft")
        #expect(try await peekfs.run("instance", "show", "attic").status == 66)
    }

    @Test func `a disabled instance stays in the list`() async throws {
        _ = try await add("attic")
        #expect(try await peekfs.run("instance", "disable", "attic").status == 0)
        #expect(try await list().map(\.enabled) == [false])
        #expect(try await peekfs.run("sync").status == 78)
        #expect(try await peekfs.run("sync", "attic").errors.contains("disabled"))
        #expect(try await peekfs.run("instance", "enable", "attic").status == 0)
        #expect(try await list().map(\.enabled) == [true])
    }

    @Test func `a removal has to be confirmed`() async throws {
        _ = try await add("attic")
        let refused = try await peekfs.run("instance", "remove", "attic")
        #expect(refused.status == 64)
        #expect(refused.errors.contains("--yes"))
        #expect(try await list().count == 1)
        let done = try await peekfs.run("instance", "remove", "attic", "--yes")
        #expect(done.status == 0)
        #expect(done.errors.contains("0 values that people gave"))
        #expect(try await list().isEmpty)
    }

    @Test func `set changes what is given and nothing else`() async throws {
        _ = try await peekfs.run(
            "instance", "add", "attic", "http://127.0.0.1:9", "--no-test", "--api-key-stdin", "--insecure-tls",
            input: "abc\n")
        _ = try await peekfs.run(
            "instance", "set", "attic", "--url", "http://127.0.0.1:10/stash/", "--no-test", "--keep-api-key")
        let moved = try #require(try await list().first)
        #expect(moved.url == "http://127.0.0.1:10/stash")
        #expect(moved.hasApiKey)
        #expect(moved.tls == "insecure")
        _ = try await peekfs.run("instance", "set", "attic", "--no-api-key", "--system-tls", "--no-test")
        let open = try #require(try await list().first)
        #expect(!open.hasApiKey)
        #expect(open.tls == "system")
        #expect(try await peekfs.run("instance", "set", "attic").status == 64)
    }

    @Test func `a CA file is stored with its whole path`() async throws {
        let file = peekfs.directory + "/ca.pem"
        try "x".write(toFile: file, atomically: true, encoding: .utf8)
        #expect(try await add("attic", "--ca-file", file).status == 0)
        #expect(try await list().map(\.caFile) == [file])
        #expect(try await add("cellar", "--ca-file", file + ".missing").status == 66)
        #expect(try await add("cellar", "--ca-file", file, "--insecure-tls").status == 64)
    }

    // MARK: What is refused

    @Test(arguments: [
        ("a/b", "slash"), ("", "empty"), (".hidden", "dot"), ("a:b", "colon"), ("a ", "trailing"),
        (String(repeating: "x", count: 65), "64 bytes"),
    ])
    func `what cannot be a directory cannot be a name`(name: String, reason: String) async throws {
        let outcome = try await add(name)
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains(reason), "\(outcome.errors)")
        #expect(try await list().isEmpty)
    }

    @Test func `a name is taken in any case of its letters`() async throws {
        _ = try await add("attic")
        let outcome = try await add("Attic")
        #expect(outcome.status == 73)
        #expect(outcome.errors.contains("exists already"))
    }

    @Test(arguments: [
        ("nas:9999", "http://nas:9999"), ("ftp://nas", "http://"), ("http://u:p@nas", "key"),
        ("http://nas:99999", "port"),
        ("http://nas/?apikey=SECRET", "--api-key-stdin"), ("http://nas/x?q=1", "question mark"),
        ("http://", "http://nas"),
    ])
    func `an address that cannot be used is refused with advice`(url: String, advice: String) async throws {
        let outcome = try await peekfs.run("instance", "add", "attic", url, "--no-test")
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("hint:"))
        #expect(outcome.errors.contains(advice), "\(outcome.errors)")
        #expect(!outcome.errors.contains("SECRET"))
        #expect(try await list().isEmpty)
    }

    @Test(arguments: ["", "  \n", "two words", "n\u{F6}n-ascii"])
    func `what cannot be a key is refused`(key: String) async throws {
        let outcome = try await peekfs.run(
            "instance", "add", "attic", "http://127.0.0.1:9", "--no-test", "--api-key-stdin", input: key)
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("key"))
        if key.count > 3 { #expect(!outcome.errors.contains(key)) }
    }

    @Test(arguments: [
        ["instance", "add"], ["bogus"], ["mount"], ["instance", "set", "x", "--priority", "high"],
        ["instance", "add", "a", "http://nas", "--api-key-stdin", "--api-key-file", "f"],
    ])
    func `a mistake in the command line is 64 and one sentence with advice`(arguments: [String]) async throws {
        let outcome = try await peekfs.run(arguments)
        #expect(outcome.status == 64)
        #expect(outcome.output.isEmpty)
        let lines = outcome.errors.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.first?.hasPrefix("peekfs: ") == true)
        #expect(lines.last?.hasPrefix("  hint: ") == true)
    }

    @Test(arguments: [[], ["instance", "add"], ["mount"], ["sync"], ["status"], ["unmount"]])
    func `help is given everywhere`(command: [String]) async throws {
        let outcome = try await peekfs.run(command + ["--help"])
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("USAGE: peekfs"))
        #expect(outcome.errors.isEmpty)
    }

    // MARK: Secrets

    @Test func `a key is in no output, no process list and no file that others can read`() async throws {
        let key = "k" + UUID().uuidString
        var configuration = FakeStash.Configuration()
        configuration.apiKey = key
        configuration.requiresLogin = true
        configuration.latencyMilliseconds = 200
        let server = try FakeStash.start(configuration)
        defer { server.stop() }
        let seen = Recorder()
        var said = ""
        let added = try await peekfs.run(
            "instance", "add", "attic", server.url, "--api-key-stdin", input: key + "\n",
            whileRunning: { pid in
                // From the moment of the fork until it is seen under its own name: the servers keep it long enough.
                for _ in 0..<150 where !seen.texts.contains(where: { $0.contains("attic") }) {
                    for file in ["environ", "cmdline"] {
                        let data = FileManager.default.contents(atPath: "/proc/\(pid)/\(file)") ?? Data()
                        seen.add(String(decoding: data, as: UTF8.self))
                    }
                    usleep(1000)
                }
            })
        #expect(added.status == 0)
        #expect(seen.texts.contains { $0.contains("attic") }, "the process was not seen while it ran")
        #expect(seen.texts.allSatisfy { !$0.contains(key) })
        for arguments in [
            ["instance", "list"], ["instance", "list", "--json"], ["instance", "show", "attic"],
            ["instance", "test", "attic", "--json"], ["sync"], ["status", "--json"],
        ] {
            let outcome = try await peekfs.run(arguments)
            #expect(outcome.status == 0)
            said += outcome.output + outcome.errors
        }
        #expect(!(added.output + added.errors + said).contains(key))

        for folder in ["state", "cache"] {
            let path = peekfs.directory + "/" + folder
            #expect(try mode(path) == 0o700)
            for file in try FileManager.default.contentsOfDirectory(atPath: path) {
                #expect(try mode(path + "/" + file) == 0o600, "\(file)")
            }
        }
        #expect(server.requests.allSatisfy { !$0.hasKeyInURL })
    }

    private func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    // MARK: The environment

    @Test func `an address in the environment becomes the first instance once`() async throws {
        let environment = ["STASH_URL": "http://127.0.0.1:9/", "STASH_API_KEY": "abc"]
        let first: [ShownInstance] = try await peekfs.run("instance", "list", "--json", environment: environment).json()
        #expect(first.map(\.url) == ["http://127.0.0.1:9"])
        #expect(first.map(\.hasApiKey) == [true])
        let name = try #require(first.first?.name)
        _ = try await peekfs.run("instance", "remove", name, "--yes", environment: environment)
        let second: [ShownInstance] = try await peekfs.run("instance", "list", "--json", environment: environment)
            .json()
        #expect(second.isEmpty)
    }

    @Test func `an address in the environment that cannot be used is a remark`() async throws {
        let outcome = try await peekfs.run(
            "instance", "list", environment: ["STASH_URL": "http://nas/?apikey=SECRET"])
        #expect(outcome.status == 0)
        #expect(outcome.errors.contains("STASH_URL is not used"))
        #expect(!outcome.errors.contains("SECRET"))
    }

    @Test func `who adds an instance by hand is not given another one`() async throws {
        let outcome = try await peekfs.run(
            "instance", "add", "attic", "http://127.0.0.1:9", "--no-test", environment: ["STASH_URL": "http://nas"])
        #expect(outcome.status == 0)
        #expect(try await list().map(\.name) == ["attic"])
    }
}

/// Texts from several threads.
final class Recorder: @unchecked Sendable {
    // Unchecked: `stored` is only touched under the lock.
    private let lock = NSLock()
    private var stored: [String] = []

    var texts: [String] { lock.withLock { stored } }

    func add(_ text: String) { lock.withLock { stored.append(text) } }
}
