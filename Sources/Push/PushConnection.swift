import NIOCore
import NIOWebSocket
import Stash

/// The end of a pipeline whose server speaks WebSocket: frames become messages, messages frames. Lives on its event loop.
final class PushConnection: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// Sent into the pipeline when the switch is over: what is written before that is lost.
    struct Begin: Sendable {}

    private let times: PushTimes
    private let onAction: (Subscriptions.Action) -> Void
    private var talk: Subscriptions
    private var isOver = false

    /// `onAction` is given `tell`, `listening` and, once and last, `end`; on the event loop.
    init(_ times: PushTimes, onAction: @escaping (Subscriptions.Action) -> Void) {
        self.times = times
        self.onAction = onAction
        talk = Subscriptions(times, at: Self.now)
    }

    private static let start = ContinuousClock.now
    private static var now: Duration { ContinuousClock.now - start }

    func handlerAdded(context: ChannelHandlerContext) { tickLater(context) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is Begin { say(talk.greeting, context) }
        context.fireUserInboundEventTriggered(event)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        isOver = true
    }

    private func tickLater(_ context: ChannelHandlerContext) {
        context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(times.tick)) { [self] in
            guard !isOver else { return }
            act(talk.tick(at: Self.now), context)
            tickLater(context)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var frame = unwrapInboundIn(data)
        if let key = frame.maskKey { frame.data.webSocketUnmask(key) }
        switch frame.opcode {
        case .text: act(talk.heard(Array(frame.data.readableBytesView), at: Self.now), context)
        case .ping: send(WebSocketFrame(fin: true, opcode: .pong, maskKey: .random(), data: frame.data), context)
        case .connectionClose: finish(.broken("it ended the connection"), context)
        case .pong: break
        default: finish(.broken("it sent what is no message"), context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(.broken("the connection was lost"), context)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finish(.broken("it does not keep to the protocol (\(error))"), context)
    }

    private func act(_ actions: [Subscriptions.Action], _ context: ChannelHandlerContext) {
        for action in actions where !isOver {
            switch action {
            case .say(let text): say(text, context)
            case .tell, .listening: onAction(action)
            case .end(let fault): finish(fault, context)
            }
        }
    }

    private func finish(_ fault: PushFault, _ context: ChannelHandlerContext) {
        guard !isOver else { return }
        isOver = true
        context.close(promise: nil)
        onAction(.end(fault))
    }

    private func say(_ text: String, _ context: ChannelHandlerContext) {
        let data = context.channel.allocator.buffer(string: text)
        send(WebSocketFrame(fin: true, opcode: .text, maskKey: .random(), data: data), context)
    }

    private func send(_ frame: WebSocketFrame, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }
}
