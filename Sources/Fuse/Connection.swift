internal import CFuse
internal import Glibc
internal import Synchronization

/// libfuse's session and the file system that answers it. Lives until the last reply is answered, because libfuse's requests
/// point into its session.
///
/// Sendable: the pointer never changes, and libfuse locks what is behind it.
final class Connection: @unchecked Sendable {
    let fileSystem: any FileSystem
    let interrupts = Interrupts()
    let operations = Operations()
    let gate = Gate()
    private var pointer: OpaquePointer?
    /// /dev/null, opened early so that `close` cannot fail for want of descriptors.
    private let sink = open("/dev/null", O_RDWR | O_CLOEXEC)

    /// Nil when libfuse does not know one of the arguments, or has no memory; it writes the reason to stderr.
    init?(fileSystem: any FileSystem, arguments: [String]) {
        self.fileSystem = fileSystem
        var table = Callbacks.table
        var texts: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        var list = fuse_args(argc: Int32(texts.count), argv: nil, allocated: 0)
        texts.append(nil)
        let me = Unmanaged.passUnretained(self).toOpaque()
        pointer = texts.withUnsafeMutableBufferPointer { texts in
            list.argv = texts.baseAddress
            return fuse_session_new(&list, &table, MemoryLayout<fuse_lowlevel_ops>.size, me)
        }
        fuse_opt_free_args(&list)
        for text in texts {
            free(text)
        }
        guard pointer != nil else { return nil }
    }

    deinit {
        if let pointer {
            fuse_session_destroy(pointer)
        }
        Glibc.close(sink)
    }

    /// The session of libfuse.
    var session: OpaquePointer {
        guard let pointer else { preconditionFailure("an initialiser that failed has no instance") }
        return pointer
    }

    /// False when it could not be mounted; libfuse or fusermount3 then wrote the reason to stderr.
    func mount(at mountPoint: String) -> Bool {
        fuse_session_mount(session, mountPoint) == 0
    }

    /// Answers the kernel's first request, which waits since the mount was made (FUSE_INIT). False when there is no agreement.
    func negotiate() -> Bool {
        var buffer = fuse_buf()
        defer { free(buffer.mem) }
        guard fuse_session_receive_buf(session, &buffer) > 0 else { return false }
        fuse_session_process_buf(session, &buffer)
        return fuse_session_exited(session) == 0
    }

    /// Ends the connection to the kernel, while replies may still be on their way from other threads.
    ///
    /// To close the descriptor, or `fuse_session_unmount`, which closes it, would let such a reply be written to whatever file
    /// gets that number next. So its number is given to /dev/null in one step; libfuse closes that in the end.
    func close() {
        fuse_session_exit(session)
        dup2(sink, fuse_session_fd(session))
    }

    /// The connection that a request came by, if the request is to be served. After the end it is refused here, with ENOTCONN,
    /// which is what the file system would say after `close`.
    static func serving(_ request: fuse_req_t) -> Connection? {
        let connection = Connection.of(request)
        guard connection.gate.isClosed else { return connection }
        fuse_reply_err(request, ENOTCONN)
        return nil
    }

    /// The connection that a request came by.
    static func of(_ request: fuse_req_t) -> Connection {
        Unmanaged<Connection>.fromOpaque(fuse_req_userdata(request)).takeUnretainedValue()
    }
}

/// Who wants to be told when a request is interrupted, by the request's address. Only parked requests are in it.
final class Interrupts: Sendable {
    private let waiting = Mutex<[UInt: any Interruptible]>([:])

    func register(_ object: any Interruptible, for request: OpaquePointer) {
        waiting.withLock { $0[UInt(bitPattern: request)] = object }
    }

    /// Whoever takes the object out is the one who acts on it.
    func take(_ request: OpaquePointer) -> (any Interruptible)? {
        waiting.withLock { $0.isEmpty ? nil : $0.removeValue(forKey: UInt(bitPattern: request)) }
    }
}

/// Lets requests through to the file system until it is closed, and knows when the last of them has come out again.
final class Gate: Sendable {
    private struct State {
        var isClosed = false
        var inside = 0
    }

    private let state = Mutex(State())
    private let isEmpty = Semaphore()

    var isClosed: Bool {
        state.withLock { $0.isClosed }
    }

    /// False when it is closed. Else `leave` has to follow.
    func enter() -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            state.inside += 1
            return true
        }
    }

    func leave() {
        let isLast = state.withLock { state in
            state.inside -= 1
            return state.isClosed && state.inside == 0
        }
        if isLast { isEmpty.signal() }
    }

    /// Closes, and waits until nobody is inside. To be called once.
    func close() {
        let isOccupied = state.withLock { state in
            state.isClosed = true
            return state.inside > 0
        }
        if isOccupied { isEmpty.wait() }
    }
}
