import Glibc
import Stash

/// A file at one server of which others may have copies that are the same byte for byte.
package struct Replica: Sendable {
    /// Where it is; its size is known.
    package let source: MediaSource
    /// The version that the index remembers (`LearnedMedia.version`), or nil.
    package let indexed: String?
    /// When the file was last written, as the server's scan saw it, in Unix seconds: the scan that took the fingerprint by
    /// which it is known to be equal to others.
    package let modified: Int64

    package init(source: MediaSource, indexed: String?, modified: Int64) {
        self.source = source
        self.indexed = indexed
        self.modified = modified
    }

    /// Whether what a server serves is what the index knows of it. A fingerprint says nothing of a file that was replaced
    /// after it was taken; the time of its last change tells, which Stash sends as Last-Modified (Stash 4.1, F and I).
    func isProven(by version: Validator) -> Bool {
        LearnedMedia(version).isFile(size: source.size, modified: modified)
    }

    /// RFC 9110 section 5.6.7.
    static func httpDate(_ seconds: Int64) -> String {
        var time = time_t(seconds)
        var parts = tm()
        guard gmtime_r(&time, &parts) != nil else { return "" }
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = "\(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900)"
        return
            "\(days[Int(parts.tm_wday)]), \(date) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
    }
}

/// The servers from which one open file is read: its own, and those that have copies.
///
/// Bytes of two servers never come together unless both are proven to serve what their fingerprints say: what one handle gives
/// is one file.
final class Replicas: Sendable {
    /// Place 0 is the file's own server; those behind it are in the order in which they should be asked.
    private struct Place {
        let replica: Replica
        /// Nil until it is needed.
        var handle: MediaHandle?
        /// Its server has another file there by now.
        var isUnfit = false
        var isProven = false
    }

    private enum Served {
        case nothing
        /// Bytes that are the same at all places which are proven.
        case proven
        /// Bytes of the own server that may be another file than the index knows.
        case alone
    }

    private struct State {
        var places: [Place]
        var hasLooked = false
        /// From where bytes came last.
        var current = 0
        var served = Served.nothing
    }

    private let store: MediaStore
    private let find: @Sendable () -> [Replica]
    private let copied: @Sendable () -> Bool
    private let state: Lock<State>

    /// `adopt` brings the handle of `own`, the file at its own server; `find` looks up the copies, once, when they are needed, on
    /// a thread that may wait; `copied` says whether bytes of a copy may be given.
    init(
        store: MediaStore, own: Replica, copied: @escaping @Sendable () -> Bool,
        find: @escaping @Sendable () -> [Replica]
    ) {
        self.store = store
        self.copied = copied
        self.find = find
        state = Lock(State(places: [Place(replica: own)]))
    }

    func adopt(_ handle: MediaHandle) {
        state.withLock { $0.places[0].handle = handle }
    }

    func read(offset: Int64, count: Int, sink: any ReadSink) -> ReadTicket? {
        RelayedRead(store: store, self, offset: offset, count: count, sink: sink).start()
    }

    func close() {
        for handle in state.withLock({ $0.places.compactMap(\.handle) }) { handle.close() }
    }

    /// From where to read first.
    var current: Int { state.withLock { $0.current } }

    /// Looks the copies up; whether there are any. May wait for a database.
    func look() -> Bool {
        if state.withLock({ $0.hasLooked }) { return state.withLock { $0.places.count > 1 } }
        let found = find()
        return state.withLock { state in
            if !state.hasLooked { state.places += found.map { Place(replica: $0) } }
            state.hasLooked = true
            return state.places.count > 1
        }
    }

    /// A place that was not tried yet. May wait for a database.
    func place(besides tried: Set<Int>) -> Int? {
        _ = look()
        return state.withLock { state in
            guard state.served != .alone else { return nil }
            return state.places.indices.first { !tried.contains($0) && !state.places[$0].isUnfit }
        }
    }

    /// The handle at a place, opened when it was not.
    func handle(at place: Int) -> MediaHandle {
        let (known, replica) = state.withLock { ($0.places[place].handle, $0.places[place].replica) }
        if let known { return known }
        // What it is shows before its first byte is given (`admit`).
        let new = store.open(replica.source, indexed: replica.indexed, learned: { _ in }, ready: { _ in })
        let kept = state.withLock { state in
            let handle = state.places[place].handle ?? new
            state.places[place].handle = handle
            return handle
        }
        // Closed, if another thread was faster, when no lock is held.
        return withExtendedLifetime(new) { kept }
    }

    /// Whether bytes from a place may be given; from then on reads begin there.
    func admit(_ place: Int) -> Bool {
        let (handle, replica, isKnown) = state.withLock { state in
            let there = state.places[place]
            return (there.handle, there.replica, there.isProven || place == 0 && state.served == .alone)
        }
        let isProven = isKnown || (handle.flatMap { store.version(of: $0) }.map(replica.isProven(by:)) ?? false)
        let isRefused = place > 0 && isProven && !isKnown && !copied()
        return state.withLock { state in
            if isRefused {
                state.places[place].isUnfit = true
                return false
            }
            switch (state.served, place, isProven) {
            case (.alone, 0, _): break
            case (.nothing, 0, false): state.served = .alone
            case (.nothing, _, true), (.proven, _, true):
                state.served = .proven
                state.places[place].isProven = true
            case (.alone, _, _), (.proven, _, false), (.nothing, _, false):
                state.places[place].isUnfit = place > 0
                return false
            }
            state.current = place
            return true
        }
    }
}
