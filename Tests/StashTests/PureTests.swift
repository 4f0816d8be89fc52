import Testing

@testable import Stash

@Suite struct ServerAddressTests {
    @Test(arguments: [
        ("http://nas:9999", "http://nas:9999"), ("http://nas:9999/", "http://nas:9999"),
        ("  HTTP://NAS:9999/graphql \n", "http://nas:9999"), ("http://nas:80", "http://nas"),
        ("https://nas:443/stash/", "https://nas/stash"), ("https://nas/stash/graphql/", "https://nas/stash"),
        ("http://nas:9999/a//b/", "http://nas:9999/a/b"), ("http://nas:9999/login#top", "http://nas:9999"),
        ("http://[FE80::1%eth0]:9999", "http://[fe80::1%eth0]:9999"), ("http://[::1]", "http://[::1]"),
        ("http://192.168.0.2:9999/playground", "http://192.168.0.2:9999"),
        ("http://nas/é", "http://nas/%C3%A9"), ("http://my_nas.local", "http://my_nas.local"),
    ])
    func `what people paste is normalised`(text: String, url: String) throws {
        let address = try ServerAddress(text)
        #expect(address.url == url)
        #expect(try ServerAddress(address.url) == address)
    }

    @Test(arguments: [
        ("", AddressError.empty), ("nas:9999", .noScheme(suggestion: "http://nas:9999")),
        ("ftp://nas", .unknownScheme("ftp")), ("http://user:pw@nas:9999", .credentials),
        ("http://nas:9999/?apikey=abc", .keyInURL), ("http://nas:9999/scenes?page=2", .query),
        ("http://:9999", .noHost), ("http://", .noHost), ("http://na/s:x", .query),
        ("http://n^s", .badHost("n^s")), ("http://::1", .bareIPv6("::1")), ("http://nas:0", .badPort("0")),
        ("http://nas:65536", .badPort("65536")), ("http://nas:+80", .badPort("+80")),
        ("http://nas/../x", .badPath("/../x")), ("http://na s", .badCharacter), ("http://[nas]", .badHost("[nas]")),
    ])
    func `what is no address is refused with a reason`(text: String, error: AddressError) {
        if text == "http://na/s:x" {
            #expect(throws: Never.self) { try ServerAddress(text) }
        } else {
            #expect(throws: error) { try ServerAddress(text) }
        }
        #expect(!error.description.isEmpty && !error.hint.isEmpty)
    }

    @Test func `no refusal repeats a secret`() {
        for text in ["http://user:hunter2@nas", "http://nas?apikey=hunter2", "nas?apikey=hunter2", "u:hunter2@nas"] {
            do throws(AddressError) {
                _ = try ServerAddress(text)
                Issue.record("\(text) was taken")
            } catch {
                #expect(!"\(error) \(error.hint)".contains("hunter2"))
            }
        }
    }
}

@Suite struct APIKeyTests {
    @Test func `a key is printed by nothing`() throws {
        let key = try #require(APIKey(" hunter2\n"))
        let access = ServerAccess(address: try ServerAddress("http://nas"), apiKey: key)
        var dumped = ""
        dump(access, to: &dumped)
        let texts = [
            "\(key)", String(reflecting: key), "\(Optional(key) as Any)", "\(access)", String(reflecting: access),
            "\([key])", dumped,
        ]
        for text in texts {
            #expect(!text.contains("hunter2"))
            #expect(text.contains("<key>"))
        }
        #expect(key.redacted(in: "bad hunter2!") == "bad <key>!")
    }

    @Test(arguments: ["", "  ", "a b", "a\nApiKey: b", "ä"])
    func `what cannot stand in a header is no key`(text: String) {
        #expect(APIKey(text) == nil)
    }
}

