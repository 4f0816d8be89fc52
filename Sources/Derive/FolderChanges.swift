import GRDB
import Library

/// Brings the folders of one server in line with a few files that came, went or changed, without looking at the others.
///
/// The result is that of `FolderTables.write`. Where names depend on more than the names beside them, it gives up.
struct FolderChanges {
    /// What changed of a file: where and when it was, and where and when it is; nil when it was or is nowhere.
    struct File {
        let number: Int64
        let instance: Int64
        let folder: Int64?
        let key: String?
        let modified: Int64?
        let newPath: String?
        let newKey: String?
        let newModified: Int64?

        init(_ row: Row) {
            (number, instance) = (row["number"], row["instance"])
            (folder, key, modified) = (row["folder"], row["key"], row["modified"])
            (newPath, newKey, newModified) = (row["new_path"], row["new_key"], row["new_modified"])
        }
    }

    /// A name in a folder, as files ask for it.
    private struct Place: Hashable {
        let folder: Int64
        let key: String
    }

    let db: Database
    let instance: Int64
    let server: String
    /// Names for which somebody else may be the first now.
    private var places: Set<Place> = []
    private var newcomers: [Place: [Int64]] = [:]
    /// The greatest time that came into each folder, or went.
    private var gained: [Int64: Int64] = [:]
    private var lost: [Int64: Int64] = [:]

    init(db: Database, instance: Int64, server: String) {
        self.db = db
        self.instance = instance
        self.server = server
    }

    /// Returns false when all folders of the server have to be written anew.
    mutating func write(_ files: [File]) throws -> Bool {
        for file in files {
            try clear(file.number)
            if let folder = file.folder, let key = file.key {
                places.insert(Place(folder: folder, key: key))
                lost[folder] = max(lost[folder] ?? .min, file.modified ?? .min)
            }
            guard let path = file.newPath, let key = file.newKey, let modified = file.newModified else { continue }
            guard let folder = try folder(at: path, modified) else { return false }
            newcomers[Place(folder: folder, key: key), default: []].append(file.number)
            places.insert(Place(folder: folder, key: key))
            gained[folder] = max(gained[folder] ?? .min, modified)
        }
        guard try settle() else { return false }
        for folder in Set(files.compactMap(\.folder)).sorted() where try !removeEmpty(folder) { return false }
        guard try settle() else { return false }
        try setTimes()
        return true
    }

    // MARK: - Folders

