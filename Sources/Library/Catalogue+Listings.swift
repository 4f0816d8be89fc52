import GRDB

/// Listings, a batch at a time and by number: a number stays when a name changes, so who goes on behind the last one
/// that he got meets everything that is there throughout once, whatever is added, removed or renamed meanwhile.
extension Catalogue {
    /// The first so many things of a kind that are listed, from a number on.
    package func nodes(_ scope: Scope, _ kind: Kind, from number: Int64 = 0, limit: Int = .max) throws -> [Node] {
        try read { db in
            try Self.collect(
                db,
                """
                SELECT \(Self.columns), NULL AS position
                FROM node n INDEXED BY node_number LEFT JOIN media d ON d.number = n.member AND n.kind IN (1, 7)
                WHERE n.scope = ? AND n.kind = ? AND n.number >= ? AND n.visible ORDER BY n.number LIMIT ?
                """, [scope.rawValue, kind.rawValue, number, limit])
        }
    }

    /// The first so many things of a kind that are listed in a performer, studio, tag, group or gallery, from a number on.
    package func children(
        _ scope: Scope, of parent: NodeNumber, _ kind: Kind, from number: Int64 = 0, limit: Int = .max
    ) throws -> [Node] {
        try read { db in
            try Self.collect(
                db,
                """
                SELECT \(Self.columns), l.position FROM link l
                CROSS JOIN node n ON n.scope = l.scope AND n.number = l.child
                LEFT JOIN media d ON d.number = n.member AND n.kind IN (1, 7)
                WHERE l.scope = ? AND l.parent = ? AND l.kind = ? AND l.child >= ? AND n.visible
                ORDER BY l.child LIMIT ?
                """, [scope.rawValue, parent.rawValue, kind.rawValue, number, limit])
        }
    }

    /// The first so many folders in a folder of an instance, from a number on; 0 is the top.
    package func folders(
        _ instance: InstanceNumber, in parent: Int64, from number: Int64 = 0, limit: Int = .max
    ) throws -> [Folder] {
        try read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT * FROM folder INDEXED BY folder_number
                        WHERE scope = ? AND parent = ? AND number >= ? ORDER BY number LIMIT ?
                        """), arguments: [instance.rawValue, parent, number, limit]
            ).map(Self.folder)
        }
    }

    /// The first so many scenes and images in a folder, under their names there, from a number on.
    package func files(
        _ instance: InstanceNumber, in folder: Int64, from number: Int64 = 0, limit: Int = .max
    ) throws -> [Node] {
        try read { db in
            try Self.collect(
                db, Self.folderFiles + " AND f.member >= ? ORDER BY f.member LIMIT ?",
                [instance.rawValue, folder, number, limit])
        }
    }

    /// The captions and funscripts beside each of these members that has any.
    package func sidecars(beside members: [NodeNumber]) throws -> [NodeNumber: [SidecarEntry]] {
        let list = "[" + members.map { String($0.rawValue) }.joined(separator: ",") + "]"
        let found = try read { db in
            try Self.collectSidecars(
                db,
                """
                SELECT s.*, m.number AS member, m.modified FROM json_each(?) j
                CROSS JOIN member m ON m.number = j.value
                CROSS JOIN sidecar s ON s.instance = m.instance AND s.kind = m.kind AND s.id = m.id
                WHERE s.sidecar IN (2, 3) AND s.size > 0
                """, [list])
        }
        return Dictionary(grouping: found, by: \.member)
    }
}
