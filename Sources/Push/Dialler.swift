import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
import Stash

/// Connects to a server and asks it to go over to WebSocket. Follows nothing that it answers instead: the key is for this
/// origin only.
struct Dialler {
    let access: ServerAccess
    let times: PushTimes
    let loop: any EventLoop

    /// What became of it; a channel is closed by who has it.
    enum Outcome: Sendable {
        case upgraded(any Channel)
        /// Another answer than "switching protocols".
        case answered(status: Int)
    }

    /// `onAction` is as in `PushConnection`. Throws a `PushFault`, or what the network says.
    func dial(onAction: @escaping @Sendable (Subscriptions.Action) -> Void) async throws -> Outcome {
        let tls: NIOSSLContext?
        do {
            tls = access.address.scheme == .https ? try Self.context(access.trust) : nil
        } catch {
            throw PushFault.broken("its certificate cannot be checked (\(error))")
        }
        let (address, head, times) = (access.address, head, times)
        let upgrade = try await ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(times.connect))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .connect(host: address.host, port: address.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let name = Self.serverName(address.host)
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: name))
                    }
                    return try Self.configure(channel, head, times, onAction)
                }
            }
        // A server that takes the connection and then says nothing would hold us up for ever.
        let late = loop.scheduleTask(in: TimeAmount(times.answer)) { upgrade.channel.close(promise: nil) }
        defer { late.cancel() }
        return try await upgrade.outcome.get()
    }

    private struct Upgrade: Sendable {
        let channel: any Channel
        let outcome: EventLoopFuture<Outcome>
    }

    private var head: HTTPRequestHead {
        let address = access.address
        let host = address.host.contains(":") ? "[\(address.host)]" : address.host
        var headers = HTTPHeaders([
            ("Host", "\(host):\(address.port)"), ("Sec-WebSocket-Protocol", Subscriptions.name),
        ])
        for (name, value) in access.keyHeaders { headers.add(name: name, value: value) }
        return HTTPRequestHead(version: .http1_1, method: .GET, uri: address.basePath + "/graphql", headers: headers)
    }

    private static func configure(
        _ channel: any Channel, _ head: HTTPRequestHead, _ times: PushTimes,
        _ onAction: @escaping @Sendable (Subscriptions.Action) -> Void
    ) throws -> Upgrade {
        let upgrader = NIOTypedWebSocketClientUpgrader<Outcome>(maxFrameSize: Subscriptions.longestMessage) {
            channel, response in
            channel.eventLoop.makeCompletedFuture {
                guard response.headers["Sec-WebSocket-Protocol"].first == Subscriptions.name else {
                    // Without a name it is the older dialect, which servers since 0.22 need not be spoken to in.
                    channel.close(promise: nil)
                    throw PushFault.refused("it does not speak \(Subscriptions.name)")
                }
                let pipeline = channel.pipeline.syncOperations
                try pipeline.addHandler(
                    NIOWebSocketFrameAggregator(
                        minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 64,
                        maxAccumulatedFrameSize: Subscriptions.longestMessage))
                try pipeline.addHandler(PushConnection(times, onAction: onAction))
                return .upgraded(channel)
            }
        }
        let status = NIOLoopBound(Status(), eventLoop: channel.eventLoop)
        let configuration = NIOTypedHTTPClientUpgradeConfiguration<Outcome>(
            upgradeRequestHead: head, upgraders: [upgrader],
            notUpgradingCompletionHandler: { channel in
                channel.close(promise: nil)
                return channel.eventLoop.makeSucceededFuture(.answered(status: status.value.code))
            })
        var pipeline = NIOUpgradableHTTPClientPipelineConfiguration(upgradeConfiguration: configuration)
        pipeline.leftOverBytesStrategy = .forwardBytes
        let outcome = try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(configuration: pipeline)
        let upgradeHandler = try channel.pipeline.syncOperations.handler(
            type: NIOTypedHTTPClientUpgradeHandler<Outcome>.self)
        try channel.pipeline.syncOperations.addHandler(status.value, position: .before(upgradeHandler))
        return Upgrade(channel: channel, outcome: outcome)
    }

    private static func context(_ trust: TLSTrust) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        switch trust {
        case .system: break
        case .insecure: configuration.certificateVerification = .none
        case .file(let path): configuration.trustRoots = .file(path)
        }
        return try NIOSSLContext(configuration: configuration)
    }

    /// The name for the certificate; an address is none (RFC 6066, section 3), and is checked by itself.
    private static func serverName(_ host: String) -> String? {
        (try? SocketAddress(ipAddress: host, port: 0)) == nil ? host : nil
    }
}

/// Remembers the status of an answer on its way to the handler that only says whether it was the right one.
private final class Status: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = HTTPClientResponsePart

    private(set) var code = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Looked at until the head is there only: behind it, what comes may be no HTTP any more.
        if code == 0, case .head(let head) = unwrapInboundIn(data) { code = Int(head.status.code) }
        context.fireChannelRead(data)
    }
}
