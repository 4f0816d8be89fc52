import Foundation

/// Held by whoever computes the index's derived tables, or changes under them what they are computed from. The kernel lets
/// it go however the process ends.
package final class DerivationLock: Sendable {
    private let descriptor: Int32

    /// Waits as long as somebody else holds it, in this process or another.
    package init(_ index: IndexDatabase) throws {
        descriptor = open(index.path + ".derive-lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                let reason = "it cannot be locked (\(StateCopy.lastError()))"
                throw StoreError.unusable(path: index.path, reason: reason)
            }
        }
    }

    deinit {
        // A child process between fork and exec has the descriptor, too: closing ours alone would leave it locked (flock(2)).
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
