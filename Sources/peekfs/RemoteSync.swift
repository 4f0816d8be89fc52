import Control
import Foundation
import Stash
import Sync

/// Has the daemon sync servers, shows how far it is, and waits for the end of the passes that were asked for.
final class RemoteSync: Sendable {
    private struct State {
        /// What happened before it was known what is waited for.
        var early: [SyncEvent] = []
        var board: ProgressBoard?
        /// The pass of each server that is waited for, by the server's id.
        var awaited: [UUID: Int] = [:]
        var isListening = false
        var isInterrupted = false
    }

    private let control: ControlLine
    private let request: SyncRequest
    private let state = Lock(State())
    /// Listening, or no daemon to listen to.
    private let isReady = DispatchSemaphore(value: 0)
    /// Nothing is left to wait for, or nobody who tells of it.
    private let isOver = DispatchSemaphore(value: 0)

    init(_ control: ControlLine, names: [String], _ demand: PassDemand) {
        self.control = control
        request = SyncRequest(instances: names.isEmpty ? nil : names, demand)
    }

    /// Ends the wait; the daemon goes on.
    func interrupt() {
        state.withLock { $0.isInterrupted = true }
        isOver.signal()
    }

    /// Returns false when no daemon runs.
    func run() throws -> Bool {
        // What happens is listened to before anything is asked for, so that no end is missed.
        Thread.detachNewThread { [self] in
            _ = try? control.follow(
                began: { [self] in
                    state.withLock { $0.isListening = true }
                    isReady.signal()
                }, take: { [self] data in note(data) })
            isReady.signal()
            isOver.signal()
        }
        isReady.wait()
        guard state.withLock({ $0.isListening }) else { return false }
        let view: SyncView = try control.ask(.post, "/api/sync", body: request)
        let names = view.queued.map(\.name)
        let early = state.withLock { state in
            state.board = ProgressBoard(names)
            for queued in view.queued {
                if let id = UUID(uuidString: queued.id) { state.awaited[id] = queued.pass }
            }
            return state.early
        }
        for event in early { show(event) }
        if !names.isEmpty, state.withLock({ !$0.awaited.isEmpty }) { isOver.wait() }
        if state.withLock({ $0.isInterrupted }) {
            throw CommandError(.busy, "no longer waiting; the daemon goes on with the sync")
        }
        guard state.withLock({ $0.awaited.isEmpty }) else {
            throw CommandError(.busy, "the daemon ended before the sync did")
        }
        let status: StatusView = try control.ask(.get, "/api/status")
        let synced = status.instances.filter { names.contains($0.instance.name) }
        try SyncCommand.fail(synced.compactMap { $0.sync?.lastPass?.problem }, of: names.count)
        return true
    }

    /// Returns whether more is wanted.
    private func note(_ data: Data) -> Bool {
        guard let event: SyncEvent = try? JSON.value(data) else { return true }
        let isEarly = state.withLock { state in
            if state.board == nil { state.early.append(event) }
            return state.board == nil
        }
        if isEarly { return true }
        show(event)
        return state.withLock { !$0.awaited.isEmpty }
    }

    private func show(_ event: SyncEvent) {
        let (board, pass) = state.withLock { ($0.board, $0.awaited[event.instance]) }
        guard let board, let pass else { return }
        switch event.what {
        case .progress(let progress):
            board.update(event.name, progress.stage, done: progress.done, total: progress.total)
        case .ended(let ended) where ended.pass >= pass:
            board.finish(event.name, ended.sentence)
            let isLast = state.withLock { state in
                state.awaited[event.instance] = nil
                return state.awaited.isEmpty
            }
            if isLast { isOver.signal() }
        default: break
        }
    }
}
