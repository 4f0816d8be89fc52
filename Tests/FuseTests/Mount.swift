import Glibc
import Synchronization
import Testing

@testable import Fuse

/// Runs every test on a thread of its own. A test makes blocking calls on a mount that this very process answers; on a thread of
/// the cooperative pool, of which there are as many as processors, two such calls could stop the whole process.
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

private final class ThreadPerJob: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Child.detached { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// True where a tree can be mounted.
let canMount = access("/dev/fuse", R_OK | W_OK) == 0 && geteuid() == 0

/// All tests that mount something, one after the other.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
enum MountedTests {}

/// A mounted tree in a directory of its own.
struct Mount {
    let session: Session
    let fileSystem: TestFileSystem
    let path: String

    func callAsFunction(_ name: String) -> String {
        "\(path)/\(name)"
    }

    /// Mounts, has the body use it, and takes everything away again, whatever the body did.
    static func with<Value>(
        _ fileSystem: TestFileSystem = TestFileSystem(), options: MountOptions = MountOptions(),
        _ body: (Mount) throws -> Value
    ) throws -> Value {
        try inTemporaryDirectory { path in
            let session = try Session(fileSystem: fileSystem, mountPoint: path, options: options)
            let outcome = Mutex<String?>("still running")
            let ended = Signal()
            Child.detached {
                do {
                    try session.run()
                    outcome.withLock { $0 = nil }
                } catch {
                    outcome.withLock { $0 = "\(error)" }
                }
                ended.signal()
            }
            let result = Result { try body(Mount(session: session, fileSystem: fileSystem, path: path)) }
            session.stop()
            let hasEnded = ended.wait()
            #expect(hasEnded, "run() has to return after stop()")
            if !hasEnded {
                // So that nothing waits for an answer for ever, whatever went wrong.
                session.connection.close()
            }
            #expect(outcome.withLock { $0 } == nil)
            let left = try MountTable.current().top(at: path)
            #expect(left == nil, "the mount is gone")
            return try result.get()
        }
    }

    static func inTemporaryDirectory<Value>(_ body: (String) throws -> Value) throws -> Value {
        var template = Array("/tmp/peekfs-fuse-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno.current }
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer {
            while (try? MountTable.current().top(at: path)) != nil, umount2(path, Int32(MNT_DETACH)) == 0 {}
            rmdir(path)
        }
        return try body(path)
    }
}
