import Foundation
import GRDB

/// What can be asked for what has changed since.
package enum ChangeSource: Sendable, Hashable {
    case kind(Kind)
    /// Files, which are rewritten and moved without their scenes and images being touched (Stash 3.2).
    case files
    /// Plays, which touch nothing either.
    case plays
    /// Markers, whose scenes are not touched either.
    case markers

    var rawValue: Int64 {
        switch self {
        case .kind(let kind): kind.rawValue
        case .files: 100
        case .plays: 101
        case .markers: 102
        }
    }
}

/// How far a source of changes was read: all that its server had written by then is in the index.
package struct Watermark: Sendable, Equatable {
    /// The greatest time that the server had given to a row, in its own text (Stash 3.1).
    package var text: String
    /// The same in Unix seconds.
    package var modified: Int64
    /// When this text was met first, in Unix seconds of this machine.
    package var noted: Int64
    /// Rows of that second were read when it was surely over: the server cannot change one of them and leave its text alone.
    package var isSettled: Bool
    /// The greatest id that was seen.
    package var greatestID: Int64

    package init(text: String, modified: Int64, noted: Int64, isSettled: Bool, greatestID: Int64) {
        self.text = text
        self.modified = modified
        self.noted = noted
        self.isSettled = isSettled
        self.greatestID = greatestID
    }
}

extension IndexDatabase {
    // MARK: - How far

    /// nil before the first whole reading.
    package func watermark(_ source: ChangeSource, of instance: InstanceNumber) throws -> Watermark? {
        try pool.read { db in
            try Row.fetchOne(
                db.cachedStatement(sql: "SELECT * FROM watermark WHERE instance = ? AND source = ?"),
                arguments: [instance.rawValue, source.rawValue]
            ).map {
                Watermark(
                    text: $0["text"], modified: $0["modified"], noted: $0["noted"], isSettled: $0["settled"],
                    greatestID: $0["greatest"])
            }
        }
    }

    /// The time of a file that is the greatest as the server compares times: by their text, without the offset (Stash 3.1).
    package func lastFileTime(of instance: InstanceNumber) throws -> (text: String, greatestID: Int64)? {
        try lastTime("SELECT file_id, updated_at FROM file WHERE instance = ?", [instance.rawValue])
    }

    /// The same of markers.
    package func lastMarkerTime(of instance: InstanceNumber) throws -> (text: String, greatestID: Int64)? {
        try lastTime(
            """
            SELECT j.value ->> 'id', j.value ->> 'updated_at'
            FROM member m CROSS JOIN document d USING (place) JOIN json_each(d.json, '$.scene_markers') j
            WHERE m.instance = ? AND m.kind = ?
            """, [instance.rawValue, Kind.scene.rawValue])
    }

    /// The same of rows of an id and a time.
    private func lastTime(
        _ rows: String, _ arguments: StatementArguments
    ) throws -> (text: String, greatestID: Int64)? {
        try pool.read { db in
            // SQLite takes bare columns from the row of the maximum (sqlite.org/lang_select.html).
            let row = try Row.fetchOne(
                db,
                sql: """
                    WITH timed (id, time) AS (\(rows))
                    SELECT time, max(substr(time, 1, 19)), (SELECT max(id) FROM timed) AS greatest FROM timed
                    """, arguments: arguments)
            guard let text: String = row?["time"] else { return nil }
            return (text, row?["greatest"] ?? 0)
        }
    }

