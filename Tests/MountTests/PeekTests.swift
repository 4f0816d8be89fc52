import FakeStash
import Foundation
import GRDB
import Testing

/// Ratings from the web app Peek, seen on a mount.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct PeekTests {
    private struct Row: Hashable {
        let user: Int64
        let kind: Kind
        let id: Int64
        let rating: Int64
    }

    /// Peek's tables of ratings, and the numbers that kinds have in the library's.
    private static let tables: [(table: String, id: String, kind: Kind, number: Int64)] = [
        ("SceneRating", "sceneId", .scene, 1), ("PerformerRating", "performerId", .performer, 2),
        ("StudioRating", "studioId", .studio, 3), ("TagRating", "tagId", .tag, 4),
        ("GalleryRating", "galleryId", .gallery, 5), ("GroupRating", "groupId", .group, 6),
        ("ImageRating", "imageId", .image, 7),
    ]

    /// A database of the single-server days: no instance in it.
    private func makeDatabase(_ path: String, _ rows: [Row]) throws {
        let queue = try DatabaseQueue(path: path)
        defer { try? queue.close() }
        try queue.write { db in
            try db.execute(
                sql: """
                    CREATE TABLE "User" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "username" TEXT NOT NULL,
                        "password" TEXT NOT NULL, "role" TEXT NOT NULL DEFAULT 'USER',
                        "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" DATETIME NOT NULL);
                    INSERT INTO "User" (id, username, password, updatedAt) VALUES (1, 'ann', 'x', 0), (2, 'bob', 'x', 0);
                    CREATE TABLE "WatchHistory" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
                        "userId" INTEGER NOT NULL, "sceneId" TEXT NOT NULL, "playCount" INTEGER NOT NULL DEFAULT 0,
                        "playDuration" REAL NOT NULL DEFAULT 0, "resumeTime" REAL, "lastPlayedAt" DATETIME,
                        "oCount" INTEGER NOT NULL DEFAULT 0, "oHistory" JSONB NOT NULL DEFAULT '[]',
                        "playHistory" JSONB NOT NULL DEFAULT '[]');
                    """)
            for (table, id, kind, _) in Self.tables {
                try db.execute(
                    sql: """
                        CREATE TABLE "\(table)" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
                            "userId" INTEGER NOT NULL, "\(id)" TEXT NOT NULL, "rating" INTEGER,
                            "favorite" BOOLEAN NOT NULL DEFAULT false,
                            "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" DATETIME NOT NULL);
                        """)
                for row in rows where row.kind == kind {
                    try db.cachedStatement(
                        sql: "INSERT INTO \(table) (userId, \(id), rating, updatedAt) VALUES (?, ?, ?, 1760000000000)"
                    ).execute(arguments: [row.user, "\(row.id)", row.rating])
                }
            }
        }
    }

    private func stored(_ lab: Lab, of name: String) throws -> [Row] {
        var configuration = Configuration()
        configuration.readonly = true
        let queue = try DatabaseQueue(path: lab.directory + "/state/state.sqlite", configuration: configuration)
        defer { try? queue.close() }
        return try queue.read { db in
            try GRDB.Row.fetchAll(
                db,
                sql: """
                    SELECT uid, kind, id, value FROM personal JOIN instance ON instance.number = personal.instance
                    WHERE field = 1 AND name = ?
                    """, arguments: [name]
            ).compactMap { row in
                let number: Int64 = row["kind"]
                let user: Int64 = row["uid"] == Int64(getuid()) ? 1 : row["uid"] == Int64(65534) ? 2 : 0
                return Self.tables.first { $0.number == number }.map {
                    Row(user: user, kind: $0.kind, id: row["id"], rating: row["value"])
                }
            }
        }
    }

    @Test func `ten thousand ratings of one server are on its things and on no other's`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            // 10,000, of two people; many are of things that the server has lost since, whose ratings are kept all the same.
            var random = Random(seed: .random(in: 0...UInt64.max))
            let seed = random.seed
            var rows: [Row] = []
            for (_, _, kind, _) in Self.tables {
                let count: Int64 = kind == .scene ? 2000 : 500
                for id in 1...count {
                    for user in [1, 2] as [Int64] {
                        rows.append(Row(user: user, kind: kind, id: id, rating: .random(in: 0...100, using: &random)))
                    }
                }
            }
            try #require(rows.count == 10_000)
            let file = lab.directory + "/peek-stash-browser.db"
            try makeDatabase(file, rows)
            let command = ["import-peek", file, "--user", "ann=\(getuid())", "--user", "bob=65534"]
            // With two servers and no instance in the data somebody has to say which.
            let vague = try lab.run(command)
            #expect(vague.status != 0)
            #expect(vague.errors.contains("--instance"))
            #expect(try stored(lab, of: "attic").isEmpty && stored(lab, of: "cellar").isEmpty)
            try lab.succeed(command + ["--instance", "cellar"])
            let found = try stored(lab, of: "cellar")
            #expect(found.count == rows.count)
            let isSame = Set(found) == Set(rows)
            #expect(isSame, "seed \(seed)")
            // What was said of a thing is said of all of it: the other server has what it shares, and no more.
            let model = try Model(lab)
            let shared = rows.flatMap { row in
                model.entity(Ref("cellar", row.kind, Int(row.id))).filter { $0.server == "attic" }.map {
                    Row(user: row.user, kind: row.kind, id: Int64($0.id), rating: row.rating)
                }
            }
            let others = try stored(lab, of: "attic")
            #expect(Set(others) == Set(shared), "seed \(seed)")
            #expect(others.count == shared.count && !shared.isEmpty)

            let mine = Dictionary(
                uniqueKeysWithValues: rows.filter { $0.user == 1 }.map {
                    (Ref("cellar", $0.kind, Int($0.id)), "\($0.rating)")
                })
            var seen: Set<Kind> = []
            for (scope, server) in [("", nil), ("instances/cellar/", "cellar"), ("instances/attic/", "attic")] {
                for kind in Kind.allCases {
                    let directory = lab.root / (scope + (kind == .gallery ? "galleries" : kind.rawValue + "s"))
                    for name in try directory.list() {
                        let path = directory / name
                        guard path.ref?.kind == kind else { continue }
                        // What both servers have is rated as a whole, also where only one of them is shown.
                        let member = path.sources.first { $0.server == "cellar" }
                        let expected = member.flatMap { mine[$0] }
                        if server == "cellar" { #expect(member != nil) }
                        #expect(try path.rating() == expected, "\(path), seed \(seed)")
                        if expected != nil { seen.insert(kind) }
                    }
                }
            }
            #expect(seen == Set(Kind.allCases))
        }
    }
}
