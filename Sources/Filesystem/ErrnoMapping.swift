import Fuse
import Media

/// The one place where an error of another module becomes an errno.
extension Errno {
    init(_ error: MediaError) {
        self =
            switch error {
            case .changed: .stale
            case .interrupted: .interrupted
            case .unavailable, .timedOut, .failing, .gone, .refused, .noMemory: .io
            }
    }

    /// Anything that is thrown below an operation: an errno as it is, all else (a database that cannot be read) as EIO.
    init(_ error: any Error) {
        self = error as? Errno ?? .io
    }
}
