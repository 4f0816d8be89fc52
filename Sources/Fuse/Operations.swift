internal import CFuse
internal import CoreMetrics
internal import Glibc

/// What the kernel asks for, by its own names.
enum Operation: UInt8, CaseIterable, Sendable {
    case lookup
    case getattr
    case setattr
    case readlink
    case mknod
    case mkdir
    case symlink
    case link
    case create
    case unlink
    case rmdir
    case rename
    case open
    case read
    case opendir
    case readdir
    case readdirplus
    case statfs
    case access
    case setxattr
    case getxattr
    case listxattr
    case removexattr
}

/// Counts what the kernel asked for, how it was answered, and how long that took.
///
/// Everything is made in advance, so that counting takes neither a lock nor memory: some atomic additions an answer.
final class Operations: Sendable {
    /// The answers that are told apart; the others are counted together.
    private static let named: [(code: Int32, name: String)] = [
        (0, "ok"), (ENOENT, "ENOENT"), (EIO, "EIO"), (EINTR, "EINTR"), (ENODATA, "ENODATA"), (EROFS, "EROFS"),
        (EACCES, "EACCES"), (EPERM, "EPERM"), (ESTALE, "ESTALE"), (EINVAL, "EINVAL"), (ERANGE, "ERANGE"),
        (EOPNOTSUPP, "EOPNOTSUPP"), (EEXIST, "EEXIST"), (ENOTDIR, "ENOTDIR"), (ENOTCONN, "ENOTCONN"),
        (ENAMETOOLONG, "ENAMETOOLONG"), (-1, "other"),
    ]

    private struct Meters: Sendable {
        let answers: [Counter]
        let duration: Timer
    }

    private let meters: [Meters]
    /// From an errno to the place of its counter.
    private let places: [UInt8]

    init() {
        meters = Operation.allCases.map { operation in
            Meters(
                answers: Self.named.map { result in
                    Counter(
                        label: "peekfs_operations_total",
                        dimensions: [("operation", operation.name), ("result", result.name)])
                },
                duration: Timer(
                    label: "peekfs_operation_duration_seconds", dimensions: [("operation", operation.name)]))
        }
        var places = [UInt8](repeating: UInt8(Self.named.count - 1), count: 256)
        for (place, result) in Self.named.enumerated() where result.code >= 0 {
            places[Int(result.code)] = UInt8(place)
        }
        self.places = places
    }

    /// An operation that began then was answered with this errno; 0 is success.
    func answered(_ operation: Operation, _ code: Int32, since start: Int64) {
        let meters = meters[Int(operation.rawValue)]
        meters.answers[Int(places[Int(min(code, 255))])].increment()
        meters.duration.recordNanoseconds(Self.now() - start)
    }

    /// Nanoseconds of a clock that goes on evenly.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

extension Operation {
    /// As the metrics name it.
    fileprivate var name: String { "\(self)" }
}
