import FakeStash
import Foundation
import Testing

/// The control API of a daemon that serves a mount, asked as other programs ask it: with curl, over its socket and its port.
@Suite(.enabled(if: canMount), .onOwnThread, .timeLimit(.minutes(9)))
struct ControlTests {
    @Test func `servers are added, changed and removed while mounted, and no answer holds a key`() throws {
        try Lab.with { lab in
            try lab.startServer("attic")
            try lab.mount()
            let attic = try lab.server("attic")
            let wrong = try lab.ask(
                "POST", "/api/setup/stash-instance", ["name": "attic", "url": attic.url, "apiKey": "not-the-key"])
            #expect(wrong.status == 422)
            #expect(wrong.type == "application/problem+json")
            #expect(try wrong.object()["diagnosis"] as? String == "wrong-key")
            #expect(try lab.ask("GET", "/api/setup/stash-instances").array().isEmpty)

            let key = lab.key(of: "attic")
            let made = try lab.ask(
                "POST", "/api/setup/stash-instance", ["name": "attic", "url": attic.url, "apiKey": key])
            #expect(made.status == 201, "\(made.body)")
            let id = try #require(try made.object()["id"] as? String)
            #expect(try made.object()["hasApiKey"] as? Bool == true)
            #expect(try lab.daemon.waitForSync(of: "attic", times: 0))
            #expect(eventually(seconds: 20) { (try? lab.names("scenes").isEmpty) == false })
            let again = try lab.ask("POST", "/api/setup/stash-instance", ["name": "Attic", "url": attic.url])
            #expect(again.status == 409)

            let path = "/api/setup/stash-instance/" + id
            #expect(try lab.ask("PUT", path, ["enabled": false]).status == 200)
            #expect(try lab.names("instances").isEmpty, "it is in effect when it is answered")
            #expect(try lab.ask("PUT", path, ["enabled": true, "name": "loft"]).status == 200)
            #expect(try lab.names("instances") == ["loft"])
            #expect(try lab.ask("PUT", path, ["prority": 3]).status == 400)
            let moved = try lab.ask("PUT", path, ["url": "http://127.0.0.1:9"])
            #expect(moved.status == 422 && moved.body.contains("is not sent to"))

            let answers = try ["/api/setup/stash-instances", "/api/status", "/api/conflicts", "/api/scenes"].map {
                try lab.ask("GET", $0)
            }
            for answer in answers + [made, again, moved] {
                #expect(answer.status != 0)
                #expect(!answer.body.contains(key))
            }
            #expect(try !lab.daemon.log.contains(key))
            #expect(try lab.ask("DELETE", path + "?purge=false").status == 200)
            #expect(try lab.names("instances").isEmpty)
            #expect(try lab.ask("DELETE", path).status == 404)
        }
    }

    @Test func `who may not ask is told so, and nothing else`() throws {
        try Lab.with { lab in
            try lab.mount("--listen", "127.0.0.1:0")
            let page = try lab.page()
            let url = String(page.prefix { $0 != "#" }.dropLast())
            let token = try #require(page.components(separatedBy: "#token=").last)
            let bearer = ["-H", "Authorization: Bearer " + token]
            let status = [url + "/api/status"]
            #expect(try lab.curl(bearer + status).status == 200)
            #expect(try lab.curl(status).status == 401)
            #expect(try lab.curl(["-H", "Authorization: Bearer \(token)0"] + status).status == 401)
            #expect(try lab.curl(bearer + ["-H", "Host: evil.example"] + status).status == 421)
            #expect(try lab.curl(bearer + ["-H", "Origin: http://evil.example"] + status).status == 403)
            #expect(try lab.curl(bearer + ["-H", "Origin: " + url] + status).status == 200)
            #expect(try lab.curl(bearer + ["-X", "POST", "-d", "force=true", url + "/api/sync"]).status == 415)
            let large = String(repeating: "a", count: 70_000)
            #expect(try lab.ask("POST", "/api/sync", ["instances": [large]]).status == 413)
            #expect(try lab.curl(bearer + ["-H", "X-Long: " + large.prefix(20_000)] + status).status == 400)
            let file = lab.directory + "/state/control.token"
            #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
            let socket = try lab.socket()
            #expect(try FileManager.default.attributesOfItem(atPath: socket)[.posixPermissions] as? Int == 0o600)
            // The mode keeps others out; behind it the kernel's word about the process does.
            guard getuid() == 0 else { return }
            for path in [lab.directory + "/state", socket] { chmod(path, path == socket ? 0o777 : 0o711) }
            let stranger = try lab.execute(
                "/usr/bin/env",
                ["setpriv", "--reuid=65534", "--clear-groups", "curl", "-s", "-i", "--unix-socket", socket]
                    + ["http://localhost/api/status"])
            #expect(stranger.contains("403 Forbidden") && !stranger.contains("stateDir"))
        }
    }

