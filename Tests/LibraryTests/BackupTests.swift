import Foundation
import GRDB
import Synchronization
import Testing

@testable import Library

/// Backups of people's data, and the way back.
@Suite(.timeLimit(.minutes(9)))
struct BackupTests {
    private let sandbox: Sandbox
    private let file: String

    init() throws {
        sandbox = try Sandbox()
        file = sandbox.directory + "/copy.peekfs"
    }

    private var state: StateDatabase { sandbox.state }

    private func scene(_ instance: InstanceNumber, _ id: Int64) -> EntityRef {
        EntityRef(instance: instance, kind: .scene, id: id)
    }

    /// Every row of every table.
    private func content() throws -> [String: [String]] {
        try state.pool.read { db in
            var content: [String: [String]] = [:]
            for table in try String.fetchAll(db, sql: "SELECT name FROM sqlite_master WHERE type = 'table'") {
                content[table] = try Row.fetchAll(db, sql: "SELECT * FROM \(table)").map { "\($0)" }.sorted()
            }
            return content
        }
    }

    private func fill() throws {
        let attic = try sandbox.instance("attic")
        let cellar = try sandbox.instance("cellar")
        try sandbox.sync(attic, (1...20).map { record(attic, .scene, $0, "Scene \($0)", stashID: "\($0)") })
        try sandbox.sync(cellar, (1...20).map { record(cellar, .scene, $0 + 100, "Other \($0)", stashID: "\($0)") })
        for id in Int64(1)...20 {
            try state.setPersonal(.rating, .integer(id), of: [scene(attic, id), scene(cellar, id + 100)], uid: 7)
        }
        try state.setPersonal(.favorite, .integer(1), of: [scene(attic, 3)], uid: 7)
        try state.pool.write { db in
            try db.execute(
                sql: "INSERT INTO hand_split VALUES (1, 1, 5, 1); INSERT INTO hand_link VALUES (1, 1, 6, 2, 107, 2)")
        }
    }

