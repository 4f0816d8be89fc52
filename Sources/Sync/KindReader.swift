import Library
import Stash

/// What reading one kind of one server came to.
struct KindReading {
    /// Ids of the rows that came.
    var ids: IDSet = []
    var setAside: [SetAside] = []
    /// What the server counted before and after; nil when it could not be asked.
    var countBefore: Int64?
    var countAfter: Int64?
    /// The last page was seen: behind it the server has nothing.
    var reachedEnd = false
    /// What ended the reading early, when it concerns this kind only.
    var failure: StashError?

    /// Everything that the server counted is there, and it counted the same number twice. Anything else (an empty
    /// answer, a short page, a scan that is going on) says nothing about what is missing.
    var isComplete: Bool {
        guard reachedEnd, failure == nil, let countBefore, countBefore == countAfter else { return false }
        return Int64(found) >= countBefore
    }

    var found: Int { ids.count + setAside.count }
}

/// The three questions that reading a kind consists of.
struct PageSource<Row: WireRow> {
    let address: ServerAddress
    let page: (PageRequest) throws(StashError) -> Page<Row>
    let ids: (PageRequest) throws(StashError) -> Page<IDRow>
    let count: () throws(StashError) -> Int64
}

extension PageSource {
    /// `limit` is the size of the pages that follow each other.
    init(_ client: StashClient, _ courtesy: Courtesy, limit: Int) {
        let cancel = courtesy.cancel
        address = client.access.address
        let ahead = PageAhead<Row>(limit: limit) { request in
            courtesy.wait()
            return Result { () throws(StashError) in try client.page(of: Row.self, request, cancel: cancel) }
        }
        page = { (request) throws(StashError) in try ahead.page(request) }
        ids = { (request) throws(StashError) in
            courtesy.wait()
            return try client.ids(Row.kind, request, cancel: cancel)
        }
        count = { () throws(StashError) in
            courtesy.wait()
            return try client.count(of: Row.kind, cancel: cancel)
        }
    }
}

/// Reads every row of one kind of one server: page by page, and a page that fails row by row.
struct KindReader<Row: WireRow> {
    /// So many rows one after another that fail alone are no bad rows but a bad server.
    private static var longestRunOfFailures: Int { 50 }

    let source: PageSource<Row>
    let limit: Int
    let retry: Retry
    let cancel: Cancellation
    /// Receives the rows of each page; called once a page.
    let take: ([Row]) throws(SyncError) -> Void
    let progress: (_ done: Int, _ total: Int) -> Void

    private(set) var reading = KindReading()
    private var failuresInARow = 0
    /// Of what list the numbers of pages are; nil for everything.
    private var since: String?

    init(
        source: PageSource<Row>, limit: Int, retry: Retry, cancel: Cancellation,
        progress: @escaping (_ done: Int, _ total: Int) -> Void, take: @escaping ([Row]) throws(SyncError) -> Void
    ) {
        self.source = source
        self.limit = limit
        self.retry = retry
        self.cancel = cancel
        self.progress = progress
        self.take = take
    }

    /// Reads everything.
    ///
    /// - Throws: What concerns the whole server or this machine; what concerns this kind only is in the result.
    mutating func read() throws(SyncError) -> KindReading {
        reading.countBefore = try counted()
        progress(0, Int(reading.countBefore ?? 0))
        do {
            if Row.kind.hasKeysetPages { try readByID() } else { try readByNumber() }
        } catch .server(let error, _) where error.concernsRows {
            reading.failure = error
        } catch {
            throw error
        }
        reading.countAfter = try counted()
        return reading
    }

    /// Reads these rows, and what lies between them. `listed` are all ids in the order of pages, where pages have numbers;
    /// `since` is what that list was restricted to. Throws like `read()`.
    mutating func read(
        _ wanted: IDSet, listed: [Int64], since: String?
    ) throws(SyncError) -> KindReading {
        self.since = since
        do {
            if Row.kind.hasKeysetPages {
                try readSpans(of: wanted)
            } else {
                let pages = Set(listed.indices.filter { wanted.contains(listed[$0]) }.map { $0 / limit + 1 })
                for number in pages.sorted() { try readPage(number) }
            }
        } catch .server(let error, _) where error.concernsRows {
            reading.failure = error
        } catch {
            throw error
        }
        return reading
    }

