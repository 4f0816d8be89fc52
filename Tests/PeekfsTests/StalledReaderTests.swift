import Foundation
import Glibc
import Logging
import NIOCore
import Testing

@testable import Control

/// The server answers on threads that the other tests keep busy, for minutes at a time.
@Suite(.serialized, .timeLimit(.minutes(30))) struct StalledReaderTests {
    /// More than sockets hold by themselves.
    private static let size = 16 << 20

    @Test func `who takes nothing of an answer is cut off`() async throws {
        try await ask(stall: .milliseconds(200)) { reader in
            // Nothing is read before the other end has closed.
            var state = pollfd(fd: reader, events: 0, revents: 0)
            while poll(&state, 1, -1) < 0, errno == EINTR {}
            #expect(Int32(state.revents) & POLLHUP != 0)
            #expect(Self.received(reader) < Self.size)
        }
    }

    @Test func `who takes it gets all of it`() async throws {
        try await ask(stall: .minutes(30)) { reader in #expect(Self.received(reader) > Self.size) }
    }

    /// Asks a server for a large answer, on a thread that may block.
    private func ask(stall: TimeAmount, _ body: @escaping @Sendable (Int32) throws -> Void) async throws {
        try await withCheckedThrowingContinuation { done in
            Thread { done.resume(with: Result { try Self.connected(stall, body) }) }.start()
        }
    }

    private static func connected(_ stall: TimeAmount, _ body: (Int32) throws -> Void) throws {
        let directory = NSTemporaryDirectory() + "stalled-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let route = Route(.get, "/large", .blocking { _ in Answer(body: Data(count: size)) })
        let server = ControlServer(
            routes: [route], socket: directory + "/socket",
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, stall: stall)
        try server.start()
        defer { server.stop() }
        let reader = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(reader) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: server.socket.utf8) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let isConnected = withUnsafeBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { connect(reader, $0.baseAddress, length) == 0 }
        }
        try #require(isConnected)
        let request = Array("GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
        try #require(write(reader, request, request.count) == request.count)
        try body(reader)
    }

    /// How much comes until the end.
    private static func received(_ reader: Int32) -> Int {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var sum = 0
        while true {
            let count = read(reader, &buffer, buffer.count)
            guard count > 0 else { return sum }
            sum += count
        }
    }
}
