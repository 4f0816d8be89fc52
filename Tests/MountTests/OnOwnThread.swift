import Dispatch
import Foundation
import Testing

/// Whether a tree can be mounted here.
let canMount = access("/dev/fuse", R_OK | W_OK) == 0 && geteuid() == 0

/// Runs every test on threads of its own. The servers that a mount asks are in this very process: a call on the mount that
/// blocks a thread of the cooperative pool, of which there are as many as processors, could stop them.
struct OnOwnThread: SuiteTrait, TestTrait, TestScoping {
    let isRecursive = true

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(ThreadPerJob()) { try await function() }
    }
}

extension Trait where Self == OnOwnThread {
    static var onOwnThread: Self { OnOwnThread() }
}

/// One mount for a whole suite, of two servers whose ids collide; its tests find it as `Lab.current`.
struct Mounted: SuiteTrait, TestScoping {
    let isRecursive = false
    let prepare: @Sendable (Lab) throws -> Void

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(ThreadPerJob()) {
            let lab = try Lab()
            defer { lab.tearDown() }
            try prepare(lab)
            try lab.mount()
            try await Lab.$current.withValue(lab) { try await function() }
        }
    }
}

extension Trait where Self == Mounted {
    /// Mounts what `prepare` added, by default `attic` of the new generation and `cellar` of the old one.
    static func mounted(
        _ prepare: @escaping @Sendable (Lab) throws -> Void = { try $0.addAtticAndCellar() }
    ) -> Self { Mounted(prepare: prepare) }
}

final class ThreadPerJob: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread.detachNewThread { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// What a thread of its own works out.
final class Promise<Value: Sendable>: Sendable {
    private let result = Box<Value?>(nil)
    private let isThere = DispatchSemaphore(value: 0)

    init(_ body: @escaping @Sendable () -> Value) {
        Thread.detachNewThread { [result, isThere] in
            let value = body()
            result.set(value)
            isThere.signal()
        }
    }

    /// Nil when it takes longer than that; to be asked once.
    func value(seconds: Double = 30) -> Value? {
        isThere.wait(timeout: .now() + seconds) == .success ? result.value : nil
    }
}

/// Looks again and again until a condition holds; false when it does not within that time.
func eventually(seconds: Double = 20, _ condition: () throws -> Bool) rethrows -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
        if try condition() { return true }
        // The kernel offers nothing to wait for: what is looked at are answers of a mount or files of another process.
        usleep(20_000)
    }
    return try condition()
}
