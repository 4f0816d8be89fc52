import FakeStash
import Foundation
import Testing

/// Names and inode numbers are kept by other programs.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct PersistenceTests {
    @Test func `names and inodes stay when it is mounted again and when the index is lost`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar { $0.awkwardNames = true }
            try lab.mount()
            let before = try inodes(lab)
            #expect(before.count > 200)
            try lab.remount()
            let remounted = try inodes(lab)
            #expect(differences(before, remounted).isEmpty)
            #expect(try lab.endDaemon() == 0)
            let cache = lab.directory + "/cache"
            for name in try FileManager.default.contentsOfDirectory(atPath: cache) {
                try FileManager.default.removeItem(atPath: cache + "/" + name)
            }
            try lab.mount()
            let rebuilt = try inodes(lab)
            #expect(differences(before, rebuilt).isEmpty)
        }
    }

    private func inodes(_ lab: Lab) throws -> [String: ino_t] {
        Dictionary(uniqueKeysWithValues: try lab.root.walk().map { ($0.path.text, $0.status.st_ino) })
    }

    private func differences(_ before: [String: ino_t], _ after: [String: ino_t]) -> [String] {
        Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }.sorted()
    }
}
