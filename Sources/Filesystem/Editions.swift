import Media
import Synchronization

/// Which edition of each file the tree shows: the number grows when the file has other bytes than before.
///
/// The kernel knows each edition as an inode of its own. It keeps pages by inode, and all who have an inode open share them: were a
/// replaced file the same inode, who opened the old one would find pages of the new one that somebody else has read meanwhile.
/// So an inode has the bytes of one edition for as long as the kernel remembers it. Whatever it asks about an older edition is
/// answered with ESTALE; a path then leads it to the present one without who asked noticing (open(2), stat(2) and their
/// likes look the name up again), and only who has the old one open sees the error.
final class Editions: Sendable {
    /// What an edition of a file is.
    struct Content: Sendable {
        /// Which file of which server, and its size.
        let source: MediaSource
        /// What the index said of its last change, in Unix seconds.
        let modified: Int64
        /// What the file's own server said of it; nil while there is only the index's word.
        let learned: LearnedMedia?

        /// Whether both have the same bytes, as far as that is known.
        func isSame(as other: Content) -> Bool {
            switch (learned, other.learned) {
            case (let learned?, let others?): learned.version == others.version
            case (let learned?, nil): learned.isFile(size: other.source.size, modified: other.modified)
            case (nil, let others?): others.isFile(size: source.size, modified: modified)
            case (nil, nil): source == other.source && modified == other.modified
            }
        }
    }

    enum Verdict {
        /// The edition's own bytes.
        case same
        /// Other bytes than the edition has.
        case other
        /// There is a newer edition already.
        case outdated
    }

    private struct State {
        /// Those that are not the first one.
        var current: [NodeID: UInt8] = [:]
        /// What the present edition is, once that is known: the kernel may have pages of it.
        var contents: [NodeID: Content] = [:]
    }

    private let state = Mutex(State())
    /// Whether there is anything to know: a listing of many asks for each of them.
    private let isUsed = Atomic(false)

    /// The present edition as the kernel may be told of it.
    struct Present {
        let number: UInt8
        /// Once it is known; nil before. It stays, whatever the index says meanwhile: the last page that the kernel has of an
        /// edition ends in zeros, and a larger size would make content of them.
        let size: Int64?
    }

    func present(_ node: NodeID) -> Present {
        guard isUsed.load(ordering: .acquiring) else { return Present(number: 0, size: nil) }
        return state.withLock { Present(number: $0.current[node] ?? 0, size: $0.contents[node]?.source.size) }
    }

    /// Notes what the bytes are that an open file of an edition is about to give.
    ///
    /// - Returns: Whether it may give them, which is when they are the `same`. With `other` the next edition has begun.
    func settle(_ node: NodeID, _ edition: UInt8, _ content: Content) -> Verdict {
        state.withLock { state in
            guard state.current[node] ?? 0 == edition else { return .outdated }
            let isOther = state.contents[node].map { !$0.isSame(as: content) } ?? false
            if isOther { advance(node, &state) }
            state.contents[node] = content
            isUsed.store(true, ordering: .releasing)
            return isOther ? .other : .same
        }
    }

    /// Whether an open file of an edition may give bytes of the file that the index knows, which another server has. Not when the
    /// file's own server was seen to have another one since: that is news, and the index is behind.
    func admits(_ node: NodeID, _ edition: UInt8, _ indexed: Content) -> Verdict {
        state.withLock { state in
            guard state.current[node] ?? 0 == edition else { return .outdated }
            if let known = state.contents[node] { return known.isSame(as: indexed) ? .same : .other }
            state.contents[node] = indexed
            isUsed.store(true, ordering: .releasing)
            return .same
        }
    }

    /// What the kernel may have pages of, of one node.
    func content(_ node: NodeID) -> Content? { state.withLock { $0.contents[node] } }

    /// What the kernel may have pages of.
    var contents: [NodeID: Content] { state.withLock { $0.contents } }

    /// The file has other bytes from now on, and nobody has said which.
    func replace(_ node: NodeID) { state.withLock { advance(node, &$0) } }

    /// The kernel has no pages of an edition any more.
    func forget(_ node: NodeID, _ edition: UInt8) {
        state.withLock { if $0.current[node] ?? 0 == edition { $0.contents[node] = nil } }
    }

    /// After 256 editions the first number comes again: nobody has had a file open since then.
    private func advance(_ node: NodeID, _ state: inout State) {
        state.current[node] = (state.current[node] ?? 0) &+ 1
        state.contents[node] = nil
        isUsed.store(true, ordering: .releasing)
    }
}
