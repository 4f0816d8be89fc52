/// Who waits for the bytes of one read.
///
/// Exactly one of the two functions is called, exactly once, from any thread and with no lock of the store held: before
/// `MediaHandle.read` returns (a hit, an error), while it returns, or later.
package protocol ReadSink: AnyObject, Sendable {
    /// The bytes, in order. They are fewer than asked for only at the end of the file; empty at or beyond it.
    ///
    /// - Parameter parts: memory of the store, valid until this call returns.
    func deliver(_ parts: [UnsafeRawBufferPointer])
    /// There will be no bytes.
    func fail(_ error: MediaError)
}

/// A read that is waiting for the network; keep it to be able to interrupt the read.
package struct ReadTicket: Sendable {
    let store: MediaStore
    let read: ReadID

    /// Ends the wait: the sink gets `fail(.interrupted)` on this thread, unless its answer is already under way.
    ///
    /// In the race with an answer exactly one of the two reaches the sink. May be called any number of times, at any
    /// time, with no lock held that a sink takes. What nobody else wants any more is no longer fetched.
    package func cancel() {
        store.cancel(read)
    }
}
