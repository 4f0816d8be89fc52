import Dispatch
import Stash

/// One read of a file that several servers may have: asked at one place, and at the next when that one fails or is slow. The
/// first that has the bytes answers.
final class RelayedRead: Sendable {
    private struct State {
        /// Nil once it was answered.
        var sink: (any ReadSink)?
        var tickets: [ReadTicket] = []
        var tried: Set<Int> = []
        /// Attempts that are not over.
        var running = 0
        /// Why the first attempt failed.
        var error: MediaError?
    }

    private let store: MediaStore
    private let replicas: Replicas
    private let offset: Int64
    private let count: Int
    /// For all attempts together.
    private let deadline: ContinuousClock.Instant
    private let state: Lock<State>

    init(store: MediaStore, _ replicas: Replicas, offset: Int64, count: Int, sink: any ReadSink) {
        self.store = store
        self.replicas = replicas
        self.offset = offset
        self.count = count
        deadline = store.deadline
        state = Lock(State(sink: sink))
    }

    /// Asks where bytes came from last; nil when it was answered at once.
    func start() -> ReadTicket? {
        attempt(replicas.current)
        return state.withLock { $0.sink == nil } ? nil : ReadTicket(self)
    }

    func cancel() {
        answer { $0.fail(.interrupted) }
    }

    private func attempt(_ place: Int) {
        let isWanted = state.withLock { state in
            guard state.sink != nil, state.tried.insert(place).inserted else { return false }
            state.running += 1
            return true
        }
        guard isWanted else { return }
        let attempt = Attempt(self, place)
        guard let ticket = replicas.handle(at: place).read(offset: offset, count: count, sink: attempt, by: deadline)
        else { return }
        let isOver = state.withLock { state in
            state.tickets.append(ticket)
            return state.sink == nil
        }
        if isOver { ticket.cancel() }
    }

    /// Asks at the next place; the answer is an error when there is none and nothing is under way.
    private func goOn() {
        // Not here: opening waits for a database, and this may be the thread that moves all bytes.
        store.relays.async { [self] in
            let tried = state.withLock { $0.sink == nil ? nil : $0.tried }
            guard let tried else { return }
            if ContinuousClock.now < deadline, let next = replicas.place(besides: tried) {
                attempt(next)
                return
            }
            let error = state.withLock { $0.running == 0 ? $0.error : nil }
            if let error { answer { $0.fail(error) } }
        }
    }

    /// Answers if nobody has, and ends the other attempts.
    private func answer(_ give: (any ReadSink) -> Void) {
        let (sink, tickets) = state.withLock { state in
            defer { state.tickets = [] }
            return (state.sink.take(), state.tickets)
        }
        guard let sink else { return }
        give(sink)
        for ticket in tickets { ticket.cancel() }
    }

    /// Who waits at one place.
    private final class Attempt: ReadSink {
        private let read: RelayedRead
        private let place: Int

        init(_ read: RelayedRead, _ place: Int) {
            self.read = read
            self.place = place
        }

        func deliver(_ parts: [UnsafeRawBufferPointer]) {
            if read.replicas.admit(place) {
                read.answer { $0.deliver(parts) }
            } else {
                fail(place == 0 ? .changed : .refused)
            }
        }

        func fail(_ error: MediaError) {
            read.state.withLock { state in
                state.running -= 1
                if state.error == nil || place == 0 { state.error = error }
            }
            // That a copy is another file now is the matter of its server only.
            if error.concernsOneServer || place > 0 && error == .changed {
                read.goOn()
            } else {
                read.answer { $0.fail(error) }
            }
        }

        func delayed() {
            read.goOn()
        }
    }
}