    @Test func `the description names every path, and every path answers as it says`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let description = try lab.ask("GET", "/api/openapi.json").object()
            #expect(description["openapi"] as? String == "3.1.0")
            let paths = try #require(description["paths"] as? [String: [String: Any]])
            #expect(paths.count > 20)
            for (path, operations) in paths where !path.contains("{") && path != "/api/sync/events" {
                for method in operations.keys {
                    let body: [String: Any]? = method == "get" ? nil : [:]
                    let answer = try lab.ask(method.uppercased(), path, body)
                    let isExpected = method == "get" || path == "/api/sync" ? answer.status < 300 : answer.status >= 400
                    #expect(isExpected, "\(method) \(path): \(answer.status) \(answer.body.prefix(200))")
                    #expect(answer.status < 500)
                }
            }
            #expect(try lab.ask("PATCH", "/api/status").status == 405)
            #expect(try lab.ask("GET", "/api/nothing").status == 404)
        }
    }

    @Test func `pages go through everything once, and filters leave what they should`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            var (found, cursor): ([[String: Any]], String?) = ([], "")
            while let next = cursor {
                let page = try lab.ask(
                    "GET", "/api/scenes?limit=7&total=true" + (next.isEmpty ? "" : "&cursor=\(next)")
                )
                .object()
                found += try #require(page["items"] as? [[String: Any]])
                cursor = page["next"] as? String
                if cursor == nil { #expect(page["total"] as? Int == found.count) }
            }
            let paths = found.compactMap { $0["path"] as? String }
            #expect(Set(paths).count == paths.count)
            let listed = try lab.names("scenes").filter { !$0.hasSuffix(".vtt") && !$0.hasSuffix(".funscript") }
            #expect(Set(paths) == Set(listed.map { "/scenes/" + $0 }))
            #expect(found.contains { ($0["sources"] as? [Any])?.count == 2 }, "nothing is merged")

            let performers = found.compactMap { ($0["performers"] as? [[String: Any]])?.first?["id"] as? String }
            let performer = try #require(performers.first)
            let word = performer.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            let with = try lab.ask("GET", "/api/scenes?limit=200&performer=" + word).object()
            let items = try #require(with["items"] as? [[String: Any]])
            let expected = found.filter { scene in
                (scene["performers"] as? [[String: Any]])?.contains { $0["id"] as? String == performer } ?? false
            }
            #expect(items.count == expected.count && !items.isEmpty)
            #expect(try lab.ask("GET", "/api/scenes?cursor=%21").status == 400)
            #expect(try lab.ask("GET", "/api/scenes?limit=0").status == 400)
        }
    }

    @Test func `media come in ranges, the same bytes as from their server`() throws {
        try Lab.with { lab in
            try lab.startServer("attic")
            try lab.addInstance("attic")
            try lab.mount()
            let page = try lab.ask("GET", "/api/scenes?limit=2").object()
            let scenes = try #require(page["items"] as? [[String: Any]])
            let scene = try #require(scenes.first)
            let (id, size) = (try #require(scene["localId"] as? Int), try #require(scene["size"] as? Int))
            let instance = try #require(scene["instanceId"] as? String)
            let path = "/api/media/\(instance)/scene/\(id)"
            let whole = try lab.ask("GET", path)
            #expect(whole.status == 200 && whole.bytes.count == size)
            let mounted = try #require(scene["path"] as? String)
            #expect(whole.bytes == (try lab.bytes(mounted)))
            let part = try lab.ask("GET", path, nil, "-H", "Range: bytes=100-199")
            #expect(part.status == 206 && part.bytes == whole.bytes[100..<200])
            let end = try lab.ask("GET", path, nil, "-H", "Range: bytes=-50")
            #expect(end.status == 206 && end.bytes == whole.bytes.suffix(50))
            #expect(try lab.ask("GET", path, nil, "-H", "Range: bytes=\(size)-").status == 416)
            let other = try lab.ask("GET", path, nil, "-H", "Range: bytes=0-9", "-H", "If-Range: \"other\"")
            #expect(other.status == 200 && other.bytes.count == size)
            #expect(try lab.ask("GET", "/api/media/\(instance)/scene/999999").status == 404)
            let unread = try #require(scenes.last?["localId"] as? Int)
            try lab.server("attic").stop()
            #expect([502, 503, 504].contains(try lab.ask("GET", "/api/media/\(instance)/scene/\(unread)").status))
        }
    }
}

