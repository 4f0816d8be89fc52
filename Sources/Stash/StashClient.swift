/// One Stash server: questions to its API, and streams of its media.
///
/// It knows the server's base URL, key and capabilities, and no other server. Questions block the calling thread, so
/// they belong on threads of their own and never on those that answer the kernel.
package final class StashClient: Sendable {
    package let access: ServerAccess
    private let engine: TransferEngine
    private let graphQLTimeouts: TransferTimeouts
    private let mediaTimeouts: TransferTimeouts
    private let known: Lock<Capabilities?>
    private let meter: RequestMeter?

    /// - Parameters:
    ///   - access: Address, key, trust.
    ///   - engine: Carries the requests; started by whoever owns it.
    ///   - capabilities: What is remembered of the server. Without it the first question asks the server, and pictures
    ///     of groups are looked for where servers since 0.27 have them.
    ///   - graphQLTimeouts: For questions.
    ///   - mediaTimeouts: For streams that do not bring their own.
    ///   - meter: Counts the requests.
    package init(
        access: ServerAccess, engine: TransferEngine, capabilities: Capabilities? = nil,
        graphQLTimeouts: TransferTimeouts = .graphQL, mediaTimeouts: TransferTimeouts = .media,
        meter: RequestMeter? = nil
    ) {
        self.access = access
        self.engine = engine
        self.graphQLTimeouts = graphQLTimeouts
        self.mediaTimeouts = mediaTimeouts
        known = Lock(capabilities)
        self.meter = meter
    }

    /// What is known of the server's fields: given, or from the last `describe`.
    package var capabilities: Capabilities? { known.withLock { $0 } }
}

// MARK: - Questions

extension StashClient {
    /// Asks what the server is, how it is and which fields it has, and remembers the latter.
    ///
    /// A server that is not ready answers too; its `status` says so.
    package func describe(cancel: Cancellation = Cancellation()) throws(StashError) -> ServerDescription {
        let data = try ask(Capabilities.document, [:], cancel)
        guard let description = ServerDescription(data) else { throw .notStash(.notJSON) }
        known.withLock { $0 = description.capabilities }
        return description
    }

    /// One page of whole rows.
    ///
    /// A row that cannot be decoded is set aside. When a row fails in the server the whole page fails with
    /// `StashError.server`: ask for fewer rows until one is left, and step over it with `ids` (Stash 7).
    package func page<Row: WireRow>(
        of _: Row.Type = Row.self, _ request: PageRequest, cancel: Cancellation = Cancellation()
    ) throws(StashError) -> Page<Row> {
        let document = try queries(cancel).page(of: Row.kind, counted: request.isCounted)
        return try find(document, request.variables(for: Row.kind), cancel) { row, id in
            var reader = RowReader(row)
            do throws(RowFault) {
                return .success(try Row(&reader))
            } catch {
                return .failure(RowFault(id: id, reason: error.reason))
            }
        }
    }

    /// One page of ids, for finding what was deleted, who has no picture, and the row that breaks a page.
    package func ids(
        _ kind: WireKind, _ request: PageRequest, cancel: Cancellation = Cancellation()
    ) throws(StashError) -> Page<IDRow> {
        try find(try queries(cancel).ids(of: kind), request.variables(for: kind), cancel) { row, id in
            guard let id else { return .failure(RowFault(reason: "its id is not a positive number")) }
            return .success(IDRow(id: id, updatedAt: row["updated_at"]?.string ?? ""))
        }
    }

    /// When the server made its rows of a kind, `limit` of them at most, the lowest ids first: nothing that a person or a
    /// scan does changes that.
    package func creations(
        _ kind: WireKind, limit: Int, cancel: Cancellation = Cancellation()
    ) throws(StashError) -> Page<CreationRow> {
        let document = try queries(cancel).creations(of: kind)
        let variables = PageRequest(.first(of: kind), limit: limit).variables(for: kind)
        return try find(document, variables, cancel) { row, id in
            guard let id else { return .failure(RowFault(reason: "its id is not a positive number")) }
            guard let time = row["created_at"]?.string.flatMap(WireTime.init) else {
                return .failure(RowFault(id: id, reason: "created_at is not a time"))
            }
            return .success(CreationRow(id: id, createdAt: time))
        }
    }

    /// How many entities of a kind the server has.
    package func count(
        of kind: WireKind, updatedSince: String? = nil, cancel: Cancellation = Cancellation()
    ) throws(StashError) -> Int64 {
        let document = try queries(cancel).count(of: kind)
        // No rows: zero is the one number of rows that PageRequest does not offer.
        var variables = PageRequest(.number(1), limit: 1, updatedSince: updatedSince).variables(for: kind)
        variables["filter"] = .object(["per_page": .integer(0)])
        let data = try ask(document.text, variables, cancel)
        guard let count = data[document.field]?.object?["count"]?.int64 else { throw Self.shapeless(document) }
        return count
    }

