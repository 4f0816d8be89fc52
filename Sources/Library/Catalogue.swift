package import GRDB
import Synchronization

/// Something that has a name in a tree.
package struct Node: Sendable, Equatable {
    package let scope: Scope
    /// The entity's number in the merged tree, the member's in an instance's.
    package let number: NodeNumber
    package let kind: Kind
    /// As listed; files with their extension.
    package let name: String
    /// What people call it, as the server says.
    package let title: String
    /// The member that serves the file, or leads the entity.
    package let member: NodeNumber
    /// The member that `folder.jpg` comes from.
    package let picture: NodeNumber?
    /// Unix seconds: of a file its modification at the source, of the others when the server's entry changed.
    package let modified: Int64
    /// Bytes of a file; 0 for directories.
    package let size: Int64
    /// Of a directory, when what it lists changed last, in Unix seconds; 0 when it did not since the index was made.
    package let listed: Int64
    /// The place in the gallery or group in which it was listed.
    package let position: Int64?
}

/// The bytes behind a scene or an image.
package struct MediaEntry: Sendable, Equatable {
    package let number: NodeNumber
    package let ref: EntityRef
    package let size: Int64
    package let modified: Int64
    /// Inside an archive at the server.
    package let isInArchive: Bool
    /// ETag or Last-Modified of the last answer, when one was seen.
    package let validator: String?
}

/// A small file beside a member, of known size.
package struct SidecarEntry: Sendable, Equatable {
    package let member: NodeNumber
    package let ref: EntityRef
    package let kind: SidecarKind
    package let position: Int64
    package let language: String
    package let type: String
    package let size: Int64
    /// Unix seconds.
    package let modified: Int64
}

/// A folder of one server.
package struct Folder: Sendable, Equatable {
    /// 0 is the top.
    package let number: Int64
    package let parent: Int64
    package let name: String
    package let modified: Int64
}

