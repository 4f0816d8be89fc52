import GRDB

/// Whether a server can be worked with, and since when.
package struct ServerHealthRecord: Sendable, Equatable, Codable {
    package var isUp: Bool
    /// Unix seconds of when it was found to be so. A server that was down before a restart and still is has been down since then.
    package var since: Int64
    /// Why it is down.
    package var reason: String?

    package init(isUp: Bool, since: Int64, reason: String? = nil) {
        self.isUp = isUp
        self.since = since
        self.reason = reason
    }
}

/// The last pass over one kind of one instance.
package struct KindPassRecord: Sendable, Equatable, Codable {
    package var kind: Kind
    /// Why it ran: `request`, `news` or `time`.
    package var occasion: String
    /// Unix seconds of its beginning.
    package var startedAt: Int64
    /// How long reading this kind took.
    package var seconds: Double
    /// Rows that came, and how many of these said something new.
    package var rows: Int
    package var changed: Int
    package var removed: Int
    /// Rows that the server did not have any more; they stay until a second pass agrees.
    package var missing: Int
    /// So much seems to be gone that nothing is removed until a person insists.
    package var isSuspect: Bool
    /// Why it did not get to the end.
    package var problem: String?

    package init(
        kind: Kind, occasion: String, startedAt: Int64, seconds: Double, rows: Int, changed: Int, removed: Int,
        missing: Int, isSuspect: Bool, problem: String?
    ) {
        self.kind = kind
        self.occasion = occasion
        self.startedAt = startedAt
        self.seconds = seconds
        self.rows = rows
        self.changed = changed
        self.removed = removed
        self.missing = missing
        self.isSuspect = isSuspect
        self.problem = problem
    }
}

extension IndexDatabase {
    /// Remembers how a server was found.
    package func note(_ health: ServerHealthRecord, of instance: InstanceNumber) throws {
        try pool.write { db in
            try db.execute(
                sql: "INSERT OR REPLACE INTO health (instance, up, since, reason) VALUES (?, ?, ?, ?)",
                arguments: [instance.rawValue, health.isUp, health.since, health.reason])
        }
    }

    /// How each server was found last.
    package func health() throws -> [InstanceNumber: ServerHealthRecord] {
        try pool.read { db in
            let rows = try Row.fetchAll(db, sql: "SELECT instance, up, since, reason FROM health")
            return Dictionary(
                uniqueKeysWithValues: rows.map { row in
                    (
                        InstanceNumber(row["instance"]),
                        ServerHealthRecord(isUp: row["up"], since: row["since"], reason: row["reason"])
                    )
                })
        }
    }

    /// Remembers what a pass did with a kind, in place of what was remembered of it.
    package func note(_ passes: [KindPassRecord], of instance: InstanceNumber) throws {
        try pool.write { db in
            for pass in passes {
                try db.execute(
                    sql: """
                        INSERT OR REPLACE INTO kind_pass (instance, kind, occasion, started, seconds, rows, changed, removed,
                            missing, suspect, problem)
                        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        instance.rawValue, pass.kind.rawValue, pass.occasion, pass.startedAt, pass.seconds, pass.rows,
                        pass.changed, pass.removed, pass.missing, pass.isSuspect, pass.problem,
                    ])
            }
        }
    }

    /// The last pass over each kind of an instance, in the order of the kinds.
    package func kindPasses(of instance: InstanceNumber) throws -> [KindPassRecord] {
        try pool.read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM kind_pass WHERE instance = ? ORDER BY kind", arguments: [instance.rawValue]
            ).compactMap { row in
                guard let kind = Kind(rawValue: row["kind"]) else { return nil }
                return KindPassRecord(
                    kind: kind, occasion: row["occasion"], startedAt: row["started"], seconds: row["seconds"],
                    rows: row["rows"], changed: row["changed"], removed: row["removed"], missing: row["missing"],
                    isSuspect: row["suspect"], problem: row["problem"])
            }
        }
    }

    /// When the last pass over an instance was over, and why it did not get through everything; nil before the first.
    package func lastPass(of instance: InstanceNumber) throws -> (finishedAt: Int64, error: String?)? {
        try pool.read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT finished, error FROM pass WHERE instance = ? AND finished IS NOT NULL ORDER BY number DESC LIMIT 1
                    """, arguments: [instance.rawValue]
            ).map { ($0["finished"], $0["error"]) }
        }
    }
}
