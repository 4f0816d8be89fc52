import FakeStash
import Foundation

/// What came back over a plain socket, head and body as they were.
struct RawAnswer {
    var status = 0
    var headers: [String: String] = [:]
    var body: [UInt8] = []
    /// The connection ended with a reset.
    var wasReset = false

    var text: String { String(decoding: body, as: UTF8.self) }

    var json: [String: Any]? {
        (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any]
    }
}

/// Bytes that a failed expectation does not print whole.
struct Bytes: Equatable, CustomStringConvertible {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var description: String { "\(bytes.count) bytes, beginning \(bytes.prefix(16))" }
}

/// One connection over a plain socket, so that nothing between test and server repairs what the server does wrong.
final class RawClient {
    private let descriptor: Int32
    private var pending: [UInt8] = []
    private var wasReset = false

    /// Connects; reads give up after `timeout` seconds.
    init(port: Int, timeout: Int = 10) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        guard result == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        var limit = timeval(tv_sec: timeout, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    func send(_ method: String, _ path: String, _ headers: [String: String] = [:], body: String = "") {
        var text = "\(method) \(path) HTTP/1.1\r\nHost: x\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        if !body.isEmpty { text += "Content-Length: \(body.utf8.count)\r\n" }
        send(text + "\r\n" + body)
    }

    /// Reads more into `pending`; `false` at the end, on a reset and when time is up.
    private func fill() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count < 0, errno == ECONNRESET { wasReset = true }
        guard count > 0 else { return false }
        pending += chunk[..<count]
        return true
    }

    /// One answer. Ends where Content-Length or the last chunk says, or with the connection.
    func receive(hasBody: Bool = true) -> RawAnswer {
        var answer = RawAnswer()
        var end = headEnd()
        while end == nil, fill() { end = headEnd() }
        guard let end else {
            answer.wasReset = wasReset
            return answer
        }
        let head = String(decoding: pending[..<end], as: UTF8.self)
        pending.removeFirst(end + 4)
        for (number, line) in head.components(separatedBy: "\r\n").enumerated() {
            if number == 0 {
                answer.status = Int(line.split(separator: " ")[1]) ?? 0
                continue
            }
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 {
                answer.headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
            }
        }
        if hasBody, answer.status != 304 { readBody(&answer) }
        answer.wasReset = wasReset
        return answer
    }

    private func headEnd() -> Int? {
        guard pending.count >= 4 else { return nil }
        return (0...(pending.count - 4)).first { start in
            pending[start] == 13 && pending[start + 1] == 10 && pending[start + 2] == 13 && pending[start + 3] == 10
        }
    }

    private func readBody(_ answer: inout RawAnswer) {
        if answer.headers["transfer-encoding"] == "chunked" {
            while let size = chunkSize(), size > 0 {
                while pending.count < size + 2, fill() {}
                answer.body += pending.prefix(size)
                pending.removeFirst(min(pending.count, size + 2))
            }
            return
        }
        let length = answer.headers["content-length"].flatMap { Int($0) } ?? .max
        while pending.count < length, fill() {}
        answer.body = Array(pending.prefix(length))
        pending.removeFirst(answer.body.count)
    }

    private func chunkSize() -> Int? {
        var end = pending.firstIndex(of: 10)
        while end == nil, fill() { end = pending.firstIndex(of: 10) }
        guard let end else { return nil }
        let size = Int(String(decoding: pending[..<(end - 1)], as: UTF8.self), radix: 16)
        pending.removeFirst(end + 1)
        return size
    }
}

/// A server that is stopped when the test is over.
final class Served {
    let server: FakeStash

    init(_ change: (inout FakeStash.Configuration) -> Void = { _ in }) throws {
        var configuration = FakeStash.Configuration()
        change(&configuration)
        server = try FakeStash.start(configuration)
    }

    deinit { server.stop() }

    /// One request over a connection of its own.
    func ask(
        _ method: String, _ path: String, _ headers: [String: String] = [:], body: String = "", timeout: Int = 10
    ) throws -> RawAnswer {
        let client = try RawClient(port: server.port.number, timeout: timeout)
        client.send(method, path, headers.merging(["Connection": "close"]) { first, _ in first }, body: body)
        return client.receive(hasBody: method != "HEAD")
    }

    func get(_ path: String, range: String? = nil) throws -> RawAnswer {
        try ask("GET", path, range.map { ["Range": $0] } ?? [:])
    }

    /// The answer to a GraphQL document.
    func graphQL(_ query: String, _ variables: [String: Any] = [:], key: String? = nil) throws -> RawAnswer {
        let data = try JSONSerialization.data(withJSONObject: ["query": query, "variables": variables])
        var headers = ["Content-Type": "application/json", "Accept": "application/json"]
        if let key { headers["ApiKey"] = key }
        return try ask("POST", "/graphql", headers, body: String(decoding: data, as: UTF8.self))
    }

    /// A value inside `data`, by its path.
    func data(_ query: String, _ path: String..., variables: [String: Any] = [:]) throws -> Any? {
        var value: Any? = try graphQL(query, variables).json?["data"]
        for part in path {
            if let index = Int(part) {
                value = (value as? [Any]).flatMap { $0.indices.contains(index) ? $0[index] : nil }
            } else {
                value = (value as? [String: Any])?[part]
            }
        }
        return value
    }
}
