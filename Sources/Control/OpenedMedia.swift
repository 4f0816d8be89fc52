import Dispatch
import Foundation
import Hummingbird
import Library
import Media
import NIOCore
import Synchronization

/// A file that is being sent.
struct OpenedMedia: Sendable {
    /// How much is read, and held in memory, at a time: the next piece is asked for when this one was taken.
    private static let piece: Int64 = 256 << 10

    private let handle: MediaHandle
    let size: Int64
    /// An entity tag that changes when the bytes do; nil while the server has not said which version it has.
    let tag: String?

    /// - Parameters:
    ///   - store: Where.
    ///   - source: What.
    ///   - entry: When others may have copies: what the index says.
    ///   - equals: Looks the copies up; may wait.
    /// - Returns: The file, of which something can be read.
    /// - Throws: `Problem` when there is nothing to be had.
    static func open(
        _ store: MediaStore, _ source: MediaSource, _ entry: MediaEntry?,
        equals: @escaping @Sendable (NodeNumber) throws -> [MediaEntry]
    ) async throws -> OpenedMedia {
        let opening = Opening()
        let outcome = await withCheckedContinuation { continuation in
            opening.wait(continuation)
            // Looks at the disk.
            DispatchQueue.global(qos: .userInitiated).async {
                let ready: @Sendable (Result<LearnedMedia?, MediaError>) -> Void = { opening.ready($0) }
                guard let entry else {
                    opening.opened(store.open(source, learned: { _ in }, ready: ready))
                    return
                }
                let own = Replica(source: source, indexed: entry.validator, modified: entry.modified)
                opening.opened(
                    store.open(own, learned: { _ in }, copied: { opening.isAsIndexed }, ready: ready) {
                        let copies = (try? equals(entry.number)) ?? []
                        return copies.map {
                            Replica(source: MediaSource($0), indexed: $0.validator, modified: $0.modified)
                        }
                    })
            }
        }
        switch outcome.1 {
        case .failure(let error): throw Problem(error)
        case .success(let learned):
            return OpenedMedia(
                handle: outcome.0, size: learned?.size ?? source.size ?? 0, tag: learned.map { Self.tag($0.version) })
        }
    }

    /// The first piece is read before anything is promised; what fails later cuts the connection, for the status was sent.
    func body(_ range: Range<Int64>) async throws -> ResponseBody {
        guard !range.isEmpty else { return ResponseBody() }
        let end = min(range.upperBound, range.lowerBound + Self.piece)
        let first = try await read(range.lowerBound..<end)
        return ResponseBody(contentLength: range.count) { writer in
            var (next, buffer) = (end, first)
            while true {
                try await writer.write(buffer)
                guard next < range.upperBound else { break }
                let end = min(range.upperBound, next + Self.piece)
                buffer = try await read(next..<end)
                next = end
            }
            try await writer.finish(nil)
        }
    }

    /// All of these bytes.
    ///
    /// - Throws: `Problem`, also when the file ends before.
    func read(_ range: Range<Int64>) async throws -> ByteBuffer {
        let buffer = try await withCheckedThrowingContinuation { continuation in
            // What is on the disk is read on this thread.
            DispatchQueue.global(qos: .userInitiated).async { [handle] in
                _ = handle.read(
                    offset: range.lowerBound, count: range.count, sink: Sink(continuation))
            }
        }
        guard buffer.readableBytes == range.count else { throw Problem(MediaError.changed) }
        return buffer
    }

    /// The server's own words are not repeated.
    private static func tag(_ version: String) -> String { "\"" + Entrance.digits(version) + "\"" }

    /// The store's two answers come in any order and from any thread: the handle by return, the outcome by callback.
    private final class Opening: Sendable {
        typealias Outcome = (MediaHandle, Result<LearnedMedia?, MediaError>)

        private struct State {
            var waiting: CheckedContinuation<Outcome, Never>?
            var handle: MediaHandle?
            var outcome: Result<LearnedMedia?, MediaError>?
        }

        private let state = Mutex(State())

        /// Whether what was promised is the file that others have copies of.
        var isAsIndexed: Bool {
            state.withLock { state in
                guard case .success(let learned?) = state.outcome else { return true }
                return learned.isIndexed
            }
        }

        func wait(_ continuation: CheckedContinuation<Outcome, Never>) {
            state.withLock { $0.waiting = continuation }
        }

        func opened(_ handle: MediaHandle) {
            state.withLock { $0.handle = handle }
            finish()
        }

        func ready(_ outcome: Result<LearnedMedia?, MediaError>) {
            state.withLock { $0.outcome = outcome }
            finish()
        }

        private func finish() {
            let resume = state.withLock { state -> (() -> Void)? in
                guard let handle = state.handle, let outcome = state.outcome, let waiting = state.waiting.take() else {
                    return nil
                }
                return { waiting.resume(returning: (handle, outcome)) }
            }
            resume?()
        }
    }

    /// Copies the bytes of one read out of the store's memory.
    private final class Sink: ReadSink {
        private let continuation: CheckedContinuation<ByteBuffer, any Error>

        init(_ continuation: CheckedContinuation<ByteBuffer, any Error>) { self.continuation = continuation }

        func deliver(_ parts: [UnsafeRawBufferPointer]) {
            var buffer = ByteBuffer()
            buffer.reserveCapacity(parts.reduce(0) { $0 + $1.count })
            for part in parts { buffer.writeBytes(part) }
            continuation.resume(returning: buffer)
        }

        func fail(_ error: MediaError) { continuation.resume(throwing: Problem(error)) }
    }
}

extension Problem {
    /// Why there are no bytes.
    init(_ error: MediaError) {
        let status =
            switch error {
            case .unavailable, .interrupted, .noMemory: 503
            case .timedOut: 504
            case .failing, .refused: 502
            case .changed: 409
            case .gone: 404
            }
        self.init(status == 404 ? .notFound : .unavailable, "\(error)", status: status)
    }
}
