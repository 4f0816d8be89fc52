import Synchronization

/// What servers said about files since the index was written: shown at once, written behind.
///
/// The answer of a server arrives on the thread that moves all bytes, which may not wait for a disk; and the size must be
/// right before the first byte is given. So it is kept here until the index has it.
final class LearnedSizes: Sendable {
    private let pending = Mutex<[NodeID: Int64]>([:])

    /// The size to show instead of the index's.
    func size(of node: NodeID) -> Int64? { pending.withLock { $0[node] } }

    func note(_ size: Int64, for node: NodeID) { pending.withLock { $0[node] = size } }

    /// The index has it now.
    func stored(_ size: Int64, for node: NodeID) {
        pending.withLock { if $0[node] == size { $0[node] = nil } }
    }

    /// The index has newer news of this node.
    func forget(_ node: NodeID) { pending.withLock { $0[node] = nil } }
}
