import FakeStash
import Foundation
import Testing

/// `peekfs merge …` and `peekfs conflicts` from outside, over two servers that were synced.
@Suite(.timeLimit(.minutes(9)))
struct MergeCommandTests {
    let peekfs: Program
    let attic: FakeStash
    let barn: FakeStash

    /// What `--json` prints of a thing.
    struct Thing: Decodable, Equatable {
        let id: String
        let instance: String?
        let instanceId: String?
        let kind: String
        let localId: Int
        let title: String?
    }

    struct Decision: Decodable {
        let decision: String
        let things: [Thing]
        let madeAt: String
        let inEffect: Bool
        let reason: String?
    }

    struct Suggestions: Decodable {
        struct Suggestion: Decodable {
            struct Reason: Decodable {
                let code: String
                let text: String
            }

            let first: Thing
            let second: Thing
            let score: Int
            let reasons: [Reason]
        }

        let total: Int
        let suggestions: [Suggestion]
    }

    struct Conflicts: Decodable {
        struct Said: Decodable, Equatable {
            let from: String
            let value: String
        }

        struct Field: Decodable {
            let field: String
            let shown: Said
            let said: [Said]
        }

        struct Conflict: Decodable {
            let kind: String
            let title: String
            let members: [Thing]
            let fields: [Field]
        }

        struct Refusal: Decodable {
            let evidence: String
            let text: String
            let first: Thing
            let second: Thing
            let clash: [Thing]?
            let explanation: String
        }

        let total: Int
        let totalFields: Int
        let conflicts: [Conflict]
        let refused: [Refusal]
    }

    /// Performers: 1 is one person by a shared id, 2 has one name on both, 3 is nobody else.
    init() async throws {
        peekfs = try Program()
        attic = try Self.server("attic")
        barn = try Self.server("barn")
        for (name, server) in [("attic", attic), ("barn's", barn)] {
            let added = try await peekfs.run("instance", "add", name, server.url)
            try #require(added.status == 0, "\(added.errors)")
        }
        try await sync()
    }

    private func sync() async throws {
        let synced = try await peekfs.run("sync")
        try #require(synced.status == 0, "\(synced.errors)")
    }

    private static func server(_ name: String) throws -> FakeStash {
        var configuration = FakeStash.Configuration()
        configuration.name = name
        configuration.overlap = nil
        configuration.performers = 3
        (configuration.scenes, configuration.studios, configuration.tags) = (1, 1, 1)
        (configuration.galleries, configuration.groups, configuration.images) = (0, 0, 0)
        let server = try FakeStash.start(configuration)
        for id in 1...3 {
            server.catalogue.edit(.performer, id) { row in
                var plain = Entity(kind: .performer, id: id, created: row.created)
                plain.title =
                    id == 1 ? "Ann" : id == 2 ? (name == "attic" ? "Béa\u{1B}[2J" : "bea [2j") : "Only \(name)"
                plain.country = id == 1 ? (name == "attic" ? "DE" : "AT") : ""
                plain.gender = "FEMALE"
                plain.stashIDs = id == 1 ? [StashID(endpoint: "https://box.example/graphql", id: "abc")] : []
                row = plain
            }
        }
        return server
    }

    private func decisions() async throws -> [Decision] { try await peekfs.run("merge", "list", "--json").json() }

    // MARK: Deciding

    @Test func `link, list, undo`() async throws {
        let linked = try await peekfs.run("merge", "link", "barn's:performer:3", "attic:performer:3")
        #expect(linked.status == 0, "\(linked.errors)")
        #expect(
            linked.output == "together: attic:performer:3 'Only attic', barn's:performer:3 'Only barn'\n")
        let decision = try #require(try await decisions().first)
        #expect(decision.decision == "link")
        #expect(decision.inEffect)
        #expect(decision.things.map(\.id) == ["attic:performer:3", "barn's:performer:3"])
        #expect(decision.things.map(\.title) == ["Only attic", "Only barn"])
        #expect(decision.things.map(\.localId) == [3, 3])
        let ids = try await peekfs.run("instance", "list", "--json").json(as: [ShownInstance].self).map(\.id)
        #expect(decision.things.map(\.instanceId) == ids)

        _ = try await peekfs.run("instance", "disable", "attic")
        let off = try #require(try await decisions().first)
        #expect(!off.inEffect)
        #expect(off.reason?.contains("'attic' is switched off") == true)
        #expect(try await peekfs.run("merge").output.contains("not in effect"))
        _ = try await peekfs.run("instance", "enable", "attic")

