import Foundation
import GRDB
import Library

/// Reads the tables of one Peek database, whichever of its layouts they have: columns are looked at, not versions.
struct PeekReader {
    let db: Database
    let path: String

    /// The tables of ratings: one row for a user and a thing. All have `userId`, `rating` (0–100 or NULL), `favorite`
    /// (0 by default), `createdAt` and `updatedAt`; later `instanceId` too. Ids of things are text.
    static let ratings: [(table: String, id: String, kind: Kind)] = [
        ("SceneRating", "sceneId", .scene), ("PerformerRating", "performerId", .performer),
        ("StudioRating", "studioId", .studio), ("TagRating", "tagId", .tag), ("GalleryRating", "galleryId", .gallery),
        ("GroupRating", "groupId", .group), ("ImageRating", "imageId", .image),
    ]

    /// Peek's copies of what its servers have, since its migration `stash_entities`: `id`, `stashInstanceId` (NULL or
    /// 'default' in the beginning), `deletedAt`, and a title; a path where the thing is a file.
    private static let caches: [(table: String, kind: Kind, title: String, path: String?)] = [
        ("StashScene", .scene, "title", "filePath"), ("StashPerformer", .performer, "name", nil),
        ("StashStudio", .studio, "name", nil), ("StashTag", .tag, "name", nil),
        ("StashGallery", .gallery, "title", nil), ("StashGroup", .group, "name", nil),
        ("StashImage", .image, "title", "filePath"),
    ]

    /// What people made in Peek that is only counted.
    private static let others: [(what: String, table: String, condition: String, columns: [String])] = [
        ("O counters", "WatchHistory", "oCount > 0", ["oCount"]),
        ("play durations", "WatchHistory", "playDuration > 0", ["playDuration"]),
        (
            "lists of play sessions", "WatchHistory", "playHistory NOT IN ('[]', '\"[]\"', 'null', '')",
            ["playHistory"]
        ),
        ("histories of viewed images", "ImageViewHistory", "1", []),
        ("playlists", "Playlist", "1", []),
        ("hidden things", "UserHiddenEntity", "1", []),
        ("carousels", "UserCarousel", "1", []),
        ("themes", "CustomTheme", "1", []),
    ]

    /// As many things of a kind and server are compared by content.
    private static let sampleSize = 2000

    func contents() throws -> PeekContents {
        var contents = PeekContents()
        contents.servers = try servers()
        let known = Set(contents.servers.map(\.id))
        var found = 0
        for (table, id, kind) in Self.ratings {
            guard let columns = try columns(of: table, needed: ["userId", id, "rating", "favorite", "updatedAt"])
            else { continue }
            found += 1
            try readRatings(table, id, kind, columns, known, into: &contents)
        }
        let history = ["userId", "sceneId", "playCount", "resumeTime", "lastPlayedAt"]
        if let columns = try columns(of: "WatchHistory", needed: history) {
            found += 1
            try readHistory(columns, known, into: &contents)
        }
        guard found > 0 else {
            throw PeekError.notPeek(
                path: path, reason: "it has none of the tables WatchHistory, SceneRating, PerformerRating and so on")
        }
        contents.users = try users(of: contents.rows)
        contents.leftovers = try leftovers()
        contents.samples = try samples(known)
        return contents
    }

    /// The columns that a table has; nil when there is no such table.
    private func columns(of table: String, needed: [String]) throws -> Set<String>? {
        let found = Set(try String.fetchAll(db, sql: "SELECT name FROM pragma_table_info(?)", arguments: [table]))
        guard !found.isEmpty else { return nil }
        if let missing = needed.first(where: { !found.contains($0) }) {
            throw PeekError.notPeek(path: path, reason: "its table \(table) has no column \(missing)")
        }
        return found
    }

    private func hasColumns(_ table: String, _ needed: [String]) throws -> Bool {
        let found = Set(try String.fetchAll(db, sql: "SELECT name FROM pragma_table_info(?)", arguments: [table]))
        return !found.isEmpty && found.isSuperset(of: needed)
    }

