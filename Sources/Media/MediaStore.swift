package import Stash

/// The bytes of remote media files in blocks of memory, fetched when they are read, shared by all who read a file.
///
/// A read of bytes in memory is answered on the caller's thread. Every other read is parked here, and the thread that
/// receives the last missing byte answers it; no thread ever waits for a server.
package final class MediaStore: Sendable {
    /// The longest read in bytes: the most pages the kernel puts into one request (256, `fuse_i.h`), 4 KiB each.
    package static let maximumRead = 1 << 20

    /// Times and amounts; the values are those of the design, and tests shorten them.
    package struct Limits: Sendable {
        /// How long a read may be parked. The mount has to answer within 20 s; 2 s are for the way there and back.
        package var deadline: Duration = .seconds(18)
        /// How long an open waits for the first answer of a slow server, before it goes on with the index's size.
        package var openWait: Duration = .milliseconds(500)
        /// How many transfers one server may have at a time: browsers use 6 over HTTP/1.1, so servers expect it.
        package var transfersPerServer = 6

        package init() {}
    }

    private let limits: Limits

    /// - Parameters:
    ///   - memoryLimit: bytes for blocks, at least 4 MiB; all of it is address space at once, memory only when used.
    ///   - onHealthChange: called on a thread of the store, with no lock held, when a server is marked down or is back.
    package init(
        memoryLimit: Int = 128 << 20, limits: Limits = Limits(),
        onHealthChange: @escaping @Sendable (_ server: Int64, ServerHealth) -> Void = { _, _ in }
    ) {
        self.limits = limits
    }

    /// Sets, replaces or (nil) removes the connection to a server.
    ///
    /// What was in memory of that server goes, for the new address may be another catalogue; its parked reads fail with
    /// `.unavailable`, and handles that were open fail from now on: `.changed` after a replacement, `.unavailable`
    /// after a removal.
    package func setServer(_ server: Int64, _ client: StashClient?) {}

    /// Opens a file.
    ///
    /// When the size is not confirmed by the server yet, its first block is fetched at once, for it will be read anyway.
    ///
    /// - Parameters:
    ///   - learned: called exactly once if the server ever answers, before `ready` if that is in time and in any case
    ///     before the first byte is delivered to any read of the file; compare its size with `source.size`.
    ///   - ready: called exactly once, on any thread, perhaps before `open` returns: with what was learned; with nil
    ///     when the server has not answered within `Limits.openWait` (reads may still succeed); or with `.gone`,
    ///     `.refused`, `.unavailable` (the server is down or unknown and nothing of the file is in memory).
    package func open(
        _ source: MediaSource, learned: @escaping @Sendable (LearnedMedia) -> Void,
        ready: @escaping @Sendable (Result<LearnedMedia?, MediaError>) -> Void
    ) -> MediaHandle {
        ready(.failure(.unavailable))
        return MediaHandle(source: source, store: self, id: HandleID(value: 0))
    }

    /// Whether the files of a server can be read at present.
    package func health(of server: Int64) -> ServerHealth {
        .absent
    }

    /// What is in use now; after everything was closed and answered all but `blocks` are zero.
    package func counters() -> MediaCounters {
        MediaCounters()
    }

    /// Fails every parked read with `.unavailable`, ends all transfers and threads, and fails all that comes later.
    package func shutdown() {}

    func read(_ handle: HandleID, offset: Int64, count: Int, sink: any ReadSink) -> ReadTicket? {
        sink.fail(.unavailable)
        return nil
    }

    func close(_ handle: HandleID) {}

    func cancel(_ read: ReadID) {}
}