    private mutating func readSpans(of wanted: IDSet) throws(SyncError) {
        for span in Self.spans(of: wanted, limit: limit) {
            let request = PageRequest(.afterID(span.lowerBound - 1), limit: span.count)
            switch try page(request) {
            case .success(let page): try deliver(page)
            case .failure(let error): try split(try ids(of: request, because: error)[...], after: span.lowerBound - 1)
            }
        }
    }

    private mutating func readPage(_ number: Int) throws(SyncError) {
        let request = numbered(number, limit: limit)
        switch try page(request) {
        case .success(let page): try deliver(page)
        case .failure(let error):
            if try !ids(of: request, because: error).isEmpty { try split(number, size: limit) }
        }
    }

    private func numbered(_ number: Int, limit: Int) -> PageRequest {
        PageRequest(.number(number), limit: limit, updatedSince: since)
    }

    /// Ranges of ids that hold all of these: a few rows too many cost less than another question.
    static func spans(of wanted: IDSet, limit: Int) -> [ClosedRange<Int64>] {
        var spans: [ClosedRange<Int64>] = []
        for id in wanted {
            if let last = spans.last, id - last.upperBound <= 8, id - last.lowerBound < Int64(limit) {
                spans[spans.count - 1] = last.lowerBound...id
            } else {
                spans.append(id...id)
            }
        }
        return spans
    }

    // MARK: - Pages

    /// By ids: nothing is skipped when rows vanish meanwhile (Stash 2.1).
    private mutating func readByID() throws(SyncError) {
        var after: Int64 = 0
        while true {
            let request = PageRequest(.afterID(after), limit: limit)
            switch try page(request) {
            case .success(let page):
                try deliver(page)
                reading.reachedEnd = isEnd(page)
                // Rows without a readable id, or not behind the one that was asked for: there is no going on.
                guard !reading.reachedEnd, let last = page.lastID, last > after else { return }
                after = last
            case .failure(let error):
                let ids = try ids(of: request, because: error)
                reading.reachedEnd = ids.isEmpty
                guard let last = ids.last, last > after else { return }
                try split(ids[...], after: after)
                after = last
            }
        }
    }

    private mutating func readByNumber() throws(SyncError) {
        var number = 1
        while true {
            let request = numbered(number, limit: limit)
            switch try page(request) {
            case .success(let page):
                let found = reading.found
                try deliver(page)
                reading.reachedEnd = isEnd(page)
                // The same rows again: the server does not count pages.
                guard !reading.reachedEnd, reading.found > found else { return }
            case .failure(let error):
                reading.reachedEnd = try ids(of: request, because: error).isEmpty
                if reading.reachedEnd { return }
                try split(number, size: limit)
            }
            number += 1
        }
    }

    /// Whether nothing can come behind this page. A short page with fewer rows than the server counted is asked on.
    private func isEnd(_ page: Page<Row>) -> Bool {
        page.received == 0 || page.received < limit && Int64(reading.found) >= (reading.countBefore ?? .max)
    }

    private mutating func deliver(_ page: Page<Row>) throws(SyncError) {
        guard !cancel.isCancelled else { throw .cancelled }
        for fault in page.setAside { setAside(fault.id, fault.reason) }
        guard !page.rows.isEmpty else { return }
        failuresInARow = 0
        try take(page.rows)
        reading.ids.formUnion(page.rows.lazy.map(\.id))
        progress(reading.found, max(reading.found, Int(reading.countBefore ?? 0)))
    }

    private mutating func setAside(_ id: Int64?, _ reason: String) {
        let kind = Kind(Row.kind)
        guard id == nil || !reading.setAside.contains(where: { $0.id == id }) else { return }
        reading.setAside.append(SetAside(kind: kind, id: id, reason: reason))
    }

    // MARK: - Bisection

    /// The ids of a page that cannot be read: none behind the last row. When there are none although the server counted
    /// more, or when they cannot be read either, no row is to blame.
    private func ids(of request: PageRequest, because error: StashError) throws(SyncError) -> [Int64] {
        let ids = try asked { () throws(StashError) in try source.ids(request) }
        guard !ids.rows.isEmpty || Int64(reading.found) >= (reading.countBefore ?? .max) else { throw failed(error) }
        return ids.rows.map(\.id).sorted()
    }

