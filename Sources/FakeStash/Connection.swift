import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// One client connection: takes requests in order and writes answers byte by byte, so that it can misbehave at any of them.
///
/// Everything runs on the connection's event loop, but for GraphQL, which runs on a thread pool.
final class Connection: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    /// An answer that is being written.
    private struct Transfer {
        var record: Int
        var body: MediaBytes
        var offset: Int64
        var remaining: Int64
        var isChunked: Bool
        var keepsAlive: Bool
        /// `nil` is as fast as it goes.
        var pace: Pace?
        /// When the bytes before this one were due.
        var due: Int64
        /// Where to misbehave, as bytes of the body still to send before it.
        var untilFault: Int64?
        var fault: Fault.Action?
    }

    private let server: Server
    private let number: Int
    private let opened = Link.now
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var waiting: [(Request, keepsAlive: Bool)] = []
    private var isBusy = false
    private var current: Transfer?
    /// The record of the request in progress, before and during its transfer.
    private var openRecord: Int?

    init(_ server: Server) {
        self.server = server
        number = server.log.nextConnection()
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let buffer): body.append(contentsOf: buffer.readableBytesView)
        case .end:
            guard let head else { return }
            let headers = head.headers.map { (name: $0.name.lowercased(), value: $0.value) }
            let request = Request(method: head.method.rawValue, target: head.uri, headers: headers, body: body)
            waiting.append((request, head.isKeepAlive))
            self.head = nil
            next(context)
        }
    }

    private func next(_ context: ChannelHandlerContext) {
        guard !isBusy, !waiting.isEmpty else { return }
        isBusy = true
        let (request, keepsAlive) = waiting.removeFirst()
        let record = server.record(request, connection: number)
        openRecord = record
        after(server.link.delay(opened: opened, now: Link.now), context) {
            self.process(request, record, keepsAlive, context)
        }
    }

    private func after(_ nanoseconds: Int64, _ context: ChannelHandlerContext, _ work: @escaping () -> Void) {
        guard nanoseconds > 0 else { return work() }
        context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(nanoseconds)) { work() }
    }

    private func process(_ request: Request, _ record: Int, _ keepsAlive: Bool, _ context: ChannelHandlerContext) {
        let body = request.path.hasSuffix("/graphql") ? String(decoding: request.body, as: UTF8.self) : ""
        let fault = server.faults.take(method: request.method, path: request.path, body: body)
        switch fault {
        case .delay(let milliseconds):
            after(Int64(milliseconds) * 1_000_000, context) {
                self.answer(request, record, keepsAlive, nil, context)
            }
        case .hang: server.log.update(record) { $0.status = 0 }
        case .drop: context.close(promise: nil)
        default: answer(request, record, keepsAlive, fault, context)
        }
    }

    private func answer(
        _ request: Request, _ record: Int, _ keepsAlive: Bool, _ fault: Fault.Action?, _ context: ChannelHandlerContext
    ) {
        let routes = server.routes
        var asked = request
        switch fault {
        case .status(let status, let text):
            return start(.text(status, text), request, record, keepsAlive, fault, context)
        case .body(let text, let type):
            let response = Response(200, headers: [("Content-Type", type)], body: MediaBytes(Array(text.utf8)))
            return start(response, request, record, keepsAlive, fault, context)
        case .loginPage:
            // Pages that are made for each request know no ranges.
            asked.headers.removeAll { $0.name == "range" }
            return start(routes.loginPage(asked), request, record, keepsAlive, fault, context)
        case .redirectToLogin: return start(routes.redirect(request), request, record, keepsAlive, fault, context)
        case .graphQLError(let message):
            return start(routes.graphQLFailure(message, request), request, record, keepsAlive, fault, context)
        case .ignoreRange: asked.headers.removeAll { $0.name == "range" }
        default: break
        }
        if fault == nil, request.wantsWebSocket, routes.admitsSocket(request) {
            return upgrade(request, record, context)
        }
        guard request.path.hasSuffix("/graphql") else {
            return start(routes.answer(asked), request, record, keepsAlive, fault, context)
        }
        let sent = asked
        server.pool.runIfActive(eventLoop: context.eventLoop) { routes.answer(sent) }.assumeIsolated().whenComplete {
            result in
            guard case .success(let response) = result else { return context.close(promise: nil) }
            self.start(response, request, record, keepsAlive, fault, context)
        }
    }

    /// Hands the connection over to a WebSocket.
    private func upgrade(_ request: Request, _ record: Int, _ context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        guard let decoder = try? pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self) else {
            return context.close(promise: nil)
        }
        let removed = pipeline.removeHandler(decoder)
        request.switching(context.channel).and(removed).assumeIsolated().whenComplete { result in
            guard case .success((let answer, _)) = result else { return context.close(promise: nil) }
            self.server.log.update(record) { record in
                record.status = 101
                record.isFinished = true
            }
            self.openRecord = nil
            context.writeAndFlush(self.wrapOutboundOut(answer), promise: nil)
            do {
                try pipeline.addHandlers([
                    WebSocketFrameEncoder(), ByteToMessageHandler(WebSocketFrameDecoder()),
                    Socket(self.server.audience, context.channel),
                ])
                pipeline.removeHandler(context: context, promise: nil)
            } catch {
                context.close(promise: nil)
            }
        }
    }

    // MARK: Answers

    private func start(
        _ answer: Response, _ request: Request, _ record: Int, _ keepsAlive: Bool, _ fault: Fault.Action?,
        _ context: ChannelHandlerContext
    ) {
        guard context.channel.isActive else { return }
        var response = answer
        switch fault {
        case .wrongRange(let shift) where response.status == 206:
            let start = max(0, min(response.offset + shift, response.body.size - response.count))
            response.offset = start
            response.set("Content-Range", "bytes \(start)-\(start + response.count - 1)/\(response.body.size)")
        case .wrongTotal(let total) where response.status == 206:
            response.set("Content-Range", "bytes \(response.offset)-\(response.offset + response.count - 1)/\(total)")
        case .noContentRange: response.set("Content-Range", nil)
        default: break
        }
        let hasBody = request.method != "HEAD" && response.status != 304
        var transfer = Transfer(
            record: record, body: response.body, offset: response.offset, remaining: hasBody ? response.count : 0,
            isChunked: response.isChunked && hasBody, keepsAlive: keepsAlive,
            pace: server.configuration.bandwidth.map { Pace($0) }, due: Link.now)
        switch fault {
        case .stall(let bytes), .reset(let bytes), .close(let bytes), .stray(let bytes):
            transfer.untilFault = min(bytes, transfer.remaining)
            transfer.fault = fault
        case .slow(let rate): transfer.pace = Pace(rate)
        default: break
        }
        server.log.update(record) { $0.status = response.status }
        current = transfer
        write(Self.head(response, keepsAlive, hasBody), 0, context)
    }

    private static func head(_ response: Response, _ keepsAlive: Bool, _ hasBody: Bool) -> ByteBuffer {
        var text = "HTTP/1.1 \(response.status) \(HTTPResponseStatus(statusCode: response.status).reasonPhrase)\r\n"
        for (name, value) in response.headers { text += "\(name): \(value)\r\n" }
        text += "Date: \(Calendar.httpDate(Server.now()))\r\n"
        if response.isChunked {
            text += "Transfer-Encoding: chunked\r\n"
        } else if response.status != 304, hasBody || response.status != 405 {
            text += "Content-Length: \(response.count)\r\n"
        }
        if !keepsAlive { text += "Connection: close\r\n" }
        return ByteBuffer(string: text + "\r\n")
    }

    /// Writes a buffer that holds so many bytes of the body, and goes on when the kernel has them.
    private func write(_ buffer: ByteBuffer, _ bodyBytes: Int64, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(buffer)).assumeIsolated().whenComplete { result in
            guard case .success = result, let transfer = self.current else { return }
            if bodyBytes > 0 { self.server.log.update(transfer.record) { $0.bytesSent += bodyBytes } }
            // By way of the loop: a write may complete at once, and a big file would otherwise nest thousands of calls.
            context.eventLoop.assumeIsolated().execute { self.pump(context) }
        }
    }

    /// Sends the next piece, when its time has come.
    private func pump(_ context: ChannelHandlerContext) {
        guard var transfer = current else { return }
        if transfer.untilFault == 0 { return misbehave(transfer, context) }
        if transfer.remaining == 0 { return finish(transfer, context) }
        let largest = [transfer.pace?.largestPiece, server.link.largestPiece].compactMap { $0 }.min()
        let count = min(largest ?? 131_072, transfer.remaining, transfer.untilFault ?? .max)
        guard largest != nil else { return send(count, transfer, context) }
        let ready = max(transfer.due, Link.now - Pace.slack)
        transfer.due = server.link.reserve(count, ready: ready)
        if let own = transfer.pace?.reserve(count, ready: ready) { transfer.due = max(transfer.due, own) }
        current = transfer
        after(transfer.due - Link.now, context) {
            guard let transfer = self.current else { return }
            self.send(count, transfer, context)
        }
    }

    private func send(_ count: Int64, _ sending: Transfer, _ context: ChannelHandlerContext) {
        var transfer = sending
        var buffer = context.channel.allocator.buffer(capacity: Int(count) + 32)
        if transfer.isChunked { buffer.writeString(String(count, radix: 16) + "\r\n") }
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Int(count)) { target in
            transfer.body.fill(UnsafeMutableRawBufferPointer(rebasing: target[..<Int(count)]), from: transfer.offset)
            return Int(count)
        }
        transfer.offset += count
        transfer.remaining -= count
        if let left = transfer.untilFault { transfer.untilFault = left - count }
        if transfer.isChunked {
            buffer.writeString("\r\n")
            if transfer.remaining == 0, transfer.untilFault != 0 { buffer.writeString("0\r\n\r\n") }
        }
        current = transfer
        write(buffer, count, context)
    }

    private func misbehave(_ transfer: Transfer, _ context: ChannelHandlerContext) {
        switch transfer.fault {
        case .reset:
            // With a linger time of zero a close is a reset (socket(7)).
            guard let options = context.channel as? any SocketOptionProvider else { return context.close(promise: nil) }
            options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).assumeIsolated().whenComplete { _ in
                context.close(promise: nil)
            }
        case .close: context.close(promise: nil)
        case .stray:
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "0\r\n\r\n"))).assumeIsolated().whenComplete { _ in
                context.close(promise: nil)
            }
        default: break
        }
    }

    private func finish(_ transfer: Transfer, _ context: ChannelHandlerContext) {
        current = nil
        openRecord = nil
        isBusy = false
        server.log.update(transfer.record) { $0.isFinished = true }
        guard transfer.keepsAlive else { return context.close(promise: nil) }
        next(context)
    }

    // MARK: The end

    func channelInactive(context: ChannelHandlerContext) {
        if let openRecord {
            server.log.update(openRecord) { record in
                record.isFinished = true
                record.isAborted = true
            }
        }
        current = nil
        openRecord = nil
        waiting = []
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