@Suite struct ContentRangeTests {
    @Test(arguments: [("bytes 0-99/524710", 0, 99, 524_710), ("BYTES 5-5/6", 5, 5, 6)])
    func `a complete range is read`(text: String, first: Int64, last: Int64, total: Int64) throws {
        let range = try #require(ContentRange(text))
        #expect(range.bytes == first...last && range.total == total)
    }

    @Test(arguments: [
        "", "bytes", "bytes 0-99", "bytes 0-99/*", "bytes 99-0/100", "bytes 0-100/100", "items 0-1/2", "bytes -1/2",
        "bytes 0-/2", "bytes +0-1/2", "bytes 0-1/2, bytes 0-1/3", "bytes 0-1/99999999999999999999", "bytes 0--1/2",
    ])
    func `anything else is none`(text: String) {
        #expect(ContentRange(text) == nil)
    }

    @Test func `an unsatisfied range has a total only`() throws {
        let range = try #require(ContentRange("bytes */524710"))
        #expect(range.bytes == nil && range.total == 524_710)
    }
}

@Suite struct MediaJudgementTests {
    private static let part = [
        "Content-Length": "100", "Content-Range": "bytes 0-99/1000", "Content-Type": "video/mp4",
        "Last-Modified": "Sun, 22 Nov 2026 11:45:00 GMT",
    ]

    private func judge(
        _ status: Int, _ headers: [String: String], range: ByteRange? = ByteRange(from: 0, to: 100),
        expected: Validator? = nil, hasKey: Bool = true, emptyMeansMissing: Bool = false
    ) -> MediaVerdict {
        let question = MediaQuestion(
            range: range, expected: expected, hasKey: hasKey, emptyMeansMissing: emptyMeansMissing)
        return question.judge(AnswerHead(status: status, headers: headers))
    }

    @Test func `a correct part is accepted`() {
        let validator = Validator(total: 1000, lastModified: "Sun, 22 Nov 2026 11:45:00 GMT")
        let head = MediaHead(status: 206, firstByte: 0, length: 100, validator: validator, contentType: "video/mp4")
        #expect(judge(206, Self.part) == .accept(head))
        #expect(judge(206, Self.part, expected: validator) == .accept(head))
        #expect(judge(206, Self.part, expected: Validator(total: 1000)) == .accept(head))
    }