    @Test func `what was backed up comes back, whatever happened since`() throws {
        try fill()
        let before = try content()
        let written = try state.backup(to: file, replacing: false)
        #expect(written == (try state.summary()))
        #expect(written.instances == 2)
        #expect(written.values == 41)
        #expect(written.decisions == 2)
        #expect(written.library == state.libraryID)
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: sandbox.directory).filter { $0.hasPrefix("copy") } == [
                "copy.peekfs"
            ])

        try state.setPersonal(.rating, .integer(99), of: [scene(InstanceNumber(1), 1)], uid: 7)
        try state.removeInstance(InstanceNumber(2), purge: true)
        #expect(try content() != before)
        let replaced = try content()
        let kept: String
        do {
            let staged = try StagedBackup(file, for: state)
            #expect(staged.summary == written)
            kept = try #require(try state.restore(staged, index: sandbox.index))
        }
        #expect(try content() == before)
        #expect(try state.personal(.rating, of: [scene(InstanceNumber(1), 1)], uid: 7) == .integer(1))

        _ = try state.restore(try StagedBackup(kept, for: state), index: sandbox.index)
        #expect(try state.personal(.rating, of: [scene(InstanceNumber(1), 1)], uid: 7) == .integer(99))
        #expect(try state.instances().map(\.name) == ["attic"])
        #expect(try content() == replaced)
    }

    /// Also when who does it is killed before it is derived.
    @Test func `after a restore everything has to be derived again`() throws {
        let one = try sandbox.instance("one")
        try sandbox.sync(one, [record(one, .scene, 1, "One")])
        _ = try state.backup(to: file, replacing: false)
        #expect(try !sandbox.index.isDerivationDue(for: one))
        _ = try state.restore(try StagedBackup(file, for: state), index: sandbox.index)
        #expect(try sandbox.index.isDerivationDue(for: one))
    }

    @Test func `what was acknowledged up to the last moment before a restore is kept`() throws {
        let one = try sandbox.instance("one")
        let ref = scene(one, 1)
        _ = try state.backup(to: file, replacing: false)
        let state = self.state
        let last = Mutex<Int64>(0)
        for _ in 0..<8 {
            let isOver = Mutex(false)
            let group = DispatchGroup()
            group.enter()
            Thread.detachNewThread {
                while !isOver.withLock({ $0 }) {
                    let value = last.withLock { $0 } + 1
                    guard (try? state.setPersonal(.playCount, .integer(value), of: [ref], uid: 1)) != nil else { break }
                    last.withLock { $0 = value }
                }
                group.leave()
            }
            while last.withLock({ $0 % 10 < 5 }) { usleep(100) }
            let kept = try state.restore(try StagedBackup(file, for: state), index: sandbox.index)
            isOver.withLock { $0 = true }
            group.wait()
            let now = try state.personal(.playCount, of: [ref], uid: 1)
            guard now == nil else {
                #expect(now == .integer(last.withLock { $0 }))
                continue
            }
            let copy = try StateCopy.open(try #require(kept), readonly: true)
            let value = try copy.read { try Int64.fetchOne($0, sql: "SELECT value FROM personal") }
            #expect(value == last.withLock { $0 })
        }
    }

    @Test func `numbers that were given after the backup are given to nothing else`() throws {
        try fill()
        _ = try state.backup(to: file, replacing: false)
        let shed = try sandbox.instance("shed")
        try sandbox.sync(shed, (1...30).map { record(shed, .scene, $0, "Late \($0)") })
        func numbers() throws -> [Int64: String] {
            let rows = try state.pool.read { try Row.fetchAll($0, sql: "SELECT number, instance, id FROM member") }
            return Dictionary(
                uniqueKeysWithValues: rows.map { ($0["number"], "\($0["instance"] as Int64):\($0["id"] as Int64)") })
        }
        let given = try numbers()
        #expect(given.count == 70)
        _ = try state.restore(try StagedBackup(file, for: state), index: sandbox.index)
        #expect(try state.instances().map(\.name) == ["attic", "cellar"])
        #expect(try numbers().count == 40)

        let next = try sandbox.instance("barn")
        #expect(next.rawValue > shed.rawValue)
        try sandbox.index.forget(shed)
        try sandbox.sync(next, (1...30).map { record(next, .scene, $0, "New \($0)") })
        let now = try numbers()
        #expect(now.count == 70)
        for (number, member) in now { #expect(given[number] ?? member == member, "\(number)") }
    }

    @Test func `a backup has all of a change or nothing of it while people write`() throws {
        let one = try sandbox.instance("one")
        let state = self.state
        let isOver = Mutex(false)
        let acknowledged = Mutex<[Int64: Int64]>([:])
        let other = try Sandbox()
        let restored = other.state
        let index = other.index
        let file = self.file
        inThreads(5) { writer in
            if writer == 4 {
                defer { isOver.withLock { $0 = true } }
                for _ in 0..<10 {
                    let floor = acknowledged.withLock { $0 }
                    do {
                        _ = try state.backup(to: file, replacing: true)
                        _ = try restored.restore(try StagedBackup(file, for: restored), index: index)
                        for writer in Int64(0)..<4 {
                            let refs = (0..<4).map { EntityRef(instance: one, kind: .scene, id: writer * 10 + $0 + 1) }
                            let values = try refs.map { ref -> Int64 in
                                let value = try restored.personal(.playCount, of: [ref], uid: 1)
                                return if case .integer(let count) = value { count } else { 0 }
                            }
                            #expect(Set(values).count == 1, "half a change: \(values)")
                            #expect(values[0] >= floor[writer] ?? 0, "an acknowledged value is missing")
                        }
                    } catch {
                        Issue.record(error)
                    }
                }
                return
            }
            let refs = (0..<4).map { EntityRef(instance: one, kind: .scene, id: Int64(writer) * 10 + Int64($0) + 1) }
            var turn: Int64 = 0
            while !isOver.withLock({ $0 }) {
                turn += 1
                do {
                    try state.setPersonal(.playCount, .integer(turn), of: refs, uid: 1)
                } catch {
                    Issue.record(error)
                }
                acknowledged.withLock { [turn] in $0[Int64(writer)] = turn }
            }
        }
        #expect(acknowledged.withLock { $0 }.values.allSatisfy { $0 > 10 })
    }

    @Test func `who reads and writes during a restore meets the old content or the new`() throws {
        let one = try sandbox.instance("one")
        let refs = (1...200).map { scene(one, $0) }
        try state.setPersonal(.rating, .integer(1), of: refs, uid: 1)
        _ = try state.backup(to: file, replacing: false)
        try state.setPersonal(.rating, .integer(2), of: refs, uid: 1)
        let isOver = Mutex(false)
        let seen = Mutex(Set<Int64>())
        let directory = sandbox.directory
        let file = self.file
        let state = self.state
        let index = sandbox.index
        inThreads(4) { number in
            do {
                if number == 0 {
                    defer { isOver.withLock { $0 = true } }
                    for _ in 0..<15 {
                        _ = try state.restore(try StagedBackup(file, for: state), index: index)
                        try state.setPersonal(.rating, .integer(2), of: refs, uid: 1)
                    }
                    return
                }
                // As another process has it open.
                let other = try StateDatabase(directory: directory)
                while !isOver.withLock({ $0 }) {
                    let values = try other.pool.read {
                        try Int64.fetchAll($0, sql: "SELECT value FROM personal WHERE uid = 1")
                    }
                    #expect(values.count == 200)
                    #expect(Set(values).count == 1)
                    seen.withLock { $0.formUnion(values) }
                    try other.setPersonal(.favorite, .integer(1), of: [refs[number]], uid: 2)
                }
            } catch {
                Issue.record(error)
            }
        }
        #expect(seen.withLock { $0 }.isSubset(of: [1, 2]))
        let complaint = try state.pool.read { try String.fetchOne($0, sql: "PRAGMA integrity_check") }
        #expect(complaint == "ok")
    }

    // MARK: What is refused

    @Test(arguments: [
        "newer", "foreign", "empty", "text", "short", "holed", "trigger", "nobody's", "missing", "directory",
    ])
    func `what is no backup changes nothing`(fault: String) throws {
        try fill()
        let before = try content()
        _ = try state.backup(to: file, replacing: false)
        func alter(_ sql: String) throws {
            let queue = try DatabaseQueue(path: file)
            try queue.writeWithoutTransaction { try $0.execute(sql: sql) }
            try queue.close()
        }
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        func write(_ data: Data) throws { try data.write(to: URL(fileURLWithPath: file)) }
        switch fault {
        case "newer": try alter("PRAGMA user_version = 99")
        case "foreign": try alter("ALTER TABLE personal RENAME TO impersonal")
        case "empty": try write(Data())
        case "text": try write(Data("a line of text that is longer than a header\n".utf8) + bytes)
        case "short": try write(bytes.prefix(bytes.count - 4096 * 3))
        case "holed":
            bytes.replaceSubrange(4096 * 4..<4096 * 9, with: Data(repeating: 0xaa, count: 4096 * 5))
            try write(bytes)
        case "trigger": try alter("CREATE TRIGGER t AFTER INSERT ON personal BEGIN DELETE FROM personal; END")
        case "nobody's": try alter("DELETE FROM setting")
        case "missing": unlink(file)
        default:
            unlink(file)
            try FileManager.default.createDirectory(atPath: file, withIntermediateDirectories: false)
        }
        do {
            _ = try StagedBackup(file, for: state)
            Issue.record("taken")
        } catch let error as StoreError {
            #expect(fault == "newer", "\(error)")
        } catch {
            #expect(error is BackupError)
        }
        #expect(try content() == before)
        let left = try FileManager.default.contentsOfDirectory(atPath: sandbox.directory).filter {
            $0.hasSuffix(".restoring")
        }
        #expect(left.isEmpty)
    }

    @Test func `an older backup, and one with pages of another size, come back in today's tables`() throws {
        let old = try DatabaseQueue(path: file)
        try old.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA page_size = 1024; VACUUM")
            try db.execute(sql: StateSchema.steps[0])
            try db.execute(
                sql: """
                    INSERT INTO setting VALUES ('library', '\(state.libraryID.uuidString.lowercased())');
                    INSERT INTO instance VALUES (4, '\(UUID().uuidString)', 'old', 'http://old', NULL, 1, 10, 'system', 1, NULL);
                    INSERT INTO personal VALUES (1, 4, 1, 11, 1, 85, 1);
                    PRAGMA user_version = 1
                    """)
        }
        try old.close()
        _ = try state.restore(try StagedBackup(file, for: state), index: sandbox.index)
        #expect(try state.instances().map(\.name) == ["old"])
        #expect(try state.personal(.rating, of: [scene(InstanceNumber(4), 11)], uid: 1) == .integer(85))
        let (version, size) = try state.pool.read {
            (try Int.fetchOne($0, sql: "PRAGMA user_version"), try Int.fetchOne($0, sql: "PRAGMA page_size"))
        }
        #expect(version == StateSchema.steps.count)
        #expect(size == 4096)
        let after = try DatabaseQueue(path: file).inDatabase { try Int.fetchOne($0, sql: "PRAGMA user_version") }
        #expect(after == 1, "the file itself was changed")
    }

    @Test func `a backup takes no place that is taken`() throws {
        try fill()
        try Data("mine".utf8).write(to: URL(fileURLWithPath: file))
        #expect(throws: BackupError.exists(file)) { try state.backup(to: file, replacing: false) }
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "mine")
        _ = try state.backup(to: file, replacing: true)
        for own in ["", "-wal", "-journal"] {
            let path = state.path + own
            #expect(throws: BackupError.reserved(path)) { try state.backup(to: path, replacing: true) }
        }
        try FileManager.default.createSymbolicLink(
            atPath: sandbox.directory + "/again", withDestinationPath: sandbox.directory)
        let path = sandbox.directory + "/again/state.sqlite"
        #expect(throws: BackupError.reserved(path)) { try state.backup(to: path, replacing: true) }
        #expect(throws: BackupError.reserved("/dev/null")) { try state.backup(to: "/dev/null", replacing: true) }
        #expect(throws: StoreError.self) { try state.backup(to: sandbox.directory + "/no/such", replacing: false) }
        #expect(try state.summary().values == 41)
    }

    @Test func `one restore at a time`() throws {
        try fill()
        _ = try state.backup(to: file, replacing: false)
        let first = try StagedBackup(file, for: state)
        #expect(throws: BackupError.busy(state.path)) { try StagedBackup(file, for: state) }
        _ = try state.restore(first, index: sandbox.index)
    }
}