    /// Remembers that everything up to there was read.
    package func setWatermark(_ mark: Watermark, _ source: ChangeSource, of instance: InstanceNumber) throws {
        guard try watermark(source, of: instance) != mark else { return }
        try pool.write { db in
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO watermark (instance, source, text, modified, noted, settled, greatest)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    instance.rawValue, source.rawValue, mark.text, mark.modified, mark.noted, mark.isSettled,
                    mark.greatestID,
                ])
        }
    }

    /// Begins to read an instance's server under an address. How far everything was read is forgotten when that was under
    /// another address, where another catalogue may be that a person has confirmed, or when it is taken for another one.
    package func begin(_ instance: InstanceNumber, at address: String, anew: Bool) throws {
        let key = "address-\(instance.rawValue)"
        let known = try pool.read { db in
            try String.fetchOne(db, sql: "SELECT value FROM setting WHERE key = ?", arguments: [key])
        }
        guard anew || known != address else { return }
        try pool.write { db in
            try db.execute(sql: "DELETE FROM watermark WHERE instance = ?", arguments: [instance.rawValue])
            try db.execute(
                sql: "INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)", arguments: [key, address])
        }
    }

    /// Remembers that every row of an instance was read, at this time in Unix seconds.
    package func noteFullPass(of instance: InstanceNumber, at time: Int64) throws {
        try pool.write { db in
            try db.execute(
                sql: "INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)",
                arguments: ["full-\(instance.rawValue)", "\(time)"])
        }
    }

    /// When every row of an instance was read last, in Unix seconds; nil when that never was.
    package func lastFullPass(of instance: InstanceNumber) throws -> Int64? {
        try pool.read { db in
            try String.fetchOne(
                db, sql: "SELECT value FROM setting WHERE key = ?", arguments: ["full-\(instance.rawValue)"]
            ).flatMap(Int64.init)
        }
    }

    // MARK: - What differs

    /// Which of these rows, ids with the server's `updated_at` texts, are not known as they are now, and how many of them
    /// are not known at all. Rows that were changed in Unix second `since` or later are taken for changed even under an
    /// equal text, which has whole seconds only; nil when there are none such.
    package func differing(
        _ rows: [(id: Int64, updatedAt: String)], kind: Kind, instance: InstanceNumber, since: Int64?
    ) throws -> (changed: IDSet, unknown: Int) {
        try pool.read { db in
            let statement = try db.cachedStatement(
                sql: "SELECT updated_at, modified FROM member WHERE instance = ? AND kind = ? AND id = ?")
            var changed: IDSet = []
            var unknown = 0
            for row in rows {
                let known = try Row.fetchOne(statement, arguments: [instance.rawValue, kind.rawValue, row.id])
                guard let known else {
                    unknown += 1
                    changed.insert(row.id)
                    continue
                }
                let isFresh = since.map { known["modified"] >= $0 } ?? false
                if isFresh || known["updated_at"] != row.updatedAt { changed.insert(row.id) }
            }
            return (changed, unknown)
        }
    }

    /// Whether one of these rows is known as it was later than that, in Unix seconds.
    package func hasNewer(
        than rows: [(id: Int64, at: Int64)], kind: Kind, instance: InstanceNumber
    ) throws -> Bool {
        try pool.read { db in
            let statement = try db.cachedStatement(
                sql: "SELECT 1 FROM member WHERE instance = ? AND kind = ? AND id = ? AND modified > ?")
            return try rows.contains { row in
                try Int.fetchOne(statement, arguments: [instance.rawValue, kind.rawValue, row.id, row.at]) != nil
            }
        }
    }

    /// Makes known rows differ from whatever the server has: the next pass that lists them reads them.
    package func markStale(_ ids: IDSet, kind: Kind, instance: InstanceNumber) throws {
        guard !ids.isEmpty else { return }
        try pool.write { db in
            for id in ids { try Self.markStale(EntityRef(instance: instance, kind: kind, id: id), db) }
        }
    }

    static func markStale(_ ref: EntityRef, _ db: Database) throws {
        try db.cachedStatement(
            sql: "UPDATE member SET updated_at = '', digest = 0 WHERE instance = ? AND kind = ? AND id = ?"
        ).execute(arguments: [ref.instance.rawValue, ref.kind.rawValue, ref.id])
    }

    /// Whose files, ids with the server's texts, are not known as they are now; without a text a file is taken for changed.
    /// Files that nobody is known to have come with what has them.
    package func owners(
        ofChanged files: [(id: Int64, updatedAt: String?)], instance: InstanceNumber
    ) throws -> [Kind: IDSet] {
        try pool.read { db in
            let statement = try db.cachedStatement(
                sql: "SELECT kind, id, updated_at FROM file INDEXED BY file_file_id WHERE instance = ? AND file_id = ?")
            var owners: [Kind: IDSet] = [:]
            for file in files {
                for row in try Row.fetchAll(statement, arguments: [instance.rawValue, file.id]) {
                    guard row["updated_at"] != file.updatedAt, let kind = Kind(rawValue: row["kind"]) else { continue }
                    owners[kind, default: []].insert(row["id"])
                }
            }
            return owners
        }
    }

    /// The things of a kind that are linked to one of these.
    package func carriers(_ kind: Kind, of targets: Set<EntityRef>, instance: InstanceNumber) throws -> IDSet {
        guard !targets.isEmpty else { return [] }
        return try pool.read { db in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT from_id FROM edge INDEXED BY edge_to
                    WHERE instance = ? AND to_kind = ? AND to_id = ? AND from_kind = ?
                    """)
            var found: IDSet = []
            for target in targets where target.instance == instance {
                found.formUnion(
                    try Int64.fetchAll(
                        statement,
                        arguments: [instance.rawValue, target.kind.rawValue, target.id, kind.rawValue]))
            }
            guard kind == .scene else { return found }
            let tags = IDSet(targets.filter { $0.instance == instance && $0.kind == .tag }.map(\.id))
            return found.union(try Self.scenesMarked(with: tags, instance, db))
        }
    }

    /// The markers of these scenes, or of all, as they are known: of each scene the server's texts by the markers' ids.
    package func markers(
        of instance: InstanceNumber, in scenes: IDSet?
    ) throws -> [Int64: [Int64: String]] {
        let list = scenes.map { "[" + $0.map(String.init).joined(separator: ",") + "]" }
        let within = scenes == nil ? "" : "AND m.id IN (SELECT value FROM json_each(:scenes))"
        return try pool.read { db in
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT m.id, j.value ->> 'id', coalesce(j.value ->> 'updated_at', '')
                    FROM member m CROSS JOIN document d USING (place) JOIN json_each(d.json, '$.scene_markers') j
                    WHERE m.instance = :i AND m.kind = :kind \(within)
                    """,
                arguments: StatementArguments(
                    ["i": instance.rawValue, "kind": Kind.scene.rawValue] as [String: any DatabaseValueConvertible])
                    + (list.map { ["scenes": $0] } ?? [:]))
            var markers: [Int64: [Int64: String]] = [:]
            while let row = try rows.next() { markers[row[0], default: [:]][row[1]] = row[2] }
            return markers
        }
    }

    /// The scenes that have a marker with one of these tags, which is no link of the scene itself.
    static func scenesMarked(
        with tags: IDSet, _ instance: InstanceNumber, _ db: Database
    ) throws -> IDSet {
        guard !tags.isEmpty else { return [] }
        let list = "[" + tags.map(String.init).joined(separator: ",") + "]"
        return try IDSet(
            Int64.fetchAll(
                db,
                sql: """
                    SELECT DISTINCT m.id FROM member m CROSS JOIN document d USING (place) JOIN json_each(d.json, '$.scene_markers') j
                    WHERE m.instance = ? AND m.kind = ? AND j.value ->> 'primary_tag' IN (SELECT value FROM json_each(?))
                    """, arguments: [instance.rawValue, Kind.scene.rawValue, list]))
    }

    /// The ids of a kind that are not among these.
    package func missing(_ kind: Kind, of instance: InstanceNumber, seen: IDSet) throws -> IDSet {
        try pool.read { db in try Self.missing(kind, instance, seen, db) }
    }

    static func missing(
        _ kind: Kind, _ instance: InstanceNumber, _ seen: IDSet, _ db: Database
    ) throws -> IDSet {
        var missing: IDSet = []
        let ids = try Int64.fetchCursor(
            db, sql: "SELECT id FROM member WHERE instance = ? AND kind = ?",
            arguments: [instance.rawValue, kind.rawValue])
        while let id = try ids.next() {
            if !seen.contains(id) { missing.insert(id) }
        }
        return missing
    }

    /// Whether it is hard to believe that so many of so many are gone: more than a fifth, or all. Up to five may go, for a
    /// fifth of a handful is nothing.
    package static func isTooMuch(_ missing: Int, of total: Int) -> Bool {
        missing > max(5, total / 5) || (missing > 0 && missing == total)
    }
}
