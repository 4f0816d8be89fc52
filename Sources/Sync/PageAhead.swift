import Dispatch
import Stash

/// Asks for the next page while the one before it is being stored, so that a server and this machine work at the same time. There is
/// still one question at a time.
final class PageAhead<Row: WireRow>: Sendable {
    typealias Answer = Result<Page<Row>, StashError>

    /// A question that was asked before anybody wanted its answer.
    private final class Question: Sendable {
        let request: PageRequest
        private let answer = Lock<Answer?>(nil)
        private let isAnswered = DispatchSemaphore(value: 0)

        init(_ request: PageRequest) { self.request = request }

        func take(_ found: Answer) {
            answer.withLock { $0 = found }
            isAnswered.signal()
        }

        func wait() -> Answer? {
            isAnswered.wait()
            return answer.withLock { $0 }
        }
    }

    private let limit: Int
    private let ask: @Sendable (PageRequest) -> Answer
    private let ahead = Lock<Question?>(nil)

    /// `limit` is the size of the pages that follow each other; others are asked for by themselves.
    init(limit: Int, ask: @escaping @Sendable (PageRequest) -> Answer) {
        self.limit = limit
        self.ask = ask
    }

    func page(_ request: PageRequest) throws(StashError) -> Page<Row> {
        let question = ahead.withLock { ahead in
            defer { ahead = nil }
            return ahead
        }
        let early = question?.wait()
        let page = try (question?.request == request ? early ?? ask(request) : ask(request)).get()
        if request.limit == limit, page.received == limit, let next = request.following(page) { begin(next) }
        return page
    }

    private func begin(_ request: PageRequest) {
        let question = Question(request)
        ahead.withLock { $0 = question }
        DispatchQueue.global().async { [ask] in question.take(ask(request)) }
    }
}

extension PageRequest {
    /// The page behind this one; nil when nothing says where that begins.
    fileprivate func following(_ page: Page<some Any>) -> PageRequest? {
        var next = self
        switch position {
        case .afterID(let id):
            guard let last = page.lastID, last > id else { return nil }
            next.position = .afterID(last)
        case .number(let number): next.position = .number(number + 1)
        }
        return next
    }
}
