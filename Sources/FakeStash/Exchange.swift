/// A request, as the routes see it.
struct Request: Sendable {
    var method: String
    /// The path as sent, less the query.
    var path: String
    var rawQuery: String
    var query: [String: String]
    /// Names are lower-case.
    var headers: [(name: String, value: String)]
    var body: [UInt8]

    init(method: String, target: String, headers: [(name: String, value: String)], body: [UInt8]) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        self.method = method
        path = Self.decode(String(parts[0]), plus: false)
        rawQuery = parts.count > 1 ? String(parts[1]) : ""
        query = [:]
        for pair in rawQuery.split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            query[Self.decode(sides[0], plus: true)] = sides.count > 1 ? Self.decode(sides[1], plus: true) : ""
        }
        self.headers = headers
        self.body = body
    }

    func header(_ name: String) -> String? {
        headers.first { $0.name == name }?.value
    }

    static func decode(_ text: String, plus: Bool) -> String {
        var bytes: [UInt8] = []
        let source = Array(text.utf8)
        var index = 0
        while index < source.count {
            if source[index] == 0x25, index + 2 < source.count,
                let value = UInt8(String(decoding: source[(index + 1)...(index + 2)], as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                index += 3
            } else {
                bytes.append(plus && source[index] == 0x2b ? 0x20 : source[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Percent-encodes everything but unreserved characters.
    static func encode(_ text: String) -> String {
        var output = ""
        for byte in text.utf8 {
            if Syntax.isNameByte(byte) || byte == 0x2d || byte == 0x2e || byte == 0x7e {
                output.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                output += "%" + hexadecimal(UInt64(byte), width: 2).uppercased()
            }
        }
        return output
    }
}

/// An answer before it is written.
struct Response: Sendable {
    var status: Int
    var headers: [(name: String, value: String)]
    var body: MediaBytes
    /// The part of `body` that is sent.
    var offset: Int64 = 0
    var count: Int64
    var isChunked = false

    init(_ status: Int, headers: [(String, String)] = [], body: MediaBytes = MediaBytes([])) {
        self.status = status
        self.headers = headers.map { (name: $0.0, value: $0.1) }
        self.body = body
        count = body.size
    }

    static func text(_ status: Int, _ text: String, headers: [(String, String)] = []) -> Response {
        Response(
            status,
            headers: headers + [("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff")],
            body: MediaBytes(Array(text.utf8)))
    }

    func header(_ name: String) -> String? {
        headers.first { $0.name == name }?.value
    }

    mutating func set(_ name: String, _ value: String?) {
        headers.removeAll { $0.name == name }
        if let value { headers.append((name, value)) }
    }
}

/// Content types by file extension.
enum MediaType {
    static func of(_ name: String) -> String {
        let types = [
            "mp4": "video/mp4", "webm": "video/webm", "mkv": "video/x-matroska", "jpg": "image/jpeg",
            "png": "image/png",
            "webp": "image/webp", "gif": "image/gif", "mov": "video/quicktime", "avi": "video/x-msvideo",
        ]
        return types[name.split(separator: ".").last.map { $0.lowercased() } ?? ""] ?? "application/octet-stream"
    }
}