    /// One page of the ids of files, by the numbers of pages. Only where `Capabilities.hasFindFiles`.
    package func files(_ request: PageRequest, cancel: Cancellation = Cancellation()) throws(StashError) -> Page<IDRow>
    {
        try find(try queries(cancel).files, request.variables(for: nil), cancel) { row, id in
            guard let id else { return .failure(RowFault(reason: "its id is not a positive number")) }
            return .success(IDRow(id: id, updatedAt: row["updated_at"]?.string ?? ""))
        }
    }

    /// One page of the markers, by the numbers of pages; `count` is that of all that match.
    package func markers(
        _ request: PageRequest, cancel: Cancellation = Cancellation()
    ) throws(StashError) -> Page<MarkerRow> {
        try find(try queries(cancel).markers, request.variables(for: nil), cancel) { row, id in
            guard let id, let scene = RowReader.id(row["scene"]?.object?["id"]) else {
                return .failure(RowFault(reason: "its id or that of its scene is not a positive number"))
            }
            return .success(MarkerRow(id: id, scene: scene, updatedAt: row["updated_at"]?.string ?? ""))
        }
    }

    /// How many files a server has. Only where `Capabilities.hasFindFiles`.
    package func fileCount(
        updatedSince: String? = nil, cancel: Cancellation = Cancellation()
    ) throws(StashError) -> Int64 {
        let document = try queries(cancel).fileCount
        var variables = PageRequest(.number(1), limit: 1, updatedSince: updatedSince).variables(for: nil)
        variables["filter"] = .object(["per_page": .integer(0)])
        let data = try ask(document.text, variables, cancel)
        guard let count = data[document.field]?.object?["count"]?.int64 else { throw Self.shapeless(document) }
        return count
    }

    /// What `newest` looks for.
    package enum Newest: Sendable {
        /// The row that was changed last.
        case changed
        /// The row with the greatest id: the one that was made last.
        case made
    }

    /// Of every kind how many there are and which was changed or made last, and which marker was, in one question: whether
    /// anything is new.
    package func newest(
        _ newest: Newest = .changed, cancel: Cancellation = Cancellation()
    ) throws(StashError) -> CatalogueState {
        let document = try queries(cancel).newest
        let sort: JSONValue = newest == .changed ? "updated_at" : "id"
        let filter: JSONObject = ["per_page": .integer(1), "sort": sort, "direction": "DESC"]
        let data = try ask(document.text, ["filter": .object(filter)], cancel)
        func first(_ found: JSONObject) -> IDRow? {
            let row = found.members.first { $0.value.array != nil }?.value.array?.first?.object
            return RowReader.id(row?["id"]).map { IDRow(id: $0, updatedAt: row?["updated_at"]?.string ?? "") }
        }
        guard let markers = data["markers"]?.object else { throw Self.shapeless(document) }
        var state = CatalogueState(marker: first(markers))
        for kind in WireKind.allCases {
            guard let found = data[kind.rawValue]?.object, let count = found["count"]?.int64 else {
                throw Self.shapeless(document)
            }
            state.kinds[kind] = KindState(count: count, newest: first(found))
        }
        return state
    }

    /// The server's paths of the folders that its library is made of: the roots of its own folder tree.
    package func libraryRoots(cancel: Cancellation = Cancellation()) throws(StashError) -> [String] {
        let document = try queries(cancel).roots
        let data = try ask(document.text, [:], cancel)
        guard let stashes = data["configuration"]?.object?["general"]?.object?["stashes"]?.array else {
            throw Self.shapeless(document)
        }
        return stashes.compactMap { $0.object?["path"]?.string }
    }

    private func find<Row>(
        _ document: Queries.Document, _ variables: JSONObject, _ cancel: Cancellation,
        decode: (_ row: JSONObject, _ id: Int64?) -> Result<Row, RowFault>
    ) throws(StashError) -> Page<Row> {
        let data = try ask(document.text, variables, cancel)
        guard let found = data[document.field]?.object, let list = found[document.list]?.array else {
            throw Self.shapeless(document)
        }
        var page = Page<Row>(rows: [], setAside: [], received: list.count, count: found["count"]?.int64)
        page.rows.reserveCapacity(list.count)
        for element in list {
            guard let row = element.object else {
                page.setAside.append(RowFault(reason: "it is not an object"))
                continue
            }
            let id = RowReader.id(row["id"])
            if let id { page.lastID = max(page.lastID ?? 0, id) }
            switch decode(row, id) {
            case .success(let row): page.rows.append(row)
            case .failure(let fault): page.setAside.append(fault)
            }
        }
        return page
    }

    /// The documents for this server, after asking what it has when nothing is remembered.
    private func queries(_ cancel: Cancellation) throws(StashError) -> Queries {
        if let capabilities { return Queries(for: capabilities) }
        return Queries(for: try describe(cancel: cancel).capabilities)
    }

