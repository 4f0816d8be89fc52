internal import CFuse
internal import Glibc

/// Something that waits with a reply and wants to hear when the process that asked is no longer interested.
package protocol Interruptible: AnyObject, Sendable {
    /// The kernel asks for an early end (a signal reached the waiting process, FUSE_INTERRUPT): answer now, usually
    /// `fail(.interrupted)`. Comes at most once, on a thread of libfuse, maybe at the very moment at which the reply is
    /// consumed elsewhere; so it has to look whether there is still something to answer. The reply may be consumed in here.
    func interrupted()
}

/// What every reply has in common.
package protocol Reply: ~Copyable, Sendable {
    /// Answers with an error, which the system call returns.
    consuming func fail(_ error: Errno)

    /// Asks to be told when the request is interrupted; a later object replaces an earlier one. The object is let go when the
    /// reply is consumed. False when the interrupt has come already: then the object will not be told, and the caller should
    /// fail the reply itself. Calls nothing of the file system, so it may be used under a lock.
    borrowing func onInterrupt(_ object: any Interruptible) -> Bool
}

/// The right to answer one request, and the duty: it is spent exactly once, and when it is dropped it answers EIO.
///
/// How an interrupt meets an answer (lib/fuse_lowlevel.c of libfuse 3.14). libfuse calls the interrupt function from
/// `find_interrupted`, holding the request's lock and a count on the request, but not the session's lock.
/// - Each `fuse_reply_*` takes only the session's lock, and frees the request only when the count is back to zero. So an
///   answer from inside the interrupt function neither deadlocks nor frees the request under libfuse's feet.
/// - An answer elsewhere does not wait for an interrupt function that runs; whatever `data` points to would have to outlive
///   both. So `data` stays nil, and the object is found in the connection's table by the request's address. That address
///   cannot have passed to another request while the function runs, because of the count; and an answered request has left
///   the table before it can be freed.
/// - `fuse_req_interrupt_func` takes the request's lock and may call the function from within. It is used once, before the
///   file system sees the request, so it never meets a lock of the file system's.
///
/// Sendable, because a `fuse_req_t` may be answered from any thread, and because a value that cannot be copied is in one
/// thread's hands at a time.
struct Ticket: ~Copyable, @unchecked Sendable {
    private let request: fuse_req_t
    // Held for as long as the answer is owed: libfuse's session must outlive its requests. Counted by hand, because a value
    // that has a deinit can be discarded only if its members need no cleaning up.
    private let connection: Unmanaged<Connection>
    private let operation: Operation
    private let start: Int64

    init(_ request: fuse_req_t, _ operation: Operation, of connection: Connection) {
        self.request = request
        self.operation = operation
        self.connection = Unmanaged.passRetained(connection)
        start = Operations.now()
        fuse_req_interrupt_func(request, { request, _ in Callbacks.interrupt(request) }, nil)
    }

    /// Sends what the closure makes of the request, which says `code`: 0 for success, else an errno. Returns 0, or a negative
    /// errno when the kernel did not take it: -ENOENT when the process that asked has gone away in the meantime.
    @discardableResult
    consuming func spend(code: Int32 = 0, _ answer: (fuse_req_t) -> Int32) -> Int32 {
        let (request, connection, operation, start) = (request, connection, operation, start)
        discard self
        connection._withUnsafeGuaranteedRef { _ = $0.interrupts.take(request) }
        let result = answer(request)
        connection._withUnsafeGuaranteedRef { $0.operations.answered(operation, code, since: start) }
        connection.release()
        return result
    }

    consuming func fail(_ error: Errno) {
        // libfuse accepts 1 to 999. Success without the answer's data would leave the kernel with a malformed answer.
        let code =
            switch error.rawValue {
            case ENOSYS: EOPNOTSUPP
            case 1..<1000: error.rawValue
            default: EIO
            }
        spend(code: code) { fuse_reply_err($0, code) }
    }

    borrowing func onInterrupt(_ object: any Interruptible) -> Bool {
        let (request, connection) = (request, connection)
        return connection._withUnsafeGuaranteedRef {
            $0.interrupts.register(object, for: request)
            // libfuse notes the interrupt before it calls the function. So either it is seen here, or the function comes
            // after the object is in the table; where both happen, the one who takes the object out of the table acts.
            return fuse_req_interrupted(request) == 0 || $0.interrupts.take(request) == nil
        }
    }

    deinit {
        connection._withUnsafeGuaranteedRef { _ = $0.interrupts.take(request) }
        fuse_reply_err(request, EIO)
        connection._withUnsafeGuaranteedRef { $0.operations.answered(operation, EIO, since: start) }
        connection.release()
    }
}
