import FakeStash
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Stash
import Testing

@testable import Push

/// A proxy that speaks TLS in front of a server, with a certificate that it made for itself.
private final class TLSProxy: Sendable {
    /// The certificate, for those who shall believe it.
    let certificate: String
    let port: Int
    private let directory: String
    private let channel: any Channel
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    init(to server: Int) throws {
        directory = NSTemporaryDirectory() + "push-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        certificate = directory + "/cert.pem"
        let key = directory + "/key.pem"
        let openssl = Process()
        openssl.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        openssl.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj",
            "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out",
            certificate,
        ]
        openssl.standardError = FileHandle.nullDevice
        try openssl.run()
        openssl.waitUntilExit()
        let chain = try NIOSSLCertificate.fromPEMFile(certificate).map { NIOSSLCertificateSource.certificate($0) }
        let context = try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: chain, privateKey: .privateKey(NIOSSLPrivateKey(file: key, format: .pem))))
        channel = try ServerBootstrap(group: group)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop).connect(host: "127.0.0.1", port: server).flatMapThrowing {
                    upstream in
                    try client.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    try client.pipeline.syncOperations.addHandler(Forwarder(upstream))
                    try upstream.pipeline.syncOperations.addHandler(Forwarder(client))
                }
            }
            .bind(host: "127.0.0.1", port: 0).wait()
        port = channel.localAddress?.port ?? 0
    }

    func stop() {
        try? channel.close().wait()
        try? group.syncShutdownGracefully()
        try? FileManager.default.removeItem(atPath: directory)
    }

    private final class Forwarder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let other: any Channel

        init(_ other: any Channel) { self.other = other }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            other.writeAndFlush(unwrapInboundIn(data), promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}

@Suite(.serialized, .timeLimit(.minutes(9))) struct TrustTests {
    @Test func `over TLS the instance's own trust decides`() async throws {
        let fake = try FakeStash.start()
        let proxy = try TLSProxy(to: fake.port.number)
        defer {
            proxy.stop()
            fake.stop()
        }
        let news = [News(), News(), News(), News()]
        var times = ListenerTests.times()
        // A handshake takes longer on a busy machine than the other tests wait for an answer.
        (times.answer, times.quiet, times.silence) = (.seconds(30), .seconds(30), .seconds(60))
        let listeners = PushListeners(times: times) { news[Int($0)].add($1) }
        defer { listeners.stop() }
        func listen(_ number: Int64, _ host: String, _ trust: TLSTrust) throws {
            let address = try ServerAddress("https://\(host):\(proxy.port)")
            listeners.set(number, ServerAccess(address: address, trust: trust))
        }
        try listen(0, "127.0.0.1", .system)
        try listen(1, "127.0.0.1", .insecure)
        try listen(2, "127.0.0.1", .file(proxy.certificate))
        try listen(3, "localhost", .file(proxy.certificate))
        for number in 1...3 { try await news[number].wait(for: .listening) }
        fake.audience.announce(.scanCompleted)
        for number in 1...3 { try await news[number].wait(for: .changed(.scanCompleted)) }
        #expect(news[0].list.isEmpty, "a certificate that nobody vouches for was believed")
        #expect(fake.audience.listeners == 3)
    }
}
