import Foundation
import GRDB
import Synchronization
import Testing

@testable import Library

/// Many writers, one transaction.
@Suite(.timeLimit(.minutes(9)))
struct GroupCommitTests {
    private struct Refused: Error, Equatable { let number: Int }

    private let sandbox: Sandbox
    private var commits: GroupCommit { sandbox.state.commits }

    init() throws {
        sandbox = try Sandbox()
        try sandbox.state.pool.write { db in
            try db.execute(
                sql: """
                    CREATE TABLE note (writer INTEGER NOT NULL, turn INTEGER NOT NULL, PRIMARY KEY (writer, turn));
                    CREATE TABLE child (parent INTEGER REFERENCES instance (number) DEFERRABLE INITIALLY DEFERRED)
                    """)
        }
    }

    private func notes() throws -> Set<[Int]> {
        try sandbox.state.pool.read { db in
            try Set(Row.fetchAll(db, sql: "SELECT writer, turn FROM note").map { [$0["writer"], $0["turn"]] })
        }
    }

    /// Runs changes so that all of them come into one transaction: the first one waits until the others stand in the queue.
    private func together(
        _ bodies: [@Sendable (Database) throws -> Void]
    ) -> [(any Error)?] {
        let commits = self.commits
        let isOpen = DispatchSemaphore(value: 0)
        let errors = Mutex<[Int: any Error]>([:])
        inThreads(bodies.count + 1) { number in
            if number == 0 {
                try? commits.write { _ in
                    isOpen.signal()
                    while commits.waiting < bodies.count { usleep(100) }
                }
                return
            }
            isOpen.wait()
            isOpen.signal()
            // One after the other, so that the order is known.
            while commits.waiting < number - 1 { usleep(100) }
            do {
                try commits.write(bodies[number - 1])
            } catch {
                errors.withLock { $0[number] = error }
            }
        }
        return errors.withLock { errors in (1...bodies.count).map { errors[$0] } }
    }

    @Test func `every commit is brought to the disk`() throws {
        let level = try sandbox.state.pool.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
        #expect(level == 2)
    }

    @Test func `what was answered is there and what was refused is not`() throws {
        let seed = UInt64.random(in: .min ... .max)
        let commits = self.commits
        let state = sandbox.state
        let answered = Mutex(Set<[Int]>())
        let wrong = Mutex<[String]>([])
        inThreads(8) { writer in
            var random = SplitMix(seed: seed &+ UInt64(writer))
            for turn in 0..<100 {
                let fails = random.next() % 3 == 0
                do {
                    let value = try commits.write { db in
                        try db.execute(sql: "INSERT INTO note VALUES (?, ?)", arguments: [writer, turn])
                        if fails { throw Refused(number: turn) }
                        return writer * 1000 + turn
                    }
                    if fails || value != writer * 1000 + turn { wrong.withLock { $0.append("value \(value)") } }
                    answered.withLock { _ = $0.insert([writer, turn]) }
                    // On another connection: committed, not only written.
                    let found = try state.pool.read { db in
                        try Int.fetchOne(
                            db, sql: "SELECT count(*) FROM note WHERE writer = ? AND turn = ?",
                            arguments: [writer, turn])
                    }
                    if found != 1 { wrong.withLock { $0.append("\(writer) \(turn) was answered too early") } }
                } catch let error as Refused {
                    if !fails || error.number != turn { wrong.withLock { $0.append("another one's error: \(error)") } }
                } catch {
                    wrong.withLock { $0.append("\(error)") }
                }
            }
        }
        #expect(wrong.withLock { $0 }.isEmpty, "seed \(seed)")
        #expect(try notes() == answered.withLock { $0 }, "seed \(seed)")
        #expect(commits.waiting == 0)
    }

    @Test func `a change sees what the ones before it in the same transaction did, without those that failed`() throws {
        let seen = Mutex<[Int]>([])
        let bodies = (1...6).map { number in
            { @Sendable (db: Database) throws in
                let count = try Int.fetchOne(db, sql: "SELECT count(*) FROM note") ?? -1
                seen.withLock { $0.append(count) }
                try db.execute(sql: "INSERT INTO note VALUES (?, 0)", arguments: [number])
                if number.isMultiple(of: 2) { throw Refused(number: number) }
            }
        }
        let errors = together(bodies)
        #expect(seen.withLock { $0 } == [0, 1, 1, 2, 2, 3])
        #expect(errors.map { ($0 as? Refused)?.number } == [nil, 2, nil, 4, nil, 6])
        #expect(try notes() == [[1, 0], [3, 0], [5, 0]])
    }

