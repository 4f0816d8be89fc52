import Synchronization

/// What was done and when: what an error may be explained by.
final class Incidents: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct Incident {
        let start: Instant
        var end: Instant?
    }

    /// How long an error may come after its reason: no operation takes longer than this, and a server that was down is seen
    /// to be back in less.
    static let echo = Duration.seconds(20)

    private let incidents = Mutex<[String: [Incident]]>([:])

    func begin(_ what: String) {
        incidents.withLock { $0[what, default: []].append(Incident(start: .now)) }
    }

    func end(_ what: String) {
        incidents.withLock { incidents in
            for index in incidents[what, default: []].indices where incidents[what]?[index].end == nil {
                incidents[what]?[index].end = .now
            }
        }
    }

    /// Whether it happened since then, or still had its effect.
    func explain(_ what: String, since start: Instant) -> Bool {
        incidents.withLock { incidents in
            incidents[what, default: []].contains { $0.end.map { $0 + Self.echo >= start } ?? true }
        }
    }

    /// Whether it ever happened.
    func explain(_ what: String) -> Bool { incidents.withLock { $0[what] != nil } }
}
