import Foundation
import GRDB

/// What a person decided about identity, as it is stored.
package struct Decision: Sendable, Equatable {
    package enum What: Sendable, Equatable {
        /// Two things of different servers are the same; the one with the lower instance number comes first.
        case link(EntityRef, EntityRef)
        /// Nothing but a link by hand joins this to anything.
        case split(EntityRef)
    }

    package let what: What
    /// Unix seconds.
    package let madeAt: Int64
}

/// What `split` did.
package enum SplitOutcome: Sendable, Equatable {
    /// Links by hand were taken back: to these things.
    case tookBack([EntityRef])
    /// From now on no automatic evidence about the thing counts.
    case setApart
}

/// Why a decision was refused; nothing was changed. Things are named as `attic:scene:123`.
package enum DecisionError: Error, Equatable, CustomStringConvertible {
    case sameServer(String, String)
    case differentKinds(String, String)
    case unknown(String)
    /// The two that would meet are of one server; the link by hand is what stands in the way.
    case contradicts(link: String, String, meeting: String, String)
    case alreadyLinked(String, String)
    case alreadySplit(String)
    case notLinked(String, String)
    /// The second is what the thing is linked with by hand, if it is.
    case notSplit(String, linkedWith: String?)

    package var description: String {
        switch self {
        case .sameServer(let a, let b):
            a == b
                ? "\(a) is one thing: it cannot be linked with itself"
                : "\(a) and \(b) are of one server, which alone can make them one"
        case .differentKinds(let a, let b): "\(a) and \(b) are of different kinds"
        case .unknown(let name): "there is no \(name), and no sync has ever seen it"
        case .contradicts(let a, let b, let first, let second):
            "the link by hand between \(a) and \(b) says something else: \(first) and \(second), of one server, would become one"
        case .alreadyLinked(let a, let b): "\(a) and \(b) are linked by hand already"
        case .alreadySplit(let name): "\(name) is set apart by hand already"
        case .notLinked(let a, let b): "there is nothing to undo: \(a) and \(b) are not linked by hand"
        case .notSplit(let name, .none): "there is nothing to undo: \(name) is not set apart by hand"
        case .notSplit(let name, .some(let other)):
            "\(name) is not set apart by hand, but linked with \(other); name both to undo that"
        }
    }
}