/// What the tree and the attributes ask: both databases, read only except for what people say. Nothing here asks a
/// server.
package final class Catalogue: Sendable {
    package let state: StateDatabase
    package let index: IndexDatabase
    private let cached: Mutex<[Instance]>

    package init(state: StateDatabase, index: IndexDatabase) throws {
        self.state = state
        self.index = index
        cached = Mutex(try state.instances())
    }

    /// The configured instances in priority order, the switched-off ones too, as of the last `reloadInstances`.
    package var instances: [Instance] { cached.withLock { $0 } }

    package func instance(_ number: InstanceNumber) -> Instance? { instances.first { $0.number == number } }

    /// Reads the instances again, after a change.
    package func reloadInstances() throws {
        let fresh = try state.instances()
        cached.withLock { $0 = fresh }
    }

    // MARK: Nodes

    static let columns = """
        n.scope, n.number, n.kind, n.name, n.title, n.member, n.picture, coalesce(d.modified, n.modified) AS modified,
        coalesce(d.size, 0) AS size, iif(n.kind IN (1, 7), 0, coalesce((SELECT t.time FROM listed t
            WHERE t.part = 0 AND t.scope = n.scope AND t.number = n.number), 0)) AS listed
        """
    static let nodes = "node n LEFT JOIN media d ON d.number = n.member AND n.kind IN (1, 7)"

    /// Whether `nodes` would give anything.
    package func hasNodes(_ scope: Scope, _ kind: Kind) throws -> Bool {
        try read { db in
            try Bool.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT EXISTS (SELECT 1 FROM node INDEXED BY node_key WHERE scope = ? AND kind = ? AND visible)
                        """),
                arguments: [scope.rawValue, kind.rawValue]) ?? false
        }
    }

    /// What has this name, in a whole tree or (with a parent) in one directory. A name that was given up still finds what
    /// had it.
    package func node(_ scope: Scope, in parent: NodeNumber? = nil, _ kind: Kind, named name: String) throws -> Node? {
        let key = NameRules.key(kind == .scene ? NameRules.stem(name) : name)
        if let found = try find(scope, parent, kind, "n.key = ?", key), Self.isEqual(found.name, name) {
            return found
        }
        guard let former = try former(scope, kind, key: key, name: name),
            let holder = try exactNode(scope, scope == .merged ? state.entity(of: former) ?? former : former)
        else { return nil }
        return try find(scope, parent, kind, "n.number = ?", holder.number.rawValue)
    }

    /// The scene whose name without its extension is this: what `X.en.vtt` and `X.funscript` stand beside.
    package func scene(_ scope: Scope, in parent: NodeNumber? = nil, stem: String) throws -> Node? {
        let found = try find(scope, parent, .scene, "n.key = ?", NameRules.key(stem))
        return found.flatMap { Self.isEqual(NameRules.stem($0.name), stem) ? $0 : nil }
    }

    private func find(
        _ scope: Scope, _ parent: NodeNumber?, _ kind: Kind, _ condition: String, _ value: any DatabaseValueConvertible
    ) throws -> Node? {
        let link = "JOIN link l ON l.scope = n.scope AND l.parent = ? AND l.kind = n.kind AND l.child = n.number"
        let sql = """
            SELECT \(Self.columns), \(parent == nil ? "NULL" : "l.position") AS position
            FROM \(Self.nodes) \(parent == nil ? "" : link)
            WHERE n.scope = ? AND n.kind = ? AND \(condition) AND n.visible
            """
        let arguments: [any DatabaseValueConvertible] = [scope.rawValue, kind.rawValue, value]
        let first: [any DatabaseValueConvertible] = parent.map { [$0.rawValue] } ?? []
        return try read { db in try Self.collect(db, sql, StatementArguments(first + arguments)).first }
    }

    /// Names are bytes to the kernel: two spellings of one text (Swift's ==) are two names.
    private static func isEqual(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

    /// The thing with this number, listed or not. In the merged tree a number that was given up, because two entities
    /// became one or a thing was replaced at its server, finds what has its place now.
    package func node(_ scope: Scope, _ number: NodeNumber) throws -> Node? {
        if let found = try exactNode(scope, number) { return found }
        guard scope == .merged, let entity = try state.entity(of: number), entity != number else { return nil }
        return try exactNode(scope, entity)
    }

    private func exactNode(_ scope: Scope, _ number: NodeNumber) throws -> Node? {
        try read { db in
            try Self.collect(
                db,
                "SELECT \(Self.columns), NULL AS position FROM \(Self.nodes) WHERE n.scope = ? AND n.number = ?",
                [scope.rawValue, number.rawValue]
            ).first
        }
    }

    /// Whether `children` would give anything.
    package func hasChildren(_ scope: Scope, of parent: NodeNumber, _ kind: Kind) throws -> Bool {
        try read { db in
            try Bool.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT EXISTS (SELECT 1 FROM link l JOIN node n ON n.scope = l.scope AND n.number = l.child
                            WHERE l.scope = ? AND l.parent = ? AND l.kind = ? AND n.visible)
                        """), arguments: [scope.rawValue, parent.rawValue, kind.rawValue]) ?? false
        }
    }

    /// How many directories list this thing as a child of the given kinds of parents: the link count of a symlink.
    package func parentCount(_ scope: Scope, of child: NodeNumber, _ kind: Kind) throws -> Int {
        try read { db in
            try Int.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT count(*) FROM link l JOIN node p ON p.scope = l.scope AND p.number = l.parent
                        WHERE l.scope = ? AND l.child = ? AND p.kind = ?
                        """), arguments: [scope.rawValue, child.rawValue, kind.rawValue]) ?? 0
        }
    }

    /// The member of which a former name was made, or one that still names an entity which is part of another now: paths
    /// that other programs keep go where that member is.
    private func former(_ scope: Scope, _ kind: Kind, key: String, name: String) throws -> NodeNumber? {
        try state.pool.read { db in
            let row = try Row.fetchOne(
                db.cachedStatement(sql: "SELECT name, source FROM name WHERE scope = ? AND kind = ? AND key = ?"),
                arguments: [scope.rawValue, kind.rawValue, key])
            guard let row, Self.isEqual(row["name"], name) else { return nil }
            return NodeNumber(row["source"])
        }
    }

    // MARK: Files

    /// The bytes of a member that is a file.
    package func media(_ member: NodeNumber) throws -> MediaEntry? {
        try read { db in
            try Row.fetchOne(
                db.cachedStatement(sql: "SELECT * FROM media WHERE number = ?"), arguments: [member.rawValue]
            ).flatMap(Self.media)
        }
    }

    /// Files of other members of the entity that are the same byte for byte (equal size, and equal oshash or md5), in
    /// priority order: any of them may be read in place of this one. None where a server gives something else than its
    /// file, a transcode.
    package func equals(of member: NodeNumber) throws -> [MediaEntry] {
        try read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT d.* FROM media own
                        JOIN file f ON f.instance = own.instance AND f.kind = own.kind AND f.id = own.id AND f.position = 0
                        JOIN member m ON m.number = own.number
                        JOIN entity_member e ON e.entity = m.entity AND e.number <> own.number
                        JOIN media d ON d.number = e.number
                        JOIN file g ON g.instance = d.instance AND g.kind = d.kind AND g.id = d.id AND g.position = 0
                        WHERE own.number = ? AND own.size = f.size AND d.size = g.size AND f.size = g.size
                            AND (f.oshash = g.oshash OR f.md5 = g.md5)
                        ORDER BY e.rank
                        """), arguments: [member.rawValue]
            ).compactMap(Self.media)
        }
    }

    /// The file of the first other member of the entity, in priority order, whose server is none of these, when the
    /// member's own server is one of them; nil also when an equal file can be read in place of the member's.
    ///
    /// `isReplaced` tells of the member's file whether its server was seen to have put another one in its place, which is equal
    /// to none that the index knows.
    package func substitute(
        for member: NodeNumber, without down: Set<InstanceNumber>, isReplaced: (MediaEntry) -> Bool
    ) throws -> MediaEntry? {
        guard let own = try media(member), down.contains(own.ref.instance) else { return nil }
        let others = try read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT d.* FROM member m JOIN entity_member e ON e.entity = m.entity AND e.number <> m.number
                        JOIN media d ON d.number = e.number WHERE m.number = ? ORDER BY e.rank
                        """), arguments: [member.rawValue]
            ).compactMap(Self.media)
        }
        guard let first = others.first(where: { !down.contains($0.ref.instance) }) else { return nil }
        let hasEqual = try !isReplaced(own) && equals(of: member).contains { !down.contains($0.ref.instance) }
        return hasEqual ? nil : first
    }

    private static func media(_ row: Row) -> MediaEntry? {
        guard let kind = Kind(rawValue: row["kind"]) else { return nil }
        return MediaEntry(
            number: NodeNumber(row["number"]),
            ref: EntityRef(instance: InstanceNumber(row["instance"]), kind: kind, id: row["id"]),
            size: row["size"], modified: row["modified"], isInArchive: row["archived"], validator: row["validator"])
    }

    /// Remembers what the server's own answer said about a file, when it is not what the index says.
    ///
    /// `modified` is what the index said when the file was opened: news of an older file are not taken.
    package func learn(_ member: NodeNumber, size: Int64, validator: String?, modified: Int64) throws {
        try index.pool.write { db in
            try db.execute(
                sql: "UPDATE media SET size = ?, validator = ? WHERE number = ? AND modified = ?",
                arguments: [size, validator, member.rawValue, modified])
            guard db.changesCount > 0 else { return }
            try db.execute(
                sql: """
                    UPDATE file SET served_size = ?, validator = ? FROM media d WHERE d.number = ? AND file.position = 0
                        AND file.instance = d.instance AND file.kind = d.kind AND file.id = d.id
                    """, arguments: [size, validator, member.rawValue])
        }
    }

    /// What a pass has just read, and what is of a disabled server, has no number (yet): it is in no listing.
    static let sidecarColumns = """
        s.*, m.number AS member, m.modified
        FROM sidecar s JOIN member m ON m.instance = s.instance AND m.kind = s.kind AND m.id = s.id AND m.number IS NOT NULL
        """

    /// One sidecar of a member.
    package func sidecar(_ member: NodeNumber, _ kind: SidecarKind, position: Int64) throws -> SidecarEntry? {
        try read { db in
            try Self.collectSidecars(
                db,
                """
                SELECT \(Self.sidecarColumns)
                WHERE m.number = ? AND s.sidecar = ? AND s.position = ? AND s.size > 0
                """, [member.rawValue, kind.rawValue, position]
            ).first
        }
    }

    /// What stands beside a scene: its captions, one a language, and its funscript.
    package func sidecars(beside member: NodeNumber) throws -> [SidecarEntry] {
        try read { db in
            try Self.collectSidecars(
                db, "SELECT \(Self.sidecarColumns) WHERE m.number = ? AND s.sidecar IN (2, 3) AND s.size > 0",
                [member.rawValue])
        }
    }

    // MARK: Folders

    package func folder(_ instance: InstanceNumber, _ number: Int64) throws -> Folder? {
        try read { db in
            try Row.fetchOne(
                db.cachedStatement(sql: "SELECT * FROM folder WHERE scope = ? AND number = ?"),
                arguments: [instance.rawValue, number]
            ).map(Self.folder)
        }
    }

    /// A folder by its name in the one above.
    package func folder(_ instance: InstanceNumber, in parent: Int64, named name: String) throws -> Folder? {
        let found = try read { db in
            try Row.fetchOne(
                db.cachedStatement(sql: "SELECT * FROM folder WHERE scope = ? AND parent = ? AND key = ?"),
                arguments: [instance.rawValue, parent, NameRules.key(name)]
            ).map(Self.folder)
        }
        return found.flatMap { Self.isEqual($0.name, name) ? $0 : nil }
    }

    static let folderFiles = """
        SELECT f.scope, f.member AS number, d.kind, f.name, f.name AS title, f.member, NULL AS picture,
            d.modified, d.size, 0 AS listed, NULL AS position
        FROM folder_file f JOIN media d ON d.number = f.member WHERE f.scope = ? AND f.folder = ?
        """

    /// The files in a folder whose names are this stem with an extension, in order.
    package func files(_ instance: InstanceNumber, in folder: Int64, stem: String) throws -> [Node] {
        let key = NameRules.key(stem)
        return try read { db in
            try Self.collect(
                db, Self.folderFiles + " AND f.key >= ? AND f.key < ? ORDER BY f.key",
                [instance.rawValue, folder, key + ".", key + "/"]
            ).filter { Self.isEqual(NameRules.stem($0.name), stem) }
        }
    }

    /// Whether any file lies at the top of an instance's folders.
    package func hasFiles(_ instance: InstanceNumber) throws -> Bool {
        try read { db in
            try Bool.fetchOne(
                db.cachedStatement(
                    sql: "SELECT EXISTS (SELECT 1 FROM folder_file WHERE scope = ? AND folder = 0)"),
                arguments: [instance.rawValue]) ?? false
        }
    }

    /// A file by its name in a folder.
    package func file(_ instance: InstanceNumber, in folder: Int64, named name: String) throws -> Node? {
        let found = try read { db in
            try Self.collect(
                db, Self.folderFiles + " AND f.key = ?", [instance.rawValue, folder, NameRules.key(name)]
            ).first
        }
        return found.flatMap { Self.isEqual($0.name, name) ? $0 : nil }
    }

    static func folder(_ row: Row) -> Folder {
        Folder(number: row["number"], parent: row["parent"], name: row["name"], modified: row["modified"])
    }

    // MARK: Sums

    /// Bytes and files of the merged library, for statfs.
    package func statistics() throws -> (bytes: Int64, files: Int64) {
        try read { db in
            let row = try Row.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT coalesce(sum(d.size), 0) AS bytes, count(*) AS files FROM node n
                        JOIN media d ON d.number = n.member WHERE n.scope = 0 AND n.kind IN (1, 7)
                        """))
            return (row?["bytes"] ?? 0, row?["files"] ?? 0)
        }
    }

    // MARK: Reading

    /// Reads the index.
    package func read<T>(_ body: (Database) throws -> T) throws -> T { try index.pool.read(body) }

    static func collect(
        _ db: Database, _ sql: String, _ arguments: StatementArguments
    ) throws -> [Node] {
        var nodes: [Node] = []
        let rows = try Row.fetchCursor(db.cachedStatement(sql: sql), arguments: arguments)
        while let row = try rows.next() {
            // By place, not by name: a directory may have a hundred thousand rows.
            guard let kind = Kind(rawValue: row[2]) else { continue }
            nodes.append(
                Node(
                    scope: Scope(rawValue: row[0]), number: NodeNumber(row[1]), kind: kind, name: row[3],
                    title: row[4], member: NodeNumber(row[5]), picture: (row[6] as Int64?).map(NodeNumber.init),
                    modified: row[7], size: row[8], listed: row[9], position: row[10]))
        }
        return nodes
    }

    static func collectSidecars(
        _ db: Database, _ sql: String, _ arguments: StatementArguments
    ) throws -> [SidecarEntry] {
        let found = try Row.fetchAll(
            db.cachedStatement(sql: sql + " ORDER BY m.number, s.sidecar, s.position"), arguments: arguments)
        var languages: Set<String> = []
        return found.compactMap { row -> SidecarEntry? in
            guard let kind = Kind(rawValue: row["kind"]), let sidecar = SidecarKind(rawValue: row["sidecar"]) else {
                return nil
            }
            let member: Int64 = row["member"]
            let language: String = row["language"]
            // The same language as vtt and as srt is the same text twice: both are served as WebVTT (Stash 4.3).
            if sidecar == .caption, !languages.insert("\(member) \(language.lowercased())").inserted { return nil }
            return SidecarEntry(
                member: NodeNumber(member),
                ref: EntityRef(instance: InstanceNumber(row["instance"]), kind: kind, id: row["id"]), kind: sidecar,
                position: row["position"], language: language, type: row["type"], size: row["size"],
                modified: row["modified"])
        }
    }
}
