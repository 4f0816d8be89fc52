import Dispatch

/// Passes a media answer on to its sink once it was judged, and holds back what may not be the file's.
struct MediaReceiver: AnswerReceiver {
    /// The five bytes `0\r\n\r\n`, which Stash writes into the body of a stream that it kills (Stash 4.2).
    static let strayLength = 5

    private let question: MediaQuestion
    private let sink: any TransferSink
    private let meter: RequestMeter?
    /// What was promised, once the answer is accepted.
    private var expected: Int64?
    /// Bytes of the body that have arrived, those in `tail` included.
    private var arrived: Int64 = 0
    /// The last bytes that have arrived, at most five.
    private var tail: [UInt8] = []
    /// Status and text of an answer that its head did not decide.
    private var doubtful: (status: Int, text: [UInt8])?

    init(_ question: MediaQuestion, sink: any TransferSink, meter: RequestMeter? = nil) {
        self.question = question
        self.sink = sink
        self.meter = meter
        tail.reserveCapacity(2 * Self.strayLength)
    }

    mutating func head(_ head: AnswerHead) -> StashError? {
        switch question.judge(head) {
        case .accept(let media):
            expected = media.length
            sink.began(media)
            return nil
        case .needsText:
            doubtful = (head.status, [])
            return nil
        case .fail(let error):
            return error
        }
    }

    mutating func body(_ bytes: UnsafeRawBufferPointer) -> StashError? {
        if doubtful != nil {
            doubtful?.text.append(contentsOf: bytes.prefix(AnswerText.limit))
            return (doubtful?.text.count ?? 0) < AnswerText.limit ? nil : doubt
        }
        guard let expected else { return nil }
        meter?.received(.media, bytes.count)
        arrived += Int64(bytes.count)
        guard arrived <= expected else { return .refused(.contentRange) }

        if arrived == expected {
            // Complete: the withheld bytes are the file's after all.
            flushTail()
            sink.received(bytes)
            return nil
        }
        // Pass on everything but the last five of what is there.
        let passable = tail.count + bytes.count - Self.strayLength
        if passable <= 0 {
            tail.append(contentsOf: bytes)
        } else if passable < tail.count {
            tail.withUnsafeBytes { sink.received(UnsafeRawBufferPointer(rebasing: $0[..<passable])) }
            tail.removeFirst(passable)
            tail.append(contentsOf: bytes)
        } else {
            let direct = passable - tail.count
            flushTail()
            if direct > 0 { sink.received(UnsafeRawBufferPointer(rebasing: bytes[..<direct])) }
            tail.append(contentsOf: bytes[direct...])
        }
        return nil
    }

    mutating func pause() {
        if expected != nil { sink.paused() }
    }

    mutating func end(_ failure: StashError?) {
        let verdict = verdict(failure)
        meter?.ended(.media, verdict)
        sink.ended(verdict)
    }

    private mutating func flushTail() {
        guard !tail.isEmpty else { return }
        tail.withUnsafeBytes { sink.received($0) }
        tail.removeAll(keepingCapacity: true)
    }

    private var doubt: StashError? {
        doubtful.map {
            AnswerText.error(
                status: $0.status, text: String(decoding: $0.text, as: UTF8.self), hasKey: question.hasKey)
        }
    }

    private func verdict(_ failure: StashError?) -> StashError? {
        // The status of a doubtful answer says more than the way in which its body ended.
        if let doubt { return doubt }
        guard let expected else { return failure ?? .unreachable(.connectionLost) }
        switch failure {
        case nil, .unreachable:
            return arrived == expected ? nil : .shortBody(received: arrived - Int64(tail.count), expected: expected)
        case .some:
            return failure
        }
    }
}

/// The whole of an answer that somebody waits for.
struct WholeAnswer: Sendable {
    var head: AnswerHead
    var body: [UInt8]
}

/// Where a blocking call waits for its answer.
final class Reply: Sendable {
    private let result = Lock<Result<WholeAnswer, StashError>?>(nil)
    private let arrived = DispatchSemaphore(value: 0)

    /// The first result counts.
    func resolve(_ value: Result<WholeAnswer, StashError>) {
        let isFirst = result.withLock { result in
            guard result == nil else { return false }
            result = value
            return true
        }
        if isFirst { arrived.signal() }
    }

    func wait() throws(StashError) -> WholeAnswer {
        arrived.wait()
        guard let result = result.withLock({ $0 }) else { throw .cancelled }
        return try result.get()
    }
}

/// Collects an answer whole, up to a limit.
struct WholeReceiver: AnswerReceiver {
    /// A page of a thousand rows is a few megabytes; this is a hundred times as much, and still no danger.
    static let limit = 256 << 20

    private let reply: Reply
    private var answer: WholeAnswer?

    init(_ reply: Reply) {
        self.reply = reply
    }

    mutating func head(_ head: AnswerHead) -> StashError? {
        answer = WholeAnswer(head: head, body: [])
        return nil
    }

    mutating func body(_ bytes: UnsafeRawBufferPointer) -> StashError? {
        guard (answer?.body.count ?? 0) + bytes.count <= Self.limit else { return .refused(.tooLarge(Self.limit)) }
        answer?.body.append(contentsOf: bytes)
        return nil
    }

    mutating func end(_ failure: StashError?) {
        if let failure {
            reply.resolve(.failure(failure))
        } else if let answer {
            reply.resolve(.success(answer))
        } else {
            reply.resolve(.failure(.unreachable(.connectionLost)))
        }
    }
}
