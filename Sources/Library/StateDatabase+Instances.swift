import Foundation
import GRDB

/// What `instance set` may change; nil leaves a value as it is.
package struct InstanceChange: Sendable {
    package var name: String?
    package var url: String?
    /// `.some(nil)` takes the key away.
    package var apiKey: String??
    package var enabled: Bool?
    package var priority: Int64?
    package var trust: InstanceTrust?
    /// What was found at the address: from now on this is the instance's catalogue.
    package var fingerprint: CatalogueFingerprint?

    package init(
        name: String? = nil, url: String? = nil, apiKey: String?? = nil, enabled: Bool? = nil, priority: Int64? = nil,
        trust: InstanceTrust? = nil, fingerprint: CatalogueFingerprint? = nil
    ) {
        self.name = name
        self.url = url
        self.apiKey = apiKey
        self.enabled = enabled
        self.priority = priority
        self.trust = trust
        self.fingerprint = fingerprint
    }
}

extension StateDatabase {
    /// All configured instances in priority order: lower priority first, ties by creation.
    package func instances() throws -> [Instance] {
        try pool.read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM instance WHERE removed_at IS NULL ORDER BY priority, number"
            ).compactMap(Self.instance)
        }
    }

    /// The instance of that name (compared without case).
    package func instance(named name: String) throws -> Instance {
        guard let found = try instances().first(where: { $0.name.lowercased() == name.lowercased() }) else {
            throw InstanceError.noSuchInstance(name)
        }
        return found
    }

    /// Adds an instance. Without a priority it comes last. The URL is stored as it is given: it was normalised by whoever
    /// parsed it.
    ///
    /// `adopting` is the removed instance that it is: it gets that one's number and identity, and with them what people said
    /// about its things and their names. Whoever adds it finds that out (`removedInstances`). `fingerprint` is what was
    /// found at the address. Throws `InstanceError` when the name is taken or cannot be a directory, or when there is
    /// nothing to adopt.
    @discardableResult
    package func addInstance(
        name: String, url: String, apiKey: String?, enabled: Bool = true, priority: Int64? = nil,
        trust: InstanceTrust = .system, adopting: InstanceNumber? = nil, fingerprint: CatalogueFingerprint? = nil
    ) throws -> Instance {
        try Instance.validate(name: name)
        return try pool.write { db in
            try Self.refuseTaken(name, except: nil, db)
            let last = try Int64.fetchOne(db, sql: "SELECT max(priority) FROM instance WHERE removed_at IS NULL")
            let priority = priority ?? (last ?? 0) + 10
            let number: Int64
            if let adopting {
                number = adopting.rawValue
                try db.execute(
                    sql: """
                        UPDATE instance SET name = ?, url = ?, api_key = ?, enabled = ?, priority = ?, trust = ?,
                            removed_at = NULL WHERE number = ? AND removed_at IS NOT NULL
                        """,
                    arguments: [name, url, apiKey, enabled, priority, trust.stored, number])
                guard db.changesCount == 1 else { throw InstanceError.nothingToAdopt(name) }
            } else {
                try db.execute(
                    sql: """
                        INSERT INTO instance (uuid, name, url, api_key, enabled, priority, trust, created_at)
                        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        UUID().uuidString.lowercased(), name, url, apiKey, enabled, priority, trust.stored,
                        Int64(Date().timeIntervalSince1970),
                    ])
                number = db.lastInsertedRowID
            }
            if let fingerprint { try Self.remember(fingerprint, of: number, at: url, db) }
            return try Self.fetch(number, db)
        }
    }

    /// Changes what is given and nothing else.
    ///
    /// - Parameters:
    ///   - number: Which one.
    ///   - change: What.
    ///   - seen: What was judged. When address, key or trust are others by now, nothing is changed: the key of one server
    ///     would be sent to another.
    /// - Returns: The instance as it is then.
    /// - Throws: `InstanceError`.
    @discardableResult
    package func changeInstance(
        _ number: InstanceNumber, _ change: InstanceChange, seen: Instance? = nil
    ) throws -> Instance {
        if let name = change.name { try Instance.validate(name: name) }
        return try pool.write { db in
            if let seen {
                let now = try Self.fetch(number.rawValue, db)
                guard (now.url, now.apiKey, now.trust) == (seen.url, seen.apiKey, seen.trust) else {
                    throw InstanceError.changedMeanwhile(now.name)
                }
            }
            if let name = change.name { try Self.refuseTaken(name, except: number, db) }
            func set(_ column: String, _ value: (any DatabaseValueConvertible)?) throws {
                try db.execute(
                    sql: "UPDATE instance SET \(column) = ? WHERE number = ? AND removed_at IS NULL",
                    arguments: [value, number.rawValue])
            }
            if let name = change.name { try set("name", name) }
            if let url = change.url { try set("url", url) }
            if let key = change.apiKey { try set("api_key", key) }
            if let enabled = change.enabled { try set("enabled", enabled) }
            if let priority = change.priority { try set("priority", priority) }
            if let trust = change.trust { try set("trust", trust.stored) }
            let changed = try Self.fetch(number.rawValue, db)
            guard let found = change.fingerprint else { return changed }
            try Self.remember(found, of: number.rawValue, at: changed.url, db)
            return try Self.fetch(number.rawValue, db)
        }
    }

    /// Removes an instance with its key. What people said about it stays, dormant, with what it can be recognised by,
    /// unless `purge`.
    package func removeInstance(_ number: InstanceNumber, purge: Bool) throws {
        try pool.write { db in
            try db.execute(
                sql: "UPDATE instance SET removed_at = ?, enabled = 0, api_key = NULL WHERE number = ?",
                arguments: [Int64(Date().timeIntervalSince1970), number.rawValue])
            if purge {
                for table in ["personal", "fingerprint", "trace", "successor", "hand_split", "hand_link"] {
                    try db.execute(sql: "DELETE FROM \(table) WHERE instance = ?", arguments: [number.rawValue])
                }
                try db.execute(sql: "DELETE FROM hand_link WHERE other_instance = ?", arguments: [number.rawValue])
                // Nothing comes back under its numbers: others may have the names of what it alone had.
                try db.execute(
                    sql: """
                        UPDATE name SET current = 0 WHERE scope = ?1 OR scope = 0 AND source IN (
                            SELECT number FROM member m WHERE instance = ?1 AND NOT EXISTS (
                                SELECT 1 FROM member o WHERE o.entity = m.entity AND o.instance <> ?1));
                        """, arguments: [number.rawValue])
                try db.execute(sql: "DELETE FROM member WHERE instance = ?", arguments: [number.rawValue])
            }
        }
    }

    /// How many values people gave to things of this instance: what a removal says that it keeps.
    package func personalCount(of number: InstanceNumber) throws -> Int {
        try pool.read { db in
            try Int.fetchOne(
                db, sql: "SELECT count(*) FROM personal WHERE instance = ? AND value IS NOT NULL",
                arguments: [number.rawValue]) ?? 0
        }
    }

    /// Makes `STASH_URL` the first instance, once: never when there is or ever was an instance.
    /// `normalise` checks the URL and brings it into the form that is stored.
    package func adoptEnvironment(
        _ environment: [String: String], normalise: (String) throws -> String
    ) throws -> Instance? {
        guard let text = environment["STASH_URL"], !text.isEmpty else { return nil }
        let ever = try pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM instance") ?? 0 }
        guard ever == 0 else { return nil }
        let key = environment["STASH_API_KEY"].flatMap { $0.isEmpty ? nil : $0 }
        return try addInstance(name: "stash", url: try normalise(text), apiKey: key)
    }

    private static func refuseTaken(_ name: String, except number: InstanceNumber?, _ db: Database) throws {
        let holder = try Int64.fetchOne(
            db, sql: "SELECT number FROM instance WHERE name = ? COLLATE NOCASE AND removed_at IS NULL",
            arguments: [name])
        if let holder, holder != number?.rawValue { throw InstanceError.nameTaken(name) }
    }

    private static func fetch(_ number: Int64, _ db: Database) throws -> Instance {
        let row = try Row.fetchOne(
            db, sql: "SELECT * FROM instance WHERE number = ? AND removed_at IS NULL", arguments: [number])
        guard let instance = row.flatMap(Self.instance) else { throw InstanceError.noSuchInstance("#\(number)") }
        return instance
    }

    static func instance(_ row: Row) -> Instance? {
        guard let id = UUID(uuidString: row["uuid"]) else { return nil }
        var instance = Instance(
            number: InstanceNumber(row["number"]), id: id, name: row["name"], url: row["url"],
            apiKey: row["api_key"], enabled: row["enabled"], priority: row["priority"],
            trust: InstanceTrust(stored: row["trust"]), createdAt: row["created_at"])
        let recognised: String? = row["recognised_url"]
        instance.isRecognised = recognised.map { $0 == instance.url } ?? true
        return instance
    }
}

extension InstanceTrust {
    fileprivate var stored: String {
        switch self {
        case .system: "system"
        case .insecure: "insecure"
        case .file(let path): "file:" + path
        }
    }

    fileprivate init(stored: String) {
        self =
            switch stored {
            case "system": .system
            case "insecure": .insecure
            default: .file(String(stored.dropFirst("file:".count)))
            }
    }
}
