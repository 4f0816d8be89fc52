import GRDB
import Library

/// Writes the folders of the servers, and what file is in which. Folders of one server depend on each other only.
struct FolderTables {
    let db: Database
    let reach: Reach

    func write() throws {
        if reach.isWhole {
            let instances = try Int64.fetchAll(db, sql: "SELECT instance FROM temp.active")
            for instance in instances { try times.rememberFolders(of: instance) }
            try db.execute(sql: "DELETE FROM main.folder; DELETE FROM main.folder_file")
            return try write(instances)
        }
        for (instance, files) in try Dictionary(grouping: moved(), by: \.instance) {
            var isDone = false
            try db.inSavepoint {
                var changes = FolderChanges(db: db, instance: instance, server: try server(instance))
                isDone = try changes.write(files)
                return isDone ? .commit : .rollback
            }
            guard !isDone else { continue }
            try times.rememberFolders(of: instance)
            try write([instance])
        }
    }

    private var times: DirectoryTimes { DirectoryTimes(db: db, reach: reach) }

    /// The files within reach that have another place or time than before, came or went.
    private func moved() throws -> [FolderChanges.File] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT o.number, o.instance, o.folder, o.key, o.modified, f.folder AS new_path, f.key AS new_key,
                    d.modified AS new_modified
                FROM temp.former o LEFT JOIN main.media d ON d.number = o.number
                LEFT JOIN main.file f ON f.instance = d.instance AND f.kind = d.kind AND f.id = d.id AND f.position = 0
                WHERE f.folder IS NOT iif(o.folder IS NULL, NULL, o.path) OR f.key IS NOT o.key
                    OR f.name IS NOT o.name OR d.modified IS NOT o.modified
                ORDER BY o.number
                """
        ).map(FolderChanges.File.init)
    }

    private func server(_ instance: Int64) throws -> String {
        try String.fetchOne(db, sql: "SELECT name FROM temp.active WHERE instance = ?", arguments: [instance]) ?? ""
    }

    /// Writes all folders of these servers anew.
    private func write(_ instances: [Int64]) throws {
        for instance in instances {
            try db.execute(
                sql: """
                    DELETE FROM main.folder WHERE scope = :i;
                    DELETE FROM main.folder_file WHERE scope = :i;
                    """, arguments: ["i": instance])
            try writeFolders(instance)
            try writeFiles(instance)
        }
    }

    private func writeFolders(_ instance: Int64) throws {
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT f.folder, max(d.modified) AS modified FROM main.media d
                JOIN main.file f ON f.instance = d.instance AND f.kind = d.kind AND f.id = d.id AND f.position = 0
                WHERE d.instance = ? GROUP BY f.folder ORDER BY 1
                """, arguments: [instance])
        var tree = FolderTree()
        while let row = try rows.next() { tree.add(row["folder"], modified: row["modified"]) }
        let statement = try db.makeStatement(
            sql: """
                INSERT INTO main.folder (scope, number, parent, name, key, path, modified) VALUES (?, ?, ?, ?, ?, ?, ?)
                """)
        for folder in tree.folders {
            try statement.execute(arguments: [
                instance, folder.number, folder.parent, folder.name, NameRules.key(folder.name), folder.path,
                folder.modified,
            ])
        }
    }

    private func writeFiles(_ instance: Int64) throws {
        // The oldest of several files with one name has it, unless a folder does: names may differ only in case, or were
        // made equal by cleaning.
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO main.folder_file (member, scope, folder, key, name)
                SELECT d.number, :i, coalesce(o.number, 0) AS folder, f.key, f.name FROM main.media d
                CROSS JOIN main.file f ON f.instance = d.instance AND f.kind = d.kind AND f.id = d.id AND f.position = 0
                LEFT JOIN main.folder o ON o.scope = f.instance AND o.path = f.folder
                WHERE d.instance = :i AND NOT EXISTS (
                    SELECT 1 FROM main.folder p
                    WHERE p.scope = d.instance AND p.parent = coalesce(o.number, 0) AND p.key = f.key)
                ORDER BY d.number
                """, arguments: ["i": instance])
        let server = try server(instance)
        let left = try Row.fetchAll(
            db,
            sql: """
                SELECT d.number, d.id, coalesce(o.number, 0) AS folder, f.key, f.name FROM main.media d
                JOIN main.file f ON f.instance = d.instance AND f.kind = d.kind AND f.id = d.id AND f.position = 0
                LEFT JOIN main.folder o ON o.scope = f.instance AND o.path = f.folder
                WHERE d.instance = :i AND NOT EXISTS (SELECT 1 FROM main.folder_file x WHERE x.member = d.number)
                ORDER BY d.number
                """, arguments: ["i": instance])
        for row in left {
            let unique = Self.marked(row["name"], server, row["id"])
            try db.execute(
                sql: """
                    INSERT OR IGNORE INTO main.folder_file (member, scope, folder, key, name, base)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [row["number"], instance, row["folder"], NameRules.key(unique), unique, row["key"]])
        }
    }
}

extension FolderTables {
    /// The name of a file where another file or folder has its own.
    static func marked(_ name: String, _ server: String, _ id: Int64) -> String {
        let stem = NameRules.stem(name)
        return "\(stem) [\(server)-\(id)]\(name.dropFirst(stem.count))"
    }
}

/// The folders of one server, from the paths of its files.
struct FolderTree {
    struct Folder {
        let number: Int64
        let parent: Int64
        let name: String
        let path: String
        var modified: Int64
    }

    private var byPath: [String: Folder] = [:]
    private var numbers: Set<Int64> = []
    private var names: Set<String> = []

    var folders: [Folder] { byPath.values.sorted { $0.path < $1.path } }

    /// Adds a folder and those above it. Paths come sorted, so that of two folders that differ only in case always the
    /// same one keeps its name.
    mutating func add(_ path: String, modified: Int64) {
        var prefix = ""
        var parent: Int64 = 0
        for component in path.split(separator: "/") {
            prefix += prefix.isEmpty ? String(component) : "/" + component
            if let known = byPath[prefix] {
                parent = known.number
                if known.modified < modified { byPath[prefix]?.modified = modified }
                continue
            }
            var name = String(component)
            var attempt = 2
            while !names.insert("\(parent)/" + NameRules.key(name)).inserted {
                name = "\(component) [\(attempt)]"
                attempt += 1
            }
            let number = unusedNumber(for: prefix)
            byPath[prefix] = Folder(number: number, parent: parent, name: name, path: prefix, modified: modified)
            parent = number
        }
    }

    private mutating func unusedNumber(for path: String) -> Int64 {
        var number = Self.number(for: path)
        while number == 0 || !numbers.insert(number).inserted { number = (number + 1) & 0xFF_FFFF_FFFF }
        return number
    }

    /// 40 bits of FNV-1a: what an inode number has room for.
    static func number(for path: String) -> Int64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in path.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int64((hash ^ (hash >> 40)) & 0xFF_FFFF_FFFF)
    }
}
