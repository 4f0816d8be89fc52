import NIOCore
import Synchronization

/// When bytes may leave at a given rate: each reservation takes its place behind the one before. Times are nanoseconds.
///
/// Reservations count from when the bytes before them were due, not from when a timer fired: a late timer lowers no rate.
package struct Pace: Sendable {
    /// What a sender that fell behind may catch up with. More would come as a burst after it had been held up by its reader.
    package static let slack: Int64 = 20_000_000

    private let bytesPerSecond: Int
    private var free: Int64 = .min

    package init(_ bytesPerSecond: Int) {
        self.bytesPerSecond = max(1, bytesPerSecond)
    }

    /// When the last of so many bytes has passed, if the first was ready at `ready`.
    package mutating func reserve(_ bytes: Int64, ready: Int64) -> Int64 {
        free = max(free, ready) + Int64(Double(bytes) * 1e9 / Double(bytesPerSecond))
        return free
    }

    /// Bytes to send at a time. Pieces of about a two-hundredth of a second keep the pace even, and 16 KiB of every
    /// connection in turn share a link fairly.
    package var largestPiece: Int64 { Int64(max(1, min(bytesPerSecond / 200, 16_384))) }
}

/// The network that a server simulates: a round trip, and a bandwidth that all its connections share.
///
/// A connection asks for one piece at a time, and pieces pass in the order of asking: so the connections take turns.
package final class Link: Sendable {
    /// Nanoseconds between a request and the first byte of its answer, and once more for opening a connection.
    private let roundTrip: Int64
    private let shared: Mutex<Pace>?
    /// `nil` when nothing is shared.
    let largestPiece: Int64?

    package init(_ configuration: FakeStash.Configuration) {
        roundTrip = Int64(configuration.latencyMilliseconds) * 1_000_000
        let pace = configuration.totalBandwidth.map { Pace($0) }
        largestPiece = pace?.largestPiece
        shared = pace.map { Mutex($0) }
    }

    /// The time that a link counts in.
    static var now: Int64 { Int64(NIODeadline.now().uptimeNanoseconds) }

    /// How long the answer to a request of `now` is on its way, over a connection that was opened at `opened`.
    package func delay(opened: Int64, now: Int64) -> Int64 {
        // The handshake takes a round trip, which on one machine it does not: what is left of it is added.
        max(0, opened + roundTrip - now) + roundTrip
    }

    /// When a piece has passed the shared part; at once where there is none.
    package func reserve(_ bytes: Int64, ready: Int64) -> Int64 {
        shared?.withLock { $0.reserve(bytes, ready: ready) } ?? ready
    }
}
