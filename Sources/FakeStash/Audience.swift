import NIOCore
import NIOHTTP1
import NIOWebSocket
import Synchronization

/// The clients that listen for what is done at a server: WebSockets on `/graphql` that speak `graphql-transport-ws`
/// (Stash 3.3). What mutations change is told to nobody, as with a real one.
package final class Audience: Sendable {
    /// What happens at a server that it tells.
    package enum Occasion: String, Sendable, CaseIterable {
        case jobAdded = "ADD"
        case jobUpdated = "UPDATE"
        case jobEnded = "REMOVE"
        case scanCompleted
    }

    /// How sockets behave that are opened, and those that are open, from now on.
    package enum Behaviour: Sendable, Equatable {
        case normal
        /// Says nothing at all.
        case silent
        /// Answers what comes by text that is no message.
        case garbage
        /// Answers what comes by a frame without text.
        case binary
        /// Declines whatever is subscribed to.
        case declining
        /// Asks who is there at every occasion, instead of telling it.
        case asking
    }

    private struct State {
        var behaviour = Behaviour.normal
        var sockets: [ObjectIdentifier: Socket.Remote] = [:]
        var heard: [String] = []
        var jobs = 0
    }

    private let state = Mutex(State())

    package func behave(_ behaviour: Behaviour) { state.withLock { $0.behaviour = behaviour } }

    /// How many clients listen for the ends of jobs.
    package var listeners: Int { state.withLock { $0.sockets.values.count { $0.isListening } } }

    /// Everything that clients said.
    package var heard: [String] { state.withLock { $0.heard } }

    /// Tells all who listen.
    package func announce(_ occasion: Occasion) {
        let (sockets, behaviour, job) = state.withLock { state in
            state.jobs += 1
            return (Array(state.sockets.values), state.behaviour, state.jobs)
        }
        for socket in sockets {
            switch (behaviour, occasion) {
            case (.silent, _): break
            case (.asking, _): socket.say("{\"type\":\"ping\"}")
            case (_, .scanCompleted): socket.next("scanCompleteSubscribe", "true")
            default:
                let change = "{\"type\":\"\(occasion.rawValue)\",\"job\":{\"id\":\"\(job)\"}}"
                socket.next("jobsSubscribe", change)
            }
        }
    }

    /// Ends all connections.
    package func drop() {
        for socket in state.withLock({ Array($0.sockets.values) }) { socket.close() }
    }

    fileprivate var behaviour: Behaviour { state.withLock { $0.behaviour } }

    fileprivate func note(_ text: String) { state.withLock { $0.heard.append(text) } }

    fileprivate func set(_ socket: Socket, _ remote: Socket.Remote?) {
        state.withLock { $0.sockets[ObjectIdentifier(socket)] = remote }
    }
}

/// One WebSocket.
final class Socket: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// The way to a socket from other threads.
    fileprivate struct Remote: Sendable {
        let channel: any Channel
        /// Query texts by the ids that the client gave them.
        var topics: [String: String] = [:]

        var isListening: Bool { topics.values.contains { $0.contains("jobsSubscribe") } }

        func say(_ text: String) {
            let frame = WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: text))
            channel.writeAndFlush(frame, promise: nil)
        }

        func next(_ field: String, _ value: String) {
            for (id, query) in topics where query.contains(field) {
                say("{\"id\":\"\(id)\",\"type\":\"next\",\"payload\":{\"data\":{\"\(field)\":\(value)}}}")
            }
        }

        func close() { channel.close(promise: nil) }
    }

    static let dialect = "graphql-transport-ws"

    private let audience: Audience
    private var remote: Remote

    init(_ audience: Audience, _ channel: any Channel) {
        self.audience = audience
        remote = Remote(channel: channel)
    }

    func handlerAdded(context: ChannelHandlerContext) { audience.set(self, remote) }

    func channelInactive(context: ChannelHandlerContext) { audience.set(self, nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var frame = unwrapInboundIn(data)
        if let key = frame.maskKey { frame.data.webSocketUnmask(key) }
        switch frame.opcode {
        case .text: answer(String(buffer: frame.data), context)
        case .connectionClose: context.close(promise: nil)
        default: break
        }
    }

    private func answer(_ text: String, _ context: ChannelHandlerContext) {
        audience.note(text)
        switch audience.behaviour {
        case .silent: return
        case .garbage: return remote.say("<html>502 Bad Gateway</html>")
        case .binary:
            let frame = WebSocketFrame(fin: true, opcode: .binary, data: ByteBuffer(string: "?"))
            return context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
        default: break
        }
        let message = JSON.parse(Array(text.utf8))
        switch message?["type"]?.text {
        case "connection_init": remote.say("{\"type\":\"connection_ack\"}")
        case "ping": remote.say("{\"type\":\"pong\"}")
        case "subscribe": subscribe(message?["id"]?.text ?? "", message?["payload"]?["query"]?.text ?? "")
        case "complete": remote.topics[message?["id"]?.text ?? ""] = nil
        default: break
        }
        audience.set(self, remote)
    }

    private func subscribe(_ id: String, _ query: String) {
        guard audience.behaviour != .declining, query.hasPrefix("subscription"),
            query.contains("jobsSubscribe") || query.contains("scanCompleteSubscribe")
        else { return remote.say("{\"id\":\"\(id)\",\"type\":\"error\",\"payload\":[{\"message\":\"unknown\"}]}") }
        remote.topics[id] = query
    }
}

extension Request {
    var wantsWebSocket: Bool { header("upgrade")?.lowercased() == "websocket" }

    /// The answer to a request for a WebSocket, as the bytes on the wire; fails when it is not well-formed.
    func switching(_ channel: any Channel) -> EventLoopFuture<ByteBuffer> {
        var chosen = HTTPHeaders()
        if header("sec-websocket-protocol")?.contains(Socket.dialect) == true {
            chosen.add(name: "Sec-WebSocket-Protocol", value: Socket.dialect)
        }
        let upgrader = NIOWebSocketServerUpgrader(
            shouldUpgrade: { [chosen] channel, _ in channel.eventLoop.makeSucceededFuture(chosen) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })
        let head = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: path, headers: HTTPHeaders(headers.map { ($0.name, $0.value) }))
        return upgrader.buildUpgradeResponse(channel: channel, upgradeRequest: head, initialResponseHeaders: [:])
            .map { headers in
                let lines = headers.map { "\($0.name): \($0.value)\r\n" }.joined()
                return ByteBuffer(string: "HTTP/1.1 101 Switching Protocols\r\n\(lines)\r\n")
            }
    }
}
