import Foundation
import Library
import Testing

/// Random histories. `PEEKFS_WORLDS` says how many; a failure names its seed.
@Suite struct `Whatever happens to the servers` {
    private static var worlds: UInt64 {
        ProcessInfo.processInfo.environment["PEEKFS_WORLDS"].flatMap(UInt64.init) ?? 12
    }

    /// On a thread of its own: what computes for long keeps the pool's few threads from everybody else.
    private func alone(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            Thread.detachNewThread { done.resume(with: Result(catching: body)) }
        }
    }

    @Test(.timeLimit(.minutes(30)))
    func `paths lead where they led, people's values stay, and no entity has two of one server`() async throws {
        try await alone { try Self.keep() }
    }

    private static func keep() throws {
        for seed in 1...worlds {
            let history = try History(seed: seed)
            for _ in 0..<25 {
                try history.step()
                if let broken = try history.broken() {
                    Issue.record("seed \(seed): \(broken)\n\(history.log.joined(separator: "\n"))")
                    return
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(30)))
    func `the same servers and decisions make the same entities in every order`() async throws {
        try await alone { try Self.reorder() }
    }

    private static func reorder() throws {
        for seed in 1...max(worlds / 2, 6) {
            let history = try History(seed: seed)
            for _ in 0..<15 { try history.step() }
            try history.settle()
            let (twin, missing) = try history.twin()
            let (ours, theirs) = (try history.world.entities(), try twin.entities())
            #expect(ours == theirs, "seed \(seed), \(missing) \(history.log.joined(separator: "\n"))")
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `a link that is taken back by a split leaves everything as it was`() async throws {
        try await alone { try Self.linkAndSplit() }
    }

    private static func linkAndSplit() throws {
        var linked = 0
        for seed in 1...max(worlds / 2, 6) {
            let history = try History(seed: seed)
            for _ in 0..<10 { try history.step() }
            let world = history.world
            let before = try world.entities()
            let listing = try world.listing().mapValues(\.members)
            let free = world.shown.filter { $0.kind == .scene && !history.isLinked($0) }
            guard let a = free.randomElement(using: &history.random),
                let b = free.filter({ $0.server != a.server }).randomElement(using: &history.random),
                let refA = world.ref(a), let refB = world.ref(b)
            else { continue }
            do { try world.state.link(refA, refB) } catch is DecisionError { continue }
            try world.derive()
            #expect(try world.entity(of: a).contains(b), "seed \(seed)")
            let outcome = try world.state.split(refA)
            #expect(outcome == .tookBack([refB]), "seed \(seed)")
            try world.derive()
            #expect(try world.entities() == before, "seed \(seed)")
            #expect(try world.listing().mapValues(\.members) == listing, "seed \(seed)")
            linked += 1
        }
        #expect(linked > 1)
    }
}

/// One history with what has been seen of it.
private final class History {
    let world: World
    var random: Random
    var log: [String] = []
    /// What each name stood for when it was last listed.
    private var seen: [String: (number: NodeNumber, members: Set<World.Place>)] = [:]
    /// Names of things whose title has changed since: another thing may get them.
    private var former: Set<String> = []
    /// The last rating that each thing was given, by its own path or as part of an entity; higher is later.
    private var rated: [World.Place: Int64] = [:]
    private var ratings: Int64 = 0
    private var rows = 0
    private let uid: UInt32 = 1000
    private static let names = ["alpha", "beta", "gamma", "delta"]

    init(seed: UInt64) throws {
        random = Random(seed: seed)
        world = try World(servers: Self.names.shuffled(using: &random))
        for name in Self.names {
            for _ in 0..<4 { make(name) }
            try world.sync(name)
        }
        try world.derive()
        try look()
    }

    private func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    private func make(_ name: String) {
        guard var server = world.servers[name] else { return }
        let kind: Kind = pick(0...3) == 0 ? .performer : .scene
        var thing = World.Thing(title: "Title \(pick(1...4))")
        if pick(0...2) > 0 { thing.stashIDs = Array(Set((0..<pick(1...2)).map { _ in "id\(pick(1...6))" })).sorted() }
        if kind == .scene, pick(0...3) == 0 { thing.oshash = "hash\(pick(1...3))" }
        server.things[kind]?[server.nextID] = thing
        server.nextID += 1
        world.servers[name] = server
    }

    func isLinked(_ place: World.Place) -> Bool {
        guard let ref = world.ref(place), let decisions = try? world.state.decisions(),
            let heirs = try? world.state.successors()
        else { return false }
        func current(_ ref: EntityRef) -> EntityRef {
            var ref = ref
            for _ in 0..<20 { ref = heirs[ref] ?? ref }
            return ref
        }
        return decisions.contains {
            if case .link(let a, let b) = $0.what { return current(a) == ref || current(b) == ref }
            return false
        }
    }

    // MARK: One step

    func step() throws {
        guard let name = Self.names.randomElement(using: &random), let server = world.servers[name] else { return }
        switch pick(0...12) {
        case 0, 1:
            log.append("\(name): more")
            make(name)
            try syncAndDerive(name)
        case 2: try edit(name)
        case 3: try replace(name)
        case 4:
            guard server.isAdded, let kind = server.things.keys.sorted(by: { $0.rawValue < $1.rawValue }).last,
                let id = server.things[kind]?.keys.sorted().randomElement(using: &random)
            else { return }
            log.append("\(name): \(kind) \(id) goes")
            world.servers[name]?.things[kind]?[id] = nil
            try syncAndDerive(name)
            try syncAndDerive(name)
        case 5:
            guard server.isAdded else { return }
            log.append("\(name): enabled \(!server.isEnabled)")
            try world.enable(name, !server.isEnabled)
            try world.derive()
            try syncAndDerive(name)
        case 6, 7:
            log.append("\(name): \(server.isAdded ? "removed" : "added again")")
            if server.isAdded { try world.remove(name) } else { try world.addAgain(name) }
            try world.derive()
            try syncAndDerive(name)
        case 8:
            guard server.isAdded else { return }
            let priority = Int64(pick(0...50))
            log.append("\(name): priority \(priority)")
            try world.state.changeInstance(server.number, InstanceChange(priority: priority))
            try world.derive()
        case 9:
            log.append("the index is lost")
            try world.loseIndex()
            for name in Self.names.shuffled(using: &random) {
                log.append("  \(name) is synced")
                try world.sync(name)
                if pick(0...1) == 0 { try world.derive() }
            }
            try world.derive()
        case 10, 11: try decide()
        default: try rate()
        }
    }

    private func syncAndDerive(_ name: String) throws {
        try world.sync(name)
        try world.derive()
    }

    private func edit(_ name: String) throws {
        guard let id = world.servers[name]?.things[.scene]?.keys.sorted().randomElement(using: &random) else { return }
        let place = World.Place(server: name, kind: .scene, id: id)
        if pick(0...1) == 0 {
            log.append("\(name): scene \(id) is called otherwise")
            world.servers[name]?.things[.scene]?[id]?.title = "Title \(pick(1...6))"
            former.formUnion(seen.filter { $0.value.members.contains(place) }.keys)
        } else {
            log.append("\(name): scene \(id) gets another id")
            world.servers[name]?.things[.scene]?[id]?.stashIDs = ["id\(pick(1...6))"]
        }
        try syncAndDerive(name)
    }

    /// The server removes a scene and scans its file again.
    private func replace(_ name: String) throws {
        guard var server = world.servers[name], server.isAdded, server.isEnabled,
            let id = server.things[.scene]?.filter({ $1.oshash != nil }).keys.sorted().randomElement(using: &random),
            let thing = server.things[.scene]?[id]
        else { return }
        // Only where nothing else at this server could be taken for it.
        guard server.things[.scene]?.values.filter({ $0.oshash == thing.oshash }).count == 1 else { return }
        let heir = server.nextID
        log.append("\(name): scene \(id) becomes \(heir)")
        server.things[.scene]?[id] = nil
        server.things[.scene]?[heir] = thing
        server.nextID += 1
        world.servers[name] = server
        try syncAndDerive(name)
        let (old, new) = (
            World.Place(server: name, kind: .scene, id: id), World.Place(server: name, kind: .scene, id: heir)
        )
        rated[new] = rated[old]
        for (path, known) in seen where known.members.contains(old) {
            seen[path] = (known.number, known.members.subtracting([old]).union([new]))
        }
    }

    private func decide() throws {
        let places = world.shown.filter { $0.kind == .scene }
        guard let a = places.randomElement(using: &random), let refA = world.ref(a),
            let b = places.filter({ $0.server != a.server }).randomElement(using: &random), let refB = world.ref(b)
        else { return }
        do {
            switch pick(0...3) {
            case 0, 1:
                try world.state.link(refA, refB)
                log.append("link \(a) \(b)")
            case 2:
                let outcome = try world.state.split(refA)
                log.append("split \(a): \(outcome)")
            default:
                try world.state.undoSplit(refA)
                log.append("undo split \(a)")
            }
        } catch is DecisionError {}
        try world.derive()
    }

    private func rate() throws {
        guard let place = world.shown.randomElement(using: &random), let ref = world.ref(place) else { return }
        let members = try world.state.members(togetherWith: ref)
        ratings += 1
        log.append("rate \(place) and \(members.count - 1) more")
        try world.state.setPersonal(.playCount, .integer(ratings), of: members, uid: uid)
        for member in members { rated[world.place(member)] = ratings }
    }

    // MARK: What must hold

    func broken() throws -> String? {
        for place in world.shown {
            let entity = try world.entity(of: place)
            if !entity.contains(place) { return "\(place) is in no entity" }
            if Set(entity.map(\.server)).count != entity.count { return "two of one server: \(entity.sorted())" }
        }
        if let broken = try brokenPath() { return broken }
        if let broken = try brokenValue() { return broken }
        try look()
        return nil
    }

    private func brokenPath() throws -> String? {
        let shown = Set(world.shown)
        let listing = try world.listing()
        for (name, known) in seen.sorted(by: { $0.key < $1.key }) {
            let left = known.members.intersection(shown)
            guard !left.isEmpty else { continue }
            guard !former.contains(name) else { continue }
            guard let now = try world.resolve(name) else { return "\(name) leads nowhere, but \(left) is there" }
            if now.isDisjoint(with: left) { return "\(name) led to \(known.members), now to \(now)" }
            if let again = listing[name], again.members == known.members, again.number != known.number {
                return "\(name) of \(known.members) had number \(known.number), now \(again.number)"
            }
        }
        return nil
    }

    private func brokenValue() throws -> String? {
        for (place, rating) in rated.sorted(by: { $0.key < $1.key }) {
            guard let ref = world.ref(place) else { continue }
            let members = try world.state.members(togetherWith: ref)
            let value = try world.state.personal(.playCount, of: members, uid: uid)
            guard case .integer(let found) = value, found >= rating else {
                return "\(place) was rated \(rating) and has \(String(describing: value))"
            }
        }
        let count = try world.servers.values.reduce(0) { try $0 + world.state.personalCount(of: $1.number) }
        defer { rows = count }
        return count < rows ? "\(rows - count) values are gone" : nil
    }

    /// Takes the names as they are listed now, and where those lead that are listed no more.
    func look() throws {
        let listing = try world.listing()
        for (name, known) in seen where listing[name] == nil {
            guard let now = try world.resolve(name), !now.isEmpty else { continue }
            seen[name] = (known.number, now)
        }
        for (name, found) in listing { seen[name] = found }
    }

    // MARK: The same in another order

    /// Lets every server be synced so that nothing waits for a second pass.
    func settle() throws {
        for name in Self.names where world.servers[name]?.isAdded == true { try world.enable(name, true) }
        for _ in 0..<2 { for name in Self.names { try world.sync(name) } }
        try world.derive()
        try world.derive()
    }

    /// A fresh library of the same servers and decisions, everything in another order.
    func twin() throws -> (World, missing: Int) {
        let twin = try World(servers: Self.names.shuffled(using: &random))
        for (name, server) in world.servers {
            twin.servers[name]?.things = server.things
            if !server.isAdded { try twin.remove(name) } else if !server.isEnabled { try twin.enable(name, true) }
        }
        for name in Self.names.shuffled(using: &random) {
            try twin.sync(name)
            if pick(0...1) == 0 { try twin.derive() }
        }
        try twin.derive()
        let heirs = try world.state.successors()
        func there(_ ref: EntityRef) -> EntityRef? {
            var ref = ref
            for _ in 0..<20 { ref = heirs[ref] ?? ref }
            return twin.ref(world.place(ref))
        }
        var missing = 0
        for decision in try world.state.decisions().shuffled(using: &random) {
            do {
                switch decision.what {
                case .link(let a, let b):
                    if let a = there(a), let b = there(b) { try twin.state.link(a, b) }
                case .split(let ref):
                    if let ref = there(ref) { _ = try splitDirectly(ref, in: twin) }
                }
            } catch is DecisionError { missing += 1 }
        }
        for (name, server) in world.servers where server.isAdded && !server.isEnabled { try twin.enable(name, false) }
        try twin.derive()
        return (twin, missing)
    }

    /// `split` first takes links back: where both were decided, the split was decided first.
    private func splitDirectly(_ ref: EntityRef, in twin: World) throws -> SplitOutcome {
        let outcome = try twin.state.split(ref)
        guard case .tookBack(let others) = outcome else { return outcome }
        _ = try twin.state.split(ref)
        for other in others { try twin.state.link(ref, other) }
        return outcome
    }
}
