import FakeStash
import Foundation
import Testing

/// What a person said is never lost: through everything that can happen to one of the servers that share a thing.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct SurvivalTests {
    private static let servers = ["attic", "cellar", "barn"]

    /// One thing that people do, and how the three servers' members are joined afterwards.
    private struct Step {
        let name: String
        let commands: [[String]]
        let groups: Set<Set<String>>
        var input = ""
        /// Before the commands.
        var prepare: () throws -> Void = {}
    }

    /// Everything that happens, to one server. `cellar` is the one that holds the other two together as a person; the
    /// scene is one file anyway, and is checked alike where both come out the same.
    private func steps(_ survivors: Survivors, _ server: String) throws -> [Step] {
        let lab = survivors.lab
        let moved = "loft"
        let others = Self.servers.filter { $0 != server }
        let whole: Set<Set<String>> = [Set(Self.servers)]
        let without: Set<Set<String>> = [Set(others)]
        let apart: Set<Set<String>> = [[server], Set(others)]
        func things(_ kind: Kind) throws -> (own: String, other: String) {
            (
                try survivors.name(kind, of: server).replacing(server + ":", with: moved + ":"),
                try survivors.name(kind, of: others[0])
            )
        }
        let (person, scene) = (try things(.performer), try things(.scene))
        func forBoth(_ arguments: (_ own: String, _ other: String) -> [String]) -> [[String]] {
            [arguments(person.own, person.other), arguments(scene.own, scene.other)]
        }
        return [
            Step(name: "disable", commands: [["instance", "disable", server]], groups: without),
            Step(name: "enable", commands: [["instance", "enable", server]], groups: whole),
            Step(name: "remove", commands: [["instance", "remove", server, "--yes"]], groups: without),
            Step(
                name: "add again", commands: [["instance", "add", moved, "", "--api-key-stdin"]], groups: whole,
                input: lab.key(of: moved) + "\n",
                prepare: {
                    try lab.moveServer(server, to: moved)
                    survivors.rename(server, to: moved)
                }),
            Step(name: "split", commands: forBoth { own, _ in ["merge", "split", own] }, groups: apart),
            Step(name: "link", commands: forBoth { ["merge", "link", $0, $1] }, groups: whole),
            Step(name: "undo the link", commands: forBoth { ["merge", "undo", $0, $1] }, groups: apart),
            Step(name: "undo the split", commands: forBoth { own, _ in ["merge", "undo", own] }, groups: whole),
            Step(name: "last", commands: [["instance", "set", moved, "--priority", "99"]], groups: whole),
            Step(name: "first", commands: [["instance", "set", moved, "--priority=-99"]], groups: whole),
        ]
    }

    private func arguments(_ command: [String], _ lab: Lab) throws -> [String] {
        try command.map { try $0.isEmpty ? lab.server("loft").url : $0 }
    }

    // `cellar` joins the others, so the person falls apart without it, which has a test of its own.
    @Test(arguments: ["attic", "barn"])
    func `a rating is there after all that happens to a server`(server: String) throws {
        try Lab.with { lab in
            let survivors = try Survivors(lab)
            for step in try steps(survivors, server) {
                try step.prepare()
                for command in step.commands { try lab.succeed(try arguments(command, lab), input: step.input) }
                try survivors.expect(step.groups, step.name)
            }
            try #require(try lab.endDaemon() == 0)
            try lab.deleteIndex()
            try lab.mount()
            try survivors.expect([Set(Self.servers)], "without an index")
        }
    }

    @Test(arguments: ["attic", "barn"])
    func `a rating is there when everything is killed in the middle of all that happens to a server`(
        server: String
    ) throws {
        var random = Random(seed: .random(in: 0...UInt64.max))
        let seed = random.seed
        try Lab.with { lab in
            let survivors = try Survivors(lab)
            for step in try steps(survivors, server) {
                try step.prepare()
                for command in step.commands {
                    let arguments = try arguments(command, lab)
                    try lab.runKilling(arguments, input: step.input, using: &random)
                    try survivors.expectNothingLost("killed in \(step.name), seed \(seed)")
                    // Where it got through before, there is nothing to do any more, which it may call an error.
                    _ = try lab.run(arguments, input: step.input)
                }
                try survivors.expect(step.groups, "\(step.name) after kills, seed \(seed)")
            }
            try lab.endDaemon(SIGKILL)
            try lab.deleteIndex()
            for _ in 0..<3 {
                let daemon = try Daemon(lab)
                usleep(.random(in: 0...1_000_000, using: &random))
                _ = daemon.end(SIGKILL, seconds: 30)
            }
            try lab.mount()
            try survivors.expect([Set(Self.servers)], "without an index after kills, seed \(seed)")
        }
    }

    @Test func `a rating is on both halves when the server goes that held them together, and they find back`() throws {
        try Lab.with { lab in
            let survivors = try Survivors(lab)
            let people = lab.root / "performers"
            let whole = Set(people.names)
            try lab.succeed("instance", "disable", "cellar")
            try survivors.expect([["attic", "barn"]], "disabled")
            try lab.succeed("instance", "enable", "cellar")
            try survivors.expect([Set(Self.servers)], "enabled")
            try lab.succeed("instance", "remove", "cellar", "--yes")
            let halves = Set(["attic:performer:1", "barn:performer:3"].compactMap { Ref($0) })
            #expect(eventually { lab.standing("performers", for: halves).count == 2 })
            try survivors.expectNothingLost("removed")
            try lab.endDaemon(SIGKILL)
            try lab.deleteIndex()
            try lab.mount()
            #expect(eventually { lab.standing("performers", for: halves).count == 2 })
            try survivors.expectNothingLost("removed, without an index")
            try lab.addInstance("cellar")
            try survivors.expect([Set(Self.servers)], "added again")
            #expect(Set(people.names) == whole, "the names that are listed are what they were")
        }
    }
}
