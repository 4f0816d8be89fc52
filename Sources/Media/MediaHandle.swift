/// One open file, for one open(2); handles of the same source share their blocks.
///
/// It belongs to the version of the file that the server had when its size was first learned: when the server's bytes
/// change, reads of this handle fail with `.changed` for ever, and only a new open sees the new bytes.
package final class MediaHandle: Sendable {
    package let source: MediaSource
    private let way: Way

    private enum Way {
        case one(MediaStore, HandleID)
        case several(Replicas)
    }

    init(source: MediaSource, store: MediaStore, id: HandleID) {
        self.source = source
        way = .one(store, id)
    }

    init(source: MediaSource, _ replicas: Replicas) {
        self.source = source
        way = .several(replicas)
    }

    deinit {
        if case .one(let store, let id) = way { store.close(id) }
    }

    /// Its name in the store; nil when it has several.
    var id: HandleID? {
        if case .one(_, let id) = way { id } else { nil }
    }

    /// Reads `count` bytes at `offset`, fewer at the end of the file.
    ///
    /// When the bytes are in memory, or the read cannot succeed, `sink` is called on this thread before the function
    /// returns nil. Else the function returns at once and the sink is called later, at most
    /// `MediaStore.Limits.deadline` after now. The read keeps what it needs: the handle may be released meanwhile.
    ///
    /// - Parameters:
    ///   - offset: where to read, from 0; at or beyond the end there are no bytes.
    ///   - count: at most `MediaStore.maximumRead` bytes.
    ///   - sink: who is answered, exactly once.
    /// - Returns: what interrupts the wait, or nil when the sink was called already.
    package func read(offset: Int64, count: Int, sink: any ReadSink) -> ReadTicket? {
        read(offset: offset, count: count, sink: sink, by: nil)
    }

    func read(
        offset: Int64, count: Int, sink: any ReadSink, by deadline: ContinuousClock.Instant?
    ) -> ReadTicket? {
        switch way {
        case .one(let store, let id): store.read(id, offset: offset, count: count, sink: sink, by: deadline)
        case .several(let replicas): replicas.read(offset: offset, count: count, sink: sink)
        }
    }

    /// Ends the handle early; reads that wait are still answered, later ones fail with `.unavailable`.
    ///
    /// Read-ahead that only this handle wanted stops. Called again, or followed by deinit, it does nothing.
    package func close() {
        switch way {
        case .one(let store, let id): store.close(id)
        case .several(let replicas): replicas.close()
        }
    }
}

/// Who waits for the bytes of one read.
///
/// Exactly one of the functions is called, exactly once, from any thread and with no lock of the store held: before
/// `MediaHandle.read` returns (a hit, an error), while it returns, or later.
package protocol ReadSink: AnyObject, Sendable {
    /// The bytes, in order. They are fewer than asked for only at the end of the file; empty at or beyond it.
    ///
    /// - Parameter parts: memory of the store, valid until this call returns.
    func deliver(_ parts: [UnsafeRawBufferPointer])
    /// There will be no bytes.
    func fail(_ error: MediaError)
    /// It takes longer than usual, or was tried once in vain; the answer is still to come. At most once, and perhaps even
    /// behind the answer, on any thread and with no lock of the store held.
    func delayed()
}

extension ReadSink {
    package func delayed() {}
}

/// A read that is waiting for the network; keep it to be able to interrupt the read.
package struct ReadTicket: Sendable {
    private enum Wait {
        case one(MediaStore, ReadID)
        case relayed(RelayedRead)
    }

    private let wait: Wait

    init(store: MediaStore, read: ReadID) { wait = .one(store, read) }

    init(_ read: RelayedRead) { wait = .relayed(read) }

    /// Ends the wait: the sink gets `fail(.interrupted)` on this thread, unless its answer is already under way.
    ///
    /// In the race with an answer exactly one of the two reaches the sink. May be called any number of times, at any
    /// time, with no lock held that a sink takes. What nobody else wants any more is no longer fetched.
    package func cancel() {
        switch wait {
        case .one(let store, let read): store.cancel(read)
        case .relayed(let read): read.cancel()
        }
    }
}
