import FakeStash
import Synchronization

/// One thing of one server, as `user.peekfs.id` spells it: `attic:scene:3`.
struct Ref: Hashable, Sendable, CustomStringConvertible {
    let server: String
    let kind: Kind
    let id: Int

    init(server: String, kind: Kind, id: Int) {
        self.server = server
        self.kind = kind
        self.id = id
    }

    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":")
        guard parts.count == 3, let kind = Kind(rawValue: String(parts[1])), let id = Int(parts[2]) else { return nil }
        self.init(server: String(parts[0]), kind: kind, id: id)
    }

    var description: String { "\(server):\(kind.rawValue):\(id)" }
}

/// The bytes that something had from some moment on.
struct Version: Hashable, Sendable, CustomStringConvertible {
    let identity: UInt64
    let size: Int64

    func bytes(_ offset: Int64, _ count: Int) -> [UInt8] {
        MediaBytes(identity: identity, size: size).bytes(from: offset, count: count)
    }

    var description: String { "\(String(identity, radix: 16)) of \(size) bytes" }
}

/// What every file of every server has held since the beginning.
final class Truth: Sendable {
    private struct Entry {
        let version: Version
        let since: ContinuousClock.Instant
    }

    /// Newest last.
    private let entries = Mutex<[Ref: [Entry]]>([:])

    func add(_ server: String, _ entry: ManifestEntry) {
        let ref = Ref(server: server, kind: entry.kind, id: entry.id)
        let version = Version(identity: entry.identity, size: entry.size)
        entries.withLock { $0[ref, default: []].append(Entry(version: version, since: .now)) }
    }

    func knows(_ ref: Ref) -> Bool { entries.withLock { $0[ref] != nil } }

    /// Everything that any of these things ever held.
    func versions(of refs: Set<Ref>) -> Set<Version> {
        entries.withLock { entries in Set(refs.flatMap { entries[$0, default: []].map(\.version) }) }
    }

    /// What they hold now.
    func present(_ refs: Set<Ref>) -> Set<Version> {
        entries.withLock { entries in Set(refs.compactMap { entries[$0]?.last?.version }) }
    }

    /// Whether one of them was given other bytes since then.
    func isReplaced(_ refs: Set<Ref>, since start: ContinuousClock.Instant) -> Bool {
        entries.withLock { entries in
            refs.contains { ref in entries[ref, default: []].dropFirst().contains { $0.since >= start } }
        }
    }
}
