import FakeStash
import Foundation
import Testing

/// What `add`, `set` and `test` say about servers that cannot be used.
@Suite(.timeLimit(.minutes(9)))
struct ConnectionTests {
    /// A server, what it is told, and what a person is told.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var server: FakeStash.Configuration?
        var url: @Sendable (String) -> String = { $0 }
        var key: String?
        let code: String
        let status: Int32
    }

    private static func server(_ change: (inout FakeStash.Configuration) -> Void) -> FakeStash.Configuration {
        var configuration = FakeStash.Configuration()
        change(&configuration)
        return configuration
    }

    private static let locked = server {
        $0.apiKey = "right"
        $0.requiresLogin = true
    }

    private static let lockedOld = server {
        $0.generation = .v22
        $0.apiKey = "right"
        $0.requiresLogin = true
    }

    static let cases = [
        Case(
            testDescription: "a name that does not exist", url: { _ in "http://nas.invalid" },
            code: "name-not-resolved", status: 68),
        Case(testDescription: "nobody listens", url: { _ in "http://127.0.0.1:1" }, code: "refused", status: 69),
        Case(
            testDescription: "https where http is spoken", server: server { _ in },
            url: { $0.replacingOccurrences(of: "http:", with: "https:") }, code: "tls", status: 76),
        Case(
            testDescription: "a web page", server: server { $0.basePath = "/stash" },
            url: { $0.replacingOccurrences(of: "/stash", with: "/other") }, code: "not-stash", status: 76),
        Case(testDescription: "a key is needed", server: locked, code: "needs-key", status: 77),
        Case(testDescription: "the wrong key", server: locked, key: "wrong", code: "wrong-key", status: 77),
        Case(testDescription: "the wrong key, 0.22", server: lockedOld, key: "wrong", code: "wrong-key", status: 77),
        Case(
            testDescription: "a key where there is none", server: server { _ in }, key: "any",
            code: "key-but-server-has-none", status: 77),
        Case(
            testDescription: "not set up", server: server { $0.status = "SETUP" }, code: "not-set-up", status: 78),
        Case(
            testDescription: "waiting for a migration", server: server { $0.status = "NEEDS_MIGRATION" },
            code: "not-set-up", status: 78),
        Case(testDescription: "all is well", server: locked, key: "right", code: "ok", status: 0),
        Case(testDescription: "all is well, 0.22", server: lockedOld, key: "right", code: "ok", status: 0),
    ]

    private struct Report: Decodable {
        let code: String
        let ok: Bool
        let message: String
        let hint: String?
    }

    @Test(arguments: cases)
    func `each failure has its own diagnosis, and only a server that works is stored`(_ example: Case) async throws {
        let peekfs = try Program()
        let server = try example.server.map { try FakeStash.start($0) }
        defer { server?.stop() }
        let url = example.url(server?.url ?? "")
        let key = example.key == nil ? [] : ["--api-key-stdin"]

        let added = try await peekfs.run(["instance", "add", "attic", url] + key, input: example.key ?? "")
        #expect(added.status == example.status, "\(added.errors)")
        let stored: [ShownInstance] = try await peekfs.run("instance", "list", "--json").json()
        #expect(stored.isEmpty == (example.status != 0))
        if example.status != 0 { #expect(added.errors.contains("hint:")) }

        let untested = try await peekfs.run(
            ["instance", "add", "untested", url, "--no-test"] + key, input: example.key ?? "")
        #expect(untested.status == 0)
        let tested = try await peekfs.run("instance", "test", "untested", "--json")
        #expect(tested.status == example.status)
        let report = try tested.json(as: Report.self)
        #expect(report.code == example.code)
        #expect(report.ok == (example.status == 0))

        let examined = try await peekfs.run("doctor", "--json")
        let diagnosis = try examined.json(as: Examined.self)
        let problems = diagnosis.findings.filter { $0.weight == "problem" && $0.subject.hasPrefix("untested") }
        #expect(problems.isEmpty == (example.status == 0), "\(diagnosis)")
        #expect(problems.allSatisfy { $0.mend?.isEmpty == false })
        #expect(problems.isEmpty || examined.status != 0)
        if let key = example.key { #expect(!examined.output.contains(key)) }
    }

    private struct Examined: Decodable {
        struct Found: Decodable {
            let subject: String
            let weight: String
            let message: String
            let mend: String?
        }

        let ok: Bool
        let findings: [Found]
    }

    @Test func `a sync of two servers succeeds, and says when one of them does not`() async throws {
        let peekfs = try Program()
        let attic = try FakeStash.start(Self.server { $0.name = "attic" })
        defer { attic.stop() }
        let cellar = try FakeStash.start(
            Self.server {
                $0.name = "cellar"
                $0.generation = .v22
            })
        for (name, server) in [("attic", attic), ("cellar", cellar)] {
            #expect(try await peekfs.run("instance", "add", name, server.url).status == 0)
        }
        let good = try await peekfs.run("sync")
        #expect(good.status == 0, "\(good.errors)")
        #expect(!good.errors.contains("\u{1B}"), "no escapes where nobody sees a terminal")
        cellar.stop()
        let bad = try await peekfs.run("sync")
        #expect(bad.status == 69)
        #expect(bad.errors.contains("cellar: failed"))
        #expect(bad.errors.contains("1 of 2 servers"))
        #expect(try await peekfs.run("sync", "attic").status == 0)
        #expect(try await peekfs.run("sync", "nowhere").status == 66)

        let status = try await peekfs.run("status").output
        #expect(status.contains("attic") && status.contains("cellar") && status.contains("24"))
    }
}
