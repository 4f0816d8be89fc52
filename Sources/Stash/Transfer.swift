/// Who receives the bytes of one media request.
///
/// All calls come on the engine's one thread, in this order: `began` at most once, `received` and `paused` any number of
/// times, `ended` once. They must return soon: while one runs, no other transfer of any server moves. `cancel()` may be called
/// from within. None of them comes after `Transfer.cancel()` has returned, `ended` included.
package protocol TransferSink: AnyObject, Sendable {
    /// An acceptable answer has begun. An answer that must not be used never gets here.
    func began(_ head: MediaHead)
    /// The next bytes of the body, without gaps; the memory is valid during the call only. Curl gives 16 KiB at a time
    /// (CURL_MAX_WRITE_SIZE), so what is costly is better done in `paused`.
    ///
    /// The last five bytes of the body are held back until it is known that the body is complete, because a killed
    /// stream ends in five bytes that are not the file's (Stash 4.2).
    func received(_ bytes: UnsafeRawBufferPointer)
    /// For the moment there is no more: what has been received may be put to use. It may come twice, and need not come
    /// before `ended`.
    func paused()
    /// Nil when every byte of the range was received.
    func ended(_ error: StashError?)
}

extension TransferSink {
    package func paused() {}
}

/// One running media request, for whoever may want to end it early.
package final class Transfer: Sendable {
    private let exchange: Exchange
    private let meter: RequestMeter?

    init(_ exchange: Exchange, meter: RequestMeter? = nil) {
        self.exchange = exchange
        self.meter = meter
    }

    /// Ends the request; may be called from any thread and more than once.
    ///
    /// When it returns, no call of the sink is running or will come, unless it is called from within one. So it waits
    /// for a running call of the sink: never call it with a lock held that the sink takes.
    /// - Returns: True when this call ended the request; false when `ended` was already delivered.
    @discardableResult
    package func cancel() -> Bool {
        let isEnded = exchange.cancel()
        if isEnded { meter?.ended(.media, .cancelled) }
        return isEnded
    }
}

/// How long each part of a request may take.
package struct TransferTimeouts: Sendable, Hashable {
    /// Name, TCP and TLS.
    package var connect: Duration
    /// From the sent request to the first byte of the answer.
    package var firstByte: Duration
    /// The longest silence inside an answer.
    package var stall: Duration
    /// The whole request, or nil when only silence counts.
    package var total: Duration?

    package init(connect: Duration, firstByte: Duration, stall: Duration, total: Duration? = nil) {
        self.connect = connect
        self.firstByte = firstByte
        self.stall = stall
        self.total = total
    }

    /// Disks spin up in less than 15 s; a player waits no longer than that anyway.
    package static let media = TransferTimeouts(
        connect: .seconds(5), firstByte: .seconds(15), stall: .seconds(10))

    /// Pages of a large library take seconds and the server itself has no time limit (Stash 7).
    package static let graphQL = TransferTimeouts(
        connect: .seconds(5), firstByte: .seconds(90), stall: .seconds(30), total: .seconds(120))

    /// What a person waits for at a prompt.
    package static let test = TransferTimeouts(
        connect: .seconds(5), firstByte: .seconds(15), stall: .seconds(10), total: .seconds(30))
}

/// Lets another thread end the blocking calls that were given it, now and in the future.
package final class Cancellation: Sendable {
    private struct State {
        var isCancelled = false
        var nextKey = 0
        var handlers: [Int: @Sendable () -> Void] = [:]
    }

    private let state = Lock(State())

    package init() {}

    package var isCancelled: Bool { state.withLock { $0.isCancelled } }

    /// Every call that waits with this token throws `.cancelled`, and so does every later one.
    package func cancel() {
        let handlers = state.withLock { state in
            state.isCancelled = true
            defer { state.handlers = [:] }
            return Array(state.handlers.values)
        }
        for handler in handlers { handler() }
    }

    /// Registers what ends a wait; runs it at once when the token is already cancelled.
    func onCancel(_ handler: @escaping @Sendable () -> Void) -> Int? {
        let key: Int? = state.withLock { state in
            guard !state.isCancelled else { return nil }
            state.nextKey += 1
            state.handlers[state.nextKey] = handler
            return state.nextKey
        }
        if key == nil { handler() }
        return key
    }

    func remove(_ key: Int?) {
        guard let key else { return }
        state.withLock { _ = $0.handlers.removeValue(forKey: key) }
    }
}
