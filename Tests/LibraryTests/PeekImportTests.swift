import Foundation
import GRDB
import Library
import Peek
import Testing

@Suite struct `What people said in Peek` {
    private static let may2025: Int64 = 1_746_093_600_000

    /// Everything of Peek's into one instance, for the uid 1000 of Peek's user 1.
    private func take(_ peek: PeekFile, _ box: Sandbox, _ instance: InstanceNumber) throws -> ImportOutcome {
        let contents = try peek.contents()
        let plan = PeekImport(
            contents, users: [1: 1000],
            instances: Dictionary(uniqueKeysWithValues: contents.origins.map { ($0, instance) }))
        return try box.state.importPersonal(plan.values, dryRun: false)
    }

    // MARK: Layouts

    @Test(arguments: PeekFile.Layout.allCases)
    func `ten thousand ratings arrive under their whole keys, and only once`(layout: PeekFile.Layout) throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        let b = try box.instance("b")
        let peek = try PeekFile(layout)
        try peek.user(1, "admin")
        try peek.server("uuid-a", "A", "http://a/graphql")
        if layout == .several { try peek.server("uuid-b", "B", "http://b/graphql") }
        let total: Int64 = 10_000
        try peek.queue.write { db in
            for place in 0..<total {
                let (table, column, _) = PeekFile.ratings[Int(place % 7)]
                let instance = layout == .several ? (place % 2 == 0 ? "'uuid-a'" : "'uuid-b'") : nil
                try db.execute(
                    sql: """
                        INSERT INTO \(table) (userId, \(column), rating, favorite, updatedAt\(instance == nil ? "" : ", instanceId"))
                        VALUES (1, '\(place / 14 + 1 + (layout == .several ? 0 : place % 14 * 1000))', \(place % 101), 0,
                            \(Self.may2025 + place)\(instance.map { ", \($0)" } ?? ""))
                        """)
            }
        }
        let contents = try peek.contents()
        #expect(contents.users == [PeekUser(id: 1, name: "admin", rows: Int(total))])
        let servers: [PeekOrigin: InstanceNumber] =
            layout == .several ? [.instance("uuid-a"): a, .instance("uuid-b"): b] : [.unnamed: a]
        #expect(contents.origins == servers.keys.sorted())
        let plan = PeekImport(contents, users: [1: 1000], instances: servers)
        #expect(plan.values.count == Int(total) && plan.skipped.isEmpty)
        #expect(plan.counts.map(\.ratings).reduce(0, +) == Int(total))
        #expect(plan.counts.allSatisfy { $0.favorites == 0 && $0.history == 0 && $0.uid == 1000 })
        #expect(plan.counts.count == (layout == .several ? 14 : 7))

        let dry = try box.state.importPersonal(plan.values, dryRun: true)
        #expect(try [a, b].map(box.state.personalCount(of:)) == [0, 0])
        let outcome = try box.state.importPersonal(plan.values, dryRun: false)
        #expect(outcome == dry)
        #expect(outcome == ImportOutcome(written: Int(total), unseen: Int(total)))
        #expect(try [a, b].map(box.state.personalCount(of:)) == (layout == .several ? [5000, 5000] : [10_000, 0]))
        for place in stride(from: 0, to: total, by: 37) {
            let id = place / 14 + 1 + (layout == .several ? 0 : place % 14 * 1000)
            let instance = layout == .several && place % 2 == 1 ? b : a
            let ref = EntityRef(instance: instance, kind: PeekFile.ratings[Int(place % 7)].kind, id: id)
            #expect(try box.state.personal(of: [ref], uid: 1000) == [.rating: .integer(place % 101)])
        }

