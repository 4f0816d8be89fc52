import NIOCore
import Stash

/// Listens to one server for as long as it is let: connects, and connects again when the connection is lost.
final class PushClient: Sendable {
    private let task: Task<Void, Never>

    /// Begins to listen.
    ///
    /// - Parameters:
    ///   - access: Address, key and trust; the key goes into a header of the first request and nowhere else.
    ///   - times: How long things may take.
    ///   - loop: Carries the connection.
    ///   - onNews: Must not block.
    init(
        access: ServerAccess, times: PushTimes, loop: any EventLoop, onNews: @escaping @Sendable (PushNews) -> Void
    ) {
        let dialler = Dialler(access: access, times: times, loop: loop)
        task = Task {
            var listener = Listener(dialler: dialler, onNews: onNews)
            await listener.run()
        }
    }

    /// Ends the connection; it tells nothing any more.
    func stop() { task.cancel() }

    /// Returns when everything has ended, after `stop`: the connection that is being made is given its time.
    func waitForEnd() async { await task.value }
}

/// What is remembered from one connection to the next.
private struct Listener {
    let dialler: Dialler
    let onNews: @Sendable (PushNews) -> Void
    private var failures = 0
    /// It has been listening before: what was told while it was not is lost.
    private var hasListened = false
    /// That the server does not tell was told.
    private var isUnavailable = false

    init(dialler: Dialler, onNews: @escaping @Sendable (PushNews) -> Void) {
        self.dialler = dialler
        self.onNews = onNews
    }

    mutating func run() async {
        var generator = SystemRandomNumberGenerator()
        while !Task.isCancelled {
            let fault = await listen()
            failures += 1
            var isRefused = false
            // That a server cannot be reached is told by who asks it for what it has; here only that it does not tell.
            if case .refused(let reason) = fault {
                isRefused = true
                if !isUnavailable { tell(.unavailable(reason)) }
                isUnavailable = true
            }
            let pause = dialler.times.pause(afterFailures: failures, isRefused: isRefused, using: &generator)
            try? await Task.sleep(for: pause)
        }
    }

    /// One connection, from its making to its end.
    private mutating func listen() async -> PushFault {
        let (actions, continuation) = AsyncStream.makeStream(of: Subscriptions.Action.self)
        do {
            switch try await dialler.dial(onAction: { continuation.yield($0) }) {
            case .answered(let status): return .refused("it answered \(status) to the request for a WebSocket")
            case .upgraded(let channel):
                defer { channel.close(promise: nil) }
                channel.pipeline.fireUserInboundEventTriggered(PushConnection.Begin())
                for await action in actions {
                    if case .end(let fault) = action { return fault }
                    take(action)
                }
                return .broken("nobody listens any more")
            }
        } catch let fault as PushFault {
            return fault
        } catch {
            return .broken("\(error)")
        }
    }

    private mutating func take(_ action: Subscriptions.Action) {
        switch action {
        case .tell(let reason): tell(.changed(reason))
        case .listening:
            failures = 0
            isUnavailable = false
            tell(.listening)
            if hasListened { tell(.changed(.resumed)) }
            hasListened = true
        case .say, .end: break
        }
    }

    private func tell(_ news: PushNews) {
        if !Task.isCancelled { onNews(news) }
    }
}
