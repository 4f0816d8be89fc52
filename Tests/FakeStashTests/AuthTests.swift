import FakeStash
import Testing

@Suite struct AuthTests {
    @Test(
        arguments: [
            ("/graphql", nil, 401), ("/scene/1/stream", nil, 302), ("/scene/1/stream.mp4", nil, 401),
            ("/login", nil, 200), ("/healthz", nil, 200), ("/graphql", "wrong", 401), ("/scene/1/stream", "wrong", 401),
            ("/login", "wrong", 401), ("/scene/1/stream", "secret", 200),
        ] as [(String, String?, Int)])
    func `v0.30 refuses by kind of path`(path: String, key: String?, status: Int) throws {
        let served = try guarded(.v30)
        let answer = try served.ask("GET", path, key.map { ["ApiKey": $0] } ?? [:])
        #expect(answer.status == status)
        if status == 401 { #expect(answer.body.isEmpty && answer.headers["www-authenticate"] == "FormBased") }
        if status == 302 { #expect(answer.headers["location"] == "/login?returnURL=%2Fscene%2F1%2Fstream") }
    }

    @Test(arguments: ["/graphql", "/scene/1/stream", "/login"])
    func `v0.22 answers 500 to a wrong key`(path: String) throws {
        let answer = try guarded(.v22).ask("GET", path, ["ApiKey": "wrong"])
        #expect(answer.status == 500)
        #expect(answer.text == "unauthorized\n")
    }

    @Test(arguments: Generation.allCases)
    func `a key sent to a server without one is rejected`(generation: Generation) throws {
        let served = try Served { $0.generation = generation }
        #expect(try served.graphQL("{version{version}}").status == 200)
        #expect(try served.graphQL("{version{version}}", key: "any").status == (generation == .v22 ? 500 : 401))
    }

    @Test func `the header wins over the URL, and no key is ever logged`() throws {
        let served = try guarded(.v30)
        #expect(try served.ask("GET", "/scene/1/stream?apikey=wrong&t=1", ["ApiKey": "secret"]).status == 200)
        #expect(try served.get("/scene/1/stream?apikey=secret").status == 200)
        #expect(try served.ask("GET", "/scene/1/stream", ["ApiKey": ""]).status == 302)
        let records = served.server.requests
        #expect(records.map(\.key) == [.right, .right, .absent])
        #expect(records.map(\.hasKeyInURL) == [true, true, false])
        #expect(records[0].path == "/scene/1/stream?t=1")
        #expect(!records.contains { "\($0)".contains("secret") || "\($0)".contains("wrong&") })
    }

    @Test func `below a prefix only that prefix is Stash`() throws {
        let served = try Served { $0.basePath = "/stash" }
        #expect(try served.get("/stash/scene/1/stream", range: "bytes=0-9").status == 206)
        #expect(try served.get("/scene/1/stream").status == 404)
        #expect(served.server.url.hasSuffix("/stash"))
    }

    private func guarded(_ generation: Generation) throws -> Served {
        try Served {
            $0.generation = generation
            $0.apiKey = "secret"
            $0.requiresLogin = true
        }
    }
}
