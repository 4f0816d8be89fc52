import FakeStash
import Foundation
import Synchronization
import Testing

/// What was acknowledged: when the daemon dies in the middle of it, and when a backup comes back beneath it.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct DurabilityTests {
    /// Any whole number can be one, so every write has a value of its own.
    private static let counter = "user.peekfs.play_count"
    private static let rounds = 5
    private static let writers = 4
    private static let acknowledgedPerRound = 200

    /// What the writers know of one file. Times are a count of events over all files.
    private struct File {
        /// When it was sent, which is the value, and when it was acknowledged, which it may never have been.
        var writes: [Int: Int?] = [:]
        /// What was found after the last restart, whenever it was written.
        var base = 0

        /// Whether a read after all that may find this: no acknowledged write began after its own was acknowledged.
        func allows(_ found: Int) -> Bool {
            guard let write = writes[found] else { return found == base && !writes.values.contains { $0 != nil } }
            guard let acknowledged = write else { return true }
            return !writes.contains { sent, end in end != nil && sent > acknowledged }
        }
    }

    private struct Record {
        var now = 0
        var files: [Path: File] = [:]
        var acknowledged = 0

        mutating func send(to path: Path) -> Int {
            now += 1
            files[path, default: File()].writes[now] = .some(nil)
            return now
        }

        mutating func acknowledge(_ value: Int, of path: Path) {
            now += 1
            files[path]?.writes[value] = now
            acknowledged += 1
        }
    }

    @Test func `every acknowledged value is there each time the daemon was killed`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let scenes = lab.root / "scenes"
            let files = try scenes.list().map { scenes / $0 }.filter { $0.ref != nil }.prefix(Self.writers + 1)
            let shared = try #require(files.last)
            let record = Ledger()
            for round in 1...Self.rounds {
                let goal = round * Self.acknowledgedPerRound
                let group = DispatchGroup()
                for own in files.dropLast() {
                    group.enter()
                    Thread.detachNewThread {
                        // Until the daemon is gone.
                        while record.write(own), record.write(shared) {}
                        group.leave()
                    }
                }
                #expect(eventually(seconds: 60) { record.content.acknowledged >= goal })
                #expect(try lab.endDaemon(SIGKILL) == -SIGKILL)
                group.wait()
                try lab.mount()
                for path in files {
                    let found = try #require(Int(try path.attribute(Self.counter)))
                    #expect(record.settle(path, found), "\(path) in round \(round)")
                }
            }
        }
    }

    /// A record behind a lock.
    private final class Ledger: Sendable {
        private let record = Mutex(Record())

        var content: Record { record.withLock { $0 } }

        /// Writes a value that nobody wrote before; whether it was acknowledged.
        func write(_ path: Path) -> Bool {
            let value = record.withLock { $0.send(to: path) }
            guard (try? path.setAttribute(counter, "\(value)")) != nil else { return false }
            record.withLock { $0.acknowledge(value, of: path) }
            return true
        }

        /// Whether what was found is as it should be. What was on its way is decided now.
        func settle(_ path: Path, _ found: Int) -> Bool {
            record.withLock { record in
                defer { record.files[path] = File(base: found) }
                return record.files[path]?.allows(found) == true
            }
        }
    }

    @Test func `a backup comes back while it is mounted, and nobody who writes fails`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let scenes = lab.root / "scenes"
            let files = Array(try scenes.list().map { scenes / $0 }.filter { $0.ref != nil }.prefix(2))
            let file = try #require(files.first)
            let busy = try #require(files.last)
            let inode = try file.status().st_ino
            try file.setAttribute(Self.counter, "1")
            let backup = lab.directory + "/backup"
            try lab.succeed("backup", backup)
            try file.setAttribute(Self.counter, "2")
            // Another server, whose things have numbers that must not come to mean others.
            try lab.startServer("shed") { $0.seed = 99 }
            try lab.addInstance("shed")
            #expect(try lab.daemon.waitForSync(of: "shed"))
            let added = lab.root / "instances" / "shed" / "scenes"
            #expect(eventually { !added.names.isEmpty })
            let given = Set(try added.walk().map(\.status.st_ino))

            let isOver = Box(false)
            let failures = Box<[String]>([])
            let group = DispatchGroup()
            group.enter()
            Thread.detachNewThread {
                var value = 0
                while !isOver.value {
                    value += 1
                    do {
                        try busy.setAttribute(Self.counter, "\(value)")
                    } catch {
                        failures.change { $0.append("\(error)") }
                    }
                }
                group.leave()
            }
            try lab.succeed("restore", backup, "--yes")
            // One look later the tree follows too.
            #expect(eventually { !(lab.root / "instances").names.contains("shed") })
            isOver.set(true)
            group.wait()
            #expect(failures.value.isEmpty)
            #expect(try file.attribute(Self.counter) == "1")
            #expect(try file.status().st_ino == inode)

            try lab.addInstance("shed")
            #expect(eventually(seconds: 30) { !added.names.isEmpty })
            #expect(given.isDisjoint(with: try added.walk().map(\.status.st_ino)))
            #expect(!given.isEmpty)
        }
    }
}