    /// The folder with this path, made if need be; nil when its name or number depends on others.
    private mutating func folder(at path: String, _ modified: Int64) throws -> Int64? {
        var (parent, prefix): (Int64, String) = (0, "")
        for component in path.split(separator: "/").map(String.init) {
            prefix += prefix.isEmpty ? component : "/" + component
            if let known = try number(of: prefix) {
                parent = known
                continue
            }
            let number = FolderTree.number(for: prefix)
            let key = NameRules.key(component)
            let isTaken = try Bool.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT EXISTS (SELECT 1 FROM main.folder WHERE scope = :i AND parent = :parent AND key = :key)
                            OR EXISTS (SELECT 1 FROM main.folder WHERE scope = :i AND number = :number)
                        """), arguments: ["i": instance, "parent": parent, "key": key, "number": number])
            guard number != 0, isTaken == false else { return nil }
            try DirectoryTimes.remember(folder: number, of: instance, db)
            try db.cachedStatement(
                sql: """
                    INSERT INTO main.folder (scope, number, parent, name, key, path, modified)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """
            ).execute(arguments: [instance, number, parent, component, key, prefix, modified])
            places.insert(Place(folder: parent, key: key))
            gained[parent] = max(gained[parent] ?? .min, modified)
            parent = number
        }
        return parent
    }

    private func number(of path: String) throws -> Int64? {
        try Int64.fetchOne(
            db.cachedStatement(
                sql: "SELECT number FROM main.folder INDEXED BY folder_path WHERE scope = ? AND path = ?"),
            arguments: [instance, path])
    }

    /// Removes a folder that holds nothing any more, and those above it; false when names beside it depend on its own.
    private mutating func removeEmpty(_ folder: Int64) throws -> Bool {
        var folder = folder
        while folder != 0 {
            let row = try Row.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT parent, key, modified,
                            EXISTS (SELECT 1 FROM main.folder_file WHERE scope = :i AND folder = :folder)
                                OR EXISTS (SELECT 1 FROM main.folder WHERE scope = :i AND parent = :folder) AS is_used,
                            EXISTS (SELECT 1 FROM main.folder b WHERE b.scope = :i AND b.parent = o.parent
                                AND substr(b.path, -length(b.name)) <> b.name) AS is_marked
                        FROM main.folder o WHERE scope = :i AND number = :folder
                        """), arguments: ["i": instance, "folder": folder])
            guard let row, !(row["is_used"] as Bool) else { return true }
            guard !(row["is_marked"] as Bool) else { return false }
            try DirectoryTimes.remember(folder: folder, of: instance, db)
            try db.cachedStatement(sql: "DELETE FROM main.folder WHERE scope = ? AND number = ?")
                .execute(arguments: [instance, folder])
            let parent: Int64 = row["parent"]
            places.insert(Place(folder: parent, key: row["key"]))
            lost[parent] = max(lost[parent] ?? .min, row["modified"])
            folder = parent
        }
        return true
    }

    // MARK: - Names

    /// Gives names to all who ask for one of the places; false when a name that is made up is another's own.
    private mutating func settle() throws -> Bool {
        defer {
            places = []
            newcomers = [:]
        }
        for place in places {
            let holders = try Int64.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT member FROM main.folder_file INDEXED BY folder_file_key
                        WHERE scope = :i AND folder = :folder AND key = :key AND base IS NULL
                        UNION
                        SELECT member FROM main.folder_file INDEXED BY folder_file_base
                        WHERE scope = :i AND folder = :folder AND base = :key
                        """), arguments: ["i": instance, "folder": place.folder, "key": place.key])
            for holder in holders { try clear(holder) }
            var isTaken =
                try Bool.fetchOne(
                    db.cachedStatement(
                        sql: "SELECT EXISTS (SELECT 1 FROM main.folder WHERE scope = ? AND parent = ? AND key = ?)"),
                    arguments: [instance, place.folder, place.key]) ?? false
            for member in Set(holders).union(newcomers[place] ?? []).sorted() {
                guard try give(place, to: member, isTaken: isTaken) else { return false }
                isTaken = true
            }
        }
        return true
    }

    private func clear(_ member: Int64) throws {
        try DirectoryTimes.remember(file: member, db)
        try db.cachedStatement(sql: "DELETE FROM main.folder_file WHERE member = ?").execute(arguments: [member])
    }

    private func give(_ place: Place, to member: Int64, isTaken: Bool) throws -> Bool {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT f.name, f.id FROM main.media d JOIN main.file f
                        ON f.instance = d.instance AND f.kind = d.kind AND f.id = d.id AND f.position = 0
                    WHERE d.number = ?
                    """), arguments: [member])
        guard let row else { return false }
        let name = isTaken ? FolderTables.marked(row["name"], server, row["id"]) : row["name"]
        try db.cachedStatement(
            sql: """
                INSERT OR IGNORE INTO main.folder_file (member, scope, folder, key, name, base)
                VALUES (?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            member, instance, place.folder, NameRules.key(name), name, isTaken ? place.key : nil,
        ])
        return db.changesCount > 0
    }

    // MARK: - Times

    /// A folder is as young as the youngest file in it or below.
    private mutating func setTimes() throws {
        var open = Set(gained.keys).union(lost.keys)
        let folders = "main.folder WHERE scope = ? AND number = ?"
        while let folder = try deepest(open) {
            open.remove(folder)
            let row = try Row.fetchOne(
                db.cachedStatement(sql: "SELECT parent, modified FROM \(folders)"), arguments: [instance, folder])
            guard let row else { continue }
            let (parent, known): (Int64, Int64) = (row["parent"], row["modified"])
            var modified = max(known, gained[folder] ?? .min)
            if let gone = lost[folder], gone >= known, gained[folder] ?? .min < known {
                modified = try youngest(folder)
            }
            guard modified != known else { continue }
            try db.cachedStatement(sql: "UPDATE main.folder SET modified = ? WHERE scope = ? AND number = ?")
                .execute(arguments: [modified, instance, folder])
            gained[parent] = max(gained[parent] ?? .min, modified)
            if modified < known { lost[parent] = max(lost[parent] ?? .min, known) }
            open.insert(parent)
        }
    }

    private func deepest(_ folders: Set<Int64>) throws -> Int64? {
        let depths = try folders.map { folder -> (depth: Int, folder: Int64) in
            let path = try String.fetchOne(
                db.cachedStatement(sql: "SELECT path FROM main.folder WHERE scope = ? AND number = ?"),
                arguments: [instance, folder])
            return (path?.utf8.count { $0 == UInt8(ascii: "/") } ?? -1, folder)
        }
        return depths.max { $0 < $1 }?.folder
    }

    private func youngest(_ folder: Int64) throws -> Int64 {
        try Int64.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT max(modified) FROM (
                        SELECT max(d.modified) AS modified FROM main.folder_file f CROSS JOIN main.media d
                            ON d.number = f.member WHERE f.scope = :i AND f.folder = :folder
                        UNION ALL
                        SELECT max(modified) FROM main.folder WHERE scope = :i AND parent = :folder)
                    """), arguments: ["i": instance, "folder": folder]) ?? 0
    }
}
