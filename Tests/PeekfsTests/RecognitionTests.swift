import FakeStash
import Foundation
import Testing

/// What `instance add` and `instance set` do about servers that were there before, and about those that were not.
@Suite(.timeLimit(.minutes(9)))
struct RecognitionTests {
    let peekfs: Program

    init() throws {
        peekfs = try Program()
    }

    private func server(
        _ name: String, _ generation: Generation = .v30, key: String? = nil, port: HeldPort? = nil
    ) throws -> FakeStash {
        var configuration = FakeStash.Configuration()
        configuration.name = name
        configuration.generation = generation
        configuration.apiKey = key
        configuration.requiresLogin = key != nil
        configuration.port = port
        return try FakeStash.start(configuration)
    }

    private func list() async throws -> [ShownInstance] {
        try await peekfs.run("instance", "list", "--json").json()
    }

    /// Runs a command that has to succeed; what it said.
    @discardableResult
    private func succeed(_ arguments: String..., input: String = "") async throws -> String {
        let outcome = try await peekfs.run(arguments, input: input)
        #expect(outcome.status == 0, "\(arguments): \(outcome.errors)")
        return outcome.errors
    }

    // MARK: Adding

    @Test(arguments: Generation.allCases)
    func `a removed server is itself again under any address`(generation: Generation) async throws {
        let first = try server("attic", generation)
        try await succeed("instance", "add", "attic", first.url)
        let id = try #require(try await list().first).id
        first.stop()
        try await succeed("instance", "remove", "attic", "--yes")
        let moved = try server("attic", generation)
        defer { moved.stop() }
        try #require(moved.url != first.url)
        let said = try await succeed("instance", "add", "loft", moved.url, "--priority", "3")
        #expect(said.contains("this is the server that was called 'attic' (removed 20"))
        #expect(said.contains("0 values that people gave are kept"))
        let back = try #require(try await list().first)
        #expect((back.id, back.name, back.url, back.priority) == (id, "loft", moved.url, 3))
    }

    @Test func `another catalogue at the address of a removed server is a new server`() async throws {
        let attic = try server("attic")
        try await succeed("instance", "add", "attic", attic.url)
        let id = try #require(try await list().first).id
        try await succeed("instance", "remove", "attic", "--yes")
        attic.stop()
        let cellar = try server("cellar", port: attic.port)
        defer { cellar.stop() }
        let said = try await succeed("instance", "add", "attic", cellar.url)
        #expect(said.contains("another catalogue was here before, as 'attic'"))
        #expect(try await list().map(\.id) != [id])
    }

    @Test func `who wants a new server gets one, and the last of several that were removed is the one that comes back`()
        async throws
    {
        let attic = try server("attic")
        defer { attic.stop() }
        var ids: [String] = []
        for name in ["first", "second"] {
            try await succeed("instance", "add", name, attic.url, "--fresh")
            ids += try await list().map(\.id)
            try await succeed("instance", "remove", name, "--yes")
        }
        #expect(Set(ids).count == 2)
        #expect(try await succeed("instance", "add", "third", attic.url).contains("called 'second'"))
        #expect(try await list().map(\.id) == [ids[1]])
        let copy = try await succeed("instance", "add", "fourth", attic.url)
        #expect(copy.contains("the same catalogue as that of 'third'"))
        #expect(copy.contains("called 'first'"))
    }

    @Test func `untested, the address is all there is to go by`() async throws {
        let url = "http://127.0.0.1:9"
        try await succeed("instance", "add", "attic", url, "--no-test")
        let id = try #require(try await list().first).id
        try await succeed("instance", "remove", "attic", "--yes")
        try await succeed("instance", "add", "elsewhere", "http://127.0.0.1:10", "--no-test")
        #expect(try await succeed("instance", "add", "attic", url, "--no-test").contains("this is the address of"))
        let found = try await list()
        #expect(found.first { $0.name == "attic" }?.id == id)
        #expect(found.count == 2)
    }