        let undone = try await peekfs.run("merge", "undo", "attic:performer:3", "barn's:performer:3")
        #expect(undone.status == 0)
        #expect(undone.output.split(separator: "\n").allSatisfy { $0.hasPrefix("by itself: ") })
        #expect(try await decisions().isEmpty)
        #expect(try await peekfs.run("merge", "list").errors.contains("merge suggest"))
    }

    @Test func `split sets apart, takes links back first, and is undone`() async throws {
        let split = try await peekfs.run("merge", "split", "barn's:performer:1")
        #expect(split.status == 0)
        #expect(split.output == "by itself: barn's:performer:1 'Ann'\nby itself: attic:performer:1 'Ann'\n")
        // A link joins what was set apart; split undoes it first.
        _ = try await peekfs.run("merge", "link", "attic:performer:1", "barn's:performer:1")
        #expect(try await decisions().map(\.decision).sorted() == ["link", "split"])
        let back = try await peekfs.run("merge", "split", "attic:performer:1")
        #expect(back.output.hasPrefix("took back the link by hand with barn's:performer:1\n"))
        #expect(try await decisions().map(\.decision) == ["split"])
        let undone = try await peekfs.run("merge", "undo", "barn's:performer:1")
        #expect(undone.output == "together: attic:performer:1 'Ann', barn's:performer:1 'Ann'\n")
    }

    @Test func `what was decided about a removed server can be undone`() async throws {
        _ = try await peekfs.run("merge", "link", "attic:performer:3", "barn's:performer:3")
        _ = try await peekfs.run("instance", "remove", "attic", "--yes")
        #expect(try await decisions().first?.reason == "the server of attic:performer:3 was removed")
        #expect(try await peekfs.run("merge", "link", "attic:performer:2", "barn's:performer:3").status == 66)
        let undone = try await peekfs.run("merge", "undo", "barn's:performer:3", "attic:performer:3")
        #expect(undone.status == 0, "\(undone.errors)")
        #expect(try await decisions().isEmpty)
    }

    @Test func `a refused decision says why, and its exit code too`() async throws {
        _ = try await peekfs.run("merge", "link", "attic:performer:3", "barn's:performer:3")
        let cases: [([String], Int32, String)] = [
            (["link", "3", "barn's:performer:3"], 64, "getfattr -n user.peekfs.id"),
            (["link", "shed:performer:3", "barn's:performer:3"], 66, "no instance named 'shed'"),
            (["link", "attic:person:3", "barn's:performer:3"], 64, "no kind"),
            (["link", "attic:performer:3", "attic:performer:2"], 64, "one server"),
            (["link", "attic:performer:3", "barn's:studio:1"], 64, "different kinds"),
            (["link", "attic:performer:77", "barn's:performer:3"], 66, "peekfs sync"),
            (["link", "barn's:performer:3", "attic:performer:3"], 73, "already"),
            (
                ["link", "barn's:performer:3", "attic:performer:2"], 65,
                "peekfs merge undo 'barn'\\''s:performer:3' attic:performer:3"
            ),
            (["undo", "attic:performer:3"], 66, "peekfs merge undo attic:performer:3 'barn'\\''s:performer:3'"),
            (["undo", "attic:performer:2"], 66, "nothing to undo"),
            (["suggest", "--kind", "person"], 64, "no kind"), (["suggest", "--limit=-1"], 64, "negative"),
        ]
        for (arguments, status, words) in cases {
            let outcome = try await peekfs.run(["merge"] + arguments)
            #expect(outcome.status == status, "\(arguments): \(outcome.errors)")
            #expect(outcome.errors.contains(words), "\(arguments): \(outcome.errors)")
            #expect(outcome.output.isEmpty)
        }
        #expect(try await decisions().count == 1)
    }

    // MARK: Suggesting

    @Test func `suggestions are commands that can be pasted`() async throws {
        let text = try await peekfs.run("merge", "suggest", "--kind", "performers")
        let lines = text.output.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.first?.hasPrefix("# performer  'Béa [2J' | 'bea [2j':  same name") == true, "\(text.output)")
        let command = try #require(lines.last)
        #expect(command == "peekfs merge link attic:performer:2 'barn'\\''s:performer:2'")
        #expect(!text.output.unicodeScalars.contains { $0.value < 32 && $0 != "\n" })
        let all: Suggestions = try await peekfs.run("merge", "suggest", "--json").json()
        let found = try #require(all.suggestions.first { $0.first.kind == "performer" })
        #expect([found.first.id, found.second.id] == ["attic:performer:2", "barn's:performer:2"])
        #expect(found.reasons.map(\.code) == ["same-name"])
        #expect(all.total == all.suggestions.count)

        // A shell takes it as it stands.
        let shell = try await peekfs.pasted(String(command))
        #expect(shell.status == 0, "\(shell.errors)")
        #expect(shell.output.hasPrefix("together: attic:performer:2"))
        let after = try await peekfs.run("merge", "suggest", "--kind", "performer")
        #expect(after.output.isEmpty)
        #expect(after.errors.contains("resembles"))
    }

    // MARK: Conflicts

    @Test func `conflicts say who says what, what is shown, and what was refused`() async throws {
        let found: Conflicts = try await peekfs.run("conflicts", "--json").json()
        #expect(found.total == 1)
        #expect(found.totalFields == 1)
        let conflict = try #require(found.conflicts.first)
        #expect(conflict.title == "Ann")
        #expect(conflict.members.map(\.id) == ["attic:performer:1", "barn's:performer:1"])
        #expect(conflict.fields.map(\.field) == ["country"])
        #expect(conflict.fields.first?.shown == Conflicts.Said(from: "attic:performer:1", value: "DE"))
        #expect(conflict.fields.first?.said.map(\.value) == ["DE", "AT"])
        #expect(found.refused.isEmpty)

        // Another order, another value.
        _ = try await peekfs.run("instance", "set", "barn's", "--priority", "1")
        attic.catalogue.edit(.tag, 1) { $0.details = "new" }
        try await sync()
        let text = try await peekfs.run("conflicts")
        #expect(
            text.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) } == [
                "performer  'Ann'  (barn's:performer:1, attic:performer:1)", "country:  barn's: AT  (shown)",
                "attic: DE",
            ])

        // A second one at the same server claims the id.
        barn.catalogue.edit(.performer, 3) { row in
            row.stashIDs = [StashID(endpoint: "https://Box.example/graphql/", id: "abc")]
        }
        try await sync()
        let refused = try #require(
            try await peekfs.run("conflicts", "--json").json(as: Conflicts.self).refused.first)
        #expect(refused.evidence == "stash-id")
        #expect(refused.text == "https://box.example/graphql abc")
        #expect(refused.clash?.map(\.id).sorted() == ["barn's:performer:1", "barn's:performer:3"])
        let hints = try await peekfs.run("conflicts", "--kind", "performer")
        #expect(hints.output.contains("peekfs merge split 'barn'\\''s:performer:3'"))
        #expect(try await peekfs.run("conflicts", "--kind", "scene").errors.contains("about nothing"))
    }

    @Test func `a link that pushes a shared id out says so`() async throws {
        let linked = try await peekfs.run("merge", "link", "attic:performer:1", "barn's:performer:3")
        #expect(linked.status == 0)
        let lines = linked.output.split(separator: "\n")
        #expect(
            lines.first?.hasPrefix("refused now: attic:performer:1 and barn's:performer:1 both have the id") == true)
        #expect(lines.last == "together: attic:performer:1 'Ann', barn's:performer:3 'Only barn'")
    }
}

extension Program {
    /// Runs a line in a shell that knows this `peekfs` and its library.
    fileprivate func pasted(_ line: String) async throws -> Outcome {
        let script = directory + "/pasted.sh"
        let environment = [
            "PATH=\(Self.executable.deletingLastPathComponent().path):/usr/bin:/bin",
            "PEEKFS_STATE_DIR=\(directory)/state", "PEEKFS_CACHE_DIR=\(directory)/cache",
        ]
        try "\(line) >\(directory)/pasted.out 2>\(directory)/pasted.err\n"
            .write(toFile: script, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = environment + ["/bin/sh", script]
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in done.resume() }
            do { try process.run() } catch { done.resume(throwing: error) }
        }
        return Outcome(
            status: process.terminationStatus,
            output: try String(contentsOfFile: directory + "/pasted.out", encoding: .utf8),
            errors: try String(contentsOfFile: directory + "/pasted.err", encoding: .utf8))
    }
}
