import GRDB
package import Library

/// Which configured server is the one that Peek's rows speak of. Ids alone say nothing, they are the same everywhere, so
/// this answers only when something else does: a person, an address, a name, or the content.
package struct PeekMatching: Sendable {
    /// By what a server was recognised.
    package enum Basis: Sendable, Equatable {
        case chosen, address, only, name
        case content(PeekEvidence)
    }

    package enum Answer: Sendable, Equatable {
        case found(InstanceNumber, Basis)
        /// Nothing that is known decides.
        case undecided
        /// It would be this one, but Peek knew other things under the ids that this one has.
        case contradicted(InstanceNumber, PeekEvidence)
    }

    private let servers: [PeekServer]
    private let instances: [Instance]

    /// - Parameters:
    ///   - servers: Peek's servers with addresses in the form in which instances have theirs.
    ///   - instances: The configured ones.
    package init(servers: [PeekServer], instances: [Instance]) {
        self.servers = servers
        self.instances = instances
    }

    /// The row of `StashInstance` that an origin means. What is of no instance is of the only one, if there is only one:
    /// that is what Peek itself takes it for (its migration `multi_instance_schema`).
    package func server(of origin: PeekOrigin) -> PeekServer? {
        switch origin {
        case .instance(let id): servers.first { $0.id == id }
        case .unnamed: servers.count == 1 ? servers.first : nil
        }
    }

    /// - Parameters:
    ///   - origin: What the rows say.
    ///   - chosen: What a person says, who is believed.
    ///   - evidence: What comparing the contents gave, for every configured server.
    /// - Returns: The server, or why none can be named.
    package func answer(_ origin: PeekOrigin, chosen: InstanceNumber?, evidence: [PeekEvidence]) -> Answer {
        if let chosen { return .found(chosen, .chosen) }
        let server = server(of: origin)
        var candidates: [(Instance?, Basis)] = []
        candidates.append((single { $0.url == server?.url }, .address))
        if origin == .unnamed, servers.count <= 1 { candidates.append((single { _ in true }, .only)) }
        if let name = server?.name, servers.count(where: { Self.equal($0.name, name) }) == 1 {
            candidates.append((single { Self.equal($0.name, name) }, .name))
        }
        for case (let candidate?, let basis) in candidates {
            let found = evidence.first { $0.instance == candidate.number }
            // Everybody's server may be called Stash: a name alone says nothing.
            if basis == .name, found?.agreesAtAll != true || found?.comparable == 0 { continue }
            // A server that was set up anew has the same address and other things under its ids.
            if let found, found.contradicts {
                return .contradicted(candidate.number, found)
            }
            return .found(candidate.number, basis)
        }
        let agreeing = evidence.filter(\.agreesAtAll)
        if agreeing.count == 1, let best = agreeing.first, best.isClear {
            return .found(best.instance, .content(best))
        }
        return .undecided
    }

    private func single(_ fits: (Instance) -> Bool) -> Instance? {
        let fitting = instances.filter(fits)
        return fitting.count == 1 ? fitting.first : nil
    }

    private static func equal(_ a: String, _ b: String) -> Bool { a.lowercased() == b.lowercased() }
}

/// How what Peek cached of a server compares with what one configured server has under the same ids.
package struct PeekEvidence: Sendable, Equatable {
    package let instance: InstanceNumber
    /// Things that Peek had.
    package let sampled: Int
    /// Those of them whose ids exist at the server, with a title or a path on both sides.
    package let comparable: Int
    /// Those that have the same title or the same path.
    package let agreeing: Int

    package init(instance: InstanceNumber, sampled: Int, comparable: Int, agreeing: Int) {
        self.instance = instance
        self.sampled = sampled
        self.comparable = comparable
        self.agreeing = agreeing
    }

    /// Whether it is much enough to mean anything: twenty things, or all that there are if those are three at least.
    private var isMuch: Bool { comparable >= 20 || (comparable == sampled && comparable >= 3) }

    /// Nine of ten are the same, and most of what Peek had is there. The tenth is for what was renamed since.
    var isClear: Bool { isMuch && comparable * 2 >= sampled && agreeing * 10 >= comparable * 9 }

    /// More than half are the same, however few: two servers like that are two candidates.
    var agreesAtAll: Bool { agreeing * 2 > comparable }

    /// Most are something else.
    package var contradicts: Bool { isMuch && agreeing * 2 < comparable }
}

extension IndexDatabase {
    /// Compares what Peek cached with what each of these servers has under the same ids: one answer for each, also for
    /// one that was never synced and has nothing.
    package func evidence(_ samples: [PeekSample], at instances: [InstanceNumber]) throws -> [PeekEvidence] {
        try pool.read { db in
            let titles = try db.cachedStatement(
                sql: "SELECT title FROM member WHERE instance = ? AND kind = ? AND id = ?")
            let paths = try db.cachedStatement(
                sql: "SELECT path FROM file WHERE instance = ? AND kind = ? AND id = ?")
            return try instances.map { instance in
                var comparable = 0
                var agreeing = 0
                for sample in samples {
                    let key: StatementArguments = [instance.rawValue, sample.kind.rawValue, sample.id]
                    guard let row = try Row.fetchOne(titles, arguments: key) else { continue }
                    let title: String? = row[0]
                    let files = sample.path == nil ? [] : try String.fetchAll(paths, arguments: key)
                    let titlesCompare = Self.folded(title) != nil && Self.folded(sample.title) != nil
                    guard titlesCompare || !files.isEmpty else { continue }
                    comparable += 1
                    let isSame =
                        (titlesCompare && Self.folded(title) == Self.folded(sample.title))
                        || sample.path.map(files.contains) == true
                    if isSame { agreeing += 1 }
                }
                return PeekEvidence(
                    instance: instance, sampled: samples.count, comparable: comparable, agreeing: agreeing)
            }
        }
    }

    private static func folded(_ title: String?) -> String? {
        guard let title else { return nil }
        let key = NameRules.key(NameRules.clean(title))
        return key.isEmpty ? nil : key
    }
}
