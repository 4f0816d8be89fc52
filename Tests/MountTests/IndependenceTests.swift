import FakeStash
import Foundation
import GRDB
import Testing

/// What one server said is its own: no other server that comes and goes leaves a trace in it.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct IndependenceTests {
    /// All rows of an instance in the index, a line each: those that carry its number, and those of its own tree. No
    /// column is left out.
    private func rows(_ lab: Lab, of instance: Int64) throws -> [String] {
        var configuration = Configuration()
        configuration.readonly = true
        let queue = try DatabaseQueue(path: lab.directory + "/cache/index.sqlite", configuration: configuration)
        defer { try? queue.close() }
        return try queue.read { db in
            // What a kernel is to forget is no trace of what is: it may hear of too much.
            let tables = try String.fetchAll(
                db, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'notice'")
            return try tables.flatMap { table -> [String] in
                let columns = try db.columns(in: table).map(\.name)
                guard let key = columns.first(where: { $0 == "instance" || $0 == "scope" }) else { return [] }
                let values = columns.map { "quote(\"\($0)\")" }.joined(separator: " || ',' || ")
                return try String.fetchAll(
                    db, sql: "SELECT \(values) FROM \"\(table)\" WHERE \(key) = ?", arguments: [instance]
                ).map { "\(table): \($0)" }
            }.sorted()
        }
    }

    private func number(_ lab: Lab, _ name: String) throws -> Int64 {
        var configuration = Configuration()
        configuration.readonly = true
        let queue = try DatabaseQueue(path: lab.directory + "/state/state.sqlite", configuration: configuration)
        defer { try? queue.close() }
        return try #require(
            try queue.read {
                try Int64.fetchOne(
                    $0, sql: "SELECT number FROM instance WHERE name = ? AND removed_at IS NULL", arguments: [name])
            })
    }

    /// `attic` and `cellar` share things; the one that comes and goes shares some with each and joins others. Nobody asks the
    /// two anything meanwhile: an hour passes before the daemon does so by itself.
    @Test func `the rows of a server are the same before and after another one is added, synced and removed`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let (attic, cellar) = (try number(lab, "attic"), try number(lab, "cellar"))
            // What was in the tree when the daemon is asked to be idle.
            let before = [try rows(lab, of: attic), try rows(lab, of: cellar)]
            for table in [
                "member", "file", "stash_id", "edge", "caption", "sidecar", "pass", "complete", "media", "node",
            ] {
                #expect(before[0].contains { $0.hasPrefix(table + ": ") }, "\(table)")
            }
            let requests = ["attic", "cellar"].map { (try? lab.server($0).requests.count) ?? 0 }
            try lab.startServer("shed", .v30) { $0.awkwardNames = true }
            for round in 1...2 {
                // First it comes last, then it leads.
                try lab.addInstance("shed", round == 1 ? "--priority=99" : "--priority=-1")
                #expect(try lab.daemon.waitForSync(of: "shed", times: round))
                let shed = try number(lab, "shed")
                #expect(try rows(lab, of: shed).contains { $0.hasPrefix("complete: ") })
                let shared = lab.root / "scenes"
                #expect(
                    eventually {
                        shared.names.contains { name in
                            let servers = Set((shared / name).sources.map(\.server))
                            return servers.contains("shed") && servers.count > 1
                        }
                    })
                try lab.succeed("instance", "remove", "shed", "--yes")
                #expect(eventually { !(lab.root / "instances").names.contains("shed") })
                #expect(eventually { (try? rows(lab, of: shed))?.isEmpty == true })
                for (place, number) in [attic, cellar].enumerated() {
                    let after = try rows(lab, of: number)
                    let differences = Set(before[place]).symmetricDifference(after).sorted()
                    #expect(differences.isEmpty, "round \(round)")
                    #expect(after.count == before[place].count)
                }
            }
            #expect(["attic", "cellar"].map { (try? lab.server($0).requests.count) ?? 0 } == requests)
        }
    }
}
