import Dispatch
import Library
import Stash

/// Learns the sizes of pictures, captions and scripts, a few at a time: only the server's answer tells them.
struct SidecarProbe {
    /// Sizes are stored in batches of this many, so that a crash keeps what came.
    private static let batch = 200

    let client: StashClient
    let parallel: Int
    let retry: Retry
    let courtesy: Courtesy

    private var cancel: Cancellation { courtesy.cancel }

    /// Asks for every one of them, and gives `store` what was learnt in batches.
    ///
    /// - Throws: What concerns the whole server or this machine; what was learnt before is stored.
    func learn(
        _ requests: [SidecarRequest], progress: (_ done: Int, _ total: Int) -> Void,
        store: ([SidecarRecord]) throws(SyncError) -> Void
    ) throws(SyncError) {
        var learnt: [SidecarRecord] = []
        for start in stride(from: 0, to: requests.count, by: Self.batch) {
            let batch = Array(requests[start..<min(start + Self.batch, requests.count)])
            var failure: SyncError?
            for (request, size) in zip(batch, try sizes(batch)) {
                switch size {
                case .success(let size): learnt.append(SidecarRecord(request, size: size))
                case .failure(let error) where error.endsEverything: failure = .server(error, client.access.address)
                case .failure: break
                }
            }
            try store(learnt)
            learnt.removeAll()
            progress(start + batch.count, requests.count)
            if let failure { throw failure }
        }
    }

    private func sizes(_ batch: [SidecarRequest]) throws(SyncError) -> [Result<Int64, StashError>] {
        var results = [Result<Int64, StashError>](repeating: .failure(.cancelled), count: batch.count)
        var waiting = Array(batch.indices)
        var attempt = 1
        while true {
            try ask(batch, waiting, into: &results)
            waiting = waiting.filter { index in
                guard case .failure(let error) = results[index] else { return false }
                return error.isTransient
            }
            guard let first = waiting.first, case .failure(let error) = results[first],
                let pause = retry.pause(afterAttempt: attempt, failing: error)
            else { return results }
            cancel.pause(pause)
            attempt += 1
        }
    }

    private func ask(
        _ batch: [SidecarRequest], _ wanted: [Int], into results: inout [Result<Int64, StashError>]
    ) throws(SyncError) {
        let answers = SizeAnswers()
        var transfers: [Int: Transfer] = [:]
        // Second questions are for servers that send the whole where a part was asked for.
        var next = wanted.map { (index: $0, whole: false) }[...]
        while !next.isEmpty || !transfers.isEmpty {
            if transfers.isEmpty { courtesy.wait() }
            while transfers.count < (courtesy.isAwaited() ? 1 : parallel), let (index, whole) = next.popFirst() {
                guard let resource = batch[index].resource else {
                    results[index] = .success(-1)
                    continue
                }
                transfers[index] = client.fetch(
                    resource, range: whole ? nil : ByteRange(from: 0, to: 1),
                    sink: SizeSink(index: index, answers: answers))
            }
            for (index, answer) in answers.wait(atMost: .milliseconds(50)) {
                transfers[index] = nil
                if answer == .failure(.refused(.wholeInsteadOfRange)) {
                    next.append((index, true))
                } else {
                    results[index] = answer
                }
            }
            guard !cancel.isCancelled else {
                for transfer in transfers.values { transfer.cancel() }
                throw .cancelled
            }
        }
    }
}

/// What has been answered and not been looked at.
private final class SizeAnswers: Sendable {
    private let answers = Lock<[(index: Int, size: Result<Int64, StashError>)]>([])
    private let arrived = DispatchSemaphore(value: 0)

    func put(_ index: Int, _ size: Result<Int64, StashError>) {
        answers.withLock { $0.append((index, size)) }
        arrived.signal()
    }

    /// Waits for the first; none when the time is over.
    func wait(atMost time: DispatchTimeInterval) -> [(index: Int, size: Result<Int64, StashError>)] {
        _ = arrived.wait(timeout: .now() + time)
        return answers.withLock { answers in
            defer { answers = [] }
            return answers
        }
    }
}

/// Reads the size of the whole from the head of one answer.
private final class SizeSink: TransferSink {
    private let index: Int
    private let answers: SizeAnswers
    private let size = Lock<Int64?>(nil)

    init(index: Int, answers: SizeAnswers) {
        self.index = index
        self.answers = answers
    }

    func began(_ head: MediaHead) {
        // An SVG is what servers send in place of a picture (Stash 4.4).
        size.withLock { $0 = head.isPlaceholder || head.total == 0 ? -1 : head.total }
    }

    func received(_ bytes: UnsafeRawBufferPointer) {}

    func ended(_ error: StashError?) {
        let size = size.withLock { $0 }
        switch (error, size) {
        case (nil, let size?): answers.put(index, .success(size))
        case (nil, nil): answers.put(index, .failure(.unreachable(.connectionLost)))
        case (.notFound?, _), (.rangeNotSatisfiable(total: 0)?, _): answers.put(index, .success(-1))
        case (let error?, _): answers.put(index, .failure(error))
        }
    }
}

extension StashError {
    /// Whether asking this server for anything else is of no use now.
    fileprivate var endsEverything: Bool {
        switch self {
        case .unreachable, .tls, .unauthorised, .tripwire, .notReady: true
        default: false
        }
    }
}

extension SidecarRequest {
    /// What to ask the server for; nil for a picture that no server has.
    fileprivate var resource: MediaResource? {
        switch (kind, ref.kind) {
        case (.caption, _): .caption(scene: ref.id, language: language, type: type)
        case (.funscript, _): .funscript(scene: ref.id)
        case (.picture, .performer): .performerPicture(performer: ref.id)
        case (.picture, .studio): .studioPicture(studio: ref.id)
        case (.picture, .tag): .tagPicture(tag: ref.id)
        case (.picture, .group): .groupFront(group: ref.id)
        case (.picture, .scene), (.picture, .gallery), (.picture, .image): nil
        }
    }
}

extension SidecarRecord {
    fileprivate init(_ request: SidecarRequest, size: Int64) {
        self.init(
            ref: request.ref, kind: request.kind, position: request.position, language: request.language,
            type: request.type, size: size, learnedFor: request.updatedAt)
    }
}
