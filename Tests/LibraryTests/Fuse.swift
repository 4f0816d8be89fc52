import GRDB

/// Has the n-th write to what must not change fail, and with it the transaction that it is in.
struct Fuse {
    private static let triggers = ["member", "name", "successor", "trace"].flatMap { table in
        ["INSERT", "UPDATE", "DELETE"].map { (name: "fuse_\(table)_\($0)", event: "\($0) ON \(table)") }
    }

    private let path: String

    init(_ directory: String) { path = directory + "/state.sqlite" }

    func arm(after writes: Int) throws {
        try DatabaseQueue(path: path).write { db in
            try db.execute(sql: "CREATE TABLE fuse (writes INTEGER)")
            try db.execute(sql: "INSERT INTO fuse VALUES (?)", arguments: [writes])
            for trigger in Self.triggers {
                try db.execute(
                    sql: """
                        CREATE TRIGGER \(trigger.name) BEFORE \(trigger.event) BEGIN
                            SELECT RAISE(ABORT, 'killed') FROM fuse WHERE writes <= 1;
                            UPDATE fuse SET writes = writes - 1;
                        END
                        """)
            }
        }
    }

    /// - Returns: How many writes there were left.
    @discardableResult
    func disarm() throws -> Int {
        try DatabaseQueue(path: path).write { db in
            let left = try Int.fetchOne(db, sql: "SELECT writes FROM fuse") ?? 0
            for trigger in Self.triggers { try db.execute(sql: "DROP TRIGGER \(trigger.name)") }
            try db.execute(sql: "DROP TABLE fuse")
            return left
        }
    }
}
