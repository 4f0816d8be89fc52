/// Decides what each path answers: authentication first, then GraphQL, media, and the page for everything else.
struct Routes: Sendable {
    let configuration: FakeStash.Configuration
    let catalogue: Catalogue
    let media: MediaRoutes
    private let plain: PlainFiles
    private let endpoint: GraphQLEndpoint

    init(
        _ configuration: FakeStash.Configuration, _ catalogue: Catalogue, _ clips: [String: Clips.Clip],
        _ file: StoredFile?
    ) {
        self.configuration = configuration
        self.catalogue = catalogue
        media = MediaRoutes(configuration: configuration, catalogue: catalogue, clips: clips, file: file)
        plain = PlainFiles(media)
        endpoint = GraphQLEndpoint(catalogue: catalogue, configuration: configuration)
    }

    /// The complete answer, compressed if the client takes gzip.
    func answer(_ original: Request) -> Response {
        var request = original
        guard let path = strip(request.path) else {
            return finish(
                html(404, "<html><head><title>404 Not Found</title></head><body>nginx</body></html>\n"), request)
        }
        request.path = path
        return finish(respond(request), request)
    }

    func graphQLFailure(_ message: String, _ request: Request) -> Response {
        finish(endpoint.failure(200, message, request), request)
    }

    /// Whether a request for a WebSocket is to the right place and let in: that is decided before the switch (Stash 3.3).
    func admitsSocket(_ request: Request) -> Bool {
        guard request.method == "GET", strip(request.path) == "/graphql" else { return false }
        return switch keyState(request) {
        case .right: true
        case .wrong: false
        case .absent: !configuration.requiresLogin
        }
    }

    func loginPage(_ request: Request) -> Response { finish(page(request), request) }

    func redirect(_ request: Request) -> Response { finish(redirectToLogin(request), request) }

    /// The path behind the proxy, which passes on only what is below the prefix.
    private func strip(_ path: String) -> String? {
        let base = configuration.basePath
        guard !base.isEmpty else { return path }
        guard path == base || path.hasPrefix(base + "/") else { return nil }
        let rest = String(path.dropFirst(base.count))
        return rest.isEmpty ? "/" : rest
    }

    // MARK: Authentication

    /// What the key of a request is to this server. The header wins over the URL; an empty one counts for nothing.
    func keyState(_ request: Request) -> RequestRecord.KeyState {
        guard
            let key = [request.header("apikey"), request.query["apikey"]].compactMap({ $0 }).first(where: {
                !$0.isEmpty
            })
        else { return .absent }
        // With no key configured, any key is wrong (Stash 1.2).
        return key == configuration.apiKey ? .right : .wrong
    }

    private func respond(_ request: Request) -> Response {
        if request.path == "/healthz", request.method == "GET" || request.method == "HEAD" {
            return Response(200, headers: [("Content-Type", "text/plain")], body: MediaBytes([0x2e]))
        }
        switch keyState(request) {
        case .wrong:
            return configuration.generation == .v22
                ? .text(500, "unauthorized\n") : Response(401, headers: [("Www-Authenticate", "FormBased")])
        case .absent where configuration.requiresLogin && !isOpen(request.path):
            guard request.path == "/graphql" || hasExtension(request.path) else { return redirectToLogin(request) }
            return Response(401, headers: [("Www-Authenticate", "FormBased")])
        default: break
        }
        if request.path == "/graphql" { return endpoint.answer(request) }
        if configuration.plainFiles, let answer = plain.answer(request) { return answer }
        if let answer = media.answer(request) { return answer }
        return hasExtension(request.path) ? .text(404, "404 page not found\n") : page(request)
    }

    private func isOpen(_ path: String) -> Bool {
        ["/login", "/logout", "/css", "/assets"].contains { path.hasPrefix($0) }
    }

    private func hasExtension(_ path: String) -> Bool {
        guard let last = path.split(separator: "/").last, last.contains(".") else { return false }
        return !last.hasSuffix(".html")
    }

    private func redirectToLogin(_ request: Request) -> Response {
        let query = request.rawQuery.isEmpty ? "" : "?" + request.rawQuery
        let target = "\(configuration.basePath)/login?returnURL=\(Request.encode(request.path + query))"
        var response = html(302, "<a href=\"\(target)\">Found</a>.\n\n")
        response.set("Location", target)
        response.set("X-Content-Type-Options", nil)
        return response
    }

    private func html(_ status: Int, _ text: String) -> Response {
        Response(status, headers: [("Content-Type", "text/html; charset=utf-8")], body: MediaBytes(Array(text.utf8)))
    }

    /// The one-page application, which is also the login page: 200 for any path without an extension (Stash 1.3).
    private func page(_ request: Request) -> Response {
        let text = "<!DOCTYPE html><html><head><title>Stash</title></head><body><div id=\"root\"></div></body></html>\n"
        return Ranges.serve(
            MediaBytes(Array(text.utf8)), type: "text/html", .etag("\"\(hexadecimal(stableHash(text), width: 32))\""),
            headers: [
                ("Cache-Control", "no-cache"), ("Content-Security-Policy", "default-src data: 'self' 'unsafe-inline'"),
                ("Referrer-Policy", "same-origin"),
            ], request)
    }

    // MARK: Compression

    private static let compressible = [
        "text/html", "text/css", "text/plain", "text/javascript", "application/javascript", "application/json",
        "image/svg+xml",
    ]

    /// What chi's middleware does last: gzip for types on its list, even over a slice, without a length (Stash 4.1).
    private func finish(_ answer: Response, _ request: Request) -> Response {
        var response = answer
        response.headers.append(("Vary", "Origin"))
        let type = response.header("Content-Type")?.split(separator: ";").first.map(String.init) ?? ""
        let takesGzip = request.header("accept-encoding")?.contains("gzip") ?? false
        guard takesGzip, Self.compressible.contains(type), response.count > 0, response.count < 64 << 20 else {
            return response
        }
        let packed = Gzip.wrap(response.body.bytes(from: response.offset, count: Int(response.count)))
        response.body = MediaBytes(packed)
        response.offset = 0
        response.count = Int64(packed.count)
        response.isChunked = packed.count > 2048
        response.headers.append(("Content-Encoding", "gzip"))
        response.set("Vary", configuration.generation == .v22 ? "Origin" : "Accept-Encoding")
        return response
    }
}
