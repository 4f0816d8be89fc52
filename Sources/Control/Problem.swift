package import Foundation

/// Why something that was asked for is not done, for programs and for people: the body of every answer that is an error, in the form of
/// RFC 9457 (`application/problem+json`), and what commands say on standard error.
package struct Problem: Error, Codable, Sendable, Equatable {
    /// What a program can tell apart. A word that was given stays.
    package enum Code: String, Codable, Sendable, CaseIterable {
        /// What was asked cannot be understood.
        case usage
        /// It cannot be true beside what was said before.
        case contradiction
        case notFound = "not-found"
        /// The name of a server's host cannot be resolved.
        case noHost = "no-host"
        /// A server does not answer.
        case unavailable
        case exists
        /// It succeeds later.
        case busy
        /// What answers is no Stash server, or one that is too old, or its certificate is not believed.
        case notStash = "not-stash"
        /// A server's key is missing or wrong.
        case noPermission = "no-permission"
        /// Something must be set up first.
        case configuration
        /// A database or a file cannot be read or written.
        case ioError = "io-error"
        /// Something that nobody foresaw.
        case software
        /// The caller is not who may ask this.
        case forbidden
        /// The token is missing or wrong.
        case unauthorised = "unauthorized"
        /// No such method, media type, range, or more than is taken: matters of HTTP alone.
        case http
    }

    package let type: String
    /// The same for all problems of a code.
    package let title: String
    /// As the answer's own.
    package let status: Int
    package let code: Code
    /// One lower-case sentence about this case.
    package let detail: String
    /// What can be done about it.
    package let hint: String?
    /// Of a failed test of a connection which failure it was: `wrong-key`, `refused` …
    package let diagnosis: String?

    /// - Parameters:
    ///   - code: What it is.
    ///   - detail: The sentence.
    ///   - hint: What can be done.
    ///   - status: When it is not the code's usual one.
    ///   - diagnosis: The word of a connection test.
    package init(_ code: Code, _ detail: String, hint: String? = nil, status: Int? = nil, diagnosis: String? = nil) {
        type = "urn:peekfs:problem:" + code.rawValue
        title = code.title
        self.status = status ?? code.status
        self.code = code
        self.detail = detail
        self.hint = hint
        self.diagnosis = diagnosis
    }

    /// As it is sent.
    package var json: Data { JSON.data(self) }
}

extension Problem.Code {
    fileprivate var status: Int {
        switch self {
        case .usage, .noHost, .unavailable, .notStash, .noPermission, .configuration: 422
        case .contradiction, .exists: 409
        case .notFound: 404
        case .busy: 503
        case .ioError, .software: 500
        case .forbidden: 403
        case .unauthorised: 401
        case .http: 400
        }
    }

    fileprivate var title: String {
        switch self {
        case .usage: "This cannot be understood"
        case .contradiction: "This contradicts what was said before"
        case .notFound: "There is no such thing"
        case .noHost: "A host name cannot be resolved"
        case .unavailable: "A server does not answer"
        case .exists: "This exists already"
        case .busy: "Busy; try again later"
        case .notStash: "What answers is no usable Stash server"
        case .noPermission: "A key is missing or wrong"
        case .configuration: "Something must be set up first"
        case .ioError: "A database or a file failed"
        case .software: "Something went wrong that nobody foresaw"
        case .forbidden: "You may not ask this"
        case .unauthorised: "The token is missing or wrong"
        case .http: "This request is not taken"
        }
    }
}

/// JSON as it is sent and printed: sorted keys, so that two answers can be compared by their text, and RFC 3339 times.
package enum JSON {
    /// Values of our own, whose encoding cannot fail.
    package static func data(_ value: some Encodable) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return (try? encoder.encode(value)) ?? Data("null".utf8)
    }

    package static func value<Value: Decodable>(_ data: Data, as _: Value.Type = Value.self) throws -> Value {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return try decoder.decode(Value.self, from: data)
    }
}
