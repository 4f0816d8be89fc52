import Library
import Synchronization

/// What servers said about files since the index was written: shown at once, written behind.
///
/// The answer of a server arrives on the thread that moves all bytes, which may not wait for a disk; and the size must be
/// right before the first byte is given. So it is kept here until the index has it.
final class LearnedSizes: Sendable {
    private let pending = Mutex<[NodeNumber: Int64]>([:])

    /// The size to show instead of the index's.
    func size(of member: NodeNumber) -> Int64? { pending.withLock { $0[member] } }

    func note(_ size: Int64, for member: NodeNumber) { pending.withLock { $0[member] = size } }

    /// The index has it now.
    func stored(_ size: Int64, for member: NodeNumber) {
        pending.withLock { if $0[member] == size { $0[member] = nil } }
    }
}

/// When the tree as a whole changed last, in Unix seconds.
final class ChangeTime: Sendable {
    private let seconds: Atomic<Int64>

    init(_ seconds: Int64) { self.seconds = Atomic(seconds) }

    var value: Int64 {
        get { seconds.load(ordering: .relaxed) }
        set { seconds.store(newValue, ordering: .relaxed) }
    }
}
