package import Library

/// What an import would write, worked out before anything is: pure, from what Peek has and from who and what its users
/// and servers are here.
package struct PeekImport: Sendable {
    /// How many things of one kind one person gives something, on one server.
    package struct Count: Sendable, Equatable {
        package let uid: UInt32
        package let instance: InstanceNumber
        package let kind: Kind
        package var ratings = 0
        package var favorites = 0
        package var history = 0
    }

    /// Ordered by person, thing and field; no key twice.
    package let values: [ImportedValue]
    /// What the reader could not take, what is of users that were not chosen, and what is older than another row.
    package let skipped: [PeekSkip]
    package let counts: [Count]

    /// - Parameters:
    ///   - contents: What Peek has.
    ///   - users: Who Peek's users are here. Rows of others are skipped and said so.
    ///   - instances: Which server is which, for every origin of the rows that are taken.
    /// - Precondition: `instances` has every origin of the chosen users' rows.
    package init(_ contents: PeekContents, users: [Int64: UInt32], instances: [PeekOrigin: InstanceNumber]) {
        struct Slot: Hashable {
            let uid: UInt32
            let ref: EntityRef
            let field: PersonalField
        }
        var skipped = contents.skipped
        var chosen: [Slot: (row: Int, value: PersonalValue)] = [:]
        // Rows without an instance are not unique in Peek (NULLs differ from each other in an SQLite index), and two of
        // its users or servers may be one here. Of several the newest counts, of equally old ones the first.
        var superseded: Set<PeekSkip> = []
        func supersede(_ row: PeekRow) {
            superseded.insert(
                PeekSkip(table: row.table, user: row.user, thing: "\(row.id)", reason: .superseded))
        }
        for (place, row) in contents.rows.enumerated() {
            guard let uid = users[row.user] else {
                skipped.append(
                    PeekSkip(table: row.table, user: row.user, thing: "\(row.id)", reason: .userNotChosen))
                continue
            }
            guard let instance = instances[row.origin] else { preconditionFailure("an origin without an instance") }
            let ref = EntityRef(instance: instance, kind: row.kind, id: row.id)
            for (field, value) in row.values {
                let slot = Slot(uid: uid, ref: ref, field: field)
                if let other = chosen[slot] {
                    let isNewer = row.changedAt > contents.rows[other.row].changedAt
                    if value != other.value { supersede(isNewer ? contents.rows[other.row] : row) }
                    guard isNewer else { continue }
                }
                chosen[slot] = (place, value)
            }
        }
        values = chosen.map { slot, choice in
            ImportedValue(
                uid: slot.uid, ref: slot.ref, field: slot.field, value: choice.value,
                changedAt: contents.rows[choice.row].changedAt)
        }.sorted { ($0.uid, $0.ref, $0.field.rawValue) < ($1.uid, $1.ref, $1.field.rawValue) }
        self.skipped =
            skipped
            + superseded.sorted {
                ($0.table, $0.user ?? 0, $0.thing) < ($1.table, $1.user ?? 0, $1.thing)
            }
        counts = Self.counts(values)
    }

    private static func counts(_ values: [ImportedValue]) -> [Count] {
        var counts: [Count] = []
        var played: EntityRef?
        // The values of a person, server and kind stand together, and those of a thing within.
        for value in values {
            let (uid, ref) = (value.uid, value.ref)
            if counts.last.map({ ($0.uid, $0.instance, $0.kind) != (uid, ref.instance, ref.kind) }) ?? true {
                counts.append(Count(uid: uid, instance: ref.instance, kind: ref.kind))
                played = nil
            }
            let last = counts.count - 1
            switch value.field {
            case .rating: counts[last].ratings += 1
            case .favorite: counts[last].favorites += 1
            case .resumeTime, .playCount, .lastPlayedAt:
                if played != ref { counts[last].history += 1 }
                played = ref
            }
        }
        return counts
    }
}
