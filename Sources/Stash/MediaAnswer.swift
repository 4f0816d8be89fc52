/// What makes the answer to a media request acceptable: headers in, verdict out. Pure, so that every rule of Stash 1.6,
/// 4.1 and 4.2 stands in a table of tests.

/// A part of a file: from `lowerBound` up to, not including, `upperBound`.
package struct ByteRange: Sendable, Hashable {
    package let lowerBound: Int64
    /// Nil means to the end of the file, whatever its size.
    package let upperBound: Int64?

    /// - Precondition: `0 <= lowerBound < upperBound`; an empty range cannot be asked for over HTTP.
    package init(from lowerBound: Int64, to upperBound: Int64? = nil) {
        precondition(lowerBound >= 0, "a range cannot begin before the file")
        if let upperBound { precondition(upperBound > lowerBound, "a range has at least one byte") }
        self.lowerBound = lowerBound
        self.upperBound = upperBound
    }

    /// The value of the `Range` header (RFC 9110 section 14.2).
    var header: String {
        "bytes=\(lowerBound)-\(upperBound.map { "\($0 - 1)" } ?? "")"
    }
}

/// What identifies one version of a file's bytes: its size and what the server says of its age or content.
///
/// Files on disk have a Last-Modified and no ETag, blobs of the database the reverse (Stash 4.1).
package struct Validator: Sendable, Hashable, Codable {
    /// Size of the whole file in bytes.
    package let total: Int64
    /// The header's text as it came: it is compared and sent back, never understood.
    package let lastModified: String?
    package let etag: String?

    package init(total: Int64, lastModified: String? = nil, etag: String? = nil) {
        self.total = total
        self.lastModified = lastModified
        self.etag = etag
    }

    /// Whether it says more of a version than its size.
    package var isMarked: Bool { lastModified != nil || etag != nil }
}

/// What is known once an acceptable answer has begun.
package struct MediaHead: Sendable, Hashable {
    /// 200 for the whole file, 206 for a part of it.
    package let status: Int
    /// Position in the file of the first byte that will be received.
    package let firstByte: Int64
    /// How many bytes will be received.
    package let length: Int64
    /// The file's version; its `total` is the size of the whole file.
    package let validator: Validator
    /// In lower case, without parameters; empty when the server sent none.
    package let contentType: String

    /// Size of the whole file in bytes.
    package var total: Int64 { validator.total }

    /// Whether this is an SVG, which is what Stash sends instead of a missing picture (Stash 4.4).
    ///
    /// For a scene's or a gallery's picture that settles it. A studio's, tag's or group's real picture can be an SVG
    /// too, and a missing performer's picture is a PNG: for those the index knows who has a picture
    /// (`StashClient.ids(_:missingPicture:…)`).
    package var isPlaceholder: Bool { contentType == "image/svg+xml" }
}

/// `Content-Range: bytes 0-99/524710` or `bytes */524710` (RFC 9110 section 14.4).
struct ContentRange: Equatable {
    /// Nil in the form that goes with status 416.
    let bytes: ClosedRange<Int64>?
    let total: Int64

    /// Nil for anything but one complete, consistent range of bytes: another unit, an unknown total, numbers that
    /// contradict each other.
    init?(_ text: String) {
        let text = text.lowercased()
        guard text.hasPrefix("bytes ") else { return nil }
        let parts = text.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let total = Self.number(parts[1]) else { return nil }
        self.total = total
        if parts[0] == "*" {
            bytes = nil
            return
        }
        let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]) else { return nil }
        guard first <= last, last < total else { return nil }
        bytes = first...last
    }

    /// Decimal digits only: `Int64("+5")` would be 5.
    static func number(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text)
    }
}

/// The status line and the headers of an answer.
struct AnswerHead: Sendable, Equatable {
    let status: Int
    /// Names in lower case.
    private(set) var headers: [String: String] = [:]

    init(status: Int, headers: [String: String] = [:]) {
        self.status = status
        for (name, value) in headers { add(name: name, value: value) }
    }

    /// A name that comes twice is joined with a comma (RFC 9110 section 5.2), so that two contradicting
    /// Content-Ranges parse as none.
    mutating func add(name: String, value: String) {
        let name = name.lowercased()
        headers[name] = headers[name].map { "\($0), \(value)" } ?? value
    }