        let rows = try personalRows(box)
        let again = try box.state.importPersonal(plan.values, dryRun: false)
        #expect(again == ImportOutcome(present: Int(total), unseen: Int(total)))
        #expect(try personalRows(box) == rows)
    }

    @Test func `a table that is missing is no reason to refuse, a column that is missing is`() throws {
        let peek = try PeekFile(.single)
        try peek.rate(.scene, "1", 20)
        try peek.execute("DROP TABLE GroupRating; DROP TABLE WatchHistory; DROP TABLE User; DROP TABLE StashInstance")
        let contents = try peek.contents()
        #expect(contents.rows.count == 1)
        #expect(contents.users == [PeekUser(id: 1, name: nil, rows: 1)])
        try peek.execute("ALTER TABLE TagRating RENAME COLUMN rating TO stars")
        let error = try #require(throws: PeekError.self) { try peek.contents() }
        #expect(error.description.contains("TagRating has no column rating"))
    }

    // MARK: Files

    @Test func `what is no database of Peek is refused and left as it is`() throws {
        let peek = try PeekFile(.single)
        let path = peek.directory + "/other"
        #expect(throws: PeekError.missing(path: path)) { try PeekDatabase(path: path).contents() }
        #expect(throws: PeekError.self) { try PeekDatabase(path: peek.directory).contents() }
        for bytes in [Data(), Data("SQLite format 3\u{0}".utf8), Data(repeating: 7, count: 5000)] {
            try bytes.write(to: URL(fileURLWithPath: path))
            let error = try #require(throws: PeekError.self) { try PeekDatabase(path: path).contents() }
            #expect(error.description.contains("not an SQLite database"))
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == bytes)
        }
        let box = try Sandbox()
        let error = try #require(throws: PeekError.self) {
            try PeekDatabase(path: box.directory + "/state.sqlite").contents()
        }
        #expect(error.description.contains("none of the tables"))
    }

    @Test func `a damaged file is refused`() throws {
        let peek = try PeekFile(.single)
        try peek.execute(
            """
            WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 2000)
            INSERT INTO SceneRating (userId, sceneId, rating, favorite, updatedAt) SELECT 1, id, 20, 0, 0 FROM n
            """)
        try peek.queue.close()
        let url = URL(fileURLWithPath: peek.path)
        let whole = try Data(contentsOf: url)
        var broken = whole
        broken.replaceSubrange(4096..<broken.count, with: Data(repeating: 0xA5, count: broken.count - 4096))
        for bytes in [broken, whole.prefix(whole.count / 2)] {
            try bytes.write(to: url)
            let error = try #require(throws: PeekError.self) { try PeekDatabase(path: peek.path).contents() }
            guard case .damaged = error else {
                Issue.record("\(error)")
                continue
            }
            #expect(try Data(contentsOf: url) == bytes)
        }
    }

    @Test(arguments: [false, true])
    func `a file that is in use is read with what is only in its log, and nothing is changed`(copied: Bool) throws {
        let peek = try PeekFile(.single, wal: true)
        try peek.rate(.scene, "1", 20)
        var path = peek.path
        if copied {
            // As somebody copies it from a server: the file and its log.
            path = peek.directory + "/copy.db"
            for suffix in ["", "-wal"] {
                try FileManager.default.copyItem(atPath: peek.path + suffix, toPath: path + suffix)
            }
        }
        func files() throws -> [String: Data] {
            var files: [String: Data] = [:]
            for name in try FileManager.default.contentsOfDirectory(atPath: peek.directory)
            where !name.hasSuffix("-shm") {
                files[name] = try Data(contentsOf: URL(fileURLWithPath: peek.directory + "/" + name))
            }
            return files
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: peek.directory).sorted()
        let before = try files()
        #expect(before[(path as NSString).lastPathComponent + "-wal"]?.isEmpty == false)
        #expect(try PeekDatabase(path: path).contents().rows.count == 1)
        #expect(try files() == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: peek.directory).sorted() == names)
    }

    @Test func `a file in WAL mode without a log is read from a directory that stays as it is`() throws {
        let peek = try PeekFile(.single, wal: true)
        try peek.rate(.scene, "1", 20)
        try peek.queue.close()
        let names = try FileManager.default.contentsOfDirectory(atPath: peek.directory)
        #expect(names == ["peek-stash-browser.db"])
        #expect(try peek.contents().rows.count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: peek.directory) == names)
    }

    // MARK: Values

    @Test(
        arguments: [
            ("1746093600000", 1_746_093_600_000_000), ("1746093600000.0", 1_746_093_600_000_000),
            ("'1746093600000'", 1_746_093_600_000_000),
            ("'2025-05-01 10:00:00'", 1_746_093_600_000_000), ("'2025-05-01T10:00:00.25Z'", 1_746_093_600_250_000),
            ("'2025-05-01T12:00:00.123456789+02:00'", 1_746_093_600_123_456),
            ("'2025-05-01T08:30:00-0130'", 1_746_093_600_000_000), ("'2024-02-29 00:00:00'", 1_709_164_800_000_000),
            ("'1970-01-01 00:00:00'", 0), ("'2025-02-29 00:00:00'", nil), ("'yesterday'", nil), ("''", nil),
            ("-5", nil),
            ("9e18", nil), ("'2025-05-01 10:00:00 tomorrow'", nil), ("x'00'", nil),
        ] as [(String, Int64?)])
    func `every form of a date is understood, and what is none is not`(sql: String, expected: Int64?) throws {
        let peek = try PeekFile(.single)
        try peek.execute(
            """
            INSERT INTO SceneRating (userId, sceneId, rating, favorite, createdAt, updatedAt)
            VALUES (1, '1', 50, 0, 'never', \(sql))
            """)
        let contents = try peek.contents()
        #expect(contents.rows.map(\.changedAt) == [expected ?? 0])
        #expect(contents.undated == (expected == nil ? 1 : 0))
    }

    @Test func `each field has its place, and what has none is counted`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        let peek = try PeekFile(.single)
        try peek.rate(.performer, "4", 85, favorite: 1)
        try peek.rate(.performer, "5", nil, favorite: 1)
        try peek.rate(.performer, "6", 0)
        try peek.rate(.performer, "7", nil)
        try peek.execute(
            """
            INSERT INTO WatchHistory
                (userId, sceneId, playCount, playDuration, resumeTime, lastPlayedAt, oCount, playHistory)
            VALUES (1, '1', 3, 99.5, 12.25, 1746093600999, 2, '["2025-05-01T10:00:00.000Z"]'),
                (1, '2', 0, 0, 0, 1746093600000, 0, '[]'), (1, '3', 0, 0, 0, NULL, 7, '[]'),
                (1, '4', 5, 0, 30.0, NULL, 0, '[]');
            """)
        let outcome = try take(peek, box, a)
        #expect(outcome.written == 11)
        func said(_ kind: Kind, _ id: Int64) throws -> [PersonalField: PersonalValue] {
            try box.state.personal(of: [EntityRef(instance: a, kind: kind, id: id)], uid: 1000)
        }
        #expect(try said(.performer, 4) == [.rating: .integer(85), .favorite: .integer(1)])
        #expect(try said(.performer, 5) == [.favorite: .integer(1)])
        #expect(try said(.performer, 6) == [.rating: .integer(0)])
        #expect(try said(.performer, 7).isEmpty)
        #expect(
            try said(.scene, 1) == [
                .playCount: .integer(3), .resumeTime: .real(12.25), .lastPlayedAt: .integer(1_746_093_600),
            ])
        #expect(try said(.scene, 2) == [.resumeTime: .integer(0), .lastPlayedAt: .integer(1_746_093_600)])
        #expect(try said(.scene, 3).isEmpty)
        #expect(try said(.scene, 4) == [.playCount: .integer(5), .resumeTime: .integer(30)])
        let left = try peek.contents().leftovers.map { "\($0.count) \($0.what)" }
        #expect(left == ["2 O counters", "1 play durations", "1 lists of play sessions"])
        let again = try take(peek, box, a)
        #expect(again.written == 0 && again.present == 11 && again.olderThanHere == 0)
    }

    @Test func `what cannot be is left out and said, and the rest of its row is taken`() throws {
        let peek = try PeekFile(.single)
        for (id, rating) in [("1", "101"), ("2", "-1"), ("3", "50.5"), ("4", "'good'"), ("5", "x'20'")] {
            try peek.execute(
                "INSERT INTO TagRating (userId, tagId, rating, favorite, updatedAt) VALUES (1, ?, \(rating), 1, 0)",
                [id])
        }
        try peek.rate(.studio, "1", 50, favorite: 2)
        for id in ["0", "-3", "abc", "", "007", "1.5", "99999999999999999999"] { try peek.rate(.group, id, 50) }
        try peek.rate(.image, "1", 50, user: "nobody")
        try peek.execute(
            """
            INSERT INTO WatchHistory (userId, sceneId, playCount, resumeTime, lastPlayedAt)
            VALUES (1, '1', -1, -0.5, 'never'), (1, '2', 1.5, 9e999, 1746093600000);
            """)
        let contents = try peek.contents()
        let found = Dictionary(grouping: contents.skipped, by: \.reason).mapValues(\.count)
        #expect(
            found == [
                .badRating: 5, .badFavorite: 1, .badID: 7, .noUser: 1, .badPlayCount: 2, .badResumeTime: 2,
                .badLastPlayed: 1,
            ])
        #expect(contents.rows.map(\.kind) == [.studio, .tag, .tag, .tag, .tag, .tag, .scene])
        #expect(contents.skipped.contains(PeekSkip(table: "GroupRating", user: 1, thing: "007", reason: .badID)))
        let box = try Sandbox()
        let outcome = try take(peek, box, try box.instance("a"))
        #expect(outcome.written == 7)
    }

    @Test func `of several rows about one thing the newest counts`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        let peek = try PeekFile(.several)
        // NULLs are no duplicates to the index that should keep them apart.
        try peek.rate(.scene, "1", 20, at: Self.may2025)
        try peek.rate(.scene, "1", 40, at: Self.may2025 + 5)
        try peek.rate(.scene, "1", 60, instance: "", at: Self.may2025 + 1)
        try peek.rate(.scene, "1", 80, instance: "default", at: Self.may2025 + 2)
        let contents = try peek.contents()
        #expect(contents.origins == [.unnamed])
        let plan = PeekImport(contents, users: [1: 7], instances: [.unnamed: a])
        #expect(plan.values.map(\.value) == [.integer(40)])
        #expect(plan.values.map(\.changedAt) == [(Self.may2025 + 5) * 1000])
        #expect(Set(plan.skipped.map(\.reason)) == [.superseded])
    }

    // MARK: People

    @Test func `each user's rows go to who was chosen, and nobody else's`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        let peek = try PeekFile(.single)
        try peek.user(1, "ann")
        try peek.user(2, "bob")
        try peek.user(3, "idle")
        try peek.rate(.scene, "1", 10, user: 1)
        try peek.rate(.scene, "1", 20, user: 2)
        try peek.rate(.scene, "2", 30, user: 2)
        try peek.rate(.scene, "2", nil, user: 3)
        let contents = try peek.contents()
        #expect(
            contents.users == [PeekUser(id: 1, name: "ann", rows: 1), PeekUser(id: 2, name: "bob", rows: 2)])
        let plan = PeekImport(contents, users: [2: 1002], instances: [.unnamed: a])
        #expect(plan.skipped == [PeekSkip(table: "SceneRating", user: 1, thing: "1", reason: .userNotChosen)])
        _ = try box.state.importPersonal(plan.values, dryRun: false)
        let ref = EntityRef(instance: a, kind: .scene, id: 1)
        #expect(try box.state.personal(.rating, of: [ref], uid: 1002) == .integer(20))
        #expect(try box.state.personalCount(of: a) == 2)
    }

    // MARK: What is here already

    @Test func `what was said here later stays, and what was said earlier gives way`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        let refs = (1...3).map { EntityRef(instance: a, kind: .scene, id: $0) }
        try box.state.setPersonal(.rating, .integer(11), of: [refs[0]], uid: 1000)
        try box.state.setPersonal(.rating, nil, of: [refs[1]], uid: 1000)
        try box.state.setPersonal(.rating, .integer(13), of: [refs[2]], uid: 1000)
        let peek = try PeekFile(.single)
        try peek.rate(.scene, "1", 91, at: Self.may2025)
        try peek.rate(.scene, "2", 92, at: "never")
        // In the year 2286, past every clock that runs this.
        try peek.rate(.scene, "3", 93, at: Int64(9_999_999_999_000))
        let outcome = try take(peek, box, a)
        #expect(outcome == ImportOutcome(olderThanHere: 3, unseen: 3))
        let kept = try refs.map { try box.state.personal(.rating, of: [$0], uid: 1000) }
        #expect(kept == [.integer(11), nil, .integer(13)])
        // Whoever says something after the import is heard, whatever Peek's clock was.
        try box.state.setPersonal(.rating, .integer(14), of: [refs[2]], uid: 1000)
        #expect(try take(peek, box, a).written == 0)
        #expect(try box.state.personal(.rating, of: [refs[2]], uid: 1000) == .integer(14))
    }

    @Test func `a value is given to every server that has the thing, and none takes another's own`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        let b = try box.instance("b")
        let c = try box.instance("c")
        for (instance, id) in [(a, Int64(1)), (b, 5), (c, 9)] {
            try box.sync(instance, [record(instance, .performer, id, "Ann", stashID: "X")])
        }
        let peek = try PeekFile(.several)
        try peek.rate(.performer, "1", 80, instance: "uuid-a", at: Self.may2025)
        try peek.rate(.performer, "5", 60, instance: "uuid-b", at: Self.may2025 + 1)
        try peek.rate(.performer, "77", 40, instance: "uuid-b", at: Self.may2025)
        let plan = PeekImport(
            try peek.contents(), users: [1: 1000], instances: [.instance("uuid-a"): a, .instance("uuid-b"): b])
        let outcome = try box.state.importPersonal(plan.values, dryRun: false)
        #expect(outcome == ImportOutcome(written: 3, shared: 1, unseen: 1))
        func rating(_ instance: InstanceNumber, _ id: Int64) throws -> PersonalValue? {
            try box.state.personal(
                .rating, of: [EntityRef(instance: instance, kind: .performer, id: id)], uid: 1000)
        }
        #expect(try rating(a, 1) == .integer(80))
        #expect(try rating(b, 5) == .integer(60))
        #expect(try rating(c, 9) == .integer(60))
        #expect(try rating(b, 77) == .integer(40))
        let members = try box.state.members(togetherWith: EntityRef(instance: c, kind: .performer, id: 9))
        #expect(members.count == 3)
        #expect(try box.state.personal(.rating, of: members, uid: 1000) == .integer(60))
        let rows = try personalRows(box)
        let again = try box.state.importPersonal(plan.values, dryRun: false)
        #expect(again.written == 0 && again.shared == 0)
        #expect(try personalRows(box) == rows)
    }

    /// All of the table, to see that nothing moved.
    private func personalRows(_ box: Sandbox) throws -> [String] {
        try PersonalTable.rows(box.directory + "/state.sqlite")
    }
}
