import FakeStash
import Foundation
import Synchronization

/// Writes one JSON object a line for each request whose answer is over. There is no key in it.
final class RequestJournal: Sendable {
    private struct Line: Encodable {
        var method: String
        var path: String
        var status: Int
        var range: String?
        var bytesSent: Int64
        var isAborted: Bool
        var key: String
        var connection: Int
        /// Of a GraphQL request, so that it can be asked again.
        var query: String?
        var variables: String?

        enum CodingKeys: String, CodingKey {
            case method
            case path
            case status
            case range
            case bytesSent = "bytes_sent"
            case isAborted = "aborted"
            case key
            case connection
            case query
            case variables
        }
    }

    private let file: Mutex<FileHandle>

    /// Appends to the file, which is made if it does not exist.
    init(path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: path]) }
        file = Mutex(FileHandle(fileDescriptor: descriptor, closeOnDealloc: true))
    }

    func write(_ record: RequestRecord) {
        let line = Line(
            method: record.method, path: record.path, status: record.status, range: record.range,
            bytesSent: record.bytesSent, isAborted: record.isAborted, key: record.key.rawValue,
            connection: record.connection, query: record.query, variables: record.variables)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(line) else { return }
        file.withLock { try? $0.write(contentsOf: data + [0x0a]) }
    }
}
