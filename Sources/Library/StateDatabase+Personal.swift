import Foundation
import GRDB

/// What a person can say about a thing. The raw value is stored.
package enum PersonalField: Int64, Sendable, CaseIterable {
    /// 0–100.
    case rating = 1
    /// 0 or 1.
    case favorite = 2
    /// Seconds from the start.
    case resumeTime = 3
    case playCount = 4
    /// Unix seconds.
    case lastPlayedAt = 5
}

/// A value of a `PersonalField`.
package enum PersonalValue: Sendable, Equatable {
    case integer(Int64)
    case real(Double)
}

extension StateDatabase {
    /// What this person's value is: the newest among the members; nil when unset or taken back.
    package func personal(_ field: PersonalField, of members: [EntityRef], uid: UInt32) throws -> PersonalValue? {
        try pool.read { db in try Self.newest(field, of: members, uid: uid, db) }
    }

    /// All that this person said about these members.
    package func personal(of members: [EntityRef], uid: UInt32) throws -> [PersonalField: PersonalValue] {
        try pool.read { db in
            var values: [PersonalField: PersonalValue] = [:]
            for field in PersonalField.allCases {
                values[field] = try Self.newest(field, of: members, uid: uid, db)
            }
            return values
        }
    }

    /// Stores the value for every member in one transaction; nil takes it back. Returns when it is on disk; writers at the
    /// same time share a transaction. `condition` sees the present value inside the transaction and may throw to refuse
    /// the change; it runs on whichever thread commits.
    package func setPersonal(
        _ field: PersonalField, _ value: PersonalValue?, of members: [EntityRef], uid: UInt32,
        condition: @escaping @Sendable (PersonalValue?) throws -> Void = { _ in }
    ) throws {
        precondition(!members.isEmpty, "a value of nothing would be acknowledged and stored nowhere")
        try commits.write { db in
            try condition(try Self.newest(field, of: members, uid: uid, db))
            let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
            let statement = try db.cachedStatement(
                sql: """
                    INSERT INTO personal (uid, instance, kind, id, field, value, changed_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT DO UPDATE SET value = excluded.value,
                        changed_at = max(excluded.changed_at, changed_at + 1)
                    """)
            for member in members {
                try statement.execute(arguments: [
                    Int64(uid), member.instance.rawValue, member.kind.rawValue, member.id, field.rawValue,
                    value?.databaseValue, now,
                ])
            }
        }
    }

    private static func newest(
        _ field: PersonalField, of members: [EntityRef], uid: UInt32, _ db: Database
    ) throws -> PersonalValue? {
        var best: (changed: Int64, value: PersonalValue?)?
        let statement = try db.cachedStatement(
            sql: """
                SELECT value, changed_at FROM personal
                WHERE uid = ? AND instance = ? AND kind = ? AND id = ? AND field = ?
                """)
        for member in members {
            let row = try Row.fetchOne(
                statement,
                arguments: [
                    Int64(uid), member.instance.rawValue, member.kind.rawValue, member.id, field.rawValue,
                ])
            guard let row else { continue }
            let changed: Int64 = row["changed_at"]
            if best.map({ changed > $0.changed }) ?? true {
                best = (changed, PersonalValue(row["value"] as DatabaseValue))
            }
        }
        return best?.value
    }
}

extension PersonalValue {
    fileprivate var databaseValue: DatabaseValue {
        switch self {
        case .integer(let value): value.databaseValue
        case .real(let value): value.databaseValue
        }
    }

    fileprivate init?(_ stored: DatabaseValue) {
        switch stored.storage {
        case .int64(let value): self = .integer(value)
        case .double(let value): self = .real(value)
        default: return nil
        }
    }
}