extension StateDatabase {
    /// Says that two things are the same. It takes effect with the next derivation.
    ///
    /// - Throws: `DecisionError`; in particular when links alone would put two things of one server together.
    package func link(_ a: EntityRef, _ b: EntityRef) throws {
        try pool.write { db in
            let hand = try DecisionsByHand(db)
            guard a.kind == b.kind else { throw DecisionError.differentKinds(hand.name(a), hand.name(b)) }
            guard a.instance != b.instance else { throw DecisionError.sameServer(hand.name(a), hand.name(b)) }
            for ref in [a, b] { try hand.requireKnown(ref, db) }
            guard !hand.isLinked(a, b) else { throw DecisionError.alreadyLinked(hand.name(a), hand.name(b)) }
            try hand.refuseContradiction(a, b)
            let (low, high) = a < b ? (a, b) : (b, a)
            try db.execute(
                sql: """
                    INSERT INTO hand_link (kind, instance, id, other_instance, other_id, made_at)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    low.kind.rawValue, low.instance.rawValue, low.id, high.instance.rawValue, high.id, Self.now(),
                ])
        }
    }

    /// Takes a thing out of what it is joined with: its links by hand are taken back if it has any, otherwise all automatic
    /// evidence about it is ignored from the next derivation on.
    package func split(_ ref: EntityRef) throws -> SplitOutcome {
        try pool.write { db in
            let hand = try DecisionsByHand(db)
            try hand.requireKnown(ref, db)
            let links = hand.links(of: ref)
            if !links.isEmpty {
                for link in links { try Self.delete(link.stored, db) }
                return .tookBack(links.map(\.other).sorted())
            }
            guard hand.splits(of: ref).isEmpty else { throw DecisionError.alreadySplit(hand.name(ref)) }
            try db.execute(
                sql: "INSERT INTO hand_split (instance, kind, id, made_at) VALUES (?, ?, ?, ?)",
                arguments: [ref.instance.rawValue, ref.kind.rawValue, ref.id, Self.now()])
            return .setApart
        }
    }

    /// Lets automatic evidence about a thing count again.
    package func undoSplit(_ ref: EntityRef) throws {
        try pool.write { db in
            let hand = try DecisionsByHand(db)
            let splits = hand.splits(of: ref)
            guard !splits.isEmpty else {
                throw DecisionError.notSplit(
                    hand.name(ref), linkedWith: hand.links(of: ref).first.map { hand.name($0.other) })
            }
            for split in splits { try Self.delete(.split(split), db) }
        }
    }

    /// Takes the link by hand between two things back, whichever comes first.
    package func undoLink(_ a: EntityRef, _ b: EntityRef) throws {
        try pool.write { db in
            let hand = try DecisionsByHand(db)
            let links = hand.links(of: a).filter { $0.other == hand.current(b) }
            guard !links.isEmpty else { throw DecisionError.notLinked(hand.name(a), hand.name(b)) }
            for link in links { try Self.delete(link.stored, db) }
        }
    }

    /// All decisions, the newest first; those of one second by what they are about.
    package func decisions() throws -> [Decision] {
        try pool.read { db in try DecisionsByHand(db).decisions }
    }

    /// Where decisions about a thing count now: its successor's, when its server replaced it.
    package func successors() throws -> [EntityRef: EntityRef] {
        try pool.read { db in try DecisionsByHand(db).successors }
    }

    private static func now() -> Int64 { Int64(Date().timeIntervalSince1970) }

    private static func delete(_ what: Decision.What, _ db: Database) throws {
        switch what {
        case .link(let low, let high):
            try db.execute(
                sql: """
                    DELETE FROM hand_link
                    WHERE kind = ? AND instance = ? AND id = ? AND other_instance = ? AND other_id = ?
                    """,
                arguments: [low.kind.rawValue, low.instance.rawValue, low.id, high.instance.rawValue, high.id])
        case .split(let ref):
            try db.execute(
                sql: "DELETE FROM hand_split WHERE instance = ? AND kind = ? AND id = ?",
                arguments: [ref.instance.rawValue, ref.kind.rawValue, ref.id])
        }
    }
}

/// All decisions as one transaction sees them. There are as many as people had patience for, so they are read whole.
private struct DecisionsByHand {
    /// Newest first.
    let decisions: [Decision]
    let successors: [EntityRef: EntityRef]
    private let instances: [InstanceNumber: String]

    /// A link as one of its ends sees it.
    struct Link {
        let other: EntityRef
        /// As its row has it: with the ids of the day on which it was made.
        let stored: Decision.What
    }

    init(_ db: Database) throws {
        var decisions: [Decision] = []
        for row in try Row.fetchAll(db, sql: "SELECT * FROM hand_link") {
            guard let kind = Kind(rawValue: row["kind"]) else { continue }
            let low = EntityRef(instance: InstanceNumber(row["instance"]), kind: kind, id: row["id"])
            let high = EntityRef(instance: InstanceNumber(row["other_instance"]), kind: kind, id: row["other_id"])
            decisions.append(Decision(what: .link(low, high), madeAt: row["made_at"]))
        }
        for row in try Row.fetchAll(db, sql: "SELECT * FROM hand_split") {
            guard let kind = Kind(rawValue: row["kind"]) else { continue }
            let ref = EntityRef(instance: InstanceNumber(row["instance"]), kind: kind, id: row["id"])
            decisions.append(Decision(what: .split(ref), madeAt: row["made_at"]))
        }
        self.decisions = decisions.sorted { ($1.madeAt, $0.what.refs[0]) < ($0.madeAt, $1.what.refs[0]) }
        var successors: [EntityRef: EntityRef] = [:]
        for row in try Row.fetchAll(db, sql: "SELECT instance, kind, id, successor FROM successor") {
            guard let kind = Kind(rawValue: row["kind"]) else { continue }
            let instance = InstanceNumber(row["instance"])
            successors[EntityRef(instance: instance, kind: kind, id: row["id"])] = EntityRef(
                instance: instance, kind: kind, id: row["successor"])
        }
        self.successors = successors
        var instances: [InstanceNumber: String] = [:]
        for row in try Row.fetchAll(db, sql: "SELECT number, name FROM instance") {
            instances[InstanceNumber(row["number"])] = row["name"]
        }
        self.instances = instances
    }

    func name(_ ref: EntityRef) -> String { EntityName.text(ref, instance: instances[ref.instance]) }

    /// What stands for a thing today.
    func current(_ ref: EntityRef) -> EntityRef { ref.current(successors) }

    func requireKnown(_ ref: EntityRef, _ db: Database) throws {
        let found = try Bool.fetchOne(
            db, sql: "SELECT 1 FROM member WHERE instance = ? AND kind = ? AND id = ?",
            arguments: [ref.instance.rawValue, ref.kind.rawValue, ref.id])
        if found != true { throw DecisionError.unknown(name(ref)) }
    }

    func links(of ref: EntityRef) -> [Link] {
        let ref = current(ref)
        return decisions.compactMap { decision in
            guard case .link(let low, let high) = decision.what else { return nil }
            if current(low) == ref { return Link(other: current(high), stored: decision.what) }
            if current(high) == ref { return Link(other: current(low), stored: decision.what) }
            return nil
        }
    }

    func isLinked(_ a: EntityRef, _ b: EntityRef) -> Bool {
        links(of: a).contains { $0.other == current(b) }
    }

    /// The rows that set a thing apart.
    func splits(of ref: EntityRef) -> [EntityRef] {
        decisions.compactMap { decision in
            guard case .split(let split) = decision.what, current(split) == current(ref) else { return nil }
            return split
        }
    }

    /// Links are followed to their ends: A–B and B–C say that A is C.
    func refuseContradiction(_ a: EntityRef, _ b: EntityRef) throws {
        let left = linked(to: a)
        let right = linked(to: b)
        for one in left.keys.sorted() {
            for other in right.keys.sorted() where other.instance == one.instance && other != one {
                // At most one of the two is what the person named: to the other one a link leads.
                let (end, before) = left[one].map { $0 == one ? (other, right[other] ?? b) : (one, $0) } ?? (one, a)
                throw DecisionError.contradicts(
                    link: name(before), name(end), meeting: name(one), name(other))
            }
        }
    }

    /// Everything that links lead to from one thing, each with what it was reached from; the start from itself.
    private func linked(to start: EntityRef) -> [EntityRef: EntityRef] {
        var reached = [current(start): current(start)]
        var waiting = [current(start)]
        while let next = waiting.popLast() {
            for link in links(of: next) where reached[link.other] == nil {
                reached[link.other] = next
                waiting.append(link.other)
            }
        }
        return reached
    }
}

extension Decision.What {
    /// What it is about, one or two.
    package var refs: [EntityRef] {
        switch self {
        case .link(let low, let high): [low, high]
        case .split(let ref): [ref]
        }
    }
}

extension EntityRef {
    /// Follows replacements to their end; a circle, which no server makes, ends where it closes.
    package func current(_ successors: [EntityRef: EntityRef]) -> EntityRef {
        var seen: Set<EntityRef> = [self]
        var ref = self
        while let next = successors[ref], seen.insert(next).inserted { ref = next }
        return ref
    }
}
