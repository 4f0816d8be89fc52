import GRDB

/// A value that a person gave a thing elsewhere, at a known time.
package struct ImportedValue: Sendable, Equatable {
    package let uid: UInt32
    package let ref: EntityRef
    package let field: PersonalField
    package let value: PersonalValue
    /// Unix microseconds.
    package let changedAt: Int64

    package init(uid: UInt32, ref: EntityRef, field: PersonalField, value: PersonalValue, changedAt: Int64) {
        self.uid = uid
        self.ref = ref
        self.field = field
        self.value = value
        self.changedAt = changedAt
    }
}

/// What an import did, or would do.
package struct ImportOutcome: Sendable, Equatable {
    /// Values that are new here, or newer than what was here.
    package var written: Int
    /// Values that are here already.
    package var present: Int
    /// Values that are older than a different one that was given here, or taken back; that one stays.
    package var olderThanHere: Int
    /// Values that were given as well to what other servers have of the same things.
    package var shared: Int
    /// Things of which no sync ever heard. What was said about them is kept all the same.
    package var unseen: Int

    package init(written: Int = 0, present: Int = 0, olderThanHere: Int = 0, shared: Int = 0, unseen: Int = 0) {
        self.written = written
        self.present = present
        self.olderThanHere = olderThanHere
        self.shared = shared
        self.unseen = unseen
    }
}

extension StateDatabase {
    /// Stores what people said elsewhere, in one transaction, as if they had said it here at that time: the newest wins,
    /// and it is said of every member of the entity. Members about which the import itself says something keep that. The
    /// same import again changes nothing.
    ///
    /// - Parameters:
    ///   - values: No two of the same person, thing and field.
    ///   - dryRun: Works out the same and writes nothing.
    /// - Returns: What became of the values.
    /// - Throws: `DatabaseError`; nothing was written then.
    package func importPersonal(_ values: [ImportedValue], dryRun: Bool) throws -> ImportOutcome {
        func merged(_ db: Database) throws -> (PersonalMerge, ImportOutcome) {
            var outcome = ImportOutcome()
            var members: [EntityRef: [EntityRef]] = [:]
            for ref in Set(values.map(\.ref)) {
                members[ref] = try Self.members(togetherWith: ref, db)
                if members[ref]?.isEmpty == true {
                    members[ref] = [ref]
                    outcome.unseen += 1
                }
            }
            var merge = PersonalMerge(db: db)
            for value in values { try merge.add(value, members: members[value.ref] ?? [], &outcome) }
            for value in values { try merge.share(value, members: members[value.ref] ?? [], &outcome) }
            return (merge, outcome)
        }
        guard !dryRun else { return try pool.read(merged).1 }
        return try pool.write { db in
            let (merge, outcome) = try merged(db)
            try merge.write()
            return outcome
        }
    }
}

/// What is in the table, and what an import makes of it, until it is written.
private struct PersonalMerge {
    private struct Slot: Hashable {
        let uid: UInt32
        let ref: EntityRef
        let field: PersonalField
    }

    private struct Cell {
        var changedAt: Int64
        var value: DatabaseValue
    }

    private let db: Database
    private var before: [Slot: Cell?] = [:]
    private var changes: [Slot: Cell] = [:]
    /// What the import itself says something about.
    private var said: Set<Slot> = []

    init(db: Database) { self.db = db }

    mutating func add(_ value: ImportedValue, members: [EntityRef], _ outcome: inout ImportOutcome) throws {
        let slot = Slot(uid: value.uid, ref: value.ref, field: value.field)
        let new = Cell(changedAt: value.changedAt, value: value.value.cell)
        said.insert(slot)
        let own = try stored(slot)
        let isNew = own.map { $0.changedAt < new.changedAt } ?? true
        if isNew { changes[slot] = new }
        let cells = try members.compactMap {
            try stored(Slot(uid: value.uid, ref: $0, field: value.field))
        }
        let newest = cells.max { $0.changedAt < $1.changedAt }
        // Of what is equally old, what is here stays.
        let stays = newest.map { $0.changedAt > new.changedAt || ($0.changedAt == new.changedAt && !isNew) } ?? false
        if stays, newest?.value != new.value {
            outcome.olderThanHere += 1
        } else if isNew {
            outcome.written += 1
        } else {
            outcome.present += 1
        }
    }

    mutating func share(_ value: ImportedValue, members: [EntityRef], _ outcome: inout ImportOutcome) throws {
        for member in members where member != value.ref {
            let slot = Slot(uid: value.uid, ref: member, field: value.field)
            guard !said.contains(slot) else { continue }
            let present = try changes[slot] ?? stored(slot)
            guard present.map({ $0.changedAt < value.changedAt }) ?? true else { continue }
            if changes.updateValue(Cell(changedAt: value.changedAt, value: value.value.cell), forKey: slot) == nil {
                outcome.shared += 1
            }
        }
    }

    func write() throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO personal (uid, instance, kind, id, field, value, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at
                """)
        for (slot, cell) in changes {
            try statement.execute(arguments: [
                Int64(slot.uid), slot.ref.instance.rawValue, slot.ref.kind.rawValue, slot.ref.id, slot.field.rawValue,
                cell.value, cell.changedAt,
            ])
        }
    }

    private mutating func stored(_ slot: Slot) throws -> Cell? {
        if let known = before[slot] { return known }
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT value, changed_at FROM personal
                    WHERE uid = ? AND instance = ? AND kind = ? AND id = ? AND field = ?
                    """),
            arguments: [
                Int64(slot.uid), slot.ref.instance.rawValue, slot.ref.kind.rawValue, slot.ref.id, slot.field.rawValue,
            ])
        let cell = row.map { Cell(changedAt: $0["changed_at"], value: $0["value"]) }
        before.updateValue(cell, forKey: slot)
        return cell
    }
}

extension PersonalValue {
    /// As the table's NUMERIC affinity keeps it: a real without fraction becomes an integer (sqlite.org/datatype3.html 3).
    fileprivate var cell: DatabaseValue {
        switch self {
        case .integer(let value): value.databaseValue
        case .real(let value): Int64(exactly: value)?.databaseValue ?? value.databaseValue
        }
    }
}
