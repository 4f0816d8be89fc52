import Foundation

/// One request that a server got, and how its answer went. No key is ever in it.
package struct RequestRecord: Sendable {
    package enum KeyState: String, Sendable {
        /// No key was sent.
        case absent
        /// The key of this server.
        case right
        /// Another key: it may belong to another server.
        case wrong
    }

    /// Counted from 0 in order of arrival.
    package var number: Int
    package var method: String
    /// The path with its query, less any `apikey`.
    package var path: String
    package var key: KeyState
    /// The key was in the URL, where it does not belong.
    package var hasKeyInURL: Bool
    package var range: String?
    package var ifRange: String?
    package var ifUnmodifiedSince: String?
    package var ifNoneMatch: String?
    package var accept: String?
    package var acceptEncoding: String?
    package var host: String?
    /// Which connection it came over, counted from 0.
    package var connection: Int
    /// The query text of a GraphQL request.
    package var query: String?
    /// The variables of a GraphQL request, as JSON.
    package var variables: String?
    /// Set when the head of the answer is sent; 0 before.
    package var status = 0
    /// Bytes of the body that the kernel took.
    package var bytesSent: Int64 = 0
    /// The answer is over, one way or the other.
    package var isFinished = false
    /// The connection ended before the answer did.
    package var isAborted = false
}

/// What a server was asked, in order.
final class RequestLog: Sendable {
    /// Waiting needs a condition; NSCondition is the lock of the two fields below.
    private final class Storage: @unchecked Sendable {
        // Sendable because every access is between lock() and unlock() of `condition`.
        let condition = NSCondition()
        var records: [RequestRecord] = []
        var connections = 0
    }

    private let storage = Storage()
    private let observer: (@Sendable (RequestRecord) -> Void)?

    init(_ observer: (@Sendable (RequestRecord) -> Void)?) {
        self.observer = observer
    }

    var records: [RequestRecord] {
        storage.condition.withLock { storage.records }
    }

    func clear() {
        storage.condition.withLock {
            // Numbers are places, so records of running requests have to stay: all are marked instead of moved.
            for index in storage.records.indices { storage.records[index].method = "" }
        }
    }

    func nextConnection() -> Int {
        storage.condition.withLock {
            storage.connections += 1
            return storage.connections - 1
        }
    }

    func add(_ make: (Int) -> RequestRecord) -> Int {
        storage.condition.withLock {
            let record = make(storage.records.count)
            storage.records.append(record)
            storage.condition.broadcast()
            return record.number
        }
    }

    func update(_ number: Int, _ change: (inout RequestRecord) -> Void) {
        let finished: RequestRecord? = storage.condition.withLock {
            let before = storage.records[number].isFinished
            change(&storage.records[number])
            storage.condition.broadcast()
            return storage.records[number].isFinished && !before ? storage.records[number] : nil
        }
        if let finished { observer?(finished) }
    }

    func wait(seconds: Double, until condition: ([RequestRecord]) -> Bool) -> Bool {
        let deadline = Date(timeIntervalSinceNow: seconds)
        return storage.condition.withLock {
            while !condition(storage.records) {
                if !storage.condition.wait(until: deadline) { return condition(storage.records) }
            }
            return true
        }
    }
}
