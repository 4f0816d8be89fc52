import Derive
import GRDB
import Library
import Testing

/// A derivation that was killed at any place is done again by the next one.
@Suite struct InterruptionTests {
    @Test func `who is at no server any more goes with the others, wherever a derivation is killed`() throws {
        var place = 0
        var isKilled = true
        while isKilled {
            place += 1
            let box = try Sandbox()
            let (attic, cellar, barn) = (
                try box.instance("attic"), try box.instance("cellar"), try box.instance("barn")
            )
            try box.sync(attic, [record(attic, .performer, 1, "Ada", stashID: "a")])
            try box.sync(cellar, [record(cellar, .performer, 1, "Bea", stashID: "b")])
            var joining = record(barn, .performer, 1, "Bea", stashID: "b")
            try box.sync(barn, [joining])
            try box.sync(cellar, [], force: true)
            #expect(try entities(box) == [1, 2, 2])

            joining.stashIDs.append(StashIDRecord(endpoint: "https://box/graphql", stashID: "a"))
            joining.modified += 1
            let pass = try box.index.beginPass(barn)
            #expect(try box.index.store([joining], in: pass) == 1)
            try box.index.endPass(pass, error: nil)

            let fuse = Fuse(box.directory)
            let derivation = Derivation(state: box.state, index: box.index)
            try fuse.arm(after: place)
            isKilled = (try? derivation.run()) == nil
            try fuse.disarm()
            #expect(try box.index.isDerivationDue(for: barn) == isKilled, "killed at write \(place)")
            try derivation.run()
            #expect(try entities(box) == [1, 1, 1], "killed at write \(place)")
        }
        #expect(place > 2)
    }

    /// Of all that was ever there, in the order in which it came.
    private func entities(_ box: Sandbox) throws -> [Int64] {
        try DatabaseQueue(path: box.directory + "/state.sqlite").read {
            try Int64.fetchAll($0, sql: "SELECT entity FROM member ORDER BY number")
        }
    }

    /// What is found to be replaced is noted while a derivation runs, which is about it as well.
    @Test func `a thing that got another id is no reason to look at everything twice`() throws {
        let box = try Sandbox()
        let attic = try box.instance("attic")
        try box.sync(attic, [record(attic, .performer, 1, "Ada", stashID: "a"), record(attic, .performer, 2, "Bea")])
        let pass = try box.index.beginPass(attic)
        _ = try box.index.store([record(attic, .performer, 3, "Ada", stashID: "a")], in: pass)
        _ = try box.index.finish(.performer, in: pass, seen: [2, 3], force: false)
        try box.index.endPass(pass, error: nil)
        try box.index.pool.write { try IndexDatabase.markAllDirty($0) }
        try Derivation(state: box.state, index: box.index).run()
        let successors = try DatabaseQueue(path: box.directory + "/state.sqlite").read {
            try Int64.fetchAll($0, sql: "SELECT successor FROM successor")
        }
        #expect(successors == [3])
        #expect(try !box.index.isDerivationDue(for: attic))
    }
}
