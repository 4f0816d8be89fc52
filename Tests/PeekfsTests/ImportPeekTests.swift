import Foundation
import GRDB
import Library
import Peek
import Testing

/// `peekfs import-peek` from outside.
@Suite(.timeLimit(.minutes(9)))
struct ImportPeekTests {
    private struct Report: Decodable {
        struct Person: Decodable {
            let peekId: Int64
            let username: String?
            let rows: Int
            let uid: UInt32?
        }
        struct Server: Decodable {
            let peekId: String?
            let instance: String
            let because: String
        }
        struct Count: Decodable, Equatable {
            let uid: UInt32
            let instance: String
            let kind: String
            let ratings: Int
            let favorites: Int
            let history: Int
        }
        struct Skipped: Decodable {
            let table: String
            let reason: String
            let count: Int
            let things: [String]
        }
        struct Leftover: Decodable {
            let what: String
            let count: Int
        }
        let dryRun: Bool
        let users: [Person]
        let servers: [Server]
        let counts: [Count]
        let written: Int
        let present: Int
        let unseen: Int
        let skipped: [Skipped]
        let notImported: [Leftover]
    }

    private let peekfs: Program
    private let file: String

    init() throws {
        peekfs = try Program()
        file = peekfs.directory + "/peek-stash-browser.db"
    }

    /// The columns of Peek's that matter here; the library's own tests have all of them.
    private func make(_ sql: String, instanceIDs: Bool = false) throws {
        let instance = instanceIDs ? "instanceId TEXT," : ""
        let queue = try DatabaseQueue(path: file)
        try queue.write { db in
            try db.execute(
                sql: """
                    CREATE TABLE User (id INTEGER PRIMARY KEY, username TEXT NOT NULL, password TEXT NOT NULL);
                    CREATE TABLE StashInstance (id TEXT PRIMARY KEY, name TEXT, url TEXT, apiKey TEXT);
                    CREATE TABLE SceneRating (id INTEGER PRIMARY KEY, userId INTEGER, \(instance) sceneId TEXT,
                        rating INTEGER, favorite BOOLEAN DEFAULT false, updatedAt DATETIME DEFAULT 1746093600000);
                    CREATE TABLE WatchHistory (id INTEGER PRIMARY KEY, userId INTEGER, \(instance) sceneId TEXT,
                        playCount INTEGER DEFAULT 0, resumeTime REAL, lastPlayedAt DATETIME, oCount INTEGER DEFAULT 0);
                    CREATE TABLE StashScene (id TEXT, stashInstanceId TEXT, title TEXT, filePath TEXT);
                    INSERT INTO User VALUES (1, 'ann', 'hash'), (2, 'bob', 'hash');
                    """)
            try db.execute(sql: sql)
        }
        try queue.close()
    }

    private func state() throws -> StateDatabase { try StateDatabase(directory: peekfs.directory + "/state") }

    private func count(_ name: String) throws -> Int {
        let state = try state()
        return try state.personalCount(of: try state.instance(named: name).number)
    }

    private func add(_ names: String...) async throws {
        for name in names {
            let added = try await peekfs.run("instance", "add", name, "http://\(name).invalid:9999", "--no-test")
            #expect(added.status == 0, "\(added.errors)")
        }
    }

