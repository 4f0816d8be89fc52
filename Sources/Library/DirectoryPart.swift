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

extension Catalogue {
    /// When what a directory lists changed last, in Unix seconds; nil when it did not since the index was made.
    package func listed(_ part: DirectoryPart, _ scope: Scope = .merged, _ number: Int64 = 0) throws -> Int64? {
        try read { db in
            try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT time FROM listed WHERE part = ? AND scope = ? AND number = ?"),
                arguments: [part.rawValue, scope.rawValue, number])
        }
    }
}
