import Foundation
import GRDB
import Library
import Peek

/// A database with the tables and columns that Peek's migrations make, as far as an import looks at them.
final class PeekFile {
    enum Layout: CaseIterable, Sendable {
        /// v2.0.0: one server, no `instanceId`, no cached things.
        case single
        /// Since `stash_entities`: cached things whose `stashInstanceId` may be NULL.
        case cached
        /// Since `multi_instance_schema` and `composite_entity_keys`.
        case several
    }

    let directory: String
    let path: String
    let queue: DatabaseQueue
    private let layout: Layout

    static let ratings: [(table: String, id: String, kind: Kind)] = [
        ("SceneRating", "sceneId", .scene), ("PerformerRating", "performerId", .performer),
        ("StudioRating", "studioId", .studio), ("TagRating", "tagId", .tag), ("GalleryRating", "galleryId", .gallery),
        ("GroupRating", "groupId", .group), ("ImageRating", "imageId", .image),
    ]

    init(_ layout: Layout, wal: Bool = false) throws {
        self.layout = layout
        directory = NSTemporaryDirectory() + "peek-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        path = directory + "/peek-stash-browser.db"
        queue = try DatabaseQueue(path: path)
        if wal { try queue.inDatabase { try $0.execute(sql: "PRAGMA journal_mode = WAL") } }
        let instance = layout == .several ? #""instanceId" TEXT,"# : ""
        try execute(
            """
            CREATE TABLE "User" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "username" TEXT NOT NULL,
                "password" TEXT NOT NULL, "role" TEXT NOT NULL DEFAULT 'USER',
                "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" DATETIME NOT NULL);
            CREATE TABLE "StashInstance" ("id" TEXT NOT NULL PRIMARY KEY, "name" TEXT NOT NULL DEFAULT 'Default',
                "url" TEXT NOT NULL, "apiKey" TEXT NOT NULL, "enabled" BOOLEAN NOT NULL DEFAULT true,
                "priority" INTEGER NOT NULL DEFAULT 0, "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
                "updatedAt" DATETIME NOT NULL);
            CREATE TABLE "WatchHistory" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "userId" INTEGER NOT NULL,
                \(instance) "sceneId" TEXT NOT NULL, "playCount" INTEGER NOT NULL DEFAULT 0,
                "playDuration" REAL NOT NULL DEFAULT 0, "resumeTime" REAL, "lastPlayedAt" DATETIME,
                "oCount" INTEGER NOT NULL DEFAULT 0, "oHistory" JSONB NOT NULL DEFAULT '[]',
                "playHistory" JSONB NOT NULL DEFAULT '[]', "watchedAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
                "position" INTEGER NOT NULL DEFAULT 0, "duration" INTEGER, "completed" BOOLEAN NOT NULL DEFAULT false);
            """)
        for (table, id, _) in Self.ratings {
            let key = layout == .several ? "userId, instanceId, \(id)" : "userId, \(id)"
            try execute(
                """
                CREATE TABLE "\(table)" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "userId" INTEGER NOT NULL,
                    \(instance) "\(id)" TEXT NOT NULL, "rating" INTEGER, "favorite" BOOLEAN NOT NULL DEFAULT false,
                    "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" DATETIME NOT NULL);
                CREATE UNIQUE INDEX "\(table)_key" ON "\(table)" (\(key));
                """)
        }
        guard layout != .single else { return }
        for (table, title, path) in [
            ("StashScene", "title", true), ("StashPerformer", "name", false), ("StashStudio", "name", false),
            ("StashTag", "name", false), ("StashGallery", "title", false), ("StashGroup", "name", false),
            ("StashImage", "title", true),
        ] {
            try execute(
                """
                CREATE TABLE "\(table)" ("id" TEXT NOT NULL, "stashInstanceId" TEXT, "\(title)" TEXT,
                    \(path ? "\"filePath\" TEXT," : "") "deletedAt" DATETIME, PRIMARY KEY ("id", "stashInstanceId"));
                """)
        }
    }

    deinit {
        try? queue.close()
        try? FileManager.default.removeItem(atPath: directory)
    }

    func execute(_ sql: String, _ arguments: StatementArguments = []) throws {
        try queue.write { try $0.execute(sql: sql, arguments: arguments) }
    }

    func user(_ id: Int64, _ name: String) throws {
        try execute(#"INSERT INTO "User" (id, username, password, updatedAt) VALUES (?, ?, 'x', 0)"#, [id, name])
    }

    func server(_ id: String, _ name: String, _ url: String) throws {
        try execute(
            "INSERT INTO StashInstance (id, name, url, apiKey, updatedAt) VALUES (?, ?, ?, 'secret', 0)",
            [id, name, url])
    }

    func rate(
        _ kind: Kind, _ id: (any DatabaseValueConvertible)?, _ rating: (any DatabaseValueConvertible)?,
        favorite: any DatabaseValueConvertible = 0, user: any DatabaseValueConvertible = 1, instance: String? = nil,
        at date: any DatabaseValueConvertible = Int64(1_760_000_000_000)
    ) throws {
        guard let (table, column, _) = Self.ratings.first(where: { $0.kind == kind }) else { return }
        var columns = "userId, \(column), rating, favorite, updatedAt"
        var arguments: [(any DatabaseValueConvertible)?] = [user, id, rating, favorite, date]
        if layout == .several {
            columns += ", instanceId"
            arguments.append(instance)
        }
        let marks = arguments.map { _ in "?" }.joined(separator: ", ")
        try execute("INSERT INTO \(table) (\(columns)) VALUES (\(marks))", StatementArguments(arguments))
    }

    func cache(_ kind: Kind, _ id: Int64, _ title: String?, instance: String? = nil, path: String? = nil) throws {
        let table = "Stash" + kind.word.prefix(1).uppercased() + kind.word.dropFirst()
        let column = [.scene, .gallery, .image].contains(kind) ? "title" : "name"
        try execute(
            "INSERT INTO \(table) (id, stashInstanceId, \(column)) VALUES (?, ?, ?)", ["\(id)", instance, title])
        if let path { try execute("UPDATE \(table) SET filePath = ? WHERE id = ?", [path, "\(id)"]) }
    }

    func contents() throws -> PeekContents { try PeekDatabase(path: path).contents() }
}
