import Dispatch
import GRDB
import Synchronization

/// Lets many writers share a transaction, and with it the one sync that brings it to the disk.
///
/// Whoever comes while nobody commits leads: it opens a transaction, runs its own change and those of everybody who came
/// meanwhile, commits, hands the lead to the first of those who wait by then, and answers. So everybody leads at
/// most once and serves others for one transaction only. Each change has a savepoint of its own: one that fails takes
/// nothing of the others with it. Nobody is answered before the commit is on disk.
///
/// No lock is held while a change runs; a change must not call `write` itself, for it would wait for its own commit.
final class GroupCommit: Sendable {
    /// Changes in one transaction. Each takes about 0.1 ms, so that nobody waits more than some milliseconds longer for the
    /// sake of others, and a sync shared by this many costs next to nothing.
    static let limit = 64

    private struct State {
        var waiting: [any Caller] = []
        var isLed = false
    }

    private let writer: any DatabaseWriter
    private let state = Mutex(State())

    /// - Parameter writer: Must sync at every commit (`synchronous=FULL`).
    init(_ writer: any DatabaseWriter) { self.writer = writer }

    /// Runs a change in a transaction and returns when that is on disk. Blocks.
    ///
    /// - Parameter body: Sees what changes that came before it did, also those of the same transaction.
    /// - Returns: What the body returns.
    /// - Throws: What the body throws, and then nothing of it is stored; or why the transaction failed, which is thrown to
    ///   everybody who had a part in it.
    func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) throws -> Value {
        let change = Change(body)
        let leads = state.withLock { state in
            if state.isLed { state.waiting.append(change) }
            defer { state.isLed = true }
            return !state.isLed
        }
        if leads || change.waitForTurn() == .lead { lead(change) }
        return try change.answer()
    }

    /// How many are in the queue now.
    var waiting: Int { state.withLock { $0.waiting.count } }

    private func lead(_ own: any Caller) {
        var changes = [own]
        do {
            try writer.writeWithoutTransaction { db in
                try db.inTransaction(.immediate) {
                    var next = 0
                    repeat {
                        // Those who came while this waited for the write lock, or ran what came before them.
                        if next == changes.count { changes += take(Self.limit - changes.count) }
                        guard next < changes.count else { break }
                        try run(changes[next], db)
                        next += 1
                    } while next < Self.limit
                    return .commit
                }
            }
        } catch {
            // Who waited for a lock that was not to be had must not wait for it as long again.
            changes += take(.max)
            // Also what a body threw may follow from values that now are not there.
            for change in changes { change.fail(error) }
        }
        let heir = state.withLock { state in
            state.isLed = !state.waiting.isEmpty
            return state.waiting.isEmpty ? nil : state.waiting.removeFirst()
        }
        // The heir last: those who have their answer may come back with their next change in time for its transaction.
        for change in changes.dropFirst() { change.call(.done) }
        heir?.call(.lead)
    }

    private func take(_ count: Int) -> [any Caller] {
        state.withLock { state in
            defer { state.waiting.removeFirst(min(count, state.waiting.count)) }
            return Array(state.waiting.prefix(count))
        }
    }

    /// Throws when the transaction cannot go on.
    private func run(_ change: any Caller, _ db: Database) throws {
        do {
            try db.inSavepoint {
                try change.run(db)
                return .commit
            }
        } catch {
            // A full disk and other grave errors end more than the savepoint (sqlite.org/lang_transaction.html).
            guard db.isInsideTransaction else { throw error }
            change.fail(error)
        }
    }
}

/// What somebody who waits in the queue is told.
private enum Call {
    case lead
    case done
}

/// One change and whoever waits for it, without the type of its value.
private protocol Caller: AnyObject, Sendable {
    func run(_ db: Database) throws
    func fail(_ error: any Error)
    func call(_ call: Call)
}

private final class Change<Value: Sendable>: Caller {
    private struct NeverRun: Error {}

    private struct State {
        var result: Result<Value, any Error> = .failure(NeverRun())
        var call = Call.done
    }

    private let body: @Sendable (Database) throws -> Value
    private let state = Mutex(State())
    private let isCalled = DispatchSemaphore(value: 0)

    init(_ body: @escaping @Sendable (Database) throws -> Value) { self.body = body }

    func run(_ db: Database) throws {
        let value = try body(db)
        state.withLock { $0.result = .success(value) }
    }

    func fail(_ error: any Error) { state.withLock { $0.result = .failure(error) } }

    func call(_ call: Call) {
        state.withLock { $0.call = call }
        isCalled.signal()
    }

    func waitForTurn() -> Call {
        isCalled.wait()
        return state.withLock { $0.call }
    }

    func answer() throws -> Value { try state.withLock { $0.result }.get() }
}
