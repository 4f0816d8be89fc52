/// How Go's `http.ServeContent` treats validators and ranges, which is how Stash serves all media (Stash 4.1).
enum Ranges {
    enum Validator: Sendable {
        /// Seconds since 1970 of the file.
        case modified(Int64)
        case etag(String)
        case none
    }

    enum Wanted: Equatable {
        case whole
        case parts([Range<Int64>])
        case invalid
        case unsatisfiable
    }

    /// Reads a Range header for content of `size` bytes.
    static func parse(_ text: String?, size: Int64) -> Wanted {
        guard let text else { return .whole }
        guard text.hasPrefix("bytes=") else { return .invalid }
        var parts: [Range<Int64>] = []
        var hasMissed = false
        for piece in text.dropFirst(6).split(separator: ",") {
            let piece = piece.filter { $0 != " " }
            guard let dash = piece.firstIndex(of: "-") else { return .invalid }
            let first = String(piece[..<dash])
            let last = String(piece[piece.index(after: dash)...])
            if first.isEmpty {
                guard let length = Int64(last), length >= 0 else { return .invalid }
                parts.append(max(0, size - length)..<size)
                continue
            }
            guard let start = Int64(first), start >= 0 else { return .invalid }
            if start >= size {
                hasMissed = true
                continue
            }
            guard !last.isEmpty else {
                parts.append(start..<size)
                continue
            }
            guard let end = Int64(last), end >= start else { return .invalid }
            parts.append(start..<min(end + 1, size))
        }
        if parts.isEmpty { return hasMissed ? .unsatisfiable : .invalid }
        // More than the file itself: Go suspects an attack and sends all of it once.
        if parts.reduce(0, { $0 + Int64($1.count) }) > size { return .whole }
        return .parts(parts)
    }

    /// The answer to a conditional or ranged GET. `keepsDate`: older Go leaves Last-Modified in a 416 (recorded).
    static func serve(
        _ body: MediaBytes, type: String, _ validator: Validator, headers: [(String, String)], keepsDate: Bool = false,
        _ request: Request
    ) -> Response {
        var kept = headers + [("X-Content-Type-Options", "nosniff")]
        switch validator {
        case .modified(let seconds): kept.append(("Last-Modified", Calendar.httpDate(seconds)))
        case .etag(let tag): kept.append(("Etag", tag))
        case .none: break
        }
        if let early = precondition(validator, kept, request) { return early }
        let range = isRangeValid(validator, request) ? request.header("range") : nil
        let full = [("Accept-Ranges", "bytes"), ("Content-Type", type)] + kept
        switch parse(range, size: body.size) {
        case .whole: return Response(200, headers: full, body: body)
        case .invalid: return refusal("invalid range\n", kept, nil, keepsDate)
        case .unsatisfiable:
            return refusal("invalid range: failed to overlap\n", kept, "bytes */\(body.size)", keepsDate)
        case .parts(let parts):
            guard parts.count == 1 else { return multipart(parts, body, type, kept) }
            var response = Response(206, headers: full, body: body)
            response.offset = parts[0].lowerBound
            response.count = Int64(parts[0].count)
            response.set("Content-Range", "bytes \(parts[0].lowerBound)-\(parts[0].upperBound - 1)/\(body.size)")
            return response
        }
    }

    /// 412 or 304, when a conditional header says so.
    private static func precondition(
        _ validator: Validator, _ headers: [(String, String)], _ request: Request
    ) -> Response? {
        switch validator {
        case .modified(let seconds):
            if let since = request.header("if-unmodified-since").flatMap(Calendar.seconds(httpDate:)), seconds > since {
                return Response(412, headers: headers)
            }
            if request.header("if-none-match") == nil,
                let since = request.header("if-modified-since").flatMap(Calendar.seconds(httpDate:)), seconds <= since
            {
                return Response(304, headers: headers)
            }
        case .etag(let tag):
            if let known = request.header("if-none-match"), known == tag || known == "*" {
                return Response(304, headers: headers)
            }
        case .none: break
        }
        return nil
    }

    private static func isRangeValid(_ validator: Validator, _ request: Request) -> Bool {
        guard let condition = request.header("if-range") else { return true }
        switch validator {
        case .modified(let seconds): return Calendar.seconds(httpDate: condition) == seconds
        case .etag(let tag): return condition == tag
        case .none: return false
        }
    }

    private static func refusal(
        _ text: String, _ headers: [(String, String)], _ range: String?, _ keepsDate: Bool
    ) -> Response {
        let kept = headers.filter { $0.0 == "Content-Disposition" || keepsDate && $0.0 == "Last-Modified" }
        var response = Response.text(416, text, headers: kept)
        response.set("Content-Range", range)
        return response
    }

    private static func multipart(
        _ parts: [Range<Int64>], _ body: MediaBytes, _ type: String, _ headers: [(String, String)]
    ) -> Response {
        let boundary = hexadecimal(UInt64.random(in: 0 ... .max), width: 16) + hexadecimal(0x6265_6566, width: 44)
        var bytes: [UInt8] = []
        for part in parts {
            bytes += Array((bytes.isEmpty ? "" : "\r\n").utf8)
            bytes += Array(
                "--\(boundary)\r\nContent-Range: bytes \(part.lowerBound)-\(part.upperBound - 1)/\(body.size)\r\n".utf8)
            bytes += Array("Content-Type: \(type)\r\n\r\n".utf8)
            bytes += body.bytes(from: part.lowerBound, count: part.count)
        }
        bytes += Array("\r\n--\(boundary)--\r\n".utf8)
        return Response(
            206,
            headers: [("Accept-Ranges", "bytes"), ("Content-Type", "multipart/byteranges; boundary=\(boundary)")]
                + headers,
            body: MediaBytes(bytes))
    }
}
