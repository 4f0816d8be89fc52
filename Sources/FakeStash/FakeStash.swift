import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// What all connections of one server share.
final class Server: Sendable {
    let configuration: FakeStash.Configuration
    let routes: Routes
    let faults: Faults
    let log: RequestLog
    let pool: NIOThreadPool
    let link: Link
    let audience = Audience()

    init(_ configuration: FakeStash.Configuration, _ routes: Routes, _ faults: Faults, _ log: RequestLog) {
        self.configuration = configuration
        self.routes = routes
        self.faults = faults
        self.log = log
        pool = NIOThreadPool(numberOfThreads: 2)
        link = Link(configuration)
    }

    static func now() -> Int64 { Int64(Date().timeIntervalSince1970) }

    /// Notes a request, without its key.
    func record(_ request: Request, connection: Int) -> Int {
        let pairs = request.rawQuery.split(separator: "&").filter { !$0.lowercased().hasPrefix("apikey=") }
        let path = pairs.isEmpty ? request.path : request.path + "?" + pairs.joined(separator: "&")
        let body = request.method == "POST" ? JSON.parse(request.body) : nil
        var variables = JSONWriter()
        variables.value(body?["variables"] ?? .null)
        let text = String(decoding: variables.bytes, as: UTF8.self)
        return log.add { number in
            RequestRecord(
                number: number, method: request.method, path: path, key: routes.keyState(request),
                hasKeyInURL: request.query["apikey"] != nil, range: request.header("range"),
                ifRange: request.header("if-range"), ifUnmodifiedSince: request.header("if-unmodified-since"),
                ifNoneMatch: request.header("if-none-match"), accept: request.header("accept"),
                acceptEncoding: request.header("accept-encoding"), host: request.header("host"), connection: connection,
                query: body?["query"]?.text, variables: text == "null" ? nil : text)
        }
    }
}

