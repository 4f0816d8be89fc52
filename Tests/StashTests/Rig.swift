import Dispatch
import FakeStash
import Foundation

@testable import Stash

/// A fake server, an engine and a client of it, ended together.
final class Rig: Sendable {
    let fake: FakeStash
    let engine: TransferEngine
    let client: StashClient

    /// Far less than people get, so that a test of a timeout is over soon; far more than a loaded machine needs.
    static let impatient = TransferTimeouts(
        connect: .seconds(5), firstByte: .milliseconds(700), stall: .milliseconds(700))
    static let patient = TransferTimeouts(connect: .seconds(10), firstByte: .seconds(30), stall: .seconds(30))

    init(
        _ configuration: FakeStash.Configuration = .init(), key: String? = nil,
        timeouts: TransferTimeouts = Rig.patient
    ) throws {
        fake = try FakeStash.start(configuration)
        engine = try TransferEngine()
        engine.start()
        client = StashClient(
            access: ServerAccess(address: try ServerAddress(fake.url), apiKey: key.flatMap(APIKey.init)),
            engine: engine, graphQLTimeouts: timeouts, mediaTimeouts: timeouts)
    }

    deinit {
        engine.stop()
        fake.stop()
    }

    static func configuration(
        _ generation: Generation = .v30, _ change: (inout FakeStash.Configuration) -> Void = { _ in }
    ) -> FakeStash.Configuration {
        var configuration = FakeStash.Configuration()
        configuration.generation = generation
        change(&configuration)
        return configuration
    }

    /// Streams something to its end.
    func fetch(
        _ resource: MediaResource, _ range: ByteRange? = nil, expecting validator: Validator? = nil,
        timeouts: TransferTimeouts? = nil
    ) -> Recorder.Outcome {
        let recorder = Recorder()
        _ = client.fetch(resource, range: range, ifUnmodifiedSince: validator, timeouts: timeouts, sink: recorder)
        return recorder.wait()
    }

    /// What the fake's scene consists of.
    func bytes(ofScene id: Int64, _ range: Range<Int64>) -> [UInt8] {
        fake.expectedBytes(.scene, Int(id), offset: range.lowerBound, count: Int(range.upperBound - range.lowerBound))
    }

    /// Number of bytes of the fake's scene.
    func size(ofScene id: Int64) -> Int64 {
        fake.content(.scene, Int(id))?.size ?? 0
    }
}

/// A sink that remembers what it was told, and whether that came in the right order.
final class Recorder: TransferSink {
    struct Outcome: Sendable {
        var head: MediaHead?
        var bytes: [UInt8] = []
        var error: StashError?
        var hasEnded = false
        /// Calls that must not have come.
        var misplaced: [String] = []
    }

    private let state = Lock(Outcome())
    private let progress = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let isClosed = Lock(false)

    var outcome: Outcome { state.withLock { $0 } }

    /// From now on every call is misplaced.
    func close() {
        isClosed.withLock { $0 = true }
    }

    func began(_ head: MediaHead) {
        note("began") { outcome in
            if outcome.head != nil || outcome.hasEnded { outcome.misplaced.append("began") }
            outcome.head = head
        }
    }

    func received(_ bytes: UnsafeRawBufferPointer) {
        note("received") { outcome in
            if outcome.head == nil || outcome.hasEnded || bytes.isEmpty { outcome.misplaced.append("received") }
            outcome.bytes.append(contentsOf: bytes)
        }
        progress.signal()
    }

    func ended(_ error: StashError?) {
        note("ended") { outcome in
            if outcome.hasEnded { outcome.misplaced.append("ended") }
            outcome.hasEnded = true
            outcome.error = error
        }
        ended.signal()
    }

    private func note(_ call: String, _ change: (inout Outcome) -> Void) {
        let isLate = isClosed.withLock { $0 }
        state.withLock { outcome in
            change(&outcome)
            if isLate { outcome.misplaced.append("\(call) after cancel") }
        }
    }

    /// Waits for the first bytes; false when none come.
    func waitForBytes() -> Bool {
        progress.wait(timeout: .now() + 30) == .success
    }

    /// Waits for the end; without one the outcome says so.
    func wait() -> Outcome {
        _ = ended.wait(timeout: .now() + 60)
        return outcome
    }
}