    private static func shapeless(_ document: Queries.Document) -> StashError {
        .refused(.malformed("the answer to \(document.name) lacks what was asked for"))
    }

    /// Sends a document and waits for its data.
    func ask(_ document: String, _ variables: JSONObject, _ cancel: Cancellation) throws(StashError) -> JSONObject {
        do throws(StashError) {
            return try askOnce(document, variables, cancel)
        } catch .server(let message, let retryable) {
            // A panic of every resolver is how a database that is not open shows (Stash 2.5).
            if message.contains(GraphQLAnswer.panic), let status = try? askStatus(cancel), status != .ready {
                throw .notReady(status)
            }
            throw .server(message: access.apiKey?.redacted(in: message) ?? message, retryable: retryable)
        } catch {
            throw error
        }
    }

    private func askStatus(_ cancel: Cancellation) throws(StashError) -> ServerStatus? {
        let data = try askOnce(Queries.status, [:], cancel)
        return data["systemStatus"]?.object?["status"]?.string.map(ServerStatus.init)
    }

    private func askOnce(
        _ document: String, _ variables: JSONObject, _ cancel: Cancellation
    ) throws(StashError) -> JSONObject {
        let body = JSONValue.object(["query": .string(document), "variables": .object(variables)]).text
        do throws(StashError) {
            let data = try question(Array(body.utf8), cancel)
            meter?.ended(.api, nil)
            return data
        } catch {
            meter?.ended(.api, error)
            throw error
        }
    }

    private func question(_ body: [UInt8], _ cancel: Cancellation) throws(StashError) -> JSONObject {
        let answer = try exchange(
            HTTPRequest(
                url: access.address.url + "/graphql",
                // Without this Accept servers since 0.29 answer in another media type, uncompressed (Stash 1.1).
                headers: ["Content-Type: application/json", "Accept: application/json", "Expect:"] + keyHeader,
                body: body, acceptsGzip: true, trust: access.trust, timeouts: graphQLTimeouts),
            cancel)
        meter?.received(.api, answer.body.count)
        return try GraphQLAnswer.data(answer, hasKey: access.apiKey != nil)
    }

    /// Asks for what a server gives to everybody, and keeps the key.
    func anonymous(_ path: String, _ cancel: Cancellation) throws(StashError) -> WholeAnswer {
        let request = HTTPRequest(
            url: access.address.url + path, headers: ["Accept: */*"], body: nil, acceptsGzip: false,
            trust: access.trust, timeouts: graphQLTimeouts)
        return try exchange(request, cancel)
    }

    /// Sends a request and blocks until its answer is there whole.
    private func exchange(_ request: HTTPRequest, _ cancel: Cancellation) throws(StashError) -> WholeAnswer {
        let reply = Reply()
        let exchange = Exchange(request, receiver: WholeReceiver(reply))
        let key = cancel.onCancel {
            _ = exchange.cancel()
            reply.resolve(.failure(.cancelled))
        }
        defer { cancel.remove(key) }
        engine.send(exchange)
        return try reply.wait()
    }

    private var keyHeader: [String] {
        access.keyHeaders.map { "\($0.name): \($0.value)" }
    }
}

// MARK: - Streams

extension StashClient {
    /// Begins to stream something of the server.
    ///
    /// - Parameters:
    ///   - resource: What.
    ///   - range: Which part; nil for the whole, as everything inside an archive must be asked for.
    ///   - validator: The version that the bytes must belong to; another one ends with `.changed`.
    ///   - timeouts: Instead of the client's own.
    ///   - sink: Receives the answer on the engine's thread.
    /// - Returns: The running request; dropping it does not end it.
    package func fetch(
        _ resource: MediaResource, range: ByteRange? = nil, ifUnmodifiedSince validator: Validator? = nil,
        timeouts: TransferTimeouts? = nil, sink: any TransferSink
    ) -> Transfer {
        // Identity: a compressed slice is no slice of the file (Stash 4.1).
        var headers = ["Accept: */*", "Accept-Encoding: identity"] + keyHeader
        if let range { headers.append("Range: \(range.header)") }
        if let date = validator?.lastModified { headers.append("If-Unmodified-Since: \(date)") }
        let request = HTTPRequest(
            url: access.address.url + resource.path(hasGroups: capabilities?.hasGroups ?? true), headers: headers,
            body: nil, acceptsGzip: false, trust: access.trust, timeouts: timeouts ?? mediaTimeouts)
        let question = MediaQuestion(
            range: range, expected: validator, hasKey: access.apiKey != nil,
            emptyMeansMissing: resource.emptyMeansMissing)
        let exchange = Exchange(request, receiver: MediaReceiver(question, sink: sink, meter: meter))
        engine.send(exchange)
        return Transfer(exchange, meter: meter)
    }
}
