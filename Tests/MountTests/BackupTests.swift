import FakeStash
import Foundation
import Testing

/// Backups of a library that is in use.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct BackupTests {
    private static let counter = "user.peekfs.play_count"

    /// What a writer has sent and got acknowledged.
    private struct Count: Sendable {
        var sent = 0
        var acknowledged = 0
        var failures: [String] = []
    }

    @Test func `a backup made while two write is one moment of their work, and comes back while it is mounted`() throws
    {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let scenes = lab.root / "scenes"
            let files = try scenes.list().map { scenes / $0 }.filter { $0.ref != nil }
            try #require(files.count > 6)
            let pairs = [Array(files[0...1]), Array(files[2...3])]
            let (kept, changed, cleared) = (files[4], files[5], files[6])
            for path in pairs.joined() { try path.setAttribute(Self.counter, "0") }
            for path in [kept, changed, cleared] { try path.setAttribute("user.peekfs.rating", "85") }

            let counts = pairs.map { _ in Box(Count()) }
            let isOver = Box(false)
            let group = DispatchGroup()
            for (pair, count) in zip(pairs, counts) {
                group.enter()
                Thread.detachNewThread {
                    while !isOver.value {
                        let value = count.change { count in
                            count.sent += 1
                            return count.sent
                        }
                        do {
                            // The second after the first, so that no moment has more in it.
                            for path in pair { try path.setAttribute(Self.counter, "\(value)") }
                            count.change { $0.acknowledged = value }
                        } catch {
                            count.change { $0.failures.append("\(error)") }
                        }
                    }
                    group.leave()
                }
            }
            defer {
                isOver.set(true)
                group.wait()
            }
            #expect(eventually { counts.allSatisfy { $0.value.acknowledged > 10 } })
            let before = counts.map(\.value.acknowledged)
            let backup = lab.directory + "/backup"
            try lab.succeed("backup", backup)
            let after = counts.map(\.value.sent)
            #expect(eventually { zip(counts, after).allSatisfy { $0.value.acknowledged > $1 + 10 } })
            isOver.set(true)
            group.wait()
            #expect(counts.allSatisfy { $0.value.failures.isEmpty }, "\(counts.flatMap(\.value.failures))")

            try changed.setAttribute("user.peekfs.rating", "20")
            try cleared.removeAttribute("user.peekfs.rating")
            try files[0].setAttribute("user.peekfs.rating", "50")
            let listing = try lab.listing()
            try lab.succeed("restore", backup, "--yes")
            for (place, pair) in pairs.enumerated() {
                let values = try pair.map { try #require(Int(try $0.attribute(Self.counter))) }
                #expect((before[place]...after[place]).contains(values[0]), "\(values[0])")
                #expect(values[1] == values[0] || values[1] == values[0] - 1, "\(values) were never there together")
            }
            for path in [kept, changed, cleared] { #expect(try path.rating() == "85", "\(path)") }
            #expect(try files[0].rating() == nil)
            #expect(try !lab.daemon.hasEnded)
            let isSame = try lab.listing() == listing
            #expect(isSame)
            // And it is no illusion of a daemon that remembers.
            try lab.endDaemon(SIGKILL)
            try lab.mount()
            for path in [kept, changed, cleared] { #expect(try path.rating() == "85", "\(path)") }
            #expect(try files[0].rating() == nil)
        }
    }
}
