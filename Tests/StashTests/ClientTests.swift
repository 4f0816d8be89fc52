import FakeStash
import Foundation
import Testing

@testable import Stash

@Suite(.timeLimit(.minutes(9))) struct ClientTests {
    @Test(arguments: Generation.allCases)
    func `a server describes itself`(generation: Generation) throws {
        let rig = try Rig(Rig.configuration(generation))
        let description = try rig.client.describe()
        #expect(description.status == .ready && !description.isTooOld)
        #expect(description.appSchema == Int64(generation.databaseSchema))
        #expect(description.capabilities.hasGroups == (generation == .v30))
        #expect(rig.client.capabilities == description.capabilities)
    }

    @Test(arguments: Generation.allCases)
    func `pages of every kind bring every row once`(generation: Generation) throws {
        let rig = try Rig(Rig.configuration(generation) { $0.awkwardNames = true })
        func all<Row: WireRow>(_: Row.Type) throws -> [Row] {
            var rows: [Row] = []
            var position = PageRequest.Position.first(of: Row.kind)
            while true {
                let page: Page<Row> = try rig.client.page(PageRequest(position, limit: 7, isCounted: true))
                #expect(page.setAside.isEmpty)
                // Behind an id only what is behind it counts.
                let isKeyset = Row.kind.hasKeysetPages
                #expect(page.count == Int64(ids(Row.kind).count - (isKeyset ? rows.count : 0)))
                rows += page.rows
                guard page.received == 7, let last = page.lastID else { return rows }
                position =
                    switch position {
                    case .afterID: .afterID(last)
                    case .number(let number): .number(number + 1)
                    }
            }
        }
        func ids(_ kind: WireKind) -> [Int64] {
            Kind(rawValue: kind.rawValue).map { rig.fake.catalogue.ids($0) }?.map(Int64.init).sorted() ?? []
        }
        func check<Row: WireRow>(_ type: Row.Type) throws {
            let rows = try all(type)
            #expect(rows.map(\.id) == ids(Row.kind) && !rows.isEmpty, "\(Row.kind)")
            #expect(try rig.client.count(of: Row.kind) == Int64(rows.count))
            let sweep = try rig.client.ids(Row.kind, PageRequest(.first(of: Row.kind), limit: 1000))
            #expect(sweep.rows == rows.map { IDRow(id: $0.id, updatedAt: $0.updatedAt.text) })
            let made = try rig.client.creations(Row.kind, limit: 5)
            let expected = ids(Row.kind).prefix(5).compactMap { id in
                Kind(rawValue: Row.kind.rawValue).flatMap { rig.fake.catalogue.entity($0, Int(id))?.created.seconds }
            }
            #expect(made.rows.map(\.id) == Array(ids(Row.kind).prefix(5)))
            #expect(made.rows.map(\.createdAt.unixSeconds) == expected)
        }
        try check(WireScene.self)
        try check(WirePerformer.self)
        try check(WireStudio.self)
        try check(WireTag.self)
        try check(WireGallery.self)
        try check(WireGroup.self)
        try check(WireImage.self)
        #expect(try all(WireScene.self).contains { !$0.groups.isEmpty && !$0.performerIDs.isEmpty })
        #expect(try all(WireImage.self).contains { $0.files.contains { $0.zipFileID != nil } })
    }

    @Test(arguments: Generation.allCases)
    func `what changed since a moment is asked in the server's own wall clock`(generation: Generation) throws {
        let rig = try Rig(Rig.configuration(generation))
        let before = try rig.client.newest().kinds
        #expect(Set(before.keys) == Set(WireKind.allCases))
        rig.fake.catalogue.setClock(2_000_000_000)
        #expect(rig.fake.catalogue.edit(.scene, 3) { $0.title = "new" })
        let newest = try #require(try rig.client.newest().kinds[.scene]?.newest)
        let since = try #require(WireTime(newest.updatedAt))
        #expect(newest.id == 3 && since.unixSeconds == 2_000_000_000)
        let page: Page<WireScene> = try rig.client.page(
            PageRequest(.afterID(0), limit: 100, updatedSince: since.wallClock))
        #expect(page.rows.map(\.id) == [3] && page.rows.first?.title == "new")
        #expect(try rig.client.count(of: .scene, updatedSince: since.wallClock) == 1)
    }

    @Test(arguments: Generation.allCases)
    func `who has no picture is told by the filter`(generation: Generation) throws {
        let rig = try Rig(Rig.configuration(generation))
        for kind in [WireKind.scene, .performer, .studio, .tag, .group] {
            let request = PageRequest(.first(of: kind), limit: 1000, missingPicture: true)
            let missing = Set(try rig.client.ids(kind, request).rows.map(\.id))
            let all = try #require(Kind(rawValue: kind.rawValue).map { rig.fake.catalogue.ids($0) })
            let expected = all.filter { id in
                Kind(rawValue: kind.rawValue).flatMap { rig.fake.expectedPicture($0, id) } == nil
            }
            #expect(missing == Set(expected.map(Int64.init)), "\(kind)")
        }
    }

    @Test func `the roots of the library are its folders`() throws {
        let rig = try Rig()
        #expect(try !rig.client.libraryRoots().isEmpty)
    }

    @Test func `a key is sent in its header and nowhere else`() throws {
        let rig = try Rig(
            Rig.configuration {
                $0.apiKey = "hunter2"
                $0.requiresLogin = true
            }, key: "hunter2")
        _ = try rig.client.describe()
        #expect(rig.fetch(.sceneStream(scene: 1)).error == nil)
        #expect(rig.fake.requests.count == 2)
        for request in rig.fake.requests {
            #expect(!request.hasKeyInURL && !request.path.contains("hunter2"))
        }
    }

    @Test func `a message of the server does not give the key away`() throws {
        let rig = try Rig(Rig.configuration { $0.apiKey = "hunter2" }, key: "hunter2")
        _ = try rig.client.describe()
        rig.fake.faults.add(Fault(path: "/graphql", action: .graphQLError("hunter2 is locked")))
        #expect(throws: StashError.server(message: "<key> is locked", retryable: true)) {
            try rig.client.count(of: .scene)
        }
    }

    struct Door: Sendable, CustomStringConvertible {
        var stored: String?
        var login: Bool
        var sent: String?
        var fault: StashError.CredentialFault?
        var description: String { "stored \(stored ?? "-"), login \(login), sent \(sent ?? "-")" }
    }

    static let doors = [
        Door(stored: nil, login: false, sent: nil, fault: nil),
        Door(stored: nil, login: false, sent: "a", fault: .keyRejected),
        Door(stored: "a", login: false, sent: nil, fault: nil),
        Door(stored: "a", login: false, sent: "a", fault: nil),
        Door(stored: "a", login: false, sent: "b", fault: .keyRejected),
        Door(stored: nil, login: true, sent: nil, fault: .needsKey),
        Door(stored: "a", login: true, sent: nil, fault: .needsKey),
        Door(stored: "a", login: true, sent: "a", fault: nil),
        Door(stored: "a", login: true, sent: "b", fault: .keyRejected),
    ]

    @Test(arguments: Generation.allCases, doors)
    func `every door of both generations is told from the others`(generation: Generation, door: Door) throws {
        let rig = try Rig(
            Rig.configuration(generation) {
                $0.apiKey = door.stored
                $0.requiresLogin = door.login
            }, key: door.sent)
        let media = rig.fetch(.sceneStream(scene: 1), ByteRange(from: 0, to: 10))
        if let fault = door.fault {
            #expect(throws: StashError.unauthorised(fault)) { try rig.client.describe() }
            #expect(media.error == .unauthorised(fault) && media.head == nil && media.bytes.isEmpty)
        } else {
            #expect(throws: Never.self) { try rig.client.describe() }
            #expect(media.error == nil && media.bytes.count == 10)
        }
    }

    @Test func `a row that cannot be decoded is set aside and the others come`() throws {
        let rig = try Rig()
        _ = try rig.client.describe()
        let rows = #"{"id":"1","updated_at":"x"},{"id":"2","updated_at":"2026-01-01T00:00:00Z","name":"b"},7"#
        let body = #"{"data":{"findTags":{"tags":[\#(rows)]}}}"#
        rig.fake.faults.add(Fault(path: "/graphql", action: .body(body, contentType: "application/json")))
        let page: Page<WireTag> = try rig.client.page(PageRequest(.number(1), limit: 3))
        #expect(page.rows.map(\.id) == [2] && page.received == 3 && page.lastID == 2)
        #expect(page.setAside.map(\.id) == [1, nil])
    }

    @Test(arguments: ["SETUP", "NEEDS_MIGRATION"])
    func `a server that is not ready says so when a page is asked`(status: String) throws {
        let rig = try Rig(Rig.configuration { $0.status = status })
        #expect(try rig.client.describe().status == ServerStatus(status))
        #expect(throws: StashError.notReady(ServerStatus(status))) { try rig.client.count(of: .scene) }
    }

    @Test(arguments: [
        (Fault.Action.drop, StashError.unreachable(.connectionLost)), (.hang, .timedOut(.firstByte)),
        (.stall(after: 3), .timedOut(.stalled)), (.reset(after: 3), .unreachable(.connectionLost)),
        (.close(after: 3), .unreachable(.connectionLost)),
        (.status(503, "busy"), .server(message: "http status 503", retryable: true)),
        (.status(404, "404 page not found"), .notStash(.notFound)), (.loginPage, .notStash(.webPage)),
        (.redirectToLogin, .unauthorised(.needsKey)),
        (.graphQLError("database is locked"), .server(message: "database is locked", retryable: true)),
        (.status(403, "Stash is exposed to the public internet"), .tripwire),
        (
            .body(
                #"{"errors":[{"message":"m","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}"#,
                contentType: "application/json"), .schemaMismatch("m")
        ),
    ])
    func `a fault of the server is the error that it means`(action: Fault.Action, error: StashError) throws {
        let rig = try Rig(timeouts: Rig.impatient)
        _ = try rig.client.describe()
        rig.fake.clearRequests()
        let rule = rig.fake.faults.add(Fault(path: "/graphql", action: action))
        #expect(throws: error) { try rig.client.count(of: .scene) }
        rig.fake.faults.remove(rule)
        // A redirect was not followed, and the next question is answered.
        #expect(rig.fake.requests.allSatisfy { $0.path.hasSuffix("/graphql") })
        #expect(throws: Never.self) { try rig.client.count(of: .scene) }
    }

    @Test func `a question is cancelled from another thread`() throws {
        let rig = try Rig()
        _ = try rig.client.describe()
        rig.fake.faults.add(Fault(path: "/graphql", action: .hang))
        rig.fake.clearRequests()
        let cancel = Cancellation()
        let fake = rig.fake
        Thread.detachNewThread {
            _ = fake.wait { !$0.isEmpty }
            cancel.cancel()
        }
        #expect(throws: StashError.cancelled) { try rig.client.count(of: .scene, cancel: cancel) }
        #expect(throws: StashError.cancelled) { try rig.client.count(of: .scene, cancel: cancel) }
    }

    @Test(arguments: [Fault.Action.drop, .close(after: 5), .graphQLError("database is locked")])
    func `whichever request fails the error is told and the next try brings the same`(action: Fault.Action) throws {
        func walk(_ client: StashClient) throws(StashError) -> Int {
            var rows = 0
            rows += try client.page(of: WireTag.self, PageRequest(.number(1), limit: 5)).rows.count
            var last: Int64 = 0
            while true {
                let page = try client.page(of: WireScene.self, PageRequest(.afterID(last), limit: 5))
                rows += page.rows.count
                guard page.received == 5, let next = page.lastID else { break }
                last = next
            }
            return rows + Int(try client.count(of: .image)) + (try client.newest().kinds.count)
        }
        let rig = try Rig()
        let expected = try walk(rig.client)
        var failures = 0
        while true {
            // A new client and engine: connections are fresh, and nothing is remembered of the server.
            let engine = try TransferEngine()
            engine.start()
            defer { engine.stop() }
            let client = StashClient(access: rig.client.access, engine: engine, graphQLTimeouts: Rig.patient)
            let rule = rig.fake.faults.add(Fault(path: "/graphql", skip: failures, times: 1, action: action))
            let result = Result { () throws(StashError) in try walk(client) }
            let hasFailed = rig.fake.faults.count(rule) > 0
            rig.fake.faults.remove(rule)
            guard hasFailed else {
                #expect(try result.get() == expected)
                break
            }
            switch result {
            case .success(let rows):
                // Curl asks again by itself when a reused connection ends without an answer.
                #expect(rows == expected && action == .drop)
            case .failure(let error):
                #expect(error.isTransient)
            }
            #expect(try walk(client) == expected)
            failures += 1
        }
        #expect(failures > 5)
    }
}

