import Fuse
import Media
import Synchronization

/// What `fh` points at for a file of a server.
final class OpenFile: Sendable {
    private let media: MediaHandle
    /// The size that the kernel was told before the open was answered.
    private let toldSize: Int64
    private let expiry: Expiry

    init(_ media: MediaHandle, toldSize: Int64, _ expiry: Expiry) {
        self.media = media
        self.toldSize = toldSize
        self.expiry = expiry
    }

    /// Answers now when the bytes are in memory, else when they arrive, the kernel interrupts, or the deadline passes.
    func read(_ request: ReadRequest, _ reply: consuming ReadReply) {
        guard let offset = Int64(exactly: request.offset) else {
            reply.fail(.invalid)
            return
        }
        let count = min(request.size, MediaStore.maximumRead)
        // The kernel fills a short answer inside the size that it believes with zeros. Where the server has less than was
        // told, what is missing is an error and no content.
        let promised = Int(clamping: min(Int64(count), max(0, toldSize - offset)))
        let parked = ParkedRead(reply, promised: promised, expiry)
        guard let ticket = media.read(offset: offset, count: count, sink: parked) else { return }
        parked.wait(with: ticket)
    }
}

/// Whether an open file turned out to be another edition than the kernel knows it as (`Editions`); then it gives no bytes.
final class Expiry: Sendable {
    private let flag = Atomic(false)

    var isOver: Bool { flag.load(ordering: .acquiring) }

    func end() { flag.store(true, ordering: .releasing) }
}

/// A read that may have to wait: the reply is taken out exactly once, by the bytes, an error or an interrupt.
private final class ParkedRead: ReadSink, Interruptible {
    private struct State: ~Copyable {
        var reply: ReadReply?
        var ticket: ReadTicket?
    }

    private let state: Mutex<State>
    /// Bytes that there have to be.
    private let promised: Int
    private let expiry: Expiry

    init(_ reply: consuming ReadReply, promised: Int, _ expiry: Expiry) {
        self.promised = promised
        self.expiry = expiry
        state = Mutex(State(reply: reply, ticket: nil))
    }

    private func take() -> ReadReply? { state.withLock { $0.reply.take() } }

    func deliver(_ parts: [UnsafeRawBufferPointer]) {
        guard let reply = take() else { return }
        guard !expiry.isOver, parts.reduce(0, { $0 + $1.count }) >= promised else {
            reply.fail(.stale)
            return
        }
        if parts.count == 1 { reply.send(parts[0]) } else { reply.send(parts: parts) }
    }

    func fail(_ error: MediaError) {
        guard let reply = take() else { return }
        reply.fail(expiry.isOver ? .stale : Errno(error))
    }

    /// From now on an interrupt ends the wait; one that came before does it here.
    func wait(with ticket: ReadTicket) {
        let isInterrupted = state.withLock { state in
            state.ticket = ticket
            return !(state.reply?.onInterrupt(self) ?? true)
        }
        if isInterrupted { interrupted() }
    }

    func interrupted() {
        if let reply = take() { reply.fail(.interrupted) }
        // Nobody waits for it any more: what only this read wanted is no longer fetched.
        let ticket = state.withLock { $0.ticket }
        ticket?.cancel()
    }
}

/// An open that waits for the server's first word on the size, but not long (`MediaStore.Limits.openWait`).
final class PendingOpen: Interruptible {
    private struct State: ~Copyable {
        var reply: OpenReply?
        var handle: MediaHandle?
        var outcome: Result<LearnedMedia?, MediaError>?
        /// The kernel has to forget what it knows of the file first.
        var isHeld = false
        /// The kernel may still believe that the file is longer.
        var isShorter = false
    }

    private let state: Mutex<State>
    private let expiry = Expiry()
    /// What the index says: the size that counts when the server does not answer in time.
    private let knownSize: Int64

    init(_ reply: consuming OpenReply, knownSize: Int64) {
        self.knownSize = knownSize
        state = Mutex(State(reply: reply, handle: nil, outcome: nil))
        let isInterrupted = state.withLock { !($0.reply?.onInterrupt(self) ?? true) }
        if isInterrupted { interrupted() }
    }

    /// The store's two answers come in any order and from any thread: the handle by return, the outcome by callback.
    func opened(_ handle: MediaHandle) {
        state.withLock { $0.handle = handle }
        finish()
    }

    func ready(_ outcome: Result<LearnedMedia?, MediaError>) {
        state.withLock { $0.outcome = outcome }
        finish()
    }

    /// Nothing is answered before `letGo`. A file that is shorter than it was is read past the page cache by this open: in
    /// the cache a short answer may be filled with zeros up to the old size, and here it is the end.
    func hold(isShorter: Bool) {
        state.withLock { state in
            state.isHeld = true
            state.isShorter = isShorter
        }
    }

    func letGo() {
        state.withLock { $0.isHeld = false }
        finish()
    }

    /// It is another edition than it was opened as: the kernel, which looks the name up again, opens the right one.
    func expire() {
        expiry.end()
        end(.stale)
    }

    func interrupted() { end(.interrupted) }

    private func end(_ errno: Errno) {
        guard let reply = state.withLock({ $0.reply.take() }) else { return }
        reply.fail(errno)
        // Let go outside of the lock: closing may call `ready`.
        let handle = state.withLock { $0.handle.take() }
        withExtendedLifetime(handle) {}
    }

    private func finish() {
        let answer = state.withLock { state -> Answer? in
            guard !state.isHeld, let outcome = state.outcome, let handle = state.handle,
                let reply = state.reply.take()
            else { return nil }
            state.handle = nil
            return Answer(
                reply: reply, handle: handle, outcome: outcome, knownSize: knownSize,
                options: state.isShorter ? .directIO : [], expiry: expiry)
        }
        answer?.send()
    }

    /// Everything that is needed to answer, taken out of the lock.
    private struct Answer: ~Copyable {
        let reply: OpenReply
        let handle: MediaHandle
        let outcome: Result<LearnedMedia?, MediaError>
        let knownSize: Int64
        let options: OpenOptions
        let expiry: Expiry

        consuming func send() {
            let told = (try? outcome.get())?.size ?? knownSize
            switch outcome {
            // A server that is down: pages that the kernel has can still be read, all else fails at the read.
            case .success, .failure(.unavailable), .failure(.timedOut), .failure(.noMemory):
                reply.send(OpenFile(handle, toldSize: told, expiry), options)
            case .failure(let error): reply.fail(Errno(error))
            }
        }
    }
}

/// A file whose bytes are here: the README of an empty library.
final class OpenText: Sendable {
    private let bytes: [UInt8]

    init(_ text: String) { bytes = Array(text.utf8) }

    func read(_ request: ReadRequest, _ reply: consuming ReadReply) {
        let start = min(Int(clamping: request.offset), bytes.count)
        let end = min(start + request.size, bytes.count)
        var owed = Optional(reply)
        bytes[start..<end].withUnsafeBytes { owed.take()?.send($0) }
    }
}
