import Foundation
package import GRDB

/// One pass of a sync over one instance: rows that it stores are marked with its number.
package struct SyncPass: Sendable, Hashable {
    package let instance: InstanceNumber
    package let number: Int64
}

/// What the end of a pass over one kind did with rows that it had not seen.
package struct DeletionReport: Sendable, Equatable {
    /// Not seen by this complete pass and kept: for the first time, or because nobody would believe it.
    package var missing = 0
    package var removed = 0
    /// More than a fifth of the kind would have vanished: nothing was removed.
    package var suspect = false
}

/// A sidecar whose size a sync still has to ask for.
package struct SidecarRequest: Sendable, Hashable {
    package let ref: EntityRef
    package let kind: SidecarKind
    package let position: Int64
    package let language: String
    package let type: String
    /// Goes into `SidecarRecord.learnedFor`.
    package let updatedAt: String
}

/// A row that was left out, and why.
package struct SetAside: Sendable, Equatable {
    package let kind: Kind
    /// nil when not even the id could be read.
    package let id: Int64?
    package let reason: String

    package init(kind: Kind, id: Int64?, reason: String) {
        self.kind = kind
        self.id = id
        self.reason = reason
    }
}

extension IndexDatabase {
    /// Starts a pass.
    package func beginPass(_ instance: InstanceNumber) throws -> SyncPass {
        try pool.write { db in
            try db.execute(
                sql: "INSERT INTO pass (instance, started) VALUES (?, ?)",
                arguments: [instance.rawValue, Int64(Date().timeIntervalSince1970)])
            return SyncPass(instance: instance, number: db.lastInsertedRowID)
        }
    }

    /// Ends a pass; `error` says why when it did not get through everything.
    package func endPass(_ pass: SyncPass, error: String?) throws {
        try pool.write { db in
            try db.execute(
                sql: "UPDATE pass SET finished = ?, error = ? WHERE number = ?",
                arguments: [Int64(Date().timeIntervalSince1970), error, pass.number])
            try db.execute(
                sql: "DELETE FROM pass WHERE instance = ? AND number <= ?",
                arguments: [pass.instance.rawValue, pass.number - 100])
        }
    }

    /// Stores one page. A record that says what the row already says writes nothing.
    ///
    /// - Returns: How many rows changed: when a whole pass changed none, nothing has to be derived again.
    /// - Precondition: Every record is of the pass's instance.
    package func store(_ records: [MemberRecord], in pass: SyncPass) throws -> Int {
        try pool.write { db in
            let ingestion = try Ingestion(db, pass)
            var changed: [EntityRef] = []
            for record in records {
                precondition(record.ref.instance == pass.instance, "a record of another instance")
                if try ingestion.store(record) { changed.append(record.ref) }
            }
            try Self.markDirty(changed, db)
            return changed.count
        }
    }

    /// Ends a kind: what a pass that read everything did not see is counted as missing, and removed when two such passes
    /// agree. When too much is missing nothing is removed, unless `force` says that it is true.
    /// `seen` are the ids that the server has: only a pass that got all that the server counts may call this.
    package func finish(_ kind: Kind, in pass: SyncPass, seen: IDSet, force: Bool) throws -> DeletionReport {
        try pool.write { db in
            let key: StatementArguments = [pass.instance.rawValue, kind.rawValue]
            try db.execute(
                sql: """
                    INSERT INTO complete (instance, kind, pass) VALUES (?, ?, ?)
                    ON CONFLICT DO UPDATE SET pass = excluded.pass
                    """, arguments: [pass.instance.rawValue, kind.rawValue, pass.number])
            let total =
                try Int.fetchOne(
                    db, sql: "SELECT count(*) FROM member WHERE instance = ? AND kind = ?", arguments: key) ?? 0
            let missing = try Self.missing(kind, pass.instance, seen, db)
            let doubted = IDSet(
                try Int64.fetchAll(
                    db, sql: "SELECT id FROM member WHERE instance = ? AND kind = ? AND missed > 0", arguments: key))
            let count = try db.cachedStatement(
                sql: "UPDATE member SET missed = missed + 1 WHERE instance = ? AND kind = ? AND id = ?")
            // That everything is gone is a fault and says nothing of any row.
            for id in missing where !seen.isEmpty {
                try count.execute(arguments: [pass.instance.rawValue, kind.rawValue, id])
            }
            let clear = try db.cachedStatement(
                sql: "UPDATE member SET missed = 0 WHERE instance = ? AND kind = ? AND id = ?")
            for id in doubted where !missing.contains(id) {
                try clear.execute(arguments: [pass.instance.rawValue, kind.rawValue, id])
            }
            // A second pass has to agree, or a person where so much is gone that no pass is believed.
            let isTooMuch = Self.isTooMuch(missing.count, of: total)
            let gone = isTooMuch ? (force ? missing : []) : missing.intersection(doubted)
            // What is missing as before is no news.
            let doubtedNow = seen.isEmpty ? doubted : missing
            try Self.markDirty(
                gone.union(doubtedNow.symmetricDifference(doubted)).map {
                    EntityRef(instance: pass.instance, kind: kind, id: $0)
                }, db)
            var report = DeletionReport(missing: missing.count - gone.count)
            report.suspect = isTooMuch && !force
            for id in gone { try Self.remove(EntityRef(instance: pass.instance, kind: kind, id: id), db) }
            if !gone.isEmpty { try Self.dropLinks(to: gone, kind, pass.instance, db) }
            report.removed = gone.count
            return report
        }
    }

