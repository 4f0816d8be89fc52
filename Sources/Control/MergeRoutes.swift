import Foundation
import Library
import Suggest

/// What people decide about which things are the same.
extension Premises {
    var mergeRoutes: [Route] {
        [
            Route(.get, "/api/conflicts", .blocking { .json(try conflicts($0)) }),
            Route(.get, "/api/merge/suggestions", .blocking { .json(try suggestions($0)) }),
            Route(
                .get, "/api/merge/decisions",
                .blocking { _ in .json(try freshCatalogue().decisions().map(DecisionView.init)) }),
            Route(.post, "/api/merge/link", .blocking { .json(try link($0.decoded())) }),
            Route(.post, "/api/merge/split", .blocking { .json(try split($0.decoded())) }),
            Route(.post, "/api/merge/undo", .blocking { .json(try undo($0.decoded())) }),
        ]
    }

    private func conflicts(_ call: Call) throws -> ConflictsView {
        let kind = try call.kind()
        let catalogue = try freshCatalogue()
        let page = try catalogue.conflicts(
            kind: kind, limit: try call.integer("limit", in: 0...10_000) ?? 100,
            offset: try call.integer("offset", in: 0...Int(Int32.max)) ?? 0)
        let refused = try catalogue.refusals().filter { kind == nil || $0.kind == kind }
        return ConflictsView(
            total: page.total, totalFields: page.totalFields, conflicts: page.entities.map(ConflictView.init),
            refused: try refused.map { try RefusalView($0, catalogue) })
    }

    private func suggestions(_ call: Call) throws -> SuggestionsView {
        let kinds = try call.kind().map { [$0] } ?? Kind.allCases
        let limit = try call.integer("limit", in: 0...10_000) ?? 50
        let catalogue = try freshCatalogue()
        let pairs = try catalogue.suggestions(kinds)
        return SuggestionsView(
            total: pairs.count, suggestions: try pairs.prefix(limit).map { try SuggestionView($0, catalogue) })
    }

    private func link(_ pair: Pair) throws -> MergeView {
        let catalogue = try freshCatalogue()
        let refs = try pair.things.map { try EntityName.parse($0, in: catalogue.instances) }
        return try decide(catalogue, about: refs) {
            try state.link(refs[0], refs[1])
            return []
        }
    }

    private func split(_ single: Single) throws -> MergeView {
        let catalogue = try freshCatalogue()
        let ref = try EntityName.parse(single.thing, in: catalogue.instances)
        let before = try catalogue.companions(of: ref)
        return try decide(catalogue, about: [ref] + before) {
            switch try state.split(ref) {
            case .tookBack(let others): others
            case .setApart: []
            }
        }
    }

    /// Of a removed server's things too, unless a present one has its name.
    private func undo(_ some: OneOrTwo) throws -> MergeView {
        let catalogue = try freshCatalogue()
        let known = catalogue.instances + (try state.formerInstances())
        let a = try EntityName.parse(some.first, in: known)
        let b = try some.second.map { try EntityName.parse($0, in: known) }
        return try decide(catalogue, about: [a] + (b.map { [$0] } ?? [])) {
            if let b { try state.undoLink(a, b) } else { try state.undoSplit(a) }
            return []
        }
    }

    /// Decides, computes what follows, and tells what is together now and which evidence is refused because of it.
    private func decide(
        _ catalogue: Catalogue, about refs: [EntityRef], _ decide: () throws -> [EntityRef]
    ) throws -> MergeView {
        let before = Set(try catalogue.refusals().map(Refused.init))
        let tookBack = try decide()
        try follow.decisions()
        let refused = try catalogue.refusals().filter { !before.contains(Refused($0)) }
        var shown: Set<EntityRef> = []
        var together: [[ThingView]] = []
        for ref in refs where !shown.contains(ref) {
            let members = try catalogue.companions(of: ref)
            shown.formUnion(members + [ref])
            together.append(try catalogue.things(members.isEmpty ? [ref] : members).map(ThingView.init))
        }
        let ineffective = try catalogue.decisions().filter { outcome in
            outcome.effect != .inEffect && !shown.isDisjoint(with: outcome.things.map(\.ref))
        }
        return MergeView(
            together: together, refused: try refused.map { try RefusalView($0, catalogue) },
            notInEffect: ineffective.map(DecisionView.init),
            tookBack: try catalogue.things(tookBack).map(ThingView.init)
        )
    }

    /// Other processes may have changed the instances a moment ago.
    func freshCatalogue() throws -> Catalogue {
        let catalogue = try catalogue()
        try catalogue.reloadInstances()
        return catalogue
    }

    /// A refusal without what changes when other things do.
    private struct Refused: Hashable {
        let text: String
        let members: Set<EntityRef>

        init(_ refusal: RefusedEvidence) {
            text = "\(refusal.strength.rawValue) \(refusal.kind.rawValue) \(refusal.text)"
            members = [refusal.first, refusal.second]
        }
    }
}

extension Call {
    /// A kind of thing by either of its words.
    fileprivate func kind() throws(Problem) -> Kind? {
        guard let word = query["kind"] else { return nil }
        guard let kind = Kind.allCases.first(where: { $0.word == word || $0.directoryName == word }) else {
            throw Problem(.usage, EntityNameError.noSuchKind(word).description, status: 400)
        }
        return kind
    }
}

/// Two things that are one, each as `instance:kind:id`.
package struct Pair: RequestBody {
    package let first: String
    package let second: String
    package static let fields = ["first", "second"]

    package init(_ first: String, _ second: String) {
        self.first = first
        self.second = second
    }

    var things: [String] { [first, second] }
}

/// One thing, which is set apart.
package struct Single: RequestBody {
    package let thing: String
    package static let fields = ["thing"]

    package init(_ thing: String) { self.thing = thing }
}

/// A split that is taken back, or, with two things, a link.
package struct OneOrTwo: RequestBody {
    package let first: String
    package let second: String?
    package static let fields = ["first", "second"]

    package init(_ first: String, _ second: String?) {
        self.first = first
        self.second = second
    }
}

/// What came of a decision.
package struct MergeView: Codable, Sendable {
    /// The things that were spoken of, each with all that it is one with.
    package let together: [[ThingView]]
    /// Evidence that is not followed because of it.
    package let refused: [RefusalView]
    /// Decisions about these things that cannot be followed now.
    package let notInEffect: [DecisionView]
    /// Of a split: the things to which links by hand were taken back; then nothing was set apart.
    package let tookBack: [ThingView]
}