    subscript(name: String) -> String? {
        headers[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// In lower case, without parameters.
    var contentType: String {
        guard let text = self["content-type"] else { return "" }
        return text.prefix { $0 != ";" }.filter { !$0.isWhitespace }.lowercased()
    }

    /// Origin of a redirect's target, without the path and the query, which can hold secrets.
    var redirectOrigin: String? {
        guard let location = self["location"], let address = try? ServerAddress(String(location.prefix { $0 != "?" }))
        else { return nil }
        return String(address.url.dropLast(address.basePath.count))
    }

    /// Whether a redirect leads to Stash's login page (Stash 1.3).
    var redirectsToLogin: Bool {
        guard let path = self["location"]?.prefix(while: { $0 != "?" }) else { return false }
        return path.hasSuffix("/login")
    }
}

/// What was asked, as far as the answer is judged by it.
struct MediaQuestion: Sendable, Equatable {
    var range: ByteRange?
    var expected: Validator?
    var hasKey: Bool
    /// Captions that are not there are answered by an empty 200 (Stash 4.3).
    var emptyMeansMissing = false
}

/// What is decided on an answer's head.
enum MediaVerdict: Equatable {
    case accept(MediaHead)
    case fail(StashError)
    /// Status and headers alone do not tell: the first bytes of the body do (see `AnswerText`).
    case needsText
}

extension MediaQuestion {
    /// Judges an answer by its status and headers.
    ///
    /// A 200 in answer to a range is taken when it holds exactly what was asked, that is when the range starts at 0 and
    /// the whole file is not longer than the range; else the surplus would have to be thrown away here, or worse,
    /// would be taken for something else by the receiver. It has to say its version, too, as everything does that Stash
    /// serves by ranges (Stash 4.1): what does not is no file, but somebody's word on why there is none.
    func judge(_ head: AnswerHead) -> MediaVerdict {
        switch head.status {
        case 200, 206: judgeSuccess(head)
        case 300..<400: .fail(AnswerText.redirect(head, hasKey: hasKey))
        case 401: .fail(.unauthorised(hasKey ? .keyRejected : .needsKey))
        case 404: .fail(.notFound)
        case 412: .fail(.changed)
        case 416: .fail(judgeUnsatisfiable(head))
        default: .needsText
        }
    }

    private func judgeSuccess(_ head: AnswerHead) -> MediaVerdict {
        let contentType = head.contentType
        guard contentType != "text/html" else {
            return .fail(.notStash(.webPage))
        }
        if let encoding = head["content-encoding"], encoding.lowercased() != "identity" {
            return .fail(.refused(.contentEncoding(encoding)))
        }
        guard let length = head["content-length"].flatMap({ ContentRange.number(Substring($0)) }) else {
            return .fail(.refused(.noLength))
        }

        let slice: Range<Int64>
        let total: Int64
        if head.status == 206 {
            guard let range, let answered = head["content-range"].flatMap(ContentRange.init),
                let bytes = answered.bytes
            else { return .fail(.refused(.contentRange)) }
            total = answered.total
            // Judged before the comparison of ends, which follow from the total: another size is another file.
            if let expected, expected.total != total { return .fail(.changed) }
            let end = min(range.upperBound ?? total, total)
            guard bytes.lowerBound == range.lowerBound, bytes.upperBound == end - 1,
                length == end - range.lowerBound
            else { return .fail(.refused(.contentRange)) }
            slice = range.lowerBound..<end
        } else {
            total = length
            if emptyMeansMissing, total == 0 { return .fail(.notFound) }
            // Before the comparison: somebody's word on why there is no file does not say that it is another one now.
            guard validator(total, head).isMarked || range == nil && expected?.isMarked != true else {
                return .fail(.refused(.wholeInsteadOfRange))
            }
            // Such a word when the whole was asked for: nothing that Stash serves has this type (Stash 4).
            guard validator(total, head).isMarked || !contentType.hasSuffix("json") else {
                return .fail(.refused(.malformed("it is JSON where a file was expected")))
            }
            if let expected, expected.total != total { return .fail(.changed) }
            if let range {
                guard range.lowerBound == 0, total <= range.upperBound ?? total else {
                    return .fail(.refused(.wholeInsteadOfRange))
                }
            }
            slice = 0..<total
        }

        let validator = validator(total, head)
        if let expected, !expected.agrees(with: validator) { return .fail(.changed) }
        return .accept(
            MediaHead(
                status: head.status, firstByte: slice.lowerBound, length: slice.upperBound - slice.lowerBound,
                validator: validator, contentType: contentType))
    }

    private func validator(_ total: Int64, _ head: AnswerHead) -> Validator {
        Validator(total: total, lastModified: head["last-modified"], etag: head["etag"])
    }

    private func judgeUnsatisfiable(_ head: AnswerHead) -> StashError {
        // Stash says how long the file is (Stash 4.1); who does not has not looked at it.
        guard let total = head["content-range"].flatMap(ContentRange.init)?.total, expected?.total != total else {
            return .refused(.status(416))
        }
        return .rangeNotSatisfiable(total: total)
    }
}

extension Validator {
    /// Whether an answer belongs to this version: what this validator knows must be there and equal.
    func agrees(with answer: Validator) -> Bool {
        total == answer.total
            && (lastModified == nil || lastModified == answer.lastModified)
            && (etag == nil || etag == answer.etag)
    }
}

/// Judgements that need the first bytes of an error's body.
enum AnswerText {
    /// How much of an error's body is looked at: the texts that matter stand in its first sentence.
    static let limit = 4096

    static func redirect(_ head: AnswerHead, hasKey: Bool) -> StashError {
        guard head.redirectsToLogin else { return .notStash(.redirect(to: head.redirectOrigin)) }
        return .unauthorised(hasKey ? .keyRejected : .needsKey)
    }

    /// What an answer means that is neither a success nor decided by its status alone.
    static func error(status: Int, text: String, hasKey: Bool) -> StashError {
        let lowered = text.lowercased()
        switch status {
        case 403:
            // Both sentences of Stash 1.4: the one that trips the wire and the one of every request after it.
            if lowered.contains("exposed to the public internet")
                || lowered.contains("accessed stash over the internet") || lowered.contains("public internet")
            {
                return .tripwire
            }
            return .refused(.forbidden)
        case 400 where lowered.contains("http request to an https server"):
            return .notStash(.speaksTLS)
        // Servers before 0.26 answer a wrong key so (Stash 1.3).
        case 500 where lowered.hasPrefix("unauthorized"):
            return .unauthorised(hasKey ? .keyRejected : .needsKey)
        case 408, 425, 429, 500..<600:
            return .server(message: "http status \(status)", retryable: true)
        default:
            return .refused(.status(status))
        }
    }
}