    /// Says which things of a kind have no real picture (Stash 4.4: they answer 200 with a default).
    /// Those among `seen` that are not in `ids` have one; of others nothing is said.
    package func setPictures(missing ids: IDSet, among seen: IDSet, kind: Kind, instance: InstanceNumber)
        throws
    {
        try pool.write { db in
            var changed: [EntityRef] = []
            let rows = try Row.fetchAll(
                db, sql: "SELECT id, has_picture FROM member WHERE instance = ? AND kind = ?",
                arguments: [instance.rawValue, kind.rawValue])
            let statement = try db.cachedStatement(
                sql: "UPDATE member SET has_picture = ? WHERE instance = ? AND kind = ? AND id = ?")
            for row in rows {
                let id: Int64 = row["id"]
                let has = !ids.contains(id)
                guard seen.contains(id), has != (row["has_picture"] as Bool) else { continue }
                try statement.execute(arguments: [has, instance.rawValue, kind.rawValue, id])
                let ref = EntityRef(instance: instance, kind: kind, id: id)
                changed.append(ref)
                if !has { try Self.dropSidecars(ref, [.picture], db) }
            }
            try Self.markDirty(changed, db)
        }
    }

    /// The sidecars of an instance whose size is not known, or was learnt before the thing changed.
    package func pendingSidecars(of instance: InstanceNumber) throws -> [SidecarRequest] {
        // Of the kinds that have such: images, which are most of what there is, have none.
        let pictured = Kind.pictured.map { "\($0.rawValue)" }.joined(separator: ", ")
        return try pool.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    WITH wanted (kind, id, sidecar, position, language, type, updated_at) AS (
                        SELECT kind, id, 1, 0, '', '', updated_at FROM member
                        WHERE instance = :i AND kind IN (\(pictured)) AND has_picture
                        UNION ALL
                        SELECT c.kind, c.id, 2, c.position, c.language, c.type, m.updated_at
                        FROM caption c JOIN member m USING (instance, kind, id) WHERE c.instance = :i
                        UNION ALL
                        SELECT kind, id, 3, 0, '', '', updated_at FROM member
                        WHERE instance = :i AND kind = \(Kind.scene.rawValue) AND interactive
                    )
                    SELECT w.* FROM wanted w LEFT JOIN sidecar s ON s.instance = :i AND s.kind = w.kind AND s.id = w.id
                        AND s.sidecar = w.sidecar AND s.position = w.position AND s.language = w.language
                        AND s.type = w.type AND s.learned_for = w.updated_at
                    WHERE s.id IS NULL
                    ORDER BY w.kind, w.id, w.sidecar, w.position
                    """, arguments: ["i": instance.rawValue]
            ).compactMap { row -> SidecarRequest? in
                guard let kind = Kind(rawValue: row["kind"]), let sidecar = SidecarKind(rawValue: row["sidecar"]) else {
                    return nil
                }
                return SidecarRequest(
                    ref: EntityRef(instance: instance, kind: kind, id: row["id"]), kind: sidecar,
                    position: row["position"], language: row["language"], type: row["type"],
                    updatedAt: row["updated_at"])
            }
        }
    }

    /// Remembers sizes that were learnt; a size of -1 remembers that there is nothing (a placeholder, an empty answer).
    package func store(_ sidecars: [SidecarRecord]) throws {
        try pool.write { db in
            let statement = try db.cachedStatement(
                sql: """
                    INSERT OR REPLACE INTO sidecar
                        (instance, kind, id, sidecar, position, language, type, size, learned_for)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """)
            let known = try db.cachedStatement(
                sql: """
                    SELECT EXISTS (SELECT 1 FROM sidecar
                        WHERE instance = ? AND kind = ? AND id = ? AND sidecar = ? AND position = ?)
                    """)
            var changed: [EntityRef] = []
            for sidecar in sidecars {
                // That a caption or a script came is noted by itself (`rearranged`), and nothing else depends on it.
                let isOld = try Bool.fetchOne(
                    known,
                    arguments: [
                        sidecar.ref.instance.rawValue, sidecar.ref.kind.rawValue, sidecar.ref.id, sidecar.kind.rawValue,
                        sidecar.position,
                    ])
                if sidecar.kind == .picture || isOld == true { changed.append(sidecar.ref) }
                try statement.execute(arguments: [
                    sidecar.ref.instance.rawValue, sidecar.ref.kind.rawValue, sidecar.ref.id, sidecar.kind.rawValue,
                    sidecar.position, sidecar.language, sidecar.type, sidecar.size, sidecar.learnedFor,
                ])
            }
            try Self.markDirty(changed, db)
        }
    }

    /// Remembers what was set aside, instead of what was set aside earlier of the same kind: of the rows with these ids,
    /// or, when that is nil, of all.
    package func setAside(
        _ rows: [SetAside], of kind: Kind, insteadOf ids: IDSet?, in pass: SyncPass
    ) throws {
        let known = try setAside(of: pass.instance).filter { $0.kind == kind }
        guard !rows.isEmpty || !known.isEmpty else { return }
        try pool.write { db in
            for row in known where ids == nil || row.id.map({ ids?.contains($0) ?? true }) ?? true {
                try db.execute(
                    sql: "DELETE FROM set_aside WHERE instance = ? AND kind = ? AND id IS ?",
                    arguments: [pass.instance.rawValue, kind.rawValue, row.id])
            }
            for row in rows {
                try db.execute(
                    sql: "INSERT INTO set_aside (instance, kind, id, reason, pass) VALUES (?, ?, ?, ?, ?)",
                    arguments: [pass.instance.rawValue, row.kind.rawValue, row.id, row.reason, pass.number])
            }
        }
    }

    /// What is set aside of an instance.
    package func setAside(of instance: InstanceNumber) throws -> [SetAside] {
        try pool.read { db in
            try Row.fetchAll(
                db, sql: "SELECT kind, id, reason FROM set_aside WHERE instance = ? ORDER BY kind, id",
                arguments: [instance.rawValue]
            ).compactMap { row -> SetAside? in
                guard let kind = Kind(rawValue: row["kind"]) else { return nil }
                return SetAside(kind: kind, id: row["id"], reason: row["reason"])
            }
        }
    }

    /// Forgets everything that one instance said. Rows of the others stay as they are.
    package func forget(_ instance: InstanceNumber) throws {
        try pool.write { db in
            let tables = [
                "member", "file", "stash_id", "edge", "caption", "sidecar", "set_aside", "pass", "complete", "health",
                "kind_pass", "watermark",
            ]
            for table in tables {
                try db.execute(sql: "DELETE FROM \(table) WHERE instance = ?", arguments: [instance.rawValue])
            }
            try Self.markAllDirty(db)
        }
    }

    // MARK: - What the derived tables have not followed

    /// The key of the setting that tells that everything has to be derived again; each value is used once.
    package static let distrust = "all-dirty"

    /// Of more it is not kept which they are: looking at everything is quicker.
    private static let dirtyLimit = 20_000

    /// Whether the derived tables have not followed all that an instance said: noted with what it said, so that it is known
    /// whatever ended in between.
    package func isDerivationDue(for instance: InstanceNumber) throws -> Bool {
        try pool.read { db in
            try Bool.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT EXISTS (SELECT 1 FROM dirty INDEXED BY sqlite_autoindex_dirty_1 WHERE instance = ?)
                            OR EXISTS (SELECT 1 FROM complete WHERE instance = ? AND NOT followed)
                            OR EXISTS (SELECT 1 FROM setting WHERE key = ?)
                        """), arguments: [instance.rawValue, instance.rawValue, Self.distrust]) ?? true
        }
    }

    /// Whether the derived tables have not followed all that an instance said of anything but images, as far as it is kept what
    /// that is, or there are kinds that were read to their end of which they have followed nothing.
    package func isDerivationDueButForImages(of instance: InstanceNumber) throws -> Bool {
        try pool.read { db in
            try Bool.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT EXISTS (SELECT 1 FROM dirty INDEXED BY sqlite_autoindex_dirty_1
                                WHERE instance = ? AND kind <> ?)
                            OR EXISTS (SELECT 1 FROM complete WHERE instance = ? AND NOT followed)
                        """), arguments: [instance.rawValue, Kind.image.rawValue, instance.rawValue]) ?? true
        }
    }

    /// Notes that something was changed that derived tables may depend on.
    package static func markDirty(_ refs: [EntityRef], _ db: Database) throws {
        guard !refs.isEmpty else { return }
        let isDistrusted = try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM setting WHERE key = ?)"), arguments: [distrust])
        // With a new value: whoever derives everything at this moment may be past these.
        if isDistrusted == true { return try markAllDirty(db) }
        let statement = try db.cachedStatement(
            sql: "INSERT OR REPLACE INTO dirty (instance, kind, id) VALUES (?, ?, ?)")
        for ref in refs { try statement.execute(arguments: [ref.instance.rawValue, ref.kind.rawValue, ref.id]) }
        let count = try Int.fetchOne(db.cachedStatement(sql: "SELECT count(*) FROM dirty")) ?? 0
        if count > dirtyLimit { try markAllDirty(db) }
    }

    /// Notes that anything may have changed.
    package static func markAllDirty(_ db: Database) throws {
        try db.execute(
            sql: "INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)", arguments: [distrust, UUID().uuidString])
        try db.execute(sql: "DELETE FROM dirty")
    }

    /// The instances of which the index has rows: with `forget` it is brought in line with the configured ones.
    package func knownInstances() throws -> Set<InstanceNumber> {
        try pool.read { db in
            try Set(Int64.fetchAll(db, sql: "SELECT DISTINCT instance FROM member").map(InstanceNumber.init))
        }
    }

    /// Drops the links to things that are gone. Whoever still has one was not read since, and is read again.
    private static func dropLinks(
        to ids: IDSet, _ kind: Kind, _ instance: InstanceNumber, _ db: Database
    ) throws {
        let linked = try db.cachedStatement(
            sql: """
                SELECT from_kind, from_id, to_id FROM edge INDEXED BY edge_to
                WHERE instance = ? AND to_kind = ? AND to_id = ?
                """)
        let links = try ids.flatMap {
            try Row.fetchAll(linked, arguments: [instance.rawValue, kind.rawValue, $0])
        }
        for link in links {
            try db.cachedStatement(
                sql: """
                    DELETE FROM edge
                    WHERE instance = ? AND from_kind = ? AND from_id = ? AND to_kind = ? AND to_id = ?
                    """
            ).execute(arguments: [
                instance.rawValue, link["from_kind"] as Int64, link["from_id"] as Int64, kind.rawValue,
                link["to_id"] as Int64,
            ])
            guard let from = Kind(rawValue: link["from_kind"]) else { continue }
            try markStale(EntityRef(instance: instance, kind: from, id: link["from_id"]), db)
        }
        for scene in kind == .tag ? try scenesMarked(with: ids, instance, db) : [] {
            try markStale(EntityRef(instance: instance, kind: .scene, id: scene), db)
        }
    }

    /// Forgets the sizes of what is no longer beside a thing.
    fileprivate static func dropSidecars(_ ref: EntityRef, _ kinds: [SidecarKind], _ db: Database) throws {
        let statement = try db.cachedStatement(
            sql: "DELETE FROM sidecar WHERE instance = ? AND kind = ? AND id = ? AND sidecar = ?")
        for kind in kinds {
            try statement.execute(arguments: [ref.instance.rawValue, ref.kind.rawValue, ref.id, kind.rawValue])
        }
    }

    private static func remove(_ ref: EntityRef, _ db: Database) throws {
        let key: StatementArguments = [ref.instance.rawValue, ref.kind.rawValue, ref.id]
        for table in ["member", "file", "stash_id", "caption", "sidecar"] {
            try db.cachedStatement(sql: "DELETE FROM \(table) WHERE instance = ? AND kind = ? AND id = ?")
                .execute(arguments: key)
        }
        try db.cachedStatement(sql: "DELETE FROM edge WHERE instance = ? AND from_kind = ? AND from_id = ?")
            .execute(arguments: key)
    }
}

/// Puts records into their tables.
private struct Ingestion {
    private let db: Database
    private let pass: SyncPass
    private let lookUp: BulkStatement
    private let writeMember: BulkStatement
    private let writeDocument: BulkStatement
    private let lookUpFile: BulkStatement
    private let writeFile: BulkStatement
    private let writeStashID: BulkStatement
    private let writeEdge: BulkStatement
    private let writeCaption: BulkStatement

    init(_ db: Database, _ pass: SyncPass) throws {
        self.db = db
        self.pass = pass
        func statement(_ sql: String) throws -> BulkStatement { try BulkStatement(db, sql) }
        lookUp = try statement("SELECT digest, missed, place FROM member WHERE instance = ? AND kind = ? AND id = ?")
        writeMember = try statement(
            """
            INSERT INTO member (instance, kind, id, title, stem, extension, key, date, details, rating, favorite,
                interactive, updated_at, modified, digest, pass)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET title = excluded.title, stem = excluded.stem, extension = excluded.extension,
                key = excluded.key, date = excluded.date, details = excluded.details, rating = excluded.rating,
                favorite = excluded.favorite, interactive = excluded.interactive,
                updated_at = excluded.updated_at, modified = excluded.modified,
                digest = excluded.digest, pass = excluded.pass, missed = 0
            """)
        writeDocument = try statement("INSERT OR REPLACE INTO document (place, json) VALUES (?, ?)")
        lookUpFile = try statement(
            """
            SELECT size, modified, served_size, validator FROM file
            WHERE instance = ? AND kind = ? AND id = ? AND position = 0
            """)
        writeFile = try statement(
            """
            INSERT INTO file (instance, kind, id, position, path, sort_key, basename, folder, name, key, size, modified,
                duration, width, height, oshash, md5, phash, archived, served_size, validator, file_id, updated_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        writeStashID = try statement(
            "INSERT OR IGNORE INTO stash_id (instance, kind, id, endpoint, stash_id) VALUES (?, ?, ?, ?, ?)")
        writeEdge = try statement(
            """
            INSERT OR IGNORE INTO edge (instance, from_kind, from_id, to_kind, to_id, position)
            VALUES (?, ?, ?, ?, ?, ?)
            """)
        writeCaption = try statement(
            "INSERT INTO caption (instance, kind, id, position, language, type) VALUES (?, ?, ?, ?, ?, ?)")
    }

    /// Returns whether anything changed.
    func store(_ record: MemberRecord) throws -> Bool {
        let digest = record.digest
        let known = try lookUp.first {
            $0.add(record.ref)
        } read: { row in
            (digest: row.integer(0), isMissed: row.integer(1) ?? 0 > 0, place: row.integer(2))
        }
        if let known, known.digest == digest {
            // What is there again is not missing; otherwise a row that is known costs no write.
            if known.isMissed {
                try db.cachedStatement(sql: "UPDATE member SET missed = 0 WHERE instance = ? AND kind = ? AND id = ?")
                    .execute(arguments: key(record))
            }
            return false
        }
        let isKnown = known != nil
        try store(record, digest, at: known?.place)
        try storeFiles(of: record, isKnown)
        if isKnown { try clear(record) }
        try storeParts(of: record)
        if isKnown { try dropSidecars(record) }
        return true
    }

    private func store(_ record: MemberRecord, _ digest: Int64, at place: Int64?) throws {
        let name = record.wantedName
        try writeMember.run { row in
            row.add(record.ref)
            row.add(record.title)
            row.add(name.stem)
            row.add(name.fileExtension)
            row.add(name.key)
            row.add(record.date)
            row.add(record.details)
            row.add(record.rating)
            row.add(record.favorite)
            row.add(record.interactive)
            row.add(record.updatedAt)
            row.add(record.modified)
            row.add(digest)
            row.add(pass.number)
        }
        try writeDocument.run { row in
            row.add(place ?? db.lastInsertedRowID)
            row.add(record.json)
        }
    }

    /// A size that was learnt from the server's answer stays as long as the file is the same.
    private func storeFiles(of record: MemberRecord, _ isKnown: Bool) throws {
        var learnt: (size: Int64?, validator: String?)?
        if isKnown {
            learnt = try lookUpFile.first {
                $0.add(record.ref)
            } read: { row in
                let isSame =
                    row.integer(0) == record.files.first?.size && row.integer(1) == record.files.first?.modified
                return isSame ? (row.integer(2), row.text(3)) : (nil, nil)
            }
            try clear(record, "file")
        }
        for (position, file) in record.files.enumerated() {
            let place = file.place
            try writeFile.run { row in
                row.add(record.ref)
                row.add(Int64(position))
                row.add(file.path)
                row.add(NameRules.naturalKey(file.path))
                row.add(file.basename)
                row.add(place.folder)
                row.add(place.name)
                row.add(NameRules.key(place.name))
                row.add(file.size)
                row.add(file.modified)
                row.add(file.duration)
                row.add(file.width)
                row.add(file.height)
                row.add(file.oshash)
                row.add(file.md5)
                row.add(file.phash)
                row.add(file.isInArchive)
                row.add(position == 0 ? learnt?.size : nil)
                row.add(position == 0 ? learnt?.validator : nil)
                row.add(file.id)
                row.add(file.updatedAt)
            }
        }
    }

    private func storeParts(of record: MemberRecord) throws {
        for stashID in record.stashIDs {
            try writeStashID.run { row in
                row.add(record.ref)
                row.add(Identity.normalise(endpoint: stashID.endpoint))
                row.add(stashID.stashID.lowercased())
            }
        }
        for link in record.links {
            try writeEdge.run { row in
                row.add(record.ref)
                row.add(link.kind.rawValue)
                row.add(link.id)
                row.add(link.position)
            }
        }
        for (position, caption) in record.captions.enumerated() {
            try writeCaption.run { row in
                row.add(record.ref)
                row.add(Int64(position))
                row.add(caption.language)
                row.add(caption.type)
            }
        }
    }

    private func key(_ record: MemberRecord) -> StatementArguments {
        [record.ref.instance.rawValue, record.ref.kind.rawValue, record.ref.id]
    }

    private func clear(_ record: MemberRecord) throws {
        try clear(record, "stash_id")
        try clear(record, "caption")
        try db.cachedStatement(sql: "DELETE FROM edge WHERE instance = ? AND from_kind = ? AND from_id = ?")
            .execute(arguments: key(record))
    }

    private func clear(_ record: MemberRecord, _ table: String) throws {
        try db.cachedStatement(sql: "DELETE FROM \(table) WHERE instance = ? AND kind = ? AND id = ?")
            .execute(arguments: key(record))
    }

    /// The sizes of captions whose place is another's now are learnt anew.
    private func dropSidecars(_ record: MemberRecord) throws {
        if !record.interactive { try IndexDatabase.dropSidecars(record.ref, [.funscript], db) }
        try db.cachedStatement(
            sql: """
                DELETE FROM sidecar WHERE instance = ? AND kind = ? AND id = ? AND sidecar = 2 AND NOT EXISTS (
                    SELECT 1 FROM caption c WHERE c.instance = sidecar.instance AND c.kind = sidecar.kind
                        AND c.id = sidecar.id AND c.position = sidecar.position AND c.language = sidecar.language
                        AND c.type = sidecar.type)
                """
        ).execute(arguments: key(record))
    }
}

extension BulkStatement.Values {
    /// Its three columns.
    fileprivate mutating func add(_ ref: EntityRef) {
        add(ref.instance.rawValue)
        add(ref.kind.rawValue)
        add(ref.id)
    }
}

extension MemberRecord {
    /// 64 bits of everything the record says: equal records have equal digests in every process (FNV-1a).
    fileprivate var digest: Int64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func mix(_ text: String) {
            for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            hash = (hash ^ 0xFF) &* 0x100_0000_01b3
        }
        mix(title ?? "\u{0}")
        mix(date ?? "\u{0}")
        mix(details ?? "\u{0}")
        mix("\(rating ?? -1) \(favorite.map { $0 ? 1 : 0 } ?? -1) \(interactive) \(modified)")
        mix(updatedAt)
        mix(json)
        for file in files {
            mix(file.path)
            mix(file.basename)
            mix("\(file.size) \(file.modified) \(file.duration ?? -1) \(file.width ?? -1) \(file.height ?? -1)")
            mix("\(file.oshash ?? "") \(file.md5 ?? "") \(file.phash ?? "") \(file.isInArchive)")
            mix("\(file.id ?? 0) \(file.updatedAt ?? "")")
        }
        for stashID in stashIDs { mix(stashID.endpoint + " " + stashID.stashID) }
        for link in links { mix("\(link.kind.rawValue) \(link.id) \(link.position ?? -1)") }
        for caption in captions { mix(caption.language + " " + caption.type) }
        return Int64(bitPattern: hash)
    }
}