    /// Reads rows of which it is known that they cannot be read together.
    private mutating func split(_ ids: ArraySlice<Int64>, after: Int64) throws(SyncError) {
        let middle = ids.startIndex + (ids.count + 1) / 2
        for half in [ids[..<middle], ids[middle...]] where !half.isEmpty {
            let after = half.startIndex == ids.startIndex ? after : ids[middle - 1]
            let request = PageRequest(.afterID(after), limit: half.count)
            switch try page(request, patiently: half.count == 1) {
            case .success(let page): try deliver(page)
            case .failure(let error) where half.count == 1: try leaveOut(half.first, error)
            case .failure: try split(half, after: after)
            }
        }
    }

    /// The same by numbers of pages: page n of a size is pages 2n - 1 and 2n of half the size.
    private mutating func split(_ number: Int, size: Int) throws(SyncError) {
        let parts = [2, 3, 5].first { size.isMultiple(of: $0) } ?? size
        let size = size / parts
        for part in ((number - 1) * parts + 1)...(number * parts) {
            let request = numbered(part, limit: size)
            switch try page(request, patiently: size == 1) {
            case .success(let page):
                try deliver(page)
                if page.received == 0 { return }
            case .failure(let error) where size == 1:
                guard let id = try ids(of: request, because: error).first else { return }
                try leaveOut(id, error)
            case .failure: try split(part, size: size)
            }
        }
    }

    private mutating func leaveOut(_ id: Int64?, _ error: StashError) throws(SyncError) {
        failuresInARow += 1
        guard failuresInARow <= Self.longestRunOfFailures else { throw failed(error) }
        setAside(id, "\(error)")
    }

    // MARK: - Questions

    /// One page; a failure is returned when it may be the fault of one of the rows.
    private func page(
        _ request: PageRequest, patiently: Bool = true
    ) throws(SyncError) -> Result<Page<Row>, StashError> {
        do {
            return .success(
                try asked(attempts: patiently ? retry.attempts : 1) { () throws(StashError) in
                    try source.page(request)
                })
        } catch .server(let error, _) where error.mayConcernRows {
            return .failure(error)
        } catch {
            throw error
        }
    }

    /// nil when only the counting fails: then nothing is concluded.
    private func counted() throws(SyncError) -> Int64? {
        do {
            return try asked { () throws(StashError) in try source.count() }
        } catch .server(let error, _) where error.concernsRows {
            return nil
        } catch {
            throw error
        }
    }

    private func asked<Answer>(
        attempts: Int? = nil, _ question: () throws(StashError) -> Answer
    ) throws(SyncError) -> Answer {
        var retry = retry
        if let attempts { retry.attempts = attempts }
        return try retry.run(source.address, cancel, question)
    }

    private func failed(_ error: StashError) -> SyncError { .server(error, source.address) }
}

extension StashError {
    /// Whether fewer rows may succeed where more have failed; for a lost connection, whether the ids can be had tells.
    var mayConcernRows: Bool { concernsRows || self == .unreachable(.connectionLost) }

    /// Whether the trouble is with what was asked for, not with the server as a whole.
    var concernsRows: Bool {
        switch self {
        case .server, .shortBody, .refused, .timedOut, .notFound, .changed, .rangeNotSatisfiable: true
        case .unreachable, .tls, .unauthorised, .notStash, .tripwire, .notReady, .schemaMismatch, .cancelled: false
        }
    }
}

extension Retry {
    /// Asks until there is an answer or no hope of one.
    func run<Answer>(
        _ address: ServerAddress, _ cancel: Cancellation, _ question: () throws(StashError) -> Answer
    ) throws(SyncError) -> Answer {
        var attempt = 1
        while true {
            do throws(StashError) {
                return try question()
            } catch {
                if error == .cancelled || cancel.isCancelled { throw .cancelled }
                guard let pause = pause(afterAttempt: attempt, failing: error) else {
                    throw .server(error, address)
                }
                cancel.pause(pause)
                attempt += 1
            }
        }
    }
}