/// What curl got.
struct HTTPAnswer {
    /// 0 when there was none.
    let status: Int
    let type: String
    let bytes: Data

    var body: String { String(decoding: bytes, as: UTF8.self) }

    func object() throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any], "\(body)")
    }

    func array() throws -> [Any] { try #require(try JSONSerialization.jsonObject(with: bytes) as? [Any], "\(body)") }
}

extension Lab {
    /// Asks the daemon on its socket.
    func ask(_ method: String, _ path: String, _ body: [String: Any]? = nil, _ options: String...) throws -> HTTPAnswer
    {
        var words = ["--unix-socket", try socket(), "-X", method, "http://localhost" + path] + options
        if let body {
            let file = directory + "/" + UUID().uuidString + ".json"
            try JSONSerialization.data(withJSONObject: body).write(to: URL(fileURLWithPath: file))
            words += ["-H", "Content-Type: application/json", "-d", "@" + file]
        }
        return try curl(words)
    }

    func curl(_ words: [String]) throws -> HTTPAnswer {
        let file = directory + "/" + UUID().uuidString + ".body"
        let told = try execute(
            "/usr/bin/env",
            ["curl", "-s", "-m", "60", "-o", file, "-w", "%{http_code} %{content_type}"] + words)
        let words = told.split(separator: " ", maxSplits: 1).map(String.init)
        return HTTPAnswer(
            status: words.first.flatMap(Int.init) ?? 0, type: words.dropFirst().first ?? "",
            bytes: FileManager.default.contents(atPath: file) ?? Data())
    }

    /// Runs another program to its end; what it printed.
    func execute(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        let log = directory + "/" + UUID().uuidString + ".told"
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.standardOutput = FileHandle(forWritingAtPath: log)
        process.standardError = FileHandle.nullDevice
        let ended = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in ended.signal() }
        try process.run()
        ended.wait()
        return try String(contentsOfFile: log, encoding: .utf8)
    }

    /// Where the daemon says that it can be asked.
    func socket() throws -> String {
        let lock = try Data(contentsOf: URL(fileURLWithPath: directory + "/state/daemon.lock"))
        let holder = try JSONSerialization.jsonObject(with: lock) as? [String: Any]
        return try #require(holder?["socket"] as? String)
    }

    /// What `peekfs page` prints.
    func page() throws -> String {
        try run(["page"]).output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The names in a directory of the mount; none when there is no such directory.
    func names(_ path: String) throws -> [String] { (root / path).names.sorted() }

    func bytes(_ path: String) throws -> Data { Data(try Path(mountPoint + path).read()) }
}
