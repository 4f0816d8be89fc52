import Derive
import Foundation
import GRDB
import Library
import Testing

/// What a derivation leaves alone must be what it would have written: random libraries are changed at random and derived in both
/// ways from equal databases, everything also in several portions. In both ways the time of a directory grows when what it lists changes, and only then. `PEEKFS_WORLDS` says how many; a failure names its seed.
@Suite struct `Deriving what has changed` {
    private static var seeds: UInt64 {
        ProcessInfo.processInfo.environment["PEEKFS_WORLDS"].flatMap(UInt64.init) ?? 12
    }

    @Test(.timeLimit(.minutes(30)))
    func `leads where deriving everything leads`() async throws {
        try await Self.change(Self.seeds) { try $0.derive() }
    }

    /// Cut off at some write to what must not change, as by SIGKILL, and done again: nobody has another number or name, and
    /// nothing is lost, also of what is at no server any more.
    @Test(.timeLimit(.minutes(30)))
    func `leads there also when it was killed on the way`() async throws {
        try await Self.change((Self.seeds + 1) / 2) { try $0.deriveAfterCut() }
    }

    private static func change(
        _ seeds: UInt64, _ derive: @escaping @Sendable (ChangingLibrary) throws -> [String]
    ) async throws {
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            Thread.detachNewThread { done.resume(with: Result { try compare(seeds, derive) }) }
        }
    }

    private static func compare(_ seeds: UInt64, _ derive: (ChangingLibrary) throws -> [String]) throws {
        for seed in 1...seeds {
            let library = try ChangingLibrary(seed: seed)
            for _ in 0..<30 {
                try library.change()
                let differences = try derive(library)
                if !differences.isEmpty {
                    Issue.record(
                        """
                        seed \(seed)
                        \(library.log.joined(separator: "\n"))
                        \(differences.prefix(40).joined(separator: "\n"))
                        """)
                    return
                }
            }
        }
    }
}

/// Three servers with things of every kind, and someone who changes them.
private final class ChangingLibrary {
    let box: Sandbox
    var random: Random
    var log: [String] = []
    private var instances: [InstanceNumber] = []
    private var records: [InstanceNumber: [EntityRef: MemberRecord]] = [:]
    private var pictures: [InstanceNumber: Set<EntityRef>] = [:]
    private var nextID: [InstanceNumber: Int64] = [:]
    private var shown: DirectoryListings?

    init(seed: UInt64) throws {
        random = Random(seed: seed)
        box = try Sandbox()
        for name in ["attic", "barn", "cellar"].prefix(pick(2...3)) {
            let instance = try box.instance(name)
            instances.append(instance)
            for _ in 0..<pick(8...20) { make(instance) }
            try sync(instance)
        }
        try Derivation(state: box.state, index: box.index).run()
        shown = try Self.listings(box.directory)
    }

    private func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    private func isLucky(_ chance: Int) -> Bool { pick(1...100) <= chance }
    private func name(_ ref: EntityRef) -> String { "\(ref.instance.rawValue)-\(ref.kind)-\(ref.id)" }
    private func any<T>(_ values: [T]) -> T? { values.randomElement(using: &random) }

    // MARK: Things

    private func make(_ instance: InstanceNumber) {
        let id = nextID[instance, default: 1]
        nextID[instance] = id + 1
        guard let kind = any(Kind.allCases + [.scene, .image, .tag]) else { return }
        let ref = EntityRef(instance: instance, kind: kind, id: id)
        var made = record(instance, kind, id, title())
        if kind.isFile || kind == .gallery { made.files = [file(kind)] }
        records[instance, default: [:]][ref] = made
        edit(ref)
    }

    private func title() -> String? { isLucky(15) ? nil : any(["Alpha", "alpha", "Beta", "Gamma", "x.mp4", "Delta"]) }

    private func file(_ kind: Kind) -> FileRecord {
        let folder = any(["", "/a", "/a/b", "/A", "/a/clip.mp4", "/c/d"]) ?? ""
        let name = any(kind == .image ? ["one.jpg", "two.jpg", "ONE.jpg"] : ["clip.mp4", "other.mp4"]) ?? ""
        var file = FileRecord(
            path: "/data\(folder)/\(name)", basename: name, size: Int64(pick(1...3)) * 1000,
            modified: Int64(pick(1...4)) * 1_000_000)
        if isLucky(40) { file.oshash = any(["aa", "bb", "cc"]) }
        if isLucky(30) { file.md5 = any(["11", "22"]) }
        return file
    }