    private func servers() throws -> [PeekServer] {
        guard try hasColumns("StashInstance", ["id", "name", "url"]) else { return [] }
        return try Row.fetchAll(db, sql: "SELECT id, name, url FROM StashInstance ORDER BY id").map { row in
            PeekServer(
                id: PeekCell.text(row[0]) ?? "", name: PeekCell.text(row[1]) ?? "", url: PeekCell.text(row[2]) ?? "")
        }
    }

    private func users(of rows: [PeekRow]) throws -> [PeekUser] {
        var names: [Int64: String] = [:]
        if try hasColumns("User", ["id", "username"]) {
            for row in try Row.fetchAll(db, sql: "SELECT id, username FROM User") {
                guard let id = PeekCell.integer(row[0]), let name = PeekCell.text(row[1]) else { continue }
                names[id] = name
            }
        }
        var counts: [Int64: Int] = [:]
        for row in rows { counts[row.user, default: 0] += 1 }
        return counts.keys.sorted().map { PeekUser(id: $0, name: names[$0], rows: counts[$0] ?? 0) }
    }

    // MARK: What people said

    private func readRatings(
        _ table: String, _ id: String, _ kind: Kind, _ columns: Set<String>, _ known: Set<String>,
        into contents: inout PeekContents
    ) throws {
        let instance = columns.contains("instanceId") ? "instanceId" : "NULL"
        let created = columns.contains("createdAt") ? "createdAt" : "NULL"
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT userId, \(id), \(instance), updatedAt, \(created), rating, favorite FROM \(table) ORDER BY rowid
                """)
        while let row = try rows.next() {
            var reading = Reading(table: table, kind: kind, row: row, known: known)
            reading.take(.rating, row[5], .badRating) { cell in
                PeekCell.integer(cell).flatMap { (0...100).contains($0) ? .integer($0) : nil }
            }
            // False is what Peek writes for everybody who never said anything: only true is something said.
            reading.take(.favorite, row[6], .badFavorite) { cell in
                PeekCell.integer(cell).flatMap { [0, 1].contains($0) ? .integer($0) : nil }
            }
            if reading.values[.favorite] == .integer(0) { reading.values[.favorite] = nil }
            reading.end(dates: [row[3], row[4]], &contents)
        }
    }

    private func readHistory(_ columns: Set<String>, _ known: Set<String>, into contents: inout PeekContents) throws {
        let instance = columns.contains("instanceId") ? "instanceId" : "NULL"
        let watched = columns.contains("watchedAt") ? "watchedAt" : "NULL"
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT userId, sceneId, \(instance), lastPlayedAt, \(watched), resumeTime, playCount FROM WatchHistory
                ORDER BY rowid
                """)
        while let row = try rows.next() {
            var reading = Reading(table: "WatchHistory", kind: .scene, row: row, known: known)
            reading.take(.lastPlayedAt, row[3], .badLastPlayed) { cell in
                PeekCell.time(cell).map { .integer($0 / 1_000_000) }
            }
            reading.take(.resumeTime, row[5], .badResumeTime) { cell in
                PeekCell.real(cell).flatMap { $0 >= 0 ? .real($0) : nil }
            }
            reading.take(.playCount, row[6], .badPlayCount) { cell in
                PeekCell.integer(cell).flatMap { $0 >= 0 ? .integer($0) : nil }
            }
            // 0 plays is where every row begins. A position of 0 is the end of a scene that was played, and of one that
            // never was nothing.
            if reading.values[.playCount] == .integer(0) { reading.values[.playCount] = nil }
            if reading.values[.resumeTime] == .real(0), reading.values[.lastPlayedAt] == nil {
                reading.values[.resumeTime] = nil
            }
            reading.end(dates: [row[3], row[4]], &contents)
        }
    }

    /// One row, cell by cell: whose, about what, and the values that can be taken.
    private struct Reading {
        let table: String
        let kind: Kind
        let user: Int64?
        let thing: DatabaseValue
        let origin: PeekOrigin
        var values: [PersonalField: PersonalValue] = [:]
        var flaws: [PeekSkip.Reason] = []

        init(table: String, kind: Kind, row: Row, known: Set<String>) {
            self.table = table
            self.kind = kind
            user = PeekCell.integer(row[0])
            thing = row[1]
            origin = PeekOrigin(PeekCell.text(row[2]), known: known)
        }

        mutating func take(
            _ field: PersonalField, _ cell: DatabaseValue, _ flaw: PeekSkip.Reason,
            _ read: (DatabaseValue) -> PersonalValue?
        ) {
            guard !cell.isNull else { return }
            values[field] = read(cell)
            if values[field] == nil { flaws.append(flaw) }
        }

        mutating func end(dates: [DatabaseValue], _ contents: inout PeekContents) {
            guard !values.isEmpty || !flaws.isEmpty else { return }
            let id = PeekCell.integer(thing).flatMap { $0 > 0 ? $0 : nil }
            if user == nil { flaws = [.noUser] } else if id == nil { flaws = [.badID] }
            contents.skipped += flaws.map {
                PeekSkip(table: table, user: user, thing: PeekCell.text(thing) ?? "NULL", reason: $0)
            }
            guard let user, let id, !values.isEmpty else { return }
            // A date in the future would win over everything that is said until then.
            let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
            let changedAt = dates.lazy.compactMap(PeekCell.time).first.flatMap { $0 <= now ? $0 : nil }
            if changedAt == nil { contents.undated += 1 }
            contents.rows.append(
                PeekRow(
                    table: table, user: user, origin: origin, kind: kind, id: id, changedAt: changedAt ?? 0,
                    values: values))
        }
    }

    // MARK: What is beside it

    private func leftovers() throws -> [PeekLeftover] {
        var leftovers: [PeekLeftover] = []
        for other in Self.others where try hasColumns(other.table, ["userId"] + other.columns) {
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT userId, count(*) FROM \(other.table) WHERE \(other.condition) GROUP BY userId ORDER BY userId
                    """)
            for row in rows {
                guard let user = PeekCell.integer(row[0]) else { continue }
                leftovers.append(PeekLeftover(what: other.what, user: user, count: row[1]))
            }
        }
        return leftovers
    }

    /// A spread of what each server had: ids times a large odd number, modulo 2³², come in an order like a shuffled one
    /// (2 654 435 761 is 2³² over the golden ratio, Knuth's multiplicative hash), and always in the same.
    private func samples(_ known: Set<String>) throws -> [PeekSample] {
        var samples: [PeekSample] = []
        for cache in Self.caches {
            let needed = ["id", "stashInstanceId", cache.title] + (cache.path.map { [$0] } ?? [])
            guard try hasColumns(cache.table, needed) else { continue }
            let alive = try hasColumns(cache.table, ["deletedAt"]) ? "deletedAt IS NULL" : "1"
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT id, stashInstanceId, title, path FROM (
                        SELECT id, stashInstanceId, \(cache.title) AS title, \(cache.path ?? "NULL") AS path,
                            row_number() OVER (
                                PARTITION BY stashInstanceId
                                ORDER BY CAST(id AS INTEGER) % 2147483648 * 2654435761 % 4294967296, id) AS place
                        FROM \(cache.table) WHERE \(alive))
                    WHERE place <= \(Self.sampleSize)
                    """)
            while let row = try rows.next() {
                guard let id = PeekCell.integer(row[0]), id > 0 else { continue }
                let title = PeekCell.text(row[2])
                let path = PeekCell.text(row[3])
                guard title != nil || path != nil else { continue }
                samples.append(
                    PeekSample(
                        origin: PeekOrigin(PeekCell.text(row[1]), known: known), kind: cache.kind, id: id, title: title,
                        path: path))
            }
        }
        return samples
    }
}