/// A port of 127.0.0.1 that the kernel gives to nobody who does not name it, also while no server listens there.
///
/// It is held by a socket that is bound and does not listen: connections are refused, and a server that sets SO_REUSEADDR
/// may listen beside it (socket(7)). So who waits for a server's return never meets another one.
package final class HeldPort: Sendable {
    package let number: Int
    private let holder: Int32

    /// - Parameter wanted: The number; 0 lets the kernel choose.
    /// - Throws: `POSIXError` when somebody listens there or there is none left.
    package init(_ wanted: UInt16 = 0) throws {
        let holder = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        func trouble() -> POSIXError { POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        guard holder >= 0 else { throw trouble() }
        var (isReused, size) = (Int32(1), socklen_t(MemoryLayout<sockaddr_in>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        address.sin_port = wanted.bigEndian
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                setsockopt(holder, SOL_SOCKET, SO_REUSEADDR, &isReused, socklen_t(MemoryLayout<Int32>.size)) == 0
                    && bind(holder, generic, size) == 0 && getsockname(holder, generic, &size) == 0
            }
        }
        guard status else {
            let error = trouble()
            close(holder)
            throw error
        }
        self.holder = holder
        number = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(holder) }
}

/// A Stash server for tests and demonstrations: it behaves as a real one of either generation on the wire, with a catalogue
/// made from a seed, and misbehaves on demand. It listens on 127.0.0.1 only.
package final class FakeStash: Sendable {
    package let configuration: Configuration
    /// What the server holds; change it to see what a client makes of it.
    package let catalogue: Catalogue
    /// Rules of misbehaviour.
    package let faults: Faults
    /// Those who listen for what is done here.
    package let audience: Audience
    /// The port that it listens on, which nobody else gets as long as somebody has a configuration of this server.
    package let port: HeldPort

    private let log: RequestLog
    private let routes: Routes
    private let listener: any Channel
    private let group: MultiThreadedEventLoopGroup
    private let isStopped = Atomic(false)
    private let pool: NIOThreadPool

    /// The base URL that a client is given.
    package var url: String { "http://127.0.0.1:\(port.number)\(configuration.basePath)" }

    /// All requests so far, in order of arrival.
    package var requests: [RequestRecord] { log.records.filter { !$0.method.isEmpty } }

    /// Forgets the requests so far.
    package func clearRequests() { log.clear() }

    /// Waits until the requests fulfil a condition; `false` if they do not within that time.
    package func wait(seconds: Double = 10, until condition: ([RequestRecord]) -> Bool) -> Bool {
        log.wait(seconds: seconds) { records in condition(records.filter { !$0.method.isEmpty }) }
    }

    /// Binds and serves; returns when connections are accepted.
    ///
    /// - Parameters:
    ///   - configuration: What the server is.
    ///   - observer: Is told of each request when its answer is over, from any thread.
    /// - Returns: The running server.
    /// - Throws: What the kernel says when the port cannot be bound or the media file not be read.
    package static func start(
        _ configuration: Configuration = Configuration(), observer: (@Sendable (RequestRecord) -> Void)? = nil
    ) throws -> FakeStash {
        let clips = Clips.load()
        var configuration = configuration
        let port = try configuration.port ?? HeldPort()
        configuration.port = port
        if configuration.recordedLike { RecordedLike.size(&configuration) }
        let file = try configuration.mediaFile.map { try StoredFile($0) }
        if let file { configuration.mediaSize = file.size...file.size }
        let catalogue = Catalogue(Generator(configuration, clips: clips))
        if configuration.recordedLike { RecordedLike.fill(catalogue) }
        for edit in configuration.files { catalogue.apply(edit) }
        let routes = Routes(configuration, catalogue, clips, file)
        let faults = Faults()
        let log = RequestLog(observer)
        let server = Server(configuration, routes, faults, log)
        server.pool.start()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)
                    try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(decoder))
                    try channel.pipeline.syncOperations.addHandler(Connection(server))
                }
            }
        let channel: any Channel
        do {
            channel = try bootstrap.bind(host: "127.0.0.1", port: port.number).wait()
        } catch {
            try? group.syncShutdownGracefully()
            try? server.pool.syncShutdownGracefully()
            throw error
        }
        return FakeStash(
            configuration, catalogue, faults, server.audience, port, log, routes, channel, group, server.pool)
    }

    private init(
        _ configuration: Configuration, _ catalogue: Catalogue, _ faults: Faults, _ audience: Audience,
        _ port: HeldPort, _ log: RequestLog,
        _ routes: Routes, _ listener: any Channel, _ group: MultiThreadedEventLoopGroup, _ pool: NIOThreadPool
    ) {
        self.configuration = configuration
        self.catalogue = catalogue
        self.faults = faults
        self.audience = audience
        self.port = port
        self.log = log
        self.routes = routes
        self.listener = listener
        self.group = group
        self.pool = pool
    }

    /// Closes the listening socket and every connection. Another server may listen at the same `port` afterwards.
    package func stop() {
        guard !isStopped.exchange(true, ordering: .sequentiallyConsistent) else { return }
        // Before the loops end: a connection that one of them accepts now may belong to another that has ended, and NIO takes
        // that for a mistake of ours.
        try? listener.close().wait()
        try? group.syncShutdownGracefully()
        try? pool.syncShutdownGracefully()
    }

    // MARK: What media must contain

    /// The content of `/scene/{id}/stream` (the transcode where there is one) or `/image/{id}/image`; `nil` if there is none.
    package func content(_ kind: Kind, _ id: Int) -> MediaBytes? {
        guard let row = catalogue.entity(kind, id) else { return nil }
        switch kind {
        case .scene: return routes.media.stream(row)
        case .image: return row.files.first.map { routes.media.content($0) }
        default: return nil
        }
    }

    /// `count` bytes from `offset` on that a read must give; fewer at the end of the file.
    package func expectedBytes(_ kind: Kind, _ id: Int, offset: Int64, count: Int) -> [UInt8] {
        content(kind, id)?.bytes(from: offset, count: count) ?? []
    }

    /// The picture of a performer, studio, tag or group (front), or the cover of a scene; `nil` when only a default is served.
    package func expectedPicture(_ kind: Kind, _ id: Int) -> [UInt8]? {
        guard let body = picture(kind, id) else { return nil }
        return body.bytes(from: 0, count: Int(body.size))
    }

    /// The same, whatever its length.
    func picture(_ kind: Kind, _ id: Int) -> MediaBytes? {
        catalogue.entity(kind, id).flatMap { routes.media.realPicture($0) }
    }

    /// The WebVTT that a caption of a scene is served as.
    package func expectedCaption(_ scene: Int, _ caption: Caption) -> [UInt8] {
        guard let row = catalogue.entity(.scene, scene), row.captions.contains(caption) else { return [] }
        let body = routes.media.caption(row, caption)
        return body.bytes(from: 0, count: Int(body.size))
    }

    /// The funscript of an interactive scene.
    package func expectedFunscript(_ scene: Int) -> [UInt8] {
        guard let row = catalogue.entity(.scene, scene), row.interactive else { return [] }
        let body = routes.media.funscript(row)
        return body.bytes(from: 0, count: Int(body.size))
    }
}
