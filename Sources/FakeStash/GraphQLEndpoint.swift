import Synchronization

/// Answers `/graphql` as gqlgen does, with the quirks of each generation (Stash 1.1).
struct GraphQLEndpoint: Sendable {
    let catalogue: Catalogue
    let configuration: FakeStash.Configuration
    private let documents = Documents()

    init(catalogue: Catalogue, configuration: FakeStash.Configuration) {
        self.catalogue = catalogue
        self.configuration = configuration
    }

    /// The answer to one request; `body` is JSON for POST.
    func answer(_ request: Request) -> Response {
        if request.method == "GET" { return get(request) }
        if request.method == "HEAD" || request.method == "OPTIONS" {
            return Response(405, headers: [("Allow", "OPTIONS, GET, POST"), ("Cache-Control", "no-store")])
        }
        let type = request.header("content-type")?.split(separator: ";").first.map(String.init) ?? ""
        guard request.method == "POST", type == "application/json" else {
            return json(
                400, Array("{\"errors\":[{\"message\":\"transport not supported\"}],\"data\":null}".utf8), request)
        }
        guard let body = JSON.parse(request.body), case .object = body else { return undecodable(request) }
        return run(body["query"]?.text ?? "", body["variables"] ?? .null, body["operationName"]?.text, request)
    }

    private func get(_ request: Request) -> Response {
        guard let query = request.query["query"], !query.isEmpty else {
            if configuration.generation == .v22 { return failure(200, "operation  not found", request) }
            return failure(422, "no operation provided", code: "GRAPHQL_VALIDATION_FAILED", request)
        }
        let variables = request.query["variables"].flatMap { JSON.parse(Array($0.utf8)) } ?? .null
        if let document = try? documents.document(query), document.operations.contains(where: { $0.form == "mutation" })
        {
            return failure(406, "GET requests only allow query operations", request)
        }
        return run(query, variables, request.query["operationName"], request)
    }

    private func undecodable(_ request: Request) -> Response {
        let text = String(decoding: request.body, as: UTF8.self)
        let what: String
        switch JSON.parse(request.body) {
        case .string: what = "json: cannot unmarshal string into Go value of type graphql.RawParams"
        case .list: what = "json: cannot unmarshal array into Go value of type graphql.RawParams"
        case .none: what = "invalid character '\(text.first ?? " ")' looking for beginning of value"
        default: what = "json: cannot unmarshal number into Go value of type graphql.RawParams"
        }
        return failure(
            400,
            configuration.generation == .v22
                ? "json body could not be decoded: \(what)"
                : "json request body could not be decoded: \(what) body:\(text)",
            request)
    }

    private func run(_ text: String, _ variables: JSON, _ name: String?, _ request: Request) -> Response {
        let document: Syntax.Document
        do {
            document = try documents.document(text)
        } catch {
            return failure(
                422, error.message, code: "GRAPHQL_PARSE_FAILED", position: error.position, request)
        }
        let operation =
            name.map { name in document.operations.first { $0.name == name } } ?? document.operations.first
        guard let operation else {
            return failure(422, "no operation provided", code: "GRAPHQL_VALIDATION_FAILED", request)
        }
        var given: [String: JSON] = [:]
        if case .object(let members) = variables { given = members }
        var planner = Planner(Schema.of(configuration.generation), document)
        let fields = planner.plan(operation, variables: given)
        guard planner.problems.isEmpty else { return invalid(planner.problems, request) }
        let body = Execution(catalogue).run(fields, root: operation.form == "mutation" ? "Mutation" : "Query")
        return json(200, body, request)
    }

    private func invalid(_ problems: [Planner.Problem], _ request: Request) -> Response {
        var writer = JSONWriter()
        writer.raw("{\"errors\":[")
        for (number, problem) in problems.enumerated() {
            if number > 0 { writer.raw(",") }
            write(problem.message, problem.path, problem.position, "GRAPHQL_VALIDATION_FAILED", &writer)
        }
        writer.raw("],\"data\":null}")
        return json(validationStatus(request), writer.bytes, request)
    }

    /// v0.29 and later answer 400 with another media type to clients that do not ask for plain JSON (Stash 1.1).
    private func validationStatus(_ request: Request) -> Int { usesResponseType(request) ? 400 : 422 }

    private func usesResponseType(_ request: Request) -> Bool {
        guard configuration.generation == .v30, let accept = request.header("accept") else { return false }
        return !accept.contains("application/json") && (accept.contains("*/*") || accept.contains("graphql-response"))
    }

    private func write(
        _ message: String, _ path: [String], _ position: Syntax.Position?, _ code: String?, _ writer: inout JSONWriter
    ) {
        writer.raw("{\"message\":")
        writer.string(message)
        if !path.isEmpty {
            writer.raw(",\"path\":")
            writer.value(.list(path.map { .string($0) }))
        }
        if let position {
            writer.raw(",\"locations\":[{\"line\":")
            writer.integer(Int64(position.line))
            writer.raw(",\"column\":")
            writer.integer(Int64(position.column))
            writer.raw("}]")
        }
        if let code {
            writer.raw(",\"extensions\":{\"code\":")
            writer.string(code)
            writer.raw("}")
        }
        writer.raw("}")
    }

    func failure(
        _ status: Int, _ message: String, code: String? = nil, position: Syntax.Position? = nil, _ request: Request
    ) -> Response {
        var writer = JSONWriter()
        writer.raw("{\"errors\":[")
        write(message, [], position, code, &writer)
        writer.raw("],\"data\":null}")
        return json(status == 422 ? validationStatus(request) : status, writer.bytes, request)
    }

    private func json(_ status: Int, _ body: [UInt8], _ request: Request) -> Response {
        let type = usesResponseType(request) ? "application/graphql-response+json" : "application/json"
        var response = Response(
            status,
            headers: [
                ("Cache-Control", "no-store"), ("Content-Type", type), ("X-Content-Type-Options", "nosniff"),
            ], body: MediaBytes(body))
        response.isChunked = body.count > 2048
        return response
    }
}

/// The documents that were parsed: a client has few, and asks them again and again.
private final class Documents: Sendable {
    private let known = Mutex<[String: Syntax.Document]>([:])

    private static let limit = 100

    func document(_ text: String) throws(Syntax.Problem) -> Syntax.Document {
        if let document = known.withLock({ $0[text] }) { return document }
        let document = try Syntax.parse(text)
        known.withLock { known in
            if known.count >= Self.limit { known = [:] }
            known[text] = document
        }
        return document
    }
}
