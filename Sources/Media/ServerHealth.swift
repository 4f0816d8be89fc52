/// Whether a server's files can be read at present.
package enum ServerHealth: Hashable, Sendable {
    /// Reads are tried.
    case up
    /// Reads fail at once while a probe in the background looks for the server's return.
    case down(since: ContinuousClock.Instant, reason: MediaError)
    /// No such server was set.
    case absent
}
