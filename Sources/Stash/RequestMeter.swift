internal import CoreMetrics

/// Counts the requests to one server by what they were for and how they ended, and the bytes that came.
package final class RequestMeter: Sendable {
    enum Purpose: Int, CaseIterable {
        case api
        case media
    }

    private struct Counters: Sendable {
        /// In the order of `StashError.results`.
        typealias Results = [Counter]

        let name: String
        let requests: [Results]
        let received: [Counter]

        init(_ name: String) {
            self.name = name
            func counter(_ label: String, _ purpose: Purpose, _ more: [(String, String)] = []) -> Counter {
                Counter(label: label, dimensions: [("server", name), ("purpose", "\(purpose)")] + more)
            }
            requests = Purpose.allCases.map { purpose in
                StashError.results.map { counter("peekfs_server_requests_total", purpose, [("result", $0)]) }
            }
            received = Purpose.allCases.map { counter("peekfs_server_received_bytes_total", $0) }
        }

        func destroy() {
            for counter in received + requests.joined() { counter.destroy() }
        }
    }

    private let counters: Lock<Counters>

    /// - Parameter server: the name of its instance.
    package init(server: String) {
        counters = Lock(Counters(server))
    }

    /// Counts from nothing under another name.
    package func rename(_ name: String) {
        counters.withLock { counters in
            guard counters.name != name else { return }
            counters.destroy()
            counters = Counters(name)
        }
    }

    /// What was counted of a server that is not used any more is not shown any more.
    package func close() {
        counters.withLock { $0.destroy() }
    }

    /// No error: all is well.
    func ended(_ purpose: Purpose, _ error: StashError?) {
        let place = error?.place ?? 0
        let counter = counters.withLock { $0.requests[purpose.rawValue][place] }
        counter.increment()
    }

    func received(_ purpose: Purpose, _ bytes: Int) {
        let counter = counters.withLock { $0.received[purpose.rawValue] }
        counter.increment(by: bytes)
    }
}

extension StashError {
    /// How a request can end, in the words of the metric; the first one is no error.
    fileprivate static let results = [
        "ok", "unreachable", "timeout", "tls", "unauthorised", "not_stash", "tripwire", "not_ready", "not_found",
        "changed", "short_body", "refused", "error", "cancelled",
    ]

    /// Of this error in `results`.
    fileprivate var place: Int {
        switch self {
        case .unreachable: 1
        case .timedOut: 2
        case .tls: 3
        case .unauthorised: 4
        case .notStash: 5
        case .tripwire: 6
        case .notReady: 7
        case .notFound: 8
        case .changed, .rangeNotSatisfiable: 9
        case .shortBody: 10
        case .refused: 11
        case .server, .schemaMismatch: 12
        case .cancelled: 13
        }
    }
}
