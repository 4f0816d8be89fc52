import Fuse
import Synchronization

/// A directory that somebody reads. It holds no more of it than one batch, however many entries there are.
final class OpenDirectory: Sendable {
    /// Entries behind a place, without a gap.
    private struct Batch {
        var start: Place
        var entries: [Listed]
    }

    /// About what the kernel takes at once.
    private static let batch = 256

    private let node: NodeID
    private let parent: NodeID
    private let state = Mutex<Batch?>(nil)

    init(_ node: NodeID, parent: NodeID) {
        self.node = node
        self.parent = parent
    }

    /// Packs entries from a place on, as many as there is room for.
    func read(
        from start: Place, _ tree: Tree, _ appearance: Appearance, _ reply: inout DirectoryReply
    ) throws {
        var place = start
        if place == .start {
            // Who starts again sees what is there now.
            state.withLock { $0 = nil }
            guard reply.add(".", inode: node.inode, kind: .directory, offset: Place.afterDot.rawValue) else { return }
            place = .afterDot
        }
        if place == .afterDot {
            let offset = Place.afterDots.rawValue
            guard reply.add("..", inode: parent.inode, kind: .directory, offset: offset) else { return }
            place = .afterDots
        }
        while true {
            let entries = try entries(behind: place, tree)
            if entries.isEmpty { return }
            for listed in entries {
                let attributes = appearance.entryAttributes(listed.entry)
                guard reply.add(listed.entry.name, attributes, offset: listed.place.rawValue) else { return }
                place = listed.place
            }
        }
    }

    /// Some entries behind a place; none at the end.
    private func entries(behind place: Place, _ tree: Tree) throws -> ArraySlice<Listed> {
        try state.withLock { batch in
            if let known = batch, known.start <= place,
                let next = known.entries.firstIndex(where: { $0.place > place })
            {
                return known.entries[next...]
            }
            let fresh = Batch(
                start: place, entries: try tree.entries(of: node, behind: place, limit: Self.batch))
            batch = fresh
            return fresh.entries[...]
        }
    }
}
