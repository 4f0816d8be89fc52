import GRDB

/// What a directory lists, as its time is kept: when the last entry came, went or got another name.
package enum DirectoryPart: Int64, Sendable {
    /// What stands for an entity or a member, by its number in the tree.
    case entity = 0
    /// All of a kind in a tree, by the kind's number.
    case kind = 1
    /// The top of a tree.
    case root = 2
    /// The instances that have anything to show.
    case instances = 3
    /// A folder of an instance by its number; 0 is the top.
    case folder = 4
    /// A performer's galleries; the number is that of `Kind.gallery`, as with the next one.
    case galleries = 5
    case images = 7
}

/// Something of the tree that is not as it was.
package enum Notice: Hashable, Sendable {
    /// A directory lists something else.
    case directory(DirectoryPart, Scope, Int64)
    /// A name in a directory leads somewhere else or nowhere. Where a place in an order stands in front of names, the place
    /// is told apart.
    case entry(DirectoryPart, Scope, Int64, name: String, position: Int64?)
    /// The file of a member.
    case file(NodeNumber)
}

extension Catalogue {
    /// What has changed since a generation of the index, as far as it was written down: not when it was very much, and only the last
    /// generations.
    package func notices(since generation: Int64) throws -> Set<Notice> {
        let rows = try read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: "SELECT part, scope, number, name, position FROM notice WHERE generation > ?"),
                arguments: [generation])
        }
        return Set(
            rows.compactMap { row in
                let (scope, number) = (Scope(rawValue: row["scope"]), row["number"] as Int64)
                guard let raw = row["part"] as Int64? else { return .file(NodeNumber(number)) }
                guard let part = DirectoryPart(rawValue: raw) else { return nil }
                guard let name = row["name"] as String? else { return .directory(part, scope, number) }
                return .entry(part, scope, number, name: name, position: row["position"])
            })
    }

    /// When what a directory lists changed last, in Unix seconds; nil when it did not since the index was made.
    package func listed(_ part: DirectoryPart, _ scope: Scope = .merged, _ number: Int64 = 0) throws -> Int64? {
        try read { db in
            try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT time FROM listed WHERE part = ? AND scope = ? AND number = ?"),
                arguments: [part.rawValue, scope.rawValue, number])
        }
    }
}