@Suite(.timeLimit(.minutes(9))) struct ConnectionReportTests {
    private func report(
        _ configuration: FakeStash.Configuration, key: String? = nil, fault: Fault? = nil,
        url: (String) -> String = { $0 }
    ) throws -> ConnectionReport {
        let rig = try Rig(configuration)
        if let fault { rig.fake.faults.add(fault) }
        let report = testConnection(
            to: url(rig.fake.url), apiKey: key.flatMap(APIKey.init), engine: rig.engine, timeouts: Rig.impatient)
        for text in ["\(report)", report.sentence, report.hint ?? ""] {
            #expect(!text.contains("hunter2"))
            #expect(!text.isEmpty || report.isOK)
        }
        return report
    }

    @Test(arguments: Generation.allCases)
    func `a server that works is counted`(generation: Generation) throws {
        let report = try report(Rig.configuration(generation))
        #expect(report.isOK && report.code == "ok" && report.hint == nil)
        guard case .ok(_, let counts) = report.diagnosis else { return }
        #expect(counts[.scene] == 24 && counts.count == 7)
    }

    @Test(arguments: Generation.allCases)
    func `keys are told apart`(generation: Generation) throws {
        let open = Rig.configuration(generation)
        let locked = Rig.configuration(generation) {
            $0.apiKey = "right"
            $0.requiresLogin = true
        }
        #expect(try report(locked).diagnosis == .needsKey)
        #expect(try report(locked, key: "hunter2").diagnosis == .wrongKey)
        #expect(try report(locked, key: "right").isOK)
        #expect(try report(open, key: "hunter2").diagnosis == .keyButServerHasNone)
    }

    @Test(arguments: [
        (Fault.Action.loginPage, ConnectionReport.Diagnosis.notStash(.webPage)),
        (.status(404, "404"), .notStash(.notFound)),
        (.body("hello", contentType: "text/plain"), .notStash(.notJSON)),
        (.body(#"{"data":{"a":1}}"#, contentType: "application/json"), .notStash(.notJSON)),
        (.status(403, "has been accessed from the public internet"), .tripwire),
        (.hang, .unreachable(.timedOut(.firstByte))), (.drop, .unreachable(.unreachable(.connectionLost))),
        (.graphQLError("no"), .failed(.server(message: "no", retryable: false))),
        (
            .body(
                #"{"data":{"version":{"version":"v0.11.0"},"systemStatus":{"status":"OK","appSchema":28}}}"#,
                contentType: "application/json"), .tooOld(version: "v0.11.0")
        ),
    ])
    func `what answers otherwise is told apart`(
        action: Fault.Action, diagnosis: ConnectionReport.Diagnosis
    ) throws {
        #expect(try report(Rig.configuration(), fault: Fault(action: action)).diagnosis == diagnosis)
    }

    @Test func `a server that waits for its owner is told apart`() throws {
        #expect(try report(Rig.configuration { $0.status = "SETUP" }).diagnosis == .notSetUp(.setup))
    }

    @Test func `addresses that lead nowhere are told apart`() throws {
        let fake = Rig.configuration()
        #expect(try report(fake) { "nas\($0.dropFirst(4))" }.code == "bad-address")
        #expect(try report(fake) { _ in "http://nas.invalid:9999" }.diagnosis == .nameNotResolved)
        // Port 1 of the loopback interface: nothing listens there.
        #expect(try report(fake) { _ in "http://127.0.0.1:1" }.diagnosis == .refused)
        let tls = try report(fake) { "https\($0.dropFirst(4))" }
        #expect(tls.code == "tls" || tls.code == "unreachable")
        let below = Rig.configuration { $0.basePath = "/stash" }
        #expect(try report(below).isOK)
        #expect(try report(below) { String($0.dropLast(6)) }.code == "not-stash")
    }
}
