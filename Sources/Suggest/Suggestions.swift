package import Library

/// Pairs of things that may be the same, for a person to decide: pure, no I/O.
package struct Suggestions {
    /// A thing as suggestions see it.
    package struct Candidate: Sendable {
        package let ref: EntityRef
        /// What it is part of now.
        package let entity: NodeNumber
        /// As its server says, without what tells namesakes apart.
        package var name: String?
        package var aliases: [String] = []
        /// What tells namesakes apart.
        package var disambiguation: String?
        /// Of performers the birth date; `YYYY-MM-DD` or the beginning of it.
        package var date: String?
        /// Seconds, of the primary file.
        package var duration: Double?
        /// Of the primary file.
        package var phash: UInt64?

        package init(ref: EntityRef, entity: NodeNumber, name: String? = nil) {
            self.ref = ref
            self.entity = entity
            self.name = name
        }
    }

    /// Why two things may be the same, or what speaks against it.
    package enum Reason: Sendable, Hashable {
        case sameName
        /// This alias of the one is the name of the other.
        case alias(String)
        case sameTitleAndDuration
        /// This many bits of the perceptual hashes differ.
        case nearPicture(bits: Int)
        case sameDate
        /// The one is less precise than the other.
        case compatibleDate
        case otherDate(String, String)
        case otherDisambiguation(String, String)
    }

    package struct Pair: Sendable, Equatable {
        /// Of the server with the lower number.
        package let first: EntityRef
        package let second: EntityRef
        /// The sum of the reasons' weights; only for sorting.
        package let score: Int
        /// The heaviest first.
        package let reasons: [Reason]
    }

    /// A name or a picture that more things of one server have than this tells nothing (every trailer is called "Trailer"),
    /// and would make as many pairs as the square of it.
    package static let commonFrom = 21
    /// Seconds: how much containers differ that hold the same film.
    package static let durationTolerance = 2.0
    /// Of the longer duration: what an intro or a cut ending makes of a film whose pictures are alike.
    package static let cutTolerance = 0.1

    /// All pairs of one kind that are worth a question, the best first.
    ///
    /// - Parameters:
    ///   - candidates: Things of one kind, each once.
    ///   - servers: Of each entity the servers that have a member in it, also those that are switched off. Two entities that
    ///     share a server cannot be joined.
    ///   - apart: Entities with a member that a person set apart.
    /// - Returns: One pair for two entities, even when several of their members resemble each other.
    package static func pairs(
        _ candidates: [Candidate], servers: [NodeNumber: Set<InstanceNumber>], apart: Set<NodeNumber>
    ) -> [Pair] {
        var suggestions = Suggestions(
            candidates: candidates.sorted { $0.ref < $1.ref }, servers: servers, apart: apart)
        suggestions.compareNames()
        suggestions.comparePictures()
        suggestions.compareDates()
        return suggestions.best()
    }

    private let candidates: [Candidate]
    private let servers: [NodeNumber: Set<InstanceNumber>]
    private let apart: Set<NodeNumber>
    private var found: [Places: [Reason]] = [:]

    /// Two places in `candidates`, the lower one first.
    private struct Places: Hashable {
        let first: Int
        let second: Int
    }

    private init(candidates: [Candidate], servers: [NodeNumber: Set<InstanceNumber>], apart: Set<NodeNumber>) {
        self.candidates = candidates
        self.servers = servers
        self.apart = apart
    }

    // MARK: Finding

    private mutating func add(_ a: Int, _ b: Int, _ reason: Reason) {
        let one = candidates[a]
        let other = candidates[b]
        guard one.ref.instance != other.ref.instance, one.entity != other.entity,
            !apart.contains(one.entity), !apart.contains(other.entity)
        else { return }
        let inOne = servers[one.entity] ?? [one.ref.instance]
        let inOther = servers[other.entity] ?? [other.ref.instance]
        guard inOne.isDisjoint(with: inOther) else { return }
        let places = Places(first: min(a, b), second: max(a, b))
        if found[places]?.contains(reason) != true { found[places, default: []].append(reason) }
    }

    private mutating func compareNames() {
        guard let kind = candidates.first?.ref.kind, kind != .image else { return }
        let keys = candidates.map { candidate in candidate.name.flatMap { LooseName.key($0, kind) } }
        var named: [String: [Int]] = [:]
        for (place, key) in keys.enumerated() {
            if let key { named[key, default: []].append(place) }
        }
        named = named.filter { !isCommon($0.value) }
        for places in named.values {
            for (index, place) in places.enumerated() {
                for other in places[(index + 1)...] { compareNamesakes(place, other) }
            }
        }
        for (place, candidate) in candidates.enumerated() {
            // An alias that only spells the name, or another alias, in another way is no second reason.
            var seen: Set<String> = keys[place].map { [$0] } ?? []
            for alias in candidate.aliases {
                guard let key = LooseName.key(alias, kind), seen.insert(key).inserted else { continue }
                for other in named[key] ?? [] { add(place, other, .alias(alias)) }
            }
        }
    }

    /// The title of a film is not enough: series are full of equal ones.
    private mutating func compareNamesakes(_ a: Int, _ b: Int) {
        guard candidates[a].ref.kind == .scene else { return add(a, b, .sameName) }
        guard let one = candidates[a].duration, let other = candidates[b].duration,
            abs(one - other) <= Self.durationTolerance
        else { return }
        add(a, b, .sameTitleAndDuration)
    }

    private mutating func comparePictures() {
        var places: [UInt64: [Int]] = [:]
        for (place, candidate) in candidates.enumerated() {
            if let phash = candidate.phash { places[phash, default: []].append(place) }
        }
        let different = places.filter { !isCommon($0.value) }.sorted { $0.key < $1.key }
        for (_, places) in different where places.count > 1 {
            for (index, place) in places.enumerated() {
                for other in places[(index + 1)...] { comparePicture(place, other, 0) }
            }
        }
        NearHashes(different.map(\.key)).forEachPair { a, b, distance in
            for place in different[a].value {
                for other in different[b].value { comparePicture(place, other, distance) }
            }
        }
    }

    private mutating func comparePicture(_ a: Int, _ b: Int, _ distance: Int) {
        if candidates[a].ref.kind == .scene {
            guard let one = candidates[a].duration, let other = candidates[b].duration,
                abs(one - other) <= max(one, other) * Self.cutTolerance
            else { return }
        }
        add(a, b, .nearPicture(bits: distance))
    }

    /// Dates and what tells namesakes apart find nothing; they strengthen or weaken what names have found.
    private mutating func compareDates() {
        for (places, _) in found {
            let one = candidates[places.first]
            let other = candidates[places.second]
            if let a = one.disambiguation, let b = other.disambiguation, LooseName.fold(a) != LooseName.fold(b) {
                found[places, default: []].append(.otherDisambiguation(a, b))
            }
            guard [.performer, .group, .gallery].contains(one.ref.kind), let a = one.date, let b = other.date else {
                continue
            }
            let reason: Reason =
                if a == b { .sameDate } else if a.hasPrefix(b) || b.hasPrefix(a) { .compatibleDate } else {
                    .otherDate(a, b)
                }
            found[places, default: []].append(reason)
        }
    }

    private func isCommon(_ places: [Int]) -> Bool {
        guard places.count >= Self.commonFrom else { return false }
        var counts: [InstanceNumber: Int] = [:]
        for place in places { counts[candidates[place].ref.instance, default: 0] += 1 }
        return counts.values.contains { $0 >= Self.commonFrom }
    }

    // MARK: Choosing

    /// Two entities, in whichever order they came.
    private struct Entities: Hashable {
        let low: NodeNumber
        let high: NodeNumber
    }

    private func best() -> [Pair] {
        var best: [Entities: Pair] = [:]
        for (places, reasons) in found {
            let one = candidates[places.first]
            let other = candidates[places.second]
            let pair = Pair(
                first: one.ref, second: other.ref, score: reasons.reduce(0) { $0 + $1.weight },
                reasons: reasons.sorted { ($1.weight, $0.text(one.ref.kind)) < ($0.weight, $1.text(one.ref.kind)) })
            guard pair.score > 0 else { continue }
            let entities = Entities(low: min(one.entity, other.entity), high: max(one.entity, other.entity))
            if best[entities].map({ Self.precedes(pair, $0) }) ?? true { best[entities] = pair }
        }
        return best.values.sorted(by: Self.precedes)
    }

    /// The order in which pairs are asked about: depends on nothing but the pairs.
    package static func precedes(_ a: Pair, _ b: Pair) -> Bool {
        if a.score != b.score { return a.score > b.score }
        if a.first.kind != b.first.kind { return a.first.kind.rawValue < b.first.kind.rawValue }
        return (a.first, a.second) < (b.first, b.second)
    }
}

