import FakeStash
import Foundation
import Testing

/// A person and a scene that three servers have, which somebody rated, and what must be true of them at every moment:
/// `attic` knows the person as x, `cellar` as x and y, `barn` as y; the scene is one file.
final class Survivors {
    private struct Subject {
        let kind: Kind
        let directory: String
        /// The id by the server's first name.
        let ids: [String: Int]
        let values: [String: String]
        /// Every path of the merged tree that ever stood for it.
        var paths: Set<Path> = []
        /// Of the path that stood for it first.
        var inode: ino_t = 0
        var first: Path?
    }

    let lab: Lab
    /// What each server is called now.
    private(set) var names = ["attic": "attic", "cellar": "cellar", "barn": "barn"]
    private var subjects = [
        Subject(
            kind: .performer, directory: "performers", ids: ["attic": 1, "cellar": 2, "barn": 3],
            values: ["user.peekfs.rating": "85", "user.peekfs.favorite": "1"]),
        Subject(
            kind: .scene, directory: "scenes", ids: ["attic": 4, "cellar": 3, "barn": 2],
            values: ["user.peekfs.rating": "35", "user.peekfs.play_count": "7"]),
    ]

    /// Starts and mounts everything, and rates both by their paths in the merged tree.
    init(_ lab: Lab) throws {
        self.lab = lab
        for name in ["attic", "cellar", "barn"] { try lab.startPlainServer(name, name == "cellar" ? .v22 : .v30) }
        try lab.mark(Ref("attic", .performer, 1), "x", spelling: 0)
        try lab.mark(Ref("cellar", .performer, 2), "x", "y", spelling: 1)
        try lab.mark(Ref("barn", .performer, 3), "y", spelling: 2)
        try lab.shareFile([Ref("attic", .scene, 4), Ref("cellar", .scene, 3), Ref("barn", .scene, 2)])
        for name in ["attic", "cellar", "barn"] { try lab.addInstance(name) }
        try lab.mount()
        for place in subjects.indices {
            let found = lab.standing(subjects[place].directory, for: refs(subjects[place]))
            try #require(found.count == 1)
            let path = found[0]
            for (name, value) in subjects[place].values { try path.setAttribute(name, value) }
            subjects[place].first = path
            subjects[place].inode = try path.status().st_ino
        }
        try expect([["attic", "barn", "cellar"]], "rated")
    }

    private func refs(_ subject: Subject) -> Set<Ref> {
        Set(subject.ids.map { Ref(names[$0.key] ?? $0.key, subject.kind, $0.value) })
    }

    /// `attic:performer:1`, by the server's first name.
    func name(_ kind: Kind, of server: String) throws -> String {
        let subject = try #require(subjects.first { $0.kind == kind })
        return Ref(try #require(names[server]), kind, try #require(subject.ids[server])).description
    }

    func rename(_ server: String, to name: String) { names[server] = name }

    /// Waits until the members are joined like this (servers by their first names, those that are not listed are gone),
    /// and looks at everything.
    func expect(_ groups: Set<Set<String>>, _ moment: String) throws {
        for subject in subjects {
            let wanted = Set(
                groups.map { group in
                    Set(group.map { Ref(names[$0] ?? $0, subject.kind, subject.ids[$0] ?? 0) })
                })
            let isThere = eventually {
                let found = lab.standing(subject.directory, for: refs(subject))
                return Set(found.map { Set($0.sources) }) == wanted && found.count == wanted.count
            }
            let found = lab.standing(subject.directory, for: refs(subject)).map(\.sources)
            #expect(isThere, "\(moment): \(subject.kind)s are \(found)")
        }
        try expectNothingLost(moment)
    }

    /// Whatever is joined with what: the values are on all that stands for them and on nothing else, and every path that
    /// ever was there leads to one of them.
    func expectNothingLost(_ moment: String) throws {
        let listed = try lab.run(["instance", "list"]).output.split(separator: "\n")
        let enabled = names.filter { entry in
            listed.contains { $0.hasPrefix(entry.value + " ") && $0.contains(" enabled") }
        }
        #expect(!enabled.isEmpty, "\(moment)")
        for place in subjects.indices {
            let subject = subjects[place]
            let refs = refs(subject)
            var found: [Path] = []
            for (server, name) in enabled {
                let own = Ref(name, subject.kind, subject.ids[server] ?? 0)
                let directory = "instances/\(name)/\(subject.directory)"
                #expect(eventually { !lab.standing(directory, for: [own]).isEmpty }, "\(moment): \(own)")
                let paths = lab.standing(directory, for: [own])
                #expect(paths.count == 1, "\(moment): \(own) in \(directory)")
                found += paths
            }
            let merged = lab.standing(subject.directory, for: refs)
            #expect(!merged.isEmpty, "\(moment)")
            subjects[place].paths.formUnion(merged)
            for path in subjects[place].paths {
                #expect(!refs.isDisjoint(with: path.sources), "\(moment): \(path) leads to \(path.sources)")
                found.append(path)
            }
            for path in found {
                for (name, value) in subject.values {
                    let shown = try? path.attribute(name)
                    #expect(shown == value, "\(moment): \(name) of \(path), \(path.sources)")
                }
            }
            // A directory is its entity; a file is the bytes of the server that leads.
            if let first = subject.first {
                let inode = try? first.status().st_ino
                let leads = first.ref.map { $0 == Ref(names["attic"] ?? "", subject.kind, subject.ids["attic"] ?? 0) }
                if subject.kind == .performer || leads == true {
                    #expect(inode == subject.inode, "\(moment): \(first)")
                }
            }
            let all = lab.root / subject.directory
            for name in all.names where refs.isDisjoint(with: (all / name).sources) {
                #expect(try (all / name).rating() == nil, "\(moment): \(name) is somebody else")
            }
        }
    }
}

extension Lab {
    /// Runs a command, and kills the daemon at some moment, often the command too.
    func runKilling(_ arguments: [String], input: String, using random: inout Random) throws {
        let process = try process(arguments, log: directory + "/" + UUID().uuidString, input: input)
        let ended = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in ended.signal() }
        // A command takes some tens of milliseconds, and the daemon looks twice a second.
        let killsCommand = Bool.random(using: &random)
        let commandLife = DispatchTimeInterval.microseconds(.random(in: 0...150_000, using: &random))
        let rest = UInt32.random(in: 0...700_000, using: &random)
        try process.run()
        if killsCommand {
            if ended.wait(timeout: .now() + commandLife) == .timedOut {
                kill(process.processIdentifier, SIGKILL)
                ended.wait()
            }
        } else if Bool.random(using: &random) {
            usleep(rest / 10)
            try endDaemon(SIGKILL)
            ended.wait()
        } else {
            ended.wait()
        }
        // The moment is what this is about.
        usleep(rest)
        try endDaemon(SIGKILL)
        try mount()
    }

    /// Deletes what the servers said, while nothing is mounted.
    func deleteIndex() throws {
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: directory + "/cache/index.sqlite" + suffix)
        }
        guard !FileManager.default.fileExists(atPath: directory + "/cache/index.sqlite") else {
            throw Trouble(description: "the index is still there")
        }
    }
}