    @Test(arguments: [("n\n", false), ("\n", true), ("y\n", true)])
    func `on a terminal it is asked`(answer: String, isAdopted: Bool) async throws {
        let attic = try server("attic")
        defer { attic.stop() }
        try await succeed("instance", "add", "attic", attic.url)
        let id = try #require(try await list().first).id
        try await succeed("instance", "remove", "attic", "--yes")
        let outcome = try await peekfs.run(["instance", "add", "attic", attic.url], terminalInput: answer)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("0 values that people gave are kept). Adopt them? [Y/n]"))
        #expect(try await list().map { $0.id == id } == [isAdopted])
    }

    @Test func `what was purged is not recognised`() async throws {
        let attic = try server("attic")
        try await succeed("instance", "add", "attic", attic.url)
        try await succeed("instance", "remove", "attic", "--yes", "--purge")
        attic.stop()
        let moved = try server("attic")
        defer { moved.stop() }
        try #require(moved.url != attic.url)
        #expect(!(try await succeed("instance", "add", "attic", moved.url)).contains("called"))
    }

    // MARK: Changing

    @Test(arguments: Generation.allCases)
    func `an instance is not pointed at another catalogue without force`(generation: Generation) async throws {
        let (attic, cellar) = (try server("attic", generation), try server("cellar", generation))
        defer {
            attic.stop()
            cellar.stop()
        }
        try await succeed("instance", "add", "attic", attic.url)
        try await succeed("sync")
        let refused = try await peekfs.run("instance", "set", "attic", "--url", cellar.url, "--name", "cellar")
        #expect(refused.status == 78)
        #expect(refused.errors.contains("another catalogue than 'attic'"))
        #expect(refused.errors.contains("--force"))
        #expect(try await list().map(\.url) == [attic.url])
        #expect(try await list().map(\.name) == ["attic"])

        let moved = try server("attic", generation)
        defer { moved.stop() }
        try await succeed("instance", "set", "attic", "--url", moved.url)
        try await succeed("sync")
        try await succeed("instance", "set", "attic", "--url", cellar.url, "--force")
        try await succeed("sync")
        let back = try await peekfs.run("instance", "set", "attic", "--url", attic.url)
        #expect(back.status == 78, "the new one is the one to go by")
        #expect(
            try await peekfs.run("instance", "set", "attic", "--url", attic.url, "--force", "--no-test").status == 64)

        // Untested it is stored, and the first sync finds out.
        try await succeed("instance", "set", "attic", "--url", attic.url, "--no-test")
        let late = try await peekfs.run("sync")
        #expect(late.status == 78)
        #expect(late.errors.contains("another catalogue than that of 'attic'"))
        try await succeed("sync", "attic", "--force")
        try await succeed("sync")
    }

    @Test func `a key is not sent to another host or port unless somebody says so`() async throws {
        let key = "key-" + UUID().uuidString
        let attic = try server("attic", key: key)
        defer { attic.stop() }
        let moved = try server("attic", key: key)
        defer { moved.stop() }
        try await succeed("instance", "add", "attic", attic.url, "--api-key-stdin", input: key)
        for options in [[], ["--no-test"], ["--force"]] {
            let refused = try await peekfs.run(["instance", "set", "attic", "--url", moved.url] + options)
            #expect(refused.status == 64)
            #expect(refused.errors.contains("--keep-api-key"))
            #expect(!refused.errors.contains(key))
        }
        #expect(moved.requests.isEmpty)
        #expect(try await list().map(\.url) == [attic.url])
        #expect(
            try await peekfs.run(
                "instance", "set", "attic", "--url", moved.url, "--keep-api-key", "--no-api-key"
            ).status == 64)

        let keyless = try await peekfs.run("instance", "set", "attic", "--url", moved.url, "--no-api-key")
        #expect(keyless.status == 77)
        #expect(!moved.requests.isEmpty)
        #expect(moved.requests.allSatisfy { $0.key == .absent })
        try await succeed("instance", "set", "attic", "--url", moved.url, "--keep-api-key")
        #expect(try await list().map(\.url) == [moved.url])
        try await succeed("instance", "set", "attic", "--url", attic.url, "--api-key-stdin", input: key)
        // Another path, and the same address in other words, are the same origin.
        try await succeed("instance", "set", "attic", "--url", attic.url + "/graphql")
        try await succeed("instance", "set", "attic", "--url", attic.url + "/elsewhere", "--no-test")
        #expect(try await list().map(\.hasApiKey) == [true])
    }
}
