import GRDB
import Library

/// What every directory of a library lists, and when that changed last, straight from the tables.
struct DirectoryListings {
    struct Directory: Hashable, CustomStringConvertible {
        let part: DirectoryPart
        let scope: Int64
        let number: Int64

        var description: String { "\(part) \(scope)-\(number)" }
    }

    struct Listing {
        var entries: Set<String> = []
        /// As the directory's own time would be, without what changed in it.
        var modified: Int64 = 0
        var listed: Int64?

        var time: Int64 { max(modified, listed ?? 0) }
    }

    private(set) var directories: [Directory: Listing] = [:]
    /// The instances that are shown.
    private let active: Set<Int64>

    init(index: String, state: String) throws {
        active = try DatabaseQueue(path: state).read { db in
            try Set(Int64.fetchAll(db, sql: "SELECT number FROM instance WHERE removed_at IS NULL AND enabled"))
        }
        let listings = try DatabaseQueue(path: index).read { db in try Self.read(db) }
        directories = listings
        addRoots()
        try DatabaseQueue(path: index).read { db in
            for row in try Row.fetchAll(db, sql: "SELECT * FROM listed") {
                guard let part = DirectoryPart(rawValue: row["part"]) else { continue }
                let directory = Directory(part: part, scope: row["scope"], number: row["number"])
                // Of what there is no more nobody sees the time.
                directories[directory]?.listed = row["time"]
            }
        }
    }

    private static func read(_ db: Database) throws -> [Directory: Listing] {
        var found: [Directory: Listing] = [:]
        var names: [[Int64]: String] = [:]
        for row in try Row.fetchAll(db, sql: "SELECT * FROM node WHERE visible") {
            let (scope, number, kind): (Int64, Int64, Int64) = (row["scope"], row["number"], row["kind"])
            var name: String = row["name"]
            if kind == 1 || kind == 7 {
                name += " of \(row["member"] as Int64)" + (try sidecars(beside: row["member"], db))
            } else {
                var own = Listing(modified: row["modified"])
                if kind != 5, row["picture"] as Int64? != nil { own.entries.insert("folder.jpg") }
                found[Directory(part: .entity, scope: scope, number: number)] = own
            }
            names[[scope, number]] = name
            found[Directory(part: .kind, scope: scope, number: kind), default: Listing()].entries.insert(name)
        }
        let links = try Row.fetchAll(
            db, sql: "SELECT l.*, n.kind AS of FROM link l JOIN node n ON n.scope = l.scope AND n.number = l.parent")
        for row in links {
            let (scope, parent, kind): (Int64, Int64, Int64) = (row["scope"], row["parent"], row["kind"])
            guard let name = names[[scope, row["child"]]] else { continue }
            let own = Directory(part: .entity, scope: scope, number: parent)
            let position = "\((row["position"] as Int64?) ?? 0) "
            switch (row["of"] as Int64, kind) {
            case (2...4, 1), (3, 3), (4, 4): found[own]?.entries.insert(name)
            case (5, 7), (6, 1): found[own]?.entries.insert(position + name)
            case (2, 5), (2, 7):
                found[own]?.entries.insert(kind == 5 ? "galleries" : "images")
                let part: DirectoryPart = kind == 5 ? .galleries : .images
                found[Directory(part: part, scope: scope, number: parent), default: Listing()].entries.insert(name)
            default: break
            }
        }
        for row in try Row.fetchAll(db, sql: "SELECT * FROM folder") {
            let scope: Int64 = row["scope"]
            let own = Directory(part: .folder, scope: scope, number: row["number"])
            found[own, default: Listing()].modified = row["modified"]
            found[Directory(part: .folder, scope: scope, number: row["parent"]), default: Listing()]
                .entries.insert(row["name"])
        }
        for row in try Row.fetchAll(db, sql: "SELECT * FROM folder_file") {
            let name = (row["name"] as String) + " of \(row["member"] as Int64)"
            found[Directory(part: .folder, scope: row["scope"], number: row["folder"]), default: Listing()]
                .entries.insert(name + (try sidecars(beside: row["member"], db)))
        }
        return found
    }

    private static func sidecars(beside member: Int64, _ db: Database) throws -> String {
        try Row.fetchAll(
            db,
            sql: """
                SELECT s.sidecar, s.position, s.language FROM member m JOIN sidecar s USING (instance, kind, id)
                WHERE m.number = ? AND s.sidecar IN (2, 3) AND s.size > 0 ORDER BY 1, 2
                """, arguments: [member]
        ).map { " \($0["sidecar"] as Int64) \($0["position"] as Int64) \($0["language"] as String)" }.joined()
    }

    private mutating func addRoots() {
        var instances = Listing()
        for scope in active.union([0]) {
            let kinds = Kind.allCases.filter {
                directories[Directory(part: .kind, scope: scope, number: $0.rawValue)] != nil
            }
            var root = Listing(entries: Set(kinds.map(\.directoryName)))
            if scope != 0, !kinds.isEmpty { instances.entries.insert("\(scope)") }
            if directories[Directory(part: .folder, scope: scope, number: 0)] != nil { root.entries.insert("folders") }
            directories[Directory(part: .root, scope: scope, number: 0)] = root
        }
        if !instances.entries.isEmpty {
            directories[Directory(part: .root, scope: 0, number: 0)]?.entries.insert("instances")
        }
        directories[Directory(part: .instances, scope: 0, number: 0)] = instances
    }

    /// The directories, here before and now, whose times do not tell whether what they list is the same.
    func wrongTimes(after former: DirectoryListings) -> [String] {
        directories.compactMap { directory, now in
            guard let before = former.directories[directory] else { return nil }
            guard directory.scope == 0 || former.active.contains(directory.scope) else { return nil }
            let isRight =
                now.entries == before.entries
                ? now.listed == before.listed : now.time > before.time && now.listed != before.listed
            if isRight { return nil }
            let difference = now.entries.symmetricDifference(before.entries).sorted()
            return "\(directory): \(before.time), then \(now.time), differing in \(difference)"
        }
    }
}
