package import Foundation
import GRDB

/// A thing as people are told of it.
package struct NamedThing: Sendable, Equatable {
    package let ref: EntityRef
    /// `attic:scene:123`, also when the server was removed.
    package let name: String
    /// The server's name; nil when it was removed.
    package let instance: String?
    /// nil when the server was removed.
    package let instanceID: UUID?
    /// What the server calls it, of untitled files the base name; nil when the index has no such thing.
    package let title: String?
}

/// A decision by hand and what came of it.
package struct DecisionOutcome: Sendable, Equatable {
    package enum Effect: Sendable, Equatable {
        case inEffect
        /// The server of that name is switched off: what it has is in no listing.
        case disabled(String)
        /// That thing's server was removed.
        case removed(String)
        /// That thing is not there any more, or not yet: a sync has to see it.
        case missing(String)
        /// It was not followed: links that were possible one by one contradict each other since a server replaced things.
        case refused
    }

    package let decision: Decision
    /// One or two, as in the decision; what replaced them at their servers, if something did.
    package let things: [NamedThing]
    package let effect: Effect
}

extension Catalogue {
    /// What people call a thing.
    package func thing(_ ref: EntityRef) throws -> NamedThing {
        try things([ref]).first ?? NamedThing(ref: ref, name: "?", instance: nil, instanceID: nil, title: nil)
    }

    /// What people call these things, in their order.
    package func things(_ refs: [EntityRef]) throws -> [NamedThing] {
        let instances = instances
        let removed = try state.formerInstances()
        return try read { db in
            try refs.map { ref in
                let instance = instances.first { $0.number == ref.instance }
                let title = try String.fetchOne(
                    db.cachedStatement(
                        sql: """
                            SELECT coalesce(m.title, (SELECT f.basename FROM file f WHERE f.instance = m.instance
                                AND f.kind = m.kind AND f.id = m.id AND f.position = 0), m.stem)
                            FROM member m WHERE m.instance = ? AND m.kind = ? AND m.id = ?
                            """), arguments: [ref.instance.rawValue, ref.kind.rawValue, ref.id])
                return NamedThing(
                    ref: ref, name: EntityName.text(ref, in: instances + removed),
                    instance: instance?.name, instanceID: instance?.id, title: title)
            }
        }
    }

    /// What a thing is joined with, itself among it: the members of its entity on servers that are switched on, in priority
    /// order. Empty when the index does not have it.
    package func companions(of ref: EntityRef) throws -> [EntityRef] {
        try entity(of: ref).map { try members(ofEntity: $0) } ?? []
    }

    /// The entity's number for a thing.
    package func entity(of ref: EntityRef) throws -> NodeNumber? {
        try read { db in
            try Int64.fetchOne(
                db.cachedStatement(
                    sql: "SELECT entity FROM member WHERE instance = ? AND kind = ? AND id = ? AND number IS NOT NULL"),
                arguments: [ref.instance.rawValue, ref.kind.rawValue, ref.id]
            ).map(NodeNumber.init)
        }
    }

    /// All decisions by hand, the newest first, with what came of them.
    package func decisions() throws -> [DecisionOutcome] {
        let successors = try state.successors()
        return try state.decisions().map { decision in
            let refs = decision.what.refs.map { $0.current(successors) }
            let things = try things(refs)
            return DecisionOutcome(decision: decision, things: things, effect: try effect(refs, things))
        }
    }

    private func effect(_ refs: [EntityRef], _ things: [NamedThing]) throws -> DecisionOutcome.Effect {
        for thing in things {
            guard let instance = instance(thing.ref.instance) else { return .removed(thing.name) }
            if !instance.enabled { return .disabled(instance.name) }
        }
        let entities = try refs.map(entity(of:))
        for (thing, entity) in zip(things, entities) where entity == nil { return .missing(thing.name) }
        return Set(entities).count == 1 ? .inEffect : .refused
    }
}

extension StateDatabase {
    /// The instances that were removed, as they were, the last one first: what was decided about their things is kept, is listed, and can be
    /// undone.
    package func formerInstances() throws -> [Instance] {
        try pool.read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM instance WHERE removed_at IS NOT NULL ORDER BY removed_at DESC, number DESC"
            ).compactMap(Self.instance)
        }
    }
}
