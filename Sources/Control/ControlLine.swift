package import Foundation

/// Whom a command asks: the daemon when one runs, else the same routes in its own process.
package struct ControlLine: Sendable {
    private let client: ControlClient?
    private let premises: @Sendable () throws -> Premises

    /// - Parameters:
    ///   - socket: Of the daemon, if there is one.
    ///   - premises: What to work on when none answers.
    package init(socket: String?, premises: @escaping @Sendable () throws -> Premises) {
        client = socket.map(ControlClient.init)
        self.premises = premises
    }

    /// Asks, and decodes the answer.
    ///
    /// - Parameters:
    ///   - method: As in the route.
    ///   - path: As in the route, with its parts in braces.
    ///   - parameters: What stands for these.
    ///   - query: What is not nil is sent.
    ///   - body: Sent as JSON.
    ///   - type: What the answer is.
    /// - Returns: The answer.
    /// - Throws: `Problem`, or what a route throws.
    package func ask<Value: Decodable>(
        _ method: Route.Method, _ path: String, parameters: [String: String] = [:], query: [String: String?] = [:],
        body: (any RequestBody)? = nil, as type: Value.Type = Value.self
    ) throws -> Value {
        let query = query.compactMapValues { $0 }
        let data = body.map { JSON.data($0) } ?? Data()
        if let client {
            do {
                return try JSON.value(try client.send(method, Self.target(path, parameters, query), data))
            } catch is ControlClient.Unreachable {
                // The daemon is ending; what it leaves is in the databases.
            }
        }
        let route = try premises().routes.first { ($0.method, $0.path) == (method, path) }
        guard case .blocking(let respond) = route?.handler else {
            throw Problem(.software, "nothing answers \(method.rawValue) \(path) here")
        }
        var call = Call(uid: getuid())
        (call.parameters, call.query, call.body) = (parameters, query, data)
        return try JSON.value(try respond(call).body)
    }

    /// Follows the events of the daemon's syncs, each the JSON of a `SyncEvent`, until `take` says false.
    ///
    /// - Returns: False when there is no daemon.
    package func follow(began: @escaping @Sendable () -> Void, take: @escaping @Sendable (Data) -> Bool) throws -> Bool
    {
        guard let client else { return false }
        do {
            try client.follow("/api/sync/events", began: began) { line in
                line.hasPrefix("data: ") ? take(Data(line.dropFirst(6).utf8)) : true
            }
            return true
        } catch is ControlClient.Unreachable {
            return false
        }
    }

    private static func target(_ path: String, _ parameters: [String: String], _ query: [String: String]) -> String {
        func encoded(_ text: String) -> String {
            let plain = CharacterSet(
                charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
            return text.addingPercentEncoding(withAllowedCharacters: plain) ?? ""
        }
        let path = parameters.reduce(path) { $0.replacing("{\($1.key)}", with: encoded($1.value)) }
        let pairs = query.sorted { $0.key < $1.key }.map { "\($0.key)=\(encoded($0.value))" }
        return pairs.isEmpty ? path : path + "?" + pairs.joined(separator: "&")
    }
}
