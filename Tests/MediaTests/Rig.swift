import Dispatch
import FakeStash
import Foundation
import Media
import Stash
import Testing

/// A read that is waited for on a plain thread; complains about a second answer.
final class WaitingSink: ReadSink {
    private let answers = Lock<[Result<[UInt8], MediaError>]>([])
    private let arrived = DispatchSemaphore(value: 0)

    func deliver(_ parts: [UnsafeRawBufferPointer]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(parts.reduce(0) { $0 + $1.count })
        for part in parts { bytes.append(contentsOf: part) }
        note(.success(bytes))
    }

    func fail(_ error: MediaError) {
        note(.failure(error))
    }

    private func note(_ answer: Result<[UInt8], MediaError>) {
        let count = answers.withLock { answers in
            answers.append(answer)
            return answers.count
        }
        #expect(count == 1, "a read was answered twice")
        arrived.signal()
    }

    var isAnswered: Bool { answers.withLock { !$0.isEmpty } }

    func wait() -> Result<[UInt8], MediaError> {
        arrived.wait()
        return answers.withLock { $0[0] }
    }
}

/// One value that is waited for.
final class Box<Value: Sendable>: Sendable {
    private let value = Lock<Value?>(nil)
    private let arrived = DispatchSemaphore(value: 0)

    func put(_ new: Value) {
        value.withLock { $0 = new }
        arrived.signal()
    }

    func wait() -> Value? {
        arrived.wait()
        return value.withLock { $0 }
    }
}

/// Fake servers over real HTTP, and a store that reads from them.
final class Rig: Sendable {
    let servers: [FakeStash]
    let engine: TransferEngine
    let store: MediaStore

    /// Times a twentieth of the real ones, so that faults are over soon.
    static let timeouts = TransferTimeouts(
        connect: .seconds(2), firstByte: .milliseconds(700), stall: .milliseconds(700))

    static func limits(_ deadline: Duration, _ patience: Duration) -> MediaStore.Limits {
        var limits = MediaStore.Limits()
        limits.deadline = deadline
        limits.patience = patience
        return limits
    }

    init(
        servers: [FakeStash], memory: Int = 16 << 20, deadline: Duration = .seconds(12),
        patience: Duration = .seconds(4), timeouts: TransferTimeouts = Rig.timeouts,
        onHealth: @escaping @Sendable (Int64, ServerHealth) -> Void = { _, _ in }
    ) throws {
        self.servers = servers
        engine = try TransferEngine()
        engine.start()
        store = try MediaStore(memoryLimit: memory, limits: Self.limits(deadline, patience), onHealthChange: onHealth)
        for (number, server) in servers.enumerated() {
            let access = ServerAccess(address: try ServerAddress(server.url))
            store.setServer(Int64(number), StashClient(access: access, engine: engine, mediaTimeouts: timeouts))
        }
    }

    static func server(
        scenes: Int = 4, size: ClosedRange<Int64> = 700_000...1_500_000,
        _ change: (inout FakeStash.Configuration) -> Void = { _ in }
    ) throws -> FakeStash {
        var configuration = FakeStash.Configuration()
        configuration.scenes = scenes
        configuration.mediaSize = size
        change(&configuration)
        return try FakeStash.start(configuration)
    }

    /// Opens and waits until it is ready.
    func open(
        _ resource: MediaResource, server: Int64 = 0, size: Int64? = nil, whole: Bool = false
    ) throws(MediaError) -> (MediaHandle, LearnedMedia?) {
        let ready = Box<Result<LearnedMedia?, MediaError>>()
        let source = MediaSource(server: server, resource: resource, size: size, whole: whole)
        let handle = store.open(source, learned: { _ in }, ready: { ready.put($0) })
        switch ready.wait() {
        case .success(let known): return (handle, known)
        case .failure(let error): throw error
        case nil: throw .unavailable
        }
    }

    func read(_ handle: MediaHandle, _ offset: Int64, _ count: Int) -> Result<[UInt8], MediaError> {
        let sink = WaitingSink()
        _ = handle.read(offset: offset, count: count, sink: sink)
        return sink.wait()
    }

    /// Nothing is parked, pinned, open or under way; waits for handles that threads are just letting go.
    func expectQuiet(_ hint: String = "", sourceLocation: SourceLocation = #_sourceLocation) {
        let isQuiet = eventually {
            let counters = store.counters()
            return counters.parkedReads == 0 && counters.pinnedBlocks == 0 && counters.transfers == 0
                && counters.handles == 0
        }
        #expect(isQuiet, "\(hint): \(store.counters())", sourceLocation: sourceLocation)
    }

    func stop() {
        store.shutdown()
        engine.stop()
        for server in servers { server.stop() }
    }
}

/// Waits for a condition that other threads bring about.
func eventually(seconds: Double = 20, _ condition: () -> Bool) -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while !condition() {
        if ContinuousClock.now > end { return false }
        usleep(2000)
    }
    return true
}

/// Runs `body` on so many plain threads and waits for all of them.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let group = DispatchGroup()
    for index in 0..<count {
        group.enter()
        let thread = Thread {
            body(index)
            group.leave()
        }
        thread.start()
    }
    group.wait()
}