    /// Changes one thing in one or several ways.
    private func edit(_ ref: EntityRef) {
        guard var thing = records[ref.instance]?[ref] else { return }
        let others = records[ref.instance, default: [:]].keys.sorted()
        func links(_ kind: Kind, _ most: Int) -> [LinkRecord] {
            let ids = others.filter { $0.kind == kind && $0 != ref }.map(\.id).shuffled(using: &random)
            return ids.prefix(pick(0...most)).map {
                LinkRecord(kind: kind, id: $0, position: kind == .group && isLucky(60) ? Int64(pick(1...5)) : nil)
            }
        }
        repeat {
            switch pick(0...6) {
            case 0: thing.title = title()
            case 1:
                thing.stashIDs = (0..<pick(0...2)).map { _ in
                    StashIDRecord(endpoint: "https://box/graphql", stashID: "id\(pick(1...5))")
                }
            case 2 where !thing.files.isEmpty: thing.files = [file(ref.kind)]
            case 3 where ref.kind == .scene:
                thing.interactive = isLucky(50)
                thing.captions = isLucky(50) ? [CaptionRecord(language: "en", type: "vtt")] : []
            case 4: if isLucky(50) { pictures[ref.instance, default: []].formSymmetricDifference([ref]) }
            case 5: thing.modified += 1
            default:
                switch ref.kind {
                case .scene:
                    thing.links =
                        links(.performer, 2) + links(.studio, 1) + links(.tag, 2) + links(.group, 2)
                        + links(.gallery, 1)
                case .image: thing.links = links(.gallery, 2) + links(.performer, 1) + links(.tag, 1)
                case .gallery: thing.links = links(.performer, 2) + links(.studio, 1)
                case .studio, .tag, .group: thing.links = links(ref.kind, ref.kind == .studio ? 1 : 2)
                case .performer: break
                }
            }
        } while isLucky(40)
        records[ref.instance]?[ref] = thing
    }

    // MARK: Changes

    func change() throws {
        guard let instance = any(instances) else { return }
        switch pick(0...15) {
        case 0...6:
            for ref in records[instance, default: [:]].keys.sorted().shuffled(using: &random).prefix(pick(1...3)) {
                edit(ref)
                log.append("edit \(name(ref))")
            }
            try sync(instance)
        case 7, 8:
            make(instance)
            log.append("new at \(instance.rawValue)")
            try sync(instance)
        case 9, 10:
            for ref in records[instance, default: [:]].keys.sorted().shuffled(using: &random).prefix(pick(1...3)) {
                records[instance]?[ref] = nil
                log.append("\(name(ref)) goes")
            }
            try sync(instance)
            if isLucky(50) { try sync(instance) }
        case 11: try replace(instance)
        case 12, 13: try decide()
        case 14:
            let isEnabled = isLucky(60)
            log.append("\(instance.rawValue) enabled \(isEnabled)")
            try box.state.changeInstance(instance, InstanceChange(enabled: isEnabled))
        default:
            log.append("another priority for \(instance.rawValue)")
            try box.state.changeInstance(instance, InstanceChange(priority: Int64(pick(0...9))))
        }
    }

    /// The server has the same thing under another id.
    private func replace(_ instance: InstanceNumber) throws {
        guard let ref = any(records[instance, default: [:]].keys.sorted()), var thing = records[instance]?[ref] else {
            return
        }
        let heir = EntityRef(instance: instance, kind: ref.kind, id: nextID[instance, default: 1])
        nextID[instance] = heir.id + 1
        log.append("\(name(ref)) becomes \(heir.id)")
        thing.ref = heir
        records[instance]?[ref] = nil
        records[instance]?[heir] = thing
        try sync(instance)
    }

    private func decide() throws {
        let all = records.values.flatMap(\.keys).sorted()
        guard let a = any(all), let b = any(all.filter { $0.kind == a.kind && $0.instance != a.instance }) else {
            return
        }
        do {
            switch pick(0...3) {
            case 0, 1:
                log.append("link \(name(a)) \(name(b))")
                try box.state.link(a, b)
            case 2:
                log.append("split \(name(a))")
                _ = try box.state.split(a)
            default:
                log.append("undo split \(name(a))")
                try box.state.undoSplit(a)
            }
        } catch is DecisionError {}
    }

    private func sync(_ instance: InstanceNumber) throws {
        let pass = try box.index.beginPass(instance)
        let things = records[instance, default: [:]]
        _ = try box.index.store(things.values.sorted { $0.ref < $1.ref }, in: pass)
        for kind in Kind.allCases {
            let seen = IDSet(things.keys.filter { $0.kind == kind }.map(\.id))
            _ = try box.index.finish(kind, in: pass, seen: seen, force: true)
            guard [.performer, .studio, .tag, .group].contains(kind) else { continue }
            let without = IDSet(
                seen.filter {
                    !pictures[instance, default: []].contains(EntityRef(instance: instance, kind: kind, id: $0))
                })
            _ = try box.index.setPictures(missing: without, among: seen, kind: kind, instance: instance)
        }
        let sidecars = try box.index.pendingSidecars(of: instance).map { request in
            SidecarRecord(
                ref: request.ref, kind: request.kind, position: request.position, language: request.language,
                type: request.type, size: Int64(pick(0...2)), learnedFor: request.updatedAt)
        }
        try box.index.store(sidecars)
        try box.index.endPass(pass, error: nil)
    }

