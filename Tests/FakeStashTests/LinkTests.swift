import FakeStash
import Foundation
import Testing

@Suite(.timeLimit(.minutes(9))) struct LinkTests {
    private static let second: Int64 = 1_000_000_000

    @Test(arguments: [1_000, 250_000, 6_250_000, 25_000_000, 125_000_000])
    func `a second of bytes takes a second, whenever the timers fire`(rate: Int) {
        var pace = Pace(rate)
        var sent: Int64 = 0
        var due = 7 * Self.second
        while sent < Int64(rate) {
            let piece = min(pace.largestPiece, Int64(rate) - sent)
            // The timer is late by up to the slack.
            let now = due + (sent % 19) * 1_000_000
            due = pace.reserve(piece, ready: max(due, now - Pace.slack))
            sent += piece
        }
        #expect(abs(due - 8 * Self.second) <= Self.second / 1000)
    }

    @Test func `a sender that was held up has little to catch up with`() {
        var pace = Pace(1_000_000)
        let due = pace.reserve(1000, ready: 0)
        let now = due + Self.second
        #expect(pace.reserve(1000, ready: max(due, now - Pace.slack)) == now - Pace.slack + 1_000_000)
    }

    @Test func `connections take turns on a shared link`() {
        var configuration = FakeStash.Configuration()
        configuration.totalBandwidth = 10_000_000
        let link = Link(configuration)
        // The first has taken up the link for a while when the other two come.
        var due = [link.reserve(16_384, ready: 0), 0, 0]
        var sent: [Int64] = [16_384, 0, 0]
        while let next = due.indices.min(by: { due[$0] < due[$1] }), due[next] < Self.second {
            due[next] = link.reserve(16_384, ready: due[next])
            sent[next] += 16_384
        }
        #expect(abs(sent.reduce(0, +) - 10_000_000) <= 3 * 16_384)
        for bytes in sent { #expect(abs(bytes - sent[0]) <= 2 * 16_384) }
    }

    @Test func `opening a connection takes one more round trip, once`() {
        var configuration = FakeStash.Configuration()
        configuration.latencyMilliseconds = 50
        let link = Link(configuration)
        let trip: Int64 = 50_000_000
        #expect(link.delay(opened: 0, now: 0) == 2 * trip)
        #expect(link.delay(opened: 0, now: trip / 2) == trip + trip / 2)
        #expect(link.delay(opened: 0, now: trip) == trip)
        #expect(link.delay(opened: 0, now: 9 * trip) == trip)
    }

    @Test func `what comes over a slow link is whole`() throws {
        let served = try Served {
            $0.mediaSize = 300_000...300_000
            $0.latencyMilliseconds = 5
            $0.bandwidth = 2_000_000
            $0.totalBandwidth = 1_500_000
        }
        let whole = try served.get("/scene/1/stream")
        #expect(Bytes(whole.body) == Bytes(served.server.expectedBytes(.scene, 1, offset: 0, count: 300_000)))
        let part = try served.get("/scene/1/stream", range: "bytes=100001-200000")
        #expect(Bytes(part.body) == Bytes(served.server.expectedBytes(.scene, 1, offset: 100_001, count: 100_000)))
    }
}

@Suite(.timeLimit(.minutes(9))) struct PlainFileTests {
    @Test func `the bytes of a file on disk are every scene's, and its size is told`() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("media-\(UUID().uuidString)").path
        let bytes = (0..<150_001).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 / 256) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let served = try Served {
            $0.mediaFile = path
            $0.transcodes = false
        }
        #expect(Bytes(try served.get("/scene/2/stream").body) == Bytes(bytes))
        let answer = try served.get("/scene/1/stream", range: "bytes=140000-")
        #expect(Bytes(answer.body) == Bytes(Array(bytes[140_000...])))
        let size = try served.data(
            "{findScene(id: 1) {files {size}}}", "findScene", "files", "0", "size")
        #expect(size as? Int == bytes.count)
        #expect(throws: (any Error).self) { try Served { $0.mediaFile = path + "-missing" } }
    }

    @Test func `scenes are plain files too, when asked for`() throws {
        let served = try Served {
            $0.plainFiles = true
            $0.scenes = 6
        }
        for path in ["/files", "/files/"] {
            let names = try served.get(path).text.components(separatedBy: "href=\"").dropFirst()
                .map { String($0.prefix { $0 != "\"" }) }
            // The fifth scene of every seventeen has no file.
            #expect(names == ["1.mp4", "2.mp4", "3.mp4", "4.mp4", "6.mp4"])
        }
        let file = try served.get("/files/3.mp4", range: "bytes=10-19")
        #expect(file.status == 206)
        #expect(Bytes(file.body) == Bytes(served.server.expectedBytes(.scene, 3, offset: 10, count: 10)))
        let head = try served.ask("HEAD", "/files/3.mp4")
        #expect(head.status == 200)
        #expect(head.headers["content-length"] == served.server.content(.scene, 3).map { String($0.size) })
        #expect(try served.get("/files/5.mp4").status == 404)
        #expect(try served.get("/files/x").status == 404)
        let without = try Served()
        #expect(try without.get("/files/3.mp4").status == 404)
    }
}