    @Test func `a commit that fails is answered to all who had a part in it`() throws {
        let bodies: [@Sendable (Database) throws -> Void] = [
            { db in try db.execute(sql: "INSERT INTO note VALUES (1, 0)") },
            // Noticed by nobody before the commit.
            { db in try db.execute(sql: "INSERT INTO child VALUES (77)") },
            { _ in throw Refused(number: 3) },
            { db in try db.execute(sql: "INSERT INTO note VALUES (4, 0)") },
        ]
        let errors = together(bodies)
        // Also to one that threw: what made it throw may be among what now is not there.
        for number in 0..<4 {
            #expect((errors[number] as? DatabaseError)?.resultCode == .SQLITE_CONSTRAINT, "\(number)")
        }
        #expect(try notes().isEmpty)
        // Whoever comes next is served.
        try commits.write { try $0.execute(sql: "INSERT INTO note VALUES (5, 0)") }
        #expect(try notes() == [[5, 0]])
    }

    @Test func `a full disk takes no answered value along`() throws {
        try sandbox.state.pool.writeWithoutTransaction { db in
            let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
            try db.execute(sql: "CREATE TABLE big (content BLOB); PRAGMA max_page_count = \(pages + 20)")
        }
        let errors = together([
            { db in try db.execute(sql: "INSERT INTO note VALUES (1, 0)") },
            { db in try db.execute(sql: "INSERT INTO big VALUES (zeroblob(1000000))") },
            { db in try db.execute(sql: "INSERT INTO note VALUES (3, 0)") },
        ])
        #expect((errors[1] as? DatabaseError)?.resultCode == .SQLITE_FULL)
        let answered = Set([1, 3].filter { errors[$0 - 1] == nil }.map { [$0, 0] })
        #expect(try notes() == answered)
        try commits.write { try $0.execute(sql: "INSERT INTO note VALUES (5, 0)") }
    }

    @Test func `who waits for another process's lock in vain is told so, all at once`() throws {
        var configuration = Configuration()
        configuration.busyMode = .callback { $0 < 300 && usleep(1000) == 0 }
        let pool = try DatabasePool(path: sandbox.state.path, configuration: configuration)
        let commits = GroupCommit(pool)
        let tries = Mutex(0)
        try sandbox.state.pool.write { _ in
            inThreads(4) { _ in
                #expect(throws: DatabaseError.self) { try commits.write { _ in tries.withLock { $0 += 1 } } }
            }
        }
        #expect(tries.withLock { $0 } == 0)
        try commits.write { try $0.execute(sql: "INSERT INTO note VALUES (1, 1)") }
        #expect(try notes() == [[1, 1]])
    }

    @Test func `conditions of people's values see what was set by whoever came before`() throws {
        let one = try sandbox.instance("one")
        let ref = EntityRef(instance: one, kind: .scene, id: 1)
        let state = sandbox.state
        let won = Mutex(0)
        inThreads(8) { writer in
            // Exactly one may be the first.
            try? state.setPersonal(.rating, .integer(Int64(writer)), of: [ref], uid: 1) { present in
                if present != nil { throw Refused(number: writer) }
            }
            // Each of these counts.
            for _ in 0..<20 {
                while true {
                    let before = try? state.personal(.playCount, of: [ref], uid: 1)
                    let count: Int64 = if case .integer(let count) = before { count } else { 0 }
                    let done: ()? = try? state.setPersonal(.playCount, .integer(count + 1), of: [ref], uid: 1) {
                        present in if present != before { throw Refused(number: writer) }
                    }
                    if done != nil { break }
                }
                won.withLock { $0 += 1 }
            }
        }
        #expect(won.withLock { $0 } == 160)
        #expect(try state.personal(.playCount, of: [ref], uid: 1) == .integer(160))
        #expect(try state.personal(.rating, of: [ref], uid: 1) != nil)
    }
}

/// Runs it on that many threads of its own and waits for all.
func inThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let group = DispatchGroup()
    for number in 0..<count {
        group.enter()
        Thread.detachNewThread {
            body(number)
            group.leave()
        }
    }
    group.wait()
}

/// For tests that can be repeated.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