extension Suggestions.Reason {
    /// How much it says, by experience of what is right how often: an equal name of people is right more often than not, an
    /// alias less often, and equal pictures almost always. What speaks against it is negative.
    package var weight: Int {
        switch self {
        case .sameName: 60
        case .alias: 45
        case .sameTitleAndDuration: 70
        case .nearPicture(let bits): 90 - 5 * bits
        case .sameDate: 30
        case .compatibleDate: 10
        case .otherDate: -40
        case .otherDisambiguation: -20
        }
    }

    /// A word for programs.
    package var code: String {
        switch self {
        case .sameName: "same-name"
        case .alias: "alias"
        case .sameTitleAndDuration: "same-title-and-duration"
        case .nearPicture: "near-picture"
        case .sameDate: "same-date"
        case .compatibleDate: "compatible-date"
        case .otherDate: "other-date"
        case .otherDisambiguation: "other-disambiguation"
        }
    }

    /// A clause for people.
    package func text(_ kind: Kind) -> String {
        let date = kind == .performer ? "birth date" : "date"
        return switch self {
        case .sameName: "same name"
        case .alias(let alias): "'\(alias)' is an alias of the one and the name of the other"
        case .sameTitleAndDuration: "same title, durations within \(Int(Suggestions.durationTolerance)) s"
        case .nearPicture(0): "same perceptual hash"
        case .nearPicture(let bits): "perceptual hashes differ in \(bits) of 64 bits"
        case .sameDate: "same \(date)"
        case .compatibleDate: "\(date)s agree as far as they are known"
        case .otherDate(let a, let b): "but other \(date)s: \(a) and \(b)"
        case .otherDisambiguation(let a, let b): "but told apart as '\(a)' and '\(b)'"
        }
    }
}
