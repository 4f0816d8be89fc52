import FakeStash
import Testing

@Suite(.timeLimit(.minutes(9))) struct FaultTests {
    private let path = "/scene/1/stream"

    @Test func `a stalled answer sends so many bytes and keeps the connection`() throws {
        let served = try Served { $0.mediaSize = 100_000...100_000 }
        served.server.faults.add(Fault(path: path, times: 1, action: .stall(after: 5000)))
        let answer = try served.ask("GET", path, timeout: 1)
        #expect(answer.status == 200)
        #expect(answer.body.count == 5000)
        #expect(!answer.wasReset)
        #expect(served.server.wait { $0.first?.isAborted == true })
        #expect(served.server.requests[0].bytesSent == 5000)
        #expect(try served.ask("GET", path).body.count == 100_000)
    }

    @Test func `a reset is a reset and not a close`() throws {
        let served = try Served()
        served.server.faults.add(Fault(path: path, action: .reset(after: 0)))
        #expect(try served.ask("GET", path).wasReset)
    }

    @Test func `a close comes short of the Content-Length`() throws {
        let served = try Served { $0.mediaSize = 100_000...100_000 }
        served.server.faults.add(Fault(path: path, action: .close(after: 777)))
        let answer = try served.ask("GET", path)
        #expect(Bytes(answer.body) == Bytes(served.server.expectedBytes(.scene, 1, offset: 0, count: 777)))
        #expect(answer.headers["content-length"] == "100000")
        #expect(!answer.wasReset)
    }

    @Test func `a killed stream ends with five stray bytes`() throws {
        let served = try Served()
        served.server.faults.add(Fault(path: path, action: .stray(after: 100)))
        let answer = try served.ask("GET", path)
        let expected = served.server.expectedBytes(.scene, 1, offset: 0, count: 100) + Array("0\r\n\r\n".utf8)
        #expect(Bytes(answer.body) == Bytes(expected))
    }

    @Test func `ranges can be wrong in several ways`() throws {
        let served = try Served { $0.mediaSize = 100_000...100_000 }
        let faults = served.server.faults
        let actions: [Fault.Action] = [
            .wrongRange(shift: 50), .wrongTotal(7), .noContentRange, .ignoreRange, .status(503, "busy"), .loginPage,
            .redirectToLogin,
        ]
        for action in actions { faults.add(Fault(path: path, times: 1, action: action)) }
        let answers = try actions.map { _ in try served.get(path, range: "bytes=10-19") }
        #expect(answers[0].headers["content-range"] == "bytes 60-69/100000")
        #expect(Bytes(answers[0].body) == Bytes(served.server.expectedBytes(.scene, 1, offset: 60, count: 10)))
        #expect(answers[1].headers["content-range"] == "bytes 10-19/7")
        #expect(answers[2].status == 206 && answers[2].headers["content-range"] == nil)
        #expect(answers[3].status == 200 && answers[3].body.count == 100_000)
        #expect(answers[4].status == 503 && answers[4].text == "busy")
        #expect(answers[5].headers["content-type"]?.hasPrefix("text/html") == true)
        #expect(answers[6].status == 302)
        #expect(try served.get(path, range: "bytes=10-19").status == 206)
    }

    @Test func `the nth matching request is hit, and only so often`() throws {
        let served = try Served()
        let rule = served.server.faults.add(
            Fault(path: "/scene/", pathSuffix: "/stream", skip: 1, times: 2, action: .status(500, "")))
        let statuses = try (0..<5).map { _ in try served.get(path, range: "bytes=0-0").status }
        #expect(statuses == [206, 500, 500, 206, 206])
        #expect(served.server.faults.count(rule) == 2)
    }

    @Test func `a rule can be about one query`() throws {
        let served = try Served()
        served.server.faults.add(
            Fault(path: "/graphql", contains: "findTags", action: .graphQLError("database is locked")))
        #expect(try served.graphQL("{version{version}}").json?["errors"] == nil)
        let answer = try served.graphQL("{findTags{count}}")
        #expect(answer.status == 200)
        #expect(answer.text == "{\"errors\":[{\"message\":\"database is locked\"}],\"data\":null}")
    }

    @Test func `connections are kept alive and answer in order`() throws {
        let served = try Served()
        let client = try RawClient(port: served.server.port.number)
        for id in [1, 2, 3] { client.send("GET", "/scene/\(id)/stream", ["Range": "bytes=0-99"]) }
        for id in [1, 2, 3] {
            #expect(
                Bytes(client.receive().body) == Bytes(served.server.expectedBytes(.scene, id, offset: 0, count: 100)))
        }
        #expect(Set(served.server.requests.map(\.connection)).count == 1)
    }

    @Test(arguments: [
        ("path=/scene/3/stream,action=stall,after=65536,times=1", Fault.Action.stall(after: 65536)),
        ("action=status,status=503,body=busy", .status(503, "busy")), ("action=delay,ms=5", .delay(milliseconds: 5)),
    ])
    func `a rule is read from the command line`(text: String, action: Fault.Action) throws {
        #expect(try #require(Fault(text)).action == action)
        #expect(Fault("action=nonsense") == nil)
    }
}