    @Test func `a dry run says what the import then does, and a second import does nothing`() async throws {
        try await add("attic")
        try make(
            """
            INSERT INTO SceneRating (userId, sceneId, rating, favorite) VALUES (1, '1', 80, 1), (1, '2', 40, 0), (1, '3', 400, 0);
            INSERT INTO WatchHistory (userId, sceneId, playCount, resumeTime, lastPlayedAt, oCount)
                VALUES (1, '1', 2, 30.5, 1746093600000, 3);
            INSERT INTO StashInstance VALUES ('uuid', 'Default', 'http://peek:9999/graphql', 'a-secret');
            """)
        let before = try Data(contentsOf: URL(fileURLWithPath: file))
        let dry = try await peekfs.run("import-peek", file, "--dry-run")
        #expect(dry.status == 0, "\(dry.errors)")
        #expect(dry.output.contains("would write 6 values"))
        #expect(dry.output.contains("skipped: 1 in SceneRating of user 1: the rating is not"))
        #expect(dry.output.contains("1 O counters"))
        #expect(dry.errors.contains("only server"))
        #expect(dry.errors.contains("who runs this command"))
        #expect(!dry.output.contains("a-secret") && !dry.errors.contains("a-secret"))
        #expect(try count("attic") == 0)

        let report: Report = try await peekfs.run("import-peek", file, "--json").json()
        #expect(!report.dryRun)
        #expect(
            report.counts == [
                .init(uid: getuid(), instance: "attic", kind: "scene", ratings: 2, favorites: 1, history: 1)
            ])
        #expect(report.written == 6 && report.present == 0 && report.unseen == 2)
        #expect(report.skipped.map(\.reason) == ["badRating"] && report.skipped.map(\.things) == [["3"]])
        #expect(report.servers.map(\.because) == ["only"])
        #expect(report.notImported.map(\.what) == ["O counters"])
        #expect(try count("attic") == 6)
        let attic = try state().instance(named: "attic").number
        #expect(
            try state().personal(of: [EntityRef(instance: attic, kind: .scene, id: 1)], uid: getuid()) == [
                .rating: .integer(80), .favorite: .integer(1), .playCount: .integer(2), .resumeTime: .real(30.5),
                .lastPlayedAt: .integer(1_746_093_600),
            ])

        let again: Report = try await peekfs.run("import-peek", file, "--json").json()
        #expect(again.written == 0 && again.present == 6)
        #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == before)
    }

    @Test func `with two servers and nothing that decides, nothing is imported until it is said`() async throws {
        try await add("attic", "cellar")
        try make("INSERT INTO SceneRating (userId, sceneId, rating) VALUES (1, '1', 80)")
        let refused = try await peekfs.run("import-peek", file)
        #expect(refused.status == 64)
        #expect(refused.errors.contains("--instance NAME"))
        #expect(refused.errors.contains("attic, cellar"))
        #expect(refused.output.isEmpty)
        #expect(try count("attic") + count("cellar") == 0)
        #expect(try await peekfs.run("import-peek", file, "--instance", "shed").status == 66)
        #expect(try await peekfs.run("import-peek", file, "--instance", "Default=attic").status == 66)
        #expect(try await peekfs.run("import-peek", file, "--instance", "attic", "--instance", "cellar").status == 64)
        #expect(try count("attic") + count("cellar") == 0)
        #expect(try await peekfs.run("import-peek", file, "--instance", "CELLAR").status == 0)
        #expect(try count("attic") == 0 && count("cellar") == 1)
    }

    @Test func `with two servers the content decides`() async throws {
        try await add("attic", "cellar")
        let state = try state()
        let index = try IndexDatabase(directory: peekfs.directory + "/cache", libraryID: state.libraryID)
        for instance in try state.instances() {
            let pass = try index.beginPass(instance.number)
            let records = (1...30).map { id in
                MemberRecord(
                    ref: EntityRef(instance: instance.number, kind: .scene, id: id),
                    title: "\(instance.name) scene \(id)", updatedAt: "", modified: 0)
            }
            _ = try index.store(records, in: pass)
            try index.endPass(pass, error: nil)
        }
        let cached = (1...30).map { "('\($0)', NULL, 'Cellar Scene \($0)')" }.joined(separator: ", ")
        try make(
            """
            INSERT INTO SceneRating (userId, sceneId, rating) VALUES (1, '1', 80);
            INSERT INTO StashScene (id, stashInstanceId, title) VALUES \(cached);
            """)
        let outcome = try await peekfs.run("import-peek", file)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("is taken for 'cellar': of 30 things 30 can be compared and 30 are the same"))
        #expect(try count("attic") == 0 && count("cellar") == 1)
    }

    @Test func `servers of Peek's are told by address and by what is said`() async throws {
        try await add("attic", "cellar", "shed")
        try make(
            """
            INSERT INTO StashInstance VALUES ('u1', 'One', 'HTTP://Attic.invalid:9999/graphql', 'k'),
                ('u2', 'Cellar', 'http://10.0.0.1/graphql', 'k'), ('u3', 'Three', 'http://10.0.0.2/graphql', 'k');
            INSERT INTO SceneRating (userId, instanceId, sceneId, rating)
                VALUES (1, 'u1', '1', 10), (1, 'u2', '1', 20), (1, 'u3', '1', 30), (1, 'gone', '1', 40);
            """, instanceIDs: true)
        let refused = try await peekfs.run("import-peek", file)
        #expect(refused.status == 64)
        #expect(refused.errors.contains("'Three'") && refused.errors.contains("gone"))
        #expect(!refused.errors.contains("'One'"))
        let ambiguous = try await peekfs.run("import-peek", file, "--instance", "shed")
        #expect(ambiguous.status == 64)
        #expect(ambiguous.errors.contains("several servers"))
        #expect(try count("attic") + count("cellar") + count("shed") == 0)
        let done = try await peekfs.run(
            "import-peek", file, "--instance", "three=shed", "--instance", "gone=attic", "--instance", "cellar=cellar",
            "--json")
        let report: Report = try done.json()
        #expect(
            report.servers.map { "\($0.peekId ?? "-") \($0.instance) \($0.because)" } == [
                "gone attic chosen", "u1 attic address", "u2 cellar chosen", "u3 shed chosen",
            ])
        // Two of Peek's servers are the attic, so that two ratings of its scene were to be had; they are equally old.
        #expect(report.written == 3)
        #expect(report.skipped.map(\.reason) == ["superseded"])
    }

    @Test func `several users have to be named, and only those who are named are imported`() async throws {
        try await add("attic")
        try make(
            "INSERT INTO SceneRating (userId, sceneId, rating) VALUES (1, '1', 80), (2, '1', 20), (2, '2', 30), (9, '1', 5)"
        )
        let refused = try await peekfs.run("import-peek", file)
        #expect(refused.status == 64)
        #expect(refused.errors.contains("1 (ann) with 1 row, 2 (bob) with 2 rows, 9 with 1 row"))
        #expect(try await peekfs.run("import-peek", file, "--user", "carl=1000").status == 66)
        #expect(try await peekfs.run("import-peek", file, "--user", "ann=nobody-of-that-name").status == 66)
        #expect(try await peekfs.run("import-peek", file, "--user", "ann=4294967295").status == 66)
        #expect(try await peekfs.run("import-peek", file, "--user", "ann").status == 64)
        #expect(try await peekfs.run("import-peek", file, "--user", "ann=1", "--user", "1=2").status == 64)
        #expect(try count("attic") == 0)
        let report: Report = try await peekfs.run(
            "import-peek", file, "--user", "ann=4321", "--user", "2=root", "--json"
        ).json()
        #expect(report.users.map(\.uid) == [4321, 0, nil])
        #expect(report.counts.map(\.uid) == [0, 4321] && report.counts.map(\.ratings) == [2, 1])
        #expect(report.skipped.map(\.reason) == ["userNotChosen"] && report.skipped.map(\.things) == [["1"]])
        #expect(try count("attic") == 3)
    }

    @Test func `what cannot be imported says why`() async throws {
        let missing = try await peekfs.run("import-peek", file)
        #expect(missing.status == 66)
        try "no database".write(toFile: file, atomically: true, encoding: .utf8)
        let text = try await peekfs.run("import-peek", file)
        #expect(text.status == 74)
        #expect(text.errors.contains("not an SQLite database"))
        try FileManager.default.removeItem(atPath: file)
        try make("INSERT INTO SceneRating (userId, sceneId, rating) VALUES (1, '1', 80)")
        let nowhere = try await peekfs.run("import-peek", file)
        #expect(nowhere.status == 78)
        #expect(nowhere.errors.contains("instance add"))
    }
}
