import GRDB

/// An instance that was removed: its number waits for the server to come back.
package struct RemovedInstance: Sendable {
    package let number: InstanceNumber
    /// What it was called, and where it was.
    package let name: String
    package let url: String
    /// Unix seconds.
    package let removedAt: Int64
    /// How many values that people gave to its things are kept.
    package let personalCount: Int
    /// What its catalogue is recognised by; empty when it was never read.
    package let fingerprint: CatalogueFingerprint
}

extension StateDatabase {
    /// What an instance's catalogue is recognised by; empty when it was never read.
    package func fingerprint(of number: InstanceNumber) throws -> CatalogueFingerprint {
        try pool.read { db in try Self.fingerprint(of: number.rawValue, db) }
    }

    /// Remembers what was found under that address as this instance's catalogue (`CatalogueFingerprint.replaced`).
    package func remember(_ found: CatalogueFingerprint, of number: InstanceNumber, at url: String) throws {
        try pool.write { db in try Self.remember(found, of: number.rawValue, at: url, db) }
    }

    /// Remembers that another catalogue is where this instance's was: until it is recognised, its ids mean other things.
    package func refuseCatalogue(of number: InstanceNumber) throws {
        try pool.write { db in
            try db.execute(
                sql: "UPDATE instance SET recognised_url = '' WHERE number = ?", arguments: [number.rawValue])
        }
    }

    /// The instances that were removed, the last one first.
    package func removedInstances() throws -> [RemovedInstance] {
        try pool.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT number, name, url, removed_at, (
                        SELECT count(*) FROM personal
                        WHERE personal.instance = instance.number AND value IS NOT NULL) AS kept
                    FROM instance WHERE removed_at IS NOT NULL ORDER BY removed_at DESC, number DESC
                    """
            ).map { row in
                RemovedInstance(
                    number: InstanceNumber(row["number"]), name: row["name"], url: row["url"],
                    removedAt: row["removed_at"], personalCount: row["kept"],
                    fingerprint: try Self.fingerprint(of: row["number"], db))
            }
        }
    }

    private static func fingerprint(of number: Int64, _ db: Database) throws -> CatalogueFingerprint {
        var fingerprint = CatalogueFingerprint()
        let rows = try Row.fetchCursor(
            db, sql: "SELECT kind, id, created_at FROM fingerprint WHERE instance = ?", arguments: [number])
        while let row = try rows.next() {
            guard let kind = Kind(rawValue: row["kind"]) else { continue }
            var sample = fingerprint[kind] ?? [:]
            sample[row["id"]] = row["created_at"]
            fingerprint[kind] = sample
        }
        return fingerprint
    }

    static func remember(_ found: CatalogueFingerprint, of number: Int64, at url: String, _ db: Database) throws {
        try db.execute(
            sql: "UPDATE instance SET recognised_url = ?1 WHERE number = ?2 AND recognised_url IS NOT ?1",
            arguments: [url, number])
        let known = try Self.fingerprint(of: number, db)
        let fingerprint = known.replaced(by: found)
        guard fingerprint != known else { return }
        try db.execute(sql: "DELETE FROM fingerprint WHERE instance = ?", arguments: [number])
        let statement = try db.cachedStatement(
            sql: "INSERT INTO fingerprint (instance, kind, id, created_at) VALUES (?, ?, ?, ?)")
        for kind in Kind.allCases {
            for (id, created) in fingerprint[kind] ?? [:] {
                try statement.execute(arguments: [number, kind.rawValue, id, created])
            }
        }
    }
}
