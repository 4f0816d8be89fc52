package import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Asks a daemon over its socket, for commands: one request a connection. It blocks, and belongs on a thread that may.
package struct ControlClient: Sendable {
    /// Nobody listens there: the daemon has just ended.
    package struct Unreachable: Error {}

    private let socket: String

    package init(socket: String) { self.socket = socket }

    /// - Returns: The body of an answer that is no error.
    /// - Throws: `Problem` as the daemon sent it, or `Unreachable`.
    package func send(_ method: Route.Method, _ target: String, _ body: Data) throws -> Data {
        let exchange = Exchange { _ in true }
        try run(exchange, method, target, body)
        let (status, data) = exchange.outcome
        switch status {
        case .some(200..<300): return data
        case nil: throw Problem(.unavailable, "the daemon ended before it answered", hint: "see its log, and try again")
        case let status?:
            if let problem: Problem = try? JSON.value(data) { throw problem }
            throw Problem(.software, "the daemon answered \(status)")
        }
    }

    /// Reads a stream line by line until `take` says false, or it ends.
    package func follow(
        _ target: String, began: @escaping @Sendable () -> Void, take: @escaping @Sendable (String) -> Bool
    ) throws {
        let exchange = Exchange(began: began, take: take)
        try run(exchange, .get, target, Data())
        let (status, data) = exchange.outcome
        if let status, status >= 300, let problem: Problem = try? JSON.value(data) { throw problem }
    }

    private func run(_ exchange: Exchange, _ method: Route.Method, _ target: String, _ body: Data) throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { group.shutdownGracefully { _ in } }
        let bootstrap = ClientBootstrap(group: group).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                try channel.pipeline.syncOperations.addHandler(ExchangeHandler(exchange))
            }
        }
        let channel: any Channel
        do {
            channel = try bootstrap.connect(unixDomainSocketPath: socket).wait()
        } catch {
            throw Unreachable()
        }
        var head = HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: method.rawValue), uri: target)
        head.headers.add(name: "Host", value: "localhost")
        head.headers.add(name: "Connection", value: "close")
        if !body.isEmpty {
            head.headers.add(name: "Content-Type", value: "application/json")
            head.headers.add(name: "Content-Length", value: "\(body.count)")
        }
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        try? channel.closeFuture.wait()
    }

    /// What came of a request.
    fileprivate final class Exchange: Sendable {
        private struct State {
            var status: Int?
            var data = Data()
            var isWhole = false
        }

        private let state = Mutex(State())
        private let began: @Sendable () -> Void
        private let take: (@Sendable (String) -> Bool)

        init(began: @escaping @Sendable () -> Void = {}, take: @escaping @Sendable (String) -> Bool) {
            self.began = began
            self.take = take
        }

        /// No status when the answer broke off.
        var outcome: (Int?, Data) { state.withLock { ($0.isWhole ? $0.status : nil, $0.data) } }

        func head(_ status: Int, isStream: Bool) {
            state.withLock { state in
                state.status = status
                state.isWhole = isStream
            }
            if isStream { began() }
        }

        /// Returns whether more is wanted.
        func body(_ bytes: ByteBuffer, isStream: Bool) -> Bool {
            let lines = state.withLock { state -> [String] in
                state.data.append(contentsOf: bytes.readableBytesView)
                guard isStream, let end = state.data.lastIndex(of: 0x0A) else { return [] }
                let text = String(decoding: state.data[...end], as: UTF8.self)
                state.data = Data(state.data[(end + 1)...])
                return text.split(separator: "\n").map(String.init)
            }
            return lines.allSatisfy(take)
        }

        func end() { state.withLock { $0.isWhole = true } }
    }

    private final class ExchangeHandler: ChannelInboundHandler {
        typealias InboundIn = HTTPClientResponsePart

        private let exchange: Exchange
        private var isStream = false

        init(_ exchange: Exchange) { self.exchange = exchange }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                isStream = head.headers.first(name: "Content-Type") == "text/event-stream"
                exchange.head(Int(head.status.code), isStream: isStream)
            case .body(let bytes):
                if !exchange.body(bytes, isStream: isStream) { context.close(promise: nil) }
            case .end:
                exchange.end()
                context.close(promise: nil)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
