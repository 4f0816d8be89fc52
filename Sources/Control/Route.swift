package import Foundation
package import Hummingbird

/// One thing that can be asked of the daemon: a method and a path, who may ask it, and what answers.
///
/// All of them are in one table, from which the server routes, the description is made, and the commands ask; without a
/// daemon the same handlers run in the command's own process. To add one, add a value to such a table, hand it to
/// `ControlServer`, and describe it in `Description.swift`.
package struct Route: Sendable {
    package enum Method: String, Sendable, CaseIterable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case delete = "DELETE"
    }

    package enum Access: Sendable {
        /// The owner of the daemon and root: on the socket by the credentials of the process, on TCP by the token.
        case owner
        /// Whoever reaches the port on this machine: for files that say nothing about the library.
        case everybody
    }

    /// What answers. It throws what `Problem.init(explaining:)` knows.
    package enum Handler: Sendable {
        /// Runs on a thread that may wait for a database or a server.
        case blocking(@Sendable (Call) throws -> Answer)
        /// Runs on the few threads of the concurrency runtime: it must never block. For answers that are sent piece by piece; it
        /// is asked for HEAD too.
        case streaming(@Sendable (Call) async throws -> Response)
    }

    package let method: Method
    /// `/api/things/{id}`: a part in braces becomes a parameter of the call.
    package let path: String
    package let access: Access
    package let handler: Handler

    package init(
        _ method: Method, _ path: String, access: Access = .owner, _ handler: Handler
    ) {
        self.method = method
        self.path = path
        self.access = access
        self.handler = handler
    }
}

/// One request, checked: who asked, and what.
package struct Call: Sendable {
    /// The parts of the path in braces, decoded.
    package var parameters: [String: String] = [:]
    /// The query, decoded.
    package var query: [String: String] = [:]
    package var headers = HTTPFields()
    /// JSON; empty when there is none.
    package var body = Data()
    /// Whose ratings are meant: the user at the other end of the socket; the daemon's own on TCP.
    package var uid: uid_t
    package var isHead = false

    package init(uid: uid_t) { self.uid = uid }

    /// The body as a value.
    ///
    /// - Throws: `Problem`, which says what of it is wrong.
    package func decoded<Value: RequestBody>(as _: Value.Type = Value.self) throws(Problem) -> Value {
        if let names = (try? JSONSerialization.jsonObject(with: body)) as? [String: Any],
            let unknown = names.keys.sorted().first(where: { !Value.fields.contains($0) })
        {
            throw Problem(
                .usage, "there is no field '\(unknown.prefix(40))'",
                hint: "there are \(Value.fields.joined(separator: ", "))", status: 400)
        }
        do {
            return try JSON.value(body)
        } catch {
            throw Problem(.usage, "the body is not what is expected: \(Self.explain(error))", status: 400)
        }
    }

    /// A part of the path that the route has.
    package func parameter(_ name: String) throws(Problem) -> String {
        guard let value = parameters[name] else { throw Problem(.usage, "\(name) is missing", status: 400) }
        return value
    }

    /// A whole number of the query.
    package func integer(_ name: String, in range: ClosedRange<Int>) throws(Problem) -> Int? {
        guard let text = query[name] else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw Problem(
                .usage, "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)", status: 400)
        }
        return value
    }

    /// `true` or `false` of the query.
    package func flag(_ name: String) throws(Problem) -> Bool {
        guard let text = query[name] else { return false }
        guard let value = Bool(text) else { throw Problem(.usage, "\(name) must be true or false", status: 400) }
        return value
    }

    /// Nothing of the text that could not be read is repeated: it may hold a key.
    private static func explain(_ error: any Error) -> String {
        func at(_ path: [any CodingKey]) -> String { path.map(\.stringValue).joined(separator: ".") }
        return switch error {
        case DecodingError.keyNotFound(let key, _): "'\(key.stringValue)' is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            context.codingPath.isEmpty ? "no JSON object" : "'\(at(context.codingPath))' has another type"
        case DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty:
            "'\(at(context.codingPath))' has a value that is none of those there are"
        default: "no JSON"
        }
    }
}

/// What is answered to a call at once and whole.
package struct Answer: Sendable {
    package var status = 200
    package var body = Data()
    package var type = "application/json"
    package var headers = HTTPFields()

    package init(status: Int = 200, body: Data = Data(), type: String = "application/json", headers: HTTPFields = [:]) {
        self.status = status
        self.body = body
        self.type = type
        self.headers = headers
    }

    package static func json(_ value: some Encodable, status: Int = 200) -> Answer {
        Answer(status: status, body: JSON.data(value))
    }
}
