import FakeStash
import Foundation
import Testing

/// Ratings as `setfattr` and Dolphin set them.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct RatingTests {
    private static let rating = "user.peekfs.rating"
    private static let baloo = "user.baloo.rating"

    @Test func `ratings are set, read, refused, cleared, and survive the worst`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let model = try Model(lab)
            let scene = try #require(
                model.refs(.scene).first {
                    try model.entity($0).count == 2 && model.hasFile($0) && isInPerformer($0, model)
                })
            let subjects = try subjects(lab, scene, model)
            for (number, paths) in subjects.enumerated() {
                try exercise(paths, value: 10 + number)
            }
            // Killed while nothing is on its way but everything was acknowledged.
            #expect(try lab.endDaemon(SIGKILL) == -SIGKILL)
            try lab.mount()
            for (number, paths) in subjects.enumerated() {
                for path in paths { #expect(try path.rating() == "\(10 + number)", "\(path)") }
            }
        }
    }

    @Test func `a rating of what two servers share is there when one of them is disabled`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let model = try Model(lab)
            let ref = try #require(
                model.refs(.performer).first { ref in
                    try model.entity(ref).count == 2
                        && model.entity(ref).allSatisfy { try !model.children(of: $0, .scene).isEmpty }
                })
            try performer(lab, ref).setAttribute(Self.rating, "85")
            for name in ["attic", "cellar"] {
                let other = try #require(model.entity(ref).first { $0.server != name })
                try lab.succeed("instance", "disable", name)
                #expect(eventually { (try? performer(lab, other).sources.count) == 1 })
                #expect(try performer(lab, other).rating() == "85")
                try lab.succeed("instance", "enable", name)
                #expect(eventually { (try? performer(lab, other).sources.count) == 2 })
                #expect(try performer(lab, other).rating() == "85")
            }
            // What was said last counts, also when one of the members could not hear it.
            let other = try #require(model.entity(ref).first { $0.server == "cellar" })
            try lab.succeed("instance", "disable", "attic")
            #expect(eventually { (try? performer(lab, other).sources.count) == 1 })
            try performer(lab, other).setAttribute(Self.rating, "60")
            try lab.succeed("instance", "enable", "attic")
            #expect(eventually { (try? performer(lab, other).sources.count) == 2 })
            #expect(try performer(lab, other).rating() == "60")
        }
    }

    @Test func `every user of the machine has ratings of their own`() throws {
        try Lab.with { lab in
            try lab.addAtticAndCellar()
            try lab.mount()
            let scenes = lab.root / "scenes"
            let path = try #require(try scenes.list().map { scenes / $0 }.first { $0.ref != nil })
            try path.setAttribute(Self.rating, "85")
            try asNobody {
                #expect(try path.rating() == nil)
                try path.setAttribute(Self.rating, "20")
                #expect(try path.read(count: 10).count == 10)
            }
            #expect(try path.rating() == "85")
            try path.removeAttribute(Self.rating)
            try lab.remount()
            #expect(try path.rating() == nil)
            try asNobody {
                let rating = try path.rating()
                #expect(rating == "20")
            }
        }
    }

    /// Makes calls on files as another user. The kernel keeps this identity for each thread, and every test has its own.
    private func asNobody(_ body: () throws -> Void) throws {
        // sys/fsuid.h is in no module of this platform.
        let symbol = try #require(dlsym(nil, "setfsuid"))
        let setfsuid = unsafeBitCast(symbol, to: (@convention(c) (uid_t) -> CInt).self)
        let nobody: uid_t = 65534
        _ = setfsuid(nobody)
        defer { _ = setfsuid(0) }
        // It tells the one that was in force before.
        #expect(setfsuid(nobody) == CInt(nobody))
        try body()
    }

    /// The merged directory that a performer is part of.
    private func performer(_ lab: Lab, _ ref: Ref) throws -> Path {
        let all = lab.root / "performers"
        return try #require(all.names.map { all / $0 }.first { $0.sources.contains(ref) }, "\(ref)")
    }

    private func isInPerformer(_ scene: Ref, _ model: Model) throws -> Bool { try !model.row(scene).performers.isEmpty }

    /// One scene by all its paths, then one thing of every other kind.
    private func subjects(_ lab: Lab, _ scene: Ref, _ model: Model) throws -> [[Path]] {
        let members = model.entity(scene)
        let inMerged = ["scenes", "performers"].flatMap { (try? (lab.root / $0).walk()) ?? [] }
        let inServer = try (lab.root / "instances" / scene.server).walk()
        let paths = (inMerged + inServer).filter { $0.status.isFile }.map(\.path).filter { Set($0.sources) == members }
        #expect(paths.count >= 3)
        let others = try ["performers", "studios", "tags", "groups", "galleries", "images"].map { kind in
            let directory = lab.root / kind
            return [directory / (try #require(try directory.list().first))]
        }
        return [paths] + others
    }

    private func exercise(_ paths: [Path], value: Int) throws {
        for (number, path) in paths.prefix(3).enumerated() {
            try path.setAttribute(Self.rating, "\(85 - number)")
            for other in paths { #expect(try other.rating() == "\(85 - number)", "set by \(path), read by \(other)") }
        }
        let path = try #require(paths.first)
        try path.setAttribute(Self.rating, "85")
        for wrong in ["101", "-1", "abc", "", "8.5", " 8", "1e1"] {
            #expect(errnoOf { try path.setAttribute(Self.rating, wrong) } == EINVAL, "'\(wrong)' on \(path)")
        }
        #expect(try path.rating() == "85")
        // KDE's scale of ten: the stars that are shown, set again, change nothing.
        #expect(try path.attribute(Self.baloo) == "8")
        try path.setAttribute(Self.baloo, "8")
        #expect(try path.rating() == "85")
        try path.setAttribute(Self.baloo, "6")
        #expect(try path.rating() == "60")
        #expect(errnoOf { try path.setAttribute(Self.baloo, "11") } == EINVAL)
        try path.removeAttribute(Self.rating)
        for name in [Self.rating, Self.baloo] {
            #expect(errnoOf { _ = try path.attribute(name) } == ENODATA)
            #expect(errnoOf { try path.removeAttribute(name) } == ENODATA)
        }
        let foreign = [
            ("system.posix_acl_access", EOPNOTSUPP), ("security.selinux", EOPNOTSUPP), ("security.capability", ENODATA),
            ("system.x", ENODATA), ("user.x", ENODATA),
        ]
        for (name, code) in foreign {
            #expect(errnoOf { _ = try path.attribute(name) } == code)
        }
        for limit in ["0", "100"] {
            try path.setAttribute(Self.rating, limit)
            #expect(try path.rating() == limit)
        }
        try path.setAttribute(Self.rating, "\(value)")
    }
}
