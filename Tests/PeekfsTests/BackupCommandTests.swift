import Foundation
import GRDB
import Testing

@testable import Library
@testable import peekfs

/// `peekfs backup` and `peekfs restore` from outside.
@Suite(.timeLimit(.minutes(10)))
struct BackupCommandTests {
    private let peekfs: Program
    private let file: String
    private static let uid: UInt32 = 7

    init() throws {
        peekfs = try Program()
        file = peekfs.directory + "/copy.peekfs"
    }

    private var stateDirectory: String { peekfs.directory + "/state" }

    private func add(_ name: String) async throws {
        let outcome = try await peekfs.run(
            "instance", "add", name, "http://127.0.0.1:9/\(name)", "--no-test", "--api-key-stdin", input: "secret\n")
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    private func names() async throws -> [String] {
        try await peekfs.run("instance", "list", "--json").json(as: [ShownInstance].self).map(\.name)
    }

    /// What lies beside the database because of a restore.
    private func kept() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: stateDirectory).filter { $0.hasSuffix(".backup") }
    }

    @Test func `a backup says what is in it, and what it holds comes back`() async throws {
        try await add("attic")
        let state = try StateDatabase(directory: stateDirectory)
        let ref = EntityRef(instance: try #require(try state.instances().first).number, kind: .scene, id: 1)
        try state.setPersonal(.rating, .integer(80), of: [ref], uid: Self.uid)
        let backup = try await peekfs.run("backup", file)
        #expect(backup.status == 0)
        #expect(backup.errors.contains("1 server"))
        #expect(backup.errors.contains("1 value that people gave"))
        #expect(backup.errors.contains("0 decisions by hand"))
        #expect(!backup.errors.contains("secret"))
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)

        try await add("cellar")
        try state.setPersonal(.rating, .integer(10), of: [ref], uid: Self.uid)
        let restore = try await peekfs.run("restore", file, "--yes")
        #expect(restore.status == 0, "\(restore.errors)")
        #expect(try await names() == ["attic"])
        // Open all the while, as a daemon has it.
        #expect(try state.personal(.rating, of: [ref], uid: Self.uid) == .integer(80))
        #expect(try await peekfs.run("instance", "show", "attic").output.contains("key       set"))

        let before = try #require(try kept().first)
        #expect(restore.errors.contains(before))
        #expect(try await peekfs.run("restore", stateDirectory + "/" + before, "--yes").status == 0)
        #expect(try await names() == ["attic", "cellar"])
        #expect(try state.personal(.rating, of: [ref], uid: Self.uid) == .integer(10))
    }

    @Test func `a file is replaced only when it is said so`() async throws {
        #expect(try await peekfs.run("backup", file).status == 66)
        try await add("attic")
        try "mine".write(toFile: file, atomically: false, encoding: .utf8)
        let refused = try await peekfs.run("backup", file)
        #expect(refused.status == 73)
        #expect(refused.errors.contains("--force"))
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "mine")
        #expect(try await peekfs.run("backup", file, "--force").status == 0)
        #expect(try await peekfs.run("restore", file, "--yes").status == 0)
        #expect(try await peekfs.run("backup", stateDirectory + "/state.sqlite", "--force").status == 64)
        #expect(try await names() == ["attic"])
    }

    @Test func `a restore has to be confirmed`() async throws {
        try await add("attic")
        _ = try await peekfs.run("backup", file)
        try await add("cellar")
        let refused = try await peekfs.run("restore", file)
        #expect(refused.status == 64)
        #expect(refused.errors.contains("--yes"))
        #expect(try await names() == ["attic", "cellar"])
        #expect(try kept().isEmpty)
    }

    @Test func `what is no backup is refused and changes nothing`() async throws {
        try await add("attic")
        _ = try await peekfs.run("backup", file)
        try await add("cellar")
        let whole = try Data(contentsOf: URL(fileURLWithPath: file))
        for (name, bytes) in ["short": whole.dropLast(5000), "foreign": Data("SQLite format 3, or so".utf8)] {
            let path = peekfs.directory + "/" + name
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            let outcome = try await peekfs.run("restore", path, "--yes")
            #expect(outcome.status == 74, "\(outcome.errors)")
            #expect(outcome.errors.contains("no usable backup"))
        }
        // Byte 60 of the header is the version (sqlite.org/fileformat.html, 1.3).
        var newer = whole
        newer[63] = 99
        try newer.write(to: URL(fileURLWithPath: file))
        let outcome = try await peekfs.run("restore", file, "--yes")
        #expect(outcome.status == 78)
        #expect(outcome.errors.contains("newer peekfs"))
        #expect(try await peekfs.run("restore", file + ".missing", "--yes").status == 66)
        #expect(try await names() == ["attic", "cellar"])
        #expect(try kept().isEmpty)
    }

    @Test func `another library's backup needs a library that nobody mounts`() async throws {
        try await add("attic")
        #expect(try await peekfs.run("backup", file).status == 0)
        let other = try Program()
        _ = try await other.run("instance", "add", "barn", "http://127.0.0.1:9", "--no-test")
        let directory = other.directory + "/state"
        do {
            let lock = try DaemonLock(stateDirectory: directory, mountPoint: "/mnt/stash")
            let refused = try await other.run("restore", file, "--yes")
            #expect(refused.status == 75)
            #expect(refused.errors.contains("peekfs unmount /mnt/stash"))
            // Its own library's comes back also while it is mounted.
            #expect(try await other.run("backup", other.directory + "/own").status == 0)
            #expect(try await other.run("restore", other.directory + "/own", "--yes").status == 0)
            withExtendedLifetime(lock) {}
        }
        #expect(try await other.run("instance", "list").output.contains("barn"))
        #expect(try await other.run("restore", file, "--yes").status == 0)
        #expect(try await other.run("instance", "list").output.contains("attic"))
        #expect(try await other.run("status").status == 0)
    }

    @Test func `another process takes no log away from under who has the database open`() async throws {
        try await add("attic")
        let state = try StateDatabase(directory: stateDirectory)
        let log = stateDirectory + "/state.sqlite-wal"
        let before = try FileManager.default.attributesOfItem(atPath: log)[.systemFileNumber] as? Int
        // Opening it once more must not cost the first one its lock.
        try StateDatabase(directory: stateDirectory).pool.close()
        try await add("cellar")
        let after = try FileManager.default.attributesOfItem(atPath: log)[.systemFileNumber] as? Int
        #expect(before == after)
        #expect(try state.instances().count == 2)
    }

    @Test func `a restore that is killed leaves the old content or the new`() async throws {
        try await add("attic")
        let state = try StateDatabase(directory: stateDirectory)
        let instance = try #require(try state.instances().first).number
        let refs = (1...3000).map { EntityRef(instance: instance, kind: .scene, id: $0) }
        try state.setPersonal(.rating, .integer(1), of: refs, uid: Self.uid)
        #expect(try await peekfs.run("backup", file).status == 0)
        let seed = UInt64.random(in: .min ... .max)
        var random = Mixed(state: seed)
        for _ in 0..<25 {
            try state.setPersonal(.rating, .integer(2), of: refs, uid: Self.uid)
            let delay = UInt32(random.next() % 250_000)
            _ = try await peekfs.run(["restore", file, "--yes"]) { pid in
                usleep(delay)
                kill(pid, SIGKILL)
            }
            // Read on a connection that was open before, and on a new one.
            for state in [state, try StateDatabase(directory: stateDirectory)] {
                let found = try await state.pool.read { db in
                    try Int64.fetchAll(db, sql: "SELECT count(*) FROM personal GROUP BY value")
                }
                #expect(found == [Int64(refs.count)], "seed \(seed)")
            }
        }
        // What a killed one left is in nobody's way.
        #expect(try await peekfs.run("restore", file, "--yes").status == 0)
        #expect(try state.personal(.rating, of: refs, uid: Self.uid) == .integer(1))
    }

    /// A sequence that can be repeated.
    private struct Mixed {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
    }
}
