/// What an answer of `/graphql` means. Pure, so that the table of Stash 1.6 stands in a table of tests.
enum GraphQLAnswer {
    /// A resolver panicked; nearly always because the database is not open (Stash 1.6).
    static let panic = "Internal system error"

    /// The `data` of an answer without errors.
    ///
    /// An answer with errors is none, even when it has data as well: what a failed resolver left out would be taken
    /// for removed.
    static func data(_ answer: WholeAnswer, hasKey: Bool) throws(StashError) -> JSONObject {
        let head = answer.head
        let contentType = head.contentType
        let isJSON = contentType == "application/json" || contentType == "application/graphql-response+json"

        switch head.status {
        case 401: throw .unauthorised(hasKey ? .keyRejected : .needsKey)
        case 300..<400: throw AnswerText.redirect(head, hasKey: hasKey)
        case 404: throw .notStash(.notFound)
        case _ where isJSON: break
        case 200..<300: throw .notStash(contentType == "text/html" ? .webPage : .notJSON)
        default:
            let text = String(decoding: answer.body.prefix(AnswerText.limit), as: UTF8.self)
            let error = AnswerText.error(status: head.status, text: text, hasKey: hasKey)
            // Whatever else refuses to take a query at this address is not Stash's API.
            if case .refused(.status) = error { throw .notStash(.notJSON) }
            throw error
        }

        let value: JSONValue
        do throws(JSONParser.Malformed) {
            value = try JSONParser.parse(answer.body)
        } catch {
            throw .refused(.malformed("its JSON cannot be read at byte \(error.offset)"))
        }
        guard let object = value.object else { throw .notStash(.notJSON) }
        if let errors = object["errors"]?.array, !errors.isEmpty { throw error(errors, status: head.status) }
        guard head.status == 200 else { throw .server(message: "http status \(head.status)", retryable: true) }
        guard let data = object["data"] else { throw .notStash(.notJSON) }
        guard let data = data.object else { throw .server(message: "no data", retryable: true) }
        return data
    }

    private static func error(_ errors: [JSONValue], status: Int) -> StashError {
        let first = errors.first?.object
        let message = String((first?["message"]?.string ?? "an error without a message").prefix(300))
        switch first?["extensions"]?.object?["code"]?.string {
        case "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED": return .schemaMismatch(message)
        default: break
        }
        guard status == 200 else { return .server(message: message, retryable: status >= 500) }
        // A torn page, a scan that holds the writer, a database that is not open: each passes (Stash 1.6, 7).
        let lowered = message.lowercased()
        let isTransient = ["locked", "not found", "busy", panic.lowercased()].contains { lowered.contains($0) }
        return .server(message: message, retryable: isTransient)
    }
}
