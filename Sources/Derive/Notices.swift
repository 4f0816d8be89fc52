import GRDB
import Library

/// Writes down what of the tree is not as it was, for whoever was told of it before: a file system has its kernel forget
/// exactly that. Comes after `DirectoryTimes`, from whose tables it is made.
struct Notices {
    let db: Database
    let reach: Reach

    /// Of more nothing is told, or not all: what the kernel was told it asks again within a second anyway.
    private static let limit = 4000
    /// So many derivations back it can be asked for.
    private static let kept = 16

    func write() throws {
        try writeChanges()
        guard reach.isWhole else { return }
        // Nobody gets into the tree of a server that was removed.
        try db.execute(
            sql: """
                DELETE FROM main.notice WHERE scope <> 0 AND scope NOT IN (
                    SELECT number FROM state.instance WHERE removed_at IS NULL)
                """)
    }

    private func writeChanges() throws {
        let generation =
            1
            + (try Int64.fetchOne(
                db, sql: "SELECT CAST(value AS INTEGER) FROM main.setting WHERE key = 'generation'") ?? 0)
        try db.execute(
            sql: "DELETE FROM main.notice WHERE generation <= ?", arguments: [generation - Int64(Self.kept)])
        let count =
            try Int.fetchOne(
                db, sql: "SELECT (SELECT count(*) FROM temp.altered) + (SELECT count(*) FROM temp.relisted)") ?? 0
        guard count <= Self.limit else { return }
        let insert = "INSERT INTO main.notice (generation, part, scope, number, name, position) SELECT \(generation),"
        try db.execute(
            sql: """
                \(insert) part, scope, number, NULL, NULL FROM temp.relisted;

                -- Names that lead to something else now, or nowhere.
                \(insert) \(DirectoryPart.kind.rawValue), f.scope, f.kind, f.name, NULL
                FROM temp.altered a CROSS JOIN temp.former_node f USING (scope, number) WHERE f.visible;
                \(insert) iif(n.kind = 2 AND l.kind IN (5, 7), l.kind, 0), l.scope, l.parent, coalesce(f.name, c.name), l.position
                FROM (
                    SELECT l.* FROM temp.former_link l
                    LEFT JOIN main.link o USING (scope, parent, kind, child)
                    WHERE o.child IS NULL OR o.position IS NOT l.position
                        OR EXISTS (SELECT 1 FROM temp.altered a WHERE a.scope = l.scope AND a.number = l.child)
                    UNION
                    SELECT l.* FROM temp.altered a CROSS JOIN main.link l INDEXED BY link_child ON l.scope = a.scope AND l.child = a.number) l
                CROSS JOIN main.node n ON n.scope = l.scope AND n.number = l.parent
                LEFT JOIN temp.former_node f ON f.scope = l.scope AND f.number = l.child
                LEFT JOIN main.node c ON c.scope = l.scope AND c.number = l.child
                WHERE coalesce(f.name, c.name) IS NOT NULL LIMIT \(Self.limit);
                """)
        guard !reach.isWhole else { return }
        try db.execute(
            sql: """
                \(insert) NULL, o.instance, o.number, NULL, NULL
                FROM temp.former o CROSS JOIN main.media d ON d.number = o.number LIMIT \(Self.limit)
                """)
    }
}