    @Test func `the last part may be shorter than asked`() {
        let headers = ["Content-Length": "10", "Content-Range": "bytes 990-999/1000"]
        let verdict = judge(206, headers, range: ByteRange(from: 990, to: 5000))
        guard case .accept(let head) = verdict else { return #expect(Bool(false), "\(verdict)") }
        #expect(head.firstByte == 990 && head.length == 10 && head.total == 1000)
    }

    @Test(arguments: [
        (["Content-Range": ""], StashError.refused(.contentRange)),
        (["Content-Range": "bytes 1-100/1000"], .refused(.contentRange)),
        (["Content-Range": "bytes 0-98/1000"], .refused(.contentRange)),
        (["Content-Range": "bytes 0-99/*"], .refused(.contentRange)),
        (["Content-Length": "99"], .refused(.contentRange)),
        (["Content-Length": ""], .refused(.noLength)),
        (["Content-Length": "-1"], .refused(.noLength)),
        (["Content-Encoding": "gzip"], .refused(.contentEncoding("gzip"))),
        (["Content-Type": "text/html; charset=utf-8"], .notStash(.webPage)),
        (["Content-Type": "multipart/byteranges; boundary=x", "Content-Range": ""], .refused(.contentRange)),
    ])
    func `a part that is not what was asked is refused`(change: [String: String], error: StashError) {
        #expect(judge(206, Self.part.merging(change) { $1 }) == .fail(error))
    }

    @Test(arguments: [
        Validator(total: 1001), Validator(total: 1000, lastModified: "Sat, 21 Nov 2026 11:45:00 GMT"),
        Validator(total: 1000, etag: "\"a\""),
    ])
    func `another version is a change`(expected: Validator) {
        #expect(judge(206, Self.part, expected: expected) == .fail(.changed))
    }

    @Test(arguments: [
        (Int64(0), Int64?(100), true), (0, 101, true), (0, nil, true), (0, 99, false), (1, 100, false), (1, nil, false),
    ])
    func `a whole file answers a range only when it is that range`(from: Int64, to: Int64?, isAccepted: Bool) {
        let headers = ["Content-Length": "100", "Last-Modified": "Sat, 21 Nov 2026 11:45:00 GMT"]
        let verdict = judge(200, headers, range: ByteRange(from: from, to: to))
        if isAccepted {
            guard case .accept(let head) = verdict else { return #expect(Bool(false), "\(verdict)") }
            #expect(head.firstByte == 0 && head.length == 100 && head.status == 200)
        } else {
            #expect(verdict == .fail(.refused(.wholeInsteadOfRange)))
        }
    }

    @Test(arguments: ["application/json", "text/plain", "video/mp4"])
    func `a short answer without a version is not the file that a range was asked of`(type: String) {
        let headers = ["Content-Length": "57", "Content-Type": type]
        let verdict = judge(200, headers, range: ByteRange(from: 0, to: 131_072))
        #expect(verdict == .fail(.refused(.wholeInsteadOfRange)))
        let later = judge(200, headers, range: ByteRange(from: 131_072), expected: Validator(total: 1_000_000))
        #expect(later == .fail(.refused(.wholeInsteadOfRange)), "nor does it say that the file is another one")
        guard case .accept = judge(200, headers.merging(["ETag": "\"a\""]) { $1 }, range: ByteRange(from: 0)) else {
            return #expect(Bool(false), "one that says its version is a small file")
        }
    }

    @Test(arguments: ["application/json", "application/problem+json; charset=utf-8"])
    func `what explains in JSON why there is no file is not the whole of it`(type: String) {
        let headers = ["Content-Length": "57", "Content-Type": type]
        guard case .fail(.refused(.malformed)) = judge(200, headers, range: nil) else {
            return #expect(Bool(false), "without a version")
        }
        guard case .accept = judge(200, headers.merging(["ETag": "\"a\""]) { $1 }, range: nil) else {
            return #expect(Bool(false), "with one")
        }
    }

    @Test func `a part that nobody asked for is refused`() {
        #expect(judge(206, Self.part, range: nil) == .fail(.refused(.contentRange)))
    }

    @Test func `an empty caption is a missing one and an empty file is a file`() {
        let headers = ["Content-Length": "0"]
        #expect(judge(200, headers, range: nil, emptyMeansMissing: true) == .fail(.notFound))
        guard case .accept(let head) = judge(200, headers, range: nil) else { return #expect(Bool(false)) }
        #expect(head.length == 0 && head.total == 0)
    }

    @Test func `an SVG is marked as a placeholder`() {
        let headers = ["Content-Length": "728", "Content-Type": "image/svg+xml"]
        guard case .accept(let head) = judge(200, headers, range: nil) else { return #expect(Bool(false)) }
        #expect(head.isPlaceholder)
    }

    @Test(arguments: [
        (401, true, StashError.unauthorised(.keyRejected)), (401, false, .unauthorised(.needsKey)),
        (404, true, .notFound),
        (412, true, .changed), (301, true, .notStash(.redirect(to: nil))),
    ])
    func `a status that speaks for itself is judged at once`(status: Int, hasKey: Bool, error: StashError) {
        #expect(judge(status, [:], hasKey: hasKey) == .fail(error))
    }

    @Test(arguments: [
        ("/login?returnURL=%2Fscene", false, StashError.unauthorised(.needsKey)),
        ("/stash/login?returnURL=x", true, .unauthorised(.keyRejected)),
        ("https://nas:9999/scene/1/stream?apikey=x", true, .notStash(.redirect(to: "https://nas:9999"))),
        ("/elsewhere", true, .notStash(.redirect(to: nil))),
    ])
    func `a redirect is a missing key or a wrong address`(location: String, hasKey: Bool, error: StashError) {
        #expect(judge(302, ["Location": location, "Content-Type": "text/html"], hasKey: hasKey) == .fail(error))
    }

    @Test func `a range behind the end tells the size`() {
        let headers = ["Content-Range": "bytes */50"]
        #expect(judge(416, headers) == .fail(.rangeNotSatisfiable(total: 50)))
        #expect(judge(416, headers, expected: Validator(total: 1000)) == .fail(.rangeNotSatisfiable(total: 50)))
        #expect(judge(416, [:]) == .fail(.refused(.status(416))))
        #expect(judge(416, headers, expected: Validator(total: 50)) == .fail(.refused(.status(416))))
    }

    @Test(arguments: [
        (403, "Forbidden", true, StashError.refused(.forbidden)),
        (403, "Stash is exposed to the public internet without a password", true, .tripwire),
        (403, "Someone accessed Stash over the internet", false, .tripwire),
        (500, "unauthorized\n", true, .unauthorised(.keyRejected)),
        (500, "unauthorized\n", false, .unauthorised(.needsKey)),
        (500, "panic", true, .server(message: "http status 500", retryable: true)),
        (503, "", true, .server(message: "http status 503", retryable: true)),
        (400, "Client sent an HTTP request to an HTTPS server.\n", true, .notStash(.speaksTLS)),
        (400, "bad id", true, .refused(.status(400))), (405, "", true, .refused(.status(405))),
    ])
    func `a status that needs its text is judged by both`(
        status: Int, text: String, hasKey: Bool, error: StashError
    ) {
        #expect(judge(status, [:]) == .needsText)
        #expect(AnswerText.error(status: status, text: text, hasKey: hasKey) == error)
    }
}

@Suite struct GraphQLAnswerTests {
    private func read(
        _ status: Int, _ type: String, _ body: String, headers: [String: String] = [:], hasKey: Bool = true
    ) throws(StashError) -> JSONObject {
        let head = AnswerHead(status: status, headers: headers.merging(["Content-Type": type]) { $1 })
        return try GraphQLAnswer.data(WholeAnswer(head: head, body: Array(body.utf8)), hasKey: hasKey)
    }

    @Test func `data is what a good answer holds`() throws {
        let data = try read(200, "application/graphql-response+json; charset=utf-8", #"{"data":{"a":1}}"#)
        #expect(data == ["a": .integer(1)])
    }

    @Test(arguments: [
        (200, "text/html; charset=utf-8", "<html>", StashError.notStash(.webPage)),
        (200, "text/plain", "hello", .notStash(.notJSON)), (200, "application/json", "[]", .notStash(.notJSON)),
        (200, "application/json", "{}", .notStash(.notJSON)),
        (200, "application/json", #"{"data":{"#, .refused(.malformed("its JSON cannot be read at byte 9"))),
        (200, "application/json", #"{"data":null}"#, .server(message: "no data", retryable: true)),
        (404, "text/plain", "404 page not found", .notStash(.notFound)),
        (401, "", "", .unauthorised(.keyRejected)), (500, "text/plain", "unauthorized\n", .unauthorised(.keyRejected)),
        (405, "text/html", "no", .notStash(.notJSON)),
        (502, "text/html", "bad gateway", .server(message: "http status 502", retryable: true)),
        (403, "text/plain", "exposed to the public internet", .tripwire),
        (
            422, "application/json",
            #"{"errors":[{"message":"Cannot query field","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}"#,
            .schemaMismatch("Cannot query field")
        ),
        (
            400, "application/graphql-response+json",
            #"{"errors":[{"message":"no","extensions":{"code":"GRAPHQL_PARSE_FAILED"}}],"data":null}"#,
            .schemaMismatch("no")
        ),
        (
            200, "application/json", #"{"errors":[{"message":"database is locked"}],"data":null}"#,
            .server(message: "database is locked", retryable: true)
        ),
        (
            200, "application/json", #"{"errors":[{"message":"file with id 7 not found"}],"data":{"a":null}}"#,
            .server(message: "file with id 7 not found", retryable: true)
        ),
        (
            200, "application/json", #"{"errors":[{"message":"the requested element is null"}],"data":null}"#,
            .server(message: "the requested element is null", retryable: false)
        ),
    ])
    func `every other answer is the error that it means`(
        status: Int, type: String, body: String, error: StashError
    ) {
        #expect(throws: error) { try read(status, type, body) }
    }

    @Test func `a redirect to the login page asks for a key`() {
        #expect(throws: StashError.unauthorised(.needsKey)) {
            try read(302, "text/html", "", headers: ["Location": "/login?returnURL=%2F"], hasKey: false)
        }
    }
}

@Suite struct RetryTests {
    @Test func `pauses grow to their limit and stay in its upper half`() {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SplitMix(state: seed)
        let retry = Retry(attempts: 100, firstPause: .milliseconds(100), longestPause: .seconds(2))
        for attempt in 1..<100 {
            let limit = min(Duration.milliseconds(100) * (1 << min(attempt - 1, 10)), .seconds(2))
            let pause = retry.pause(afterAttempt: attempt, failing: .timedOut(.stalled), using: &generator)
            guard let pause else { return #expect(Bool(false), "no pause after \(attempt)") }
            #expect(pause >= limit * 0.5 && pause <= limit, "seed \(seed)")
        }
        #expect(retry.pause(afterAttempt: 100, failing: .timedOut(.stalled)) == nil)
    }

    @Test(arguments: [
        (StashError.unreachable(.connectionRefused), true), (.timedOut(.firstByte), true),
        (.shortBody(received: 1, expected: 2), true), (.server(message: "locked", retryable: true), true),
        (.server(message: "broken", retryable: false), false), (.unauthorised(.needsKey), false), (.notFound, false),
        (.tripwire, false), (.changed, false), (.rangeNotSatisfiable(total: 1), false), (.tls("no"), false),
        (.notStash(.webPage), false), (.refused(.noLength), false), (.schemaMismatch("x"), false), (.cancelled, false),
        (.notReady(.setup), false),
    ])
    func `only what may succeed is tried again`(error: StashError, isRetried: Bool) {
        #expect((Retry.page.pause(afterAttempt: 1, failing: error) != nil) == isRetried)
    }
}

@Suite struct MediaResourceTests {
    @Test(arguments: [
        (MediaResource.sceneStream(scene: 7), "/scene/7/stream"), (.sceneScreenshot(scene: 7), "/scene/7/screenshot"),
        (.caption(scene: 7, language: "d&e", type: "srt"), "/scene/7/caption?lang=d%26e&type=srt"),
        (.funscript(scene: 7), "/scene/7/funscript"), (.image(image: 8), "/image/8/image"),
        (.performerPicture(performer: 1), "/performer/1/image"), (.groupFront(group: 2), "/group/2/frontimage"),
        (.groupBack(group: 2), "/group/2/backimage"), (.galleryCover(gallery: 3), "/gallery/3/cover"),
    ])
    func `a path is built from kind and id`(resource: MediaResource, path: String) {
        #expect(resource.path(hasGroups: true) == path)
        #expect(resource.path(hasGroups: false) == path.replacing("/group/", with: "/movie/"))
    }
}

struct HTTPDateTests {
    @Test(
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777), ("Sun, 66 Nov 1994 08:49:37 GMT", nil), ("yesterday", nil),
            ("", nil),
        ] as [(String, Int64?)])
    func `the time of a Date header`(text: String, seconds: Int64?) {
        #expect(StashClient.seconds(httpDate: text) == seconds)
    }
}
