import NIOCore
import NIOPosix
package import Stash

/// Listens to all servers that are in use, on one thread for all of them: nothing they do keeps it busy.
package final class PushListeners: Sendable {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let times: PushTimes
    private let onNews: @Sendable (Int64, PushNews) -> Void
    private let clients = Lock<[Int64: PushClient]>([:])

    /// - Parameters:
    ///   - times: How long things may take.
    ///   - onNews: Called with the server's number, on any thread; it must not block.
    package init(times: PushTimes = PushTimes(), onNews: @escaping @Sendable (Int64, PushNews) -> Void) {
        self.times = times
        self.onNews = onNews
    }

    /// Begins to listen to a server, in place of what was under its number before; nil ends it.
    package func set(_ number: Int64, _ access: ServerAccess?) {
        let onNews = onNews
        let before = clients.withLock { clients in
            let client = access.map { access in
                PushClient(access: access, times: times, loop: group.next()) { onNews(number, $0) }
            }
            defer { clients[number] = client }
            return clients[number]
        }
        before?.stop()
    }

    /// Ends all connections, and then the thread; does not wait for it.
    package func stop() {
        let all = clients.withLock { clients in
            defer { clients = [:] }
            return Array(clients.values)
        }
        for client in all { client.stop() }
        let group = group
        Task {
            for client in all { await client.waitForEnd() }
            try? await group.shutdownGracefully()
        }
    }
}
