import NIOCore

/// Closes a connection of which nothing is taken for long while something is to be sent: whoever stopped reading in the middle of a
/// film asks again when it goes on.
final class StalledReaderHandler: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = Any

    private let patience: TimeAmount
    private var pending = 0
    private var lastProgress = NIODeadline.now()
    private var timer: Scheduled<Void>?

    init(patience: TimeAmount) { self.patience = patience }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let promise = promise ?? context.eventLoop.makePromise()
        if pending == 0 { lastProgress = .now() }
        pending += 1
        let (handler, bound) = (
            NIOLoopBound(self, eventLoop: context.eventLoop), NIOLoopBound(context, eventLoop: context.eventLoop)
        )
        promise.futureResult.whenComplete { _ in handler.value.progressed() }
        if timer == nil { watch(bound) }
        context.write(data, promise: promise)
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    private func progressed() {
        pending -= 1
        lastProgress = .now()
    }

    private func watch(_ context: NIOLoopBound<ChannelHandlerContext>) {
        let handler = NIOLoopBound(self, eventLoop: context.value.eventLoop)
        timer = context.value.eventLoop.scheduleTask(deadline: lastProgress + patience) {
            let this = handler.value
            this.timer = nil
            guard this.pending > 0 else { return }
            if NIODeadline.now() >= this.lastProgress + this.patience {
                context.value.close(promise: nil)
            } else {
                this.watch(context)
            }
        }
    }
}
