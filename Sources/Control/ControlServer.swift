import Foundation
import Hummingbird
import HummingbirdCore
import Library
package import Logging
import NIOCore
import NIOPosix
import Synchronization

/// The HTTP server of the daemon, on a Unix socket and, if that is wanted, a loopback port. What it answers is in the routes.
package final class ControlServer: Sendable {
    /// What a request may take.
    enum Limits {
        /// Bytes of a body: the largest thing to say is an instance's settings.
        static let body = 64 << 10
        /// Bytes of all headers.
        static let headers = 16 << 10
        static let connections = 128
        /// How long a connection may be silent between requests, and within one.
        static let silence = TimeAmount.seconds(30)
        /// How long a body may take to come.
        static let bodyTime = TimeAmount.seconds(20)
        static let stall = TimeAmount.seconds(60)
    }

    private struct State {
        var tasks: [Task<Void, Never>] = []
        var listening: LoopbackAddress?
    }

    package let socket: String
    let routes: [Route]
    let logger: Logger
    /// For handlers that wait for a database or a server: the threads of the concurrency runtime are as few as the processor's.
    let threads = NIOThreadPool(numberOfThreads: 8)
    /// How long nothing may be taken of what is sent.
    private let stall: TimeAmount
    private let state = Mutex(State())

    /// - Parameters:
    ///   - routes: All that can be asked.
    ///   - socket: The path of the Unix socket. Its directory is made when it is missing, with mode 0700.
    ///   - logger: Told of requests at the level debug.
    package convenience init(routes: [Route], socket: String, logger: Logger) {
        self.init(routes: routes, socket: socket, logger: logger, stall: Limits.stall)
    }

    init(routes: [Route], socket: String, logger: Logger, stall: TimeAmount) {
        self.stall = stall
        self.routes = routes
        self.socket = socket
        self.logger = logger
    }

    /// The loopback address once it listens there.
    package var listening: LoopbackAddress? { state.withLock { $0.listening } }

    /// Listens from when this returns. It blocks, and must not be called on a thread of the concurrency runtime.
    ///
    /// - Parameter loopback: Where besides the socket, with the token that is wanted there.
    /// - Throws: `Problem` when an address cannot be had.
    package func start(loopback: (address: LoopbackAddress, token: String)? = nil) throws {
        threads.start()
        let directory = URL(fileURLWithPath: socket).deletingLastPathComponent().path
        try Files.makePrivateDirectory(directory)
        _ = try listen(.unixDomainSocket(path: socket), .socket, "the control socket \(socket)")
        guard chmod(socket, 0o600) == 0 else {
            throw Problem(.ioError, "the control socket \(socket) cannot be kept private")
        }
        guard let (address, token) = loopback else { return }
        let port = try listen(
            .hostname(address.host, port: address.port), .loopback(token: token), "\(address)")
        state.withLock { $0.listening = LoopbackAddress(host: address.host, port: port ?? address.port) }
    }

    /// Closes everything; requests that run are cut off.
    package func stop() {
        let tasks = state.withLock { state in
            defer { state.tasks = [] }
            return state.tasks
        }
        for task in tasks { task.cancel() }
        unlink(socket)
        threads.shutdownGracefully { _ in }
    }

    private final class Outcome: Sendable {
        let value = Mutex<Result<Int?, any Error>?>(nil)
    }

    /// Waits until the address is taken; returns its port when it has one.
    private func listen(_ address: BindAddress, _ door: Doorkeeper.Door, _ name: String) throws(Problem) -> Int? {
        let outcome = Outcome()
        let isKnown = DispatchSemaphore(value: 0)
        let application = Application(
            responder: responder(Doorkeeper(door: door, owner: getuid())),
            server: .http1(configuration: channels),
            configuration: ApplicationConfiguration(
                address: address, backlog: 64,
                availableConnectionsDelegate: MaximumAvailableConnections(Limits.connections)),
            onServerRunning: { channel in
                outcome.value.withLock { $0 = .success(channel.localAddress?.port) }
                isKnown.signal()
            }, logger: Self.quiet)
        let task = Task { [logger] in
            do {
                try await application.run()
            } catch {
                let isNews = outcome.value.withLock { outcome in
                    defer { outcome = outcome ?? .failure(error) }
                    return outcome == nil
                }
                if isNews { isKnown.signal() } else { logger.error("\(name) is no longer listened on: \(error)") }
            }
        }
        isKnown.wait()
        switch outcome.value.withLock({ $0 }) {
        case .success(let port):
            state.withLock { $0.tasks.append(task) }
            return port
        case .failure(let error as IOError) where error.errnoCode == EADDRINUSE:
            throw Problem(.busy, "\(name) is used by another program", hint: "choose another port")
        case .failure(let error): throw Problem(.ioError, "\(name) cannot be listened on: \(error)")
        case nil: throw Problem(.software, "\(name) cannot be listened on")
        }
    }

    private var channels: HTTP1Channel.Configuration {
        var decoder = HTTP1Channel.Configuration.DecoderConfiguration()
        decoder.maxHeaderFieldSize = Limits.headers
        decoder.maxHeaderListSize = Limits.headers
        decoder.maxHeaderFieldCount = 100
        let stall = stall
        return HTTP1Channel.Configuration(
            additionalChannelHandlers: [StalledReaderHandler(patience: stall)], idleTimeout: Limits.silence,
            httpDecoderConfiguration: decoder)
    }

    /// The library's own lines repeat what the daemon says.
    private static let quiet: Logger = {
        var logger = Logger(label: "http")
        logger.logLevel = .critical
        return logger
    }()
}
