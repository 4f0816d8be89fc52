import NIOCore
import Synchronization

/// When bytes may leave at a given rate: each reservation takes its place behind the one before.
///
/// Reservations count from when the bytes before them were due, not from when a timer fired: a late timer lowers no rate.
struct Pace: Sendable {
    /// What a sender that fell behind may catch up with. More would come as a burst after it had been held up by its reader.
    static let slack = TimeAmount.milliseconds(20)

    private let bytesPerSecond: Int
    private var free: NIODeadline = .distantPast

    init(_ bytesPerSecond: Int) {
        self.bytesPerSecond = max(1, bytesPerSecond)
    }

    /// When the last of so many bytes has passed, if the first was ready at `ready`.
    mutating func reserve(_ bytes: Int64, ready: NIODeadline) -> NIODeadline {
        free = max(free, ready) + .nanoseconds(Int64(Double(bytes) * 1e9 / Double(bytesPerSecond)))
        return free
    }

    /// Pieces of about a two-hundredth of a second keep the pace even; 16 KiB of every connection in turn share a link
    /// fairly.
    var largestPiece: Int64 { Int64(max(1, min(bytesPerSecond / 200, 16_384))) }
}

/// The network that a server simulates: a round trip, and a bandwidth that all its connections share.
///
/// A connection asks for one piece at a time, and pieces pass in the order of asking: so the connections take turns.
final class Link: Sendable {
    /// Between a request and the first byte of its answer, and once more for opening a connection.
    let roundTrip: TimeAmount
    private let shared: Mutex<Pace>?
    /// `nil` when nothing is shared.
    let largestPiece: Int64?

    init(_ configuration: FakeStash.Configuration) {
        roundTrip = .milliseconds(Int64(configuration.latencyMilliseconds))
        let pace = configuration.totalBandwidth.map { Pace($0) }
        largestPiece = pace?.largestPiece
        shared = pace.map { Mutex($0) }
    }

    /// How long the answer to a request that came just now is on its way, over a connection that was opened at `opened`.
    func delay(opened: NIODeadline) -> TimeAmount {
        // The handshake takes a round trip, which on this machine it does not: what is left of it is added.
        max(.nanoseconds(0), opened + roundTrip - .now()) + roundTrip
    }

    /// When a piece has passed the shared part; at once where there is none.
    func reserve(_ bytes: Int64, ready: NIODeadline) -> NIODeadline {
        shared?.withLock { $0.reserve(bytes, ready: ready) } ?? ready
    }
}