    // MARK: Both ways

    /// Derives what has changed here, and everything in a copy.
    ///
    /// - Returns: The rows in which the two differ.
    func derive() throws -> [String] {
        let twin = try copy()
        defer { try? FileManager.default.removeItem(atPath: twin) }
        try Derivation(state: box.state, index: box.index).run()
        let (state, index) = try Self.open(twin)
        try index.pool.write { try IndexDatabase.markAllDirty($0) }
        try Derivation(state: state, index: index, portion: isLucky(50) ? 1 : 20).run()
        let (ours, theirs) = (try Self.rows(box.directory), try Self.rows(twin))
        let now = try Self.listings(box.directory)
        let times = try shown.map { former in
            try now.wrongTimes(after: former).map { "time here:  \($0)" }
                + Self.listings(twin).wrongTimes(after: former).map { "time whole: \($0)" }
        }
        shown = now
        return ours.subtracting(theirs).sorted().map { "only here:  \($0)" }
            + theirs.subtracting(ours).sorted().map { "only whole: \($0)" } + (times ?? [])
    }

    private func copy() throws -> String {
        let twin = NSTemporaryDirectory() + "twin-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: twin, withIntermediateDirectories: true)
        for name in ["index.sqlite", "state.sqlite"] {
            let queue = try DatabaseQueue(path: box.directory + "/" + name)
            try queue.writeWithoutTransaction { try $0.execute(sql: "VACUUM INTO ?", arguments: [twin + "/" + name]) }
        }
        return twin
    }

    private static func open(_ directory: String) throws -> (StateDatabase, IndexDatabase) {
        let state = try StateDatabase(directory: directory)
        return (state, try IndexDatabase(directory: directory, libraryID: state.libraryID))
    }

    // MARK: Cut off

    /// Derives here, and in a copy where the first try fails at some write to the state database.
    ///
    /// - Returns: The rows in which the two differ.
    func deriveAfterCut() throws -> [String] {
        let twin = try copy()
        defer { try? FileManager.default.removeItem(atPath: twin) }
        let portion = isLucky(50) ? 1 : 20
        let here = Fuse(box.directory)
        try here.arm(after: Self.never)
        try Derivation(state: box.state, index: box.index, portion: portion).run()
        let writes = Self.never - (try here.disarm())
        guard writes > 0 else { return [] }

        let (state, index) = try Self.open(twin)
        let there = Fuse(twin)
        let place = pick(1...writes)
        try there.arm(after: place)
        let derivation = Derivation(state: state, index: index, portion: portion)
        #expect(throws: DatabaseError.self) { try derivation.run() }
        try there.disarm()
        log.append("killed at write \(place) of \(writes)")
        try derivation.run()
        #expect(try !instances.contains { try index.isDerivationDue(for: $0) })
        // What a successor is known by is kept with the run after it was found, which may have been the killed one.
        try Derivation(state: box.state, index: box.index).run()
        try derivation.run()
        let (whole, cut) = (try Self.rows(box.directory), try Self.rows(twin))
        return cut.subtracting(whole).sorted().map { "only killed: \($0)" }
            + whole.subtracting(cut).sorted().map { "only whole:  \($0)" }
    }

    private static let never = 1_000_000

    private static func listings(_ directory: String) throws -> DirectoryListings {
        try DirectoryListings(index: directory + "/index.sqlite", state: directory + "/state.sqlite")
    }

    private static func rows(_ directory: String) throws -> Set<String> {
        let index = [
            "SELECT * FROM node", "SELECT * FROM link", "SELECT * FROM media", "SELECT * FROM folder",
            "SELECT * FROM folder_file", "SELECT * FROM entity_member", "SELECT * FROM refusal",
            "SELECT * FROM sidecar",
            "SELECT * FROM dirty", "SELECT * FROM decided", "SELECT instance, kind, id, number, entity FROM member",
        ]
        let state = [
            "SELECT * FROM member", "SELECT * FROM name", "SELECT instance, kind, id, successor FROM successor",
            "SELECT * FROM trace",
        ]
        return try rows(directory + "/index.sqlite", index).union(rows(directory + "/state.sqlite", state))
    }

    private static func rows(_ path: String, _ queries: [String]) throws -> Set<String> {
        try DatabaseQueue(path: path).read { db in
            var rows: Set<String> = []
            for query in queries {
                for row in try Row.fetchAll(db, sql: query) {
                    rows.insert("\(query): " + row.map { "\($0)=\($1)" }.joined(separator: " "))
                }
            }
            return rows
        }
    }
}
