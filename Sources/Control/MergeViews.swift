package import Foundation
package import Library
package import Suggest

/// A thing in JSON, the same wherever one is shown:
/// `{"id":"attic:scene:123","instance":"attic","instanceId":"<uuid>","kind":"scene","localId":123,"title":"…"}`.
/// `instance` and `instanceId` are missing when the server was removed, `title` when the index has no such thing.
package struct ThingView: Codable, Sendable {
    package let id: String
    package let instance: String?
    package let instanceId: String?
    package let kind: String
    /// What the server itself calls `id`.
    package let localId: Int64
    package let title: String?

    package init(_ thing: NamedThing) {
        id = thing.name
        instance = thing.instance
        instanceId = thing.instanceID?.uuidString.lowercased()
        kind = thing.ref.kind.word
        localId = thing.ref.id
        title = thing.title
    }
}

/// A decision by hand: `{"decision":"link"|"split","things":[…],"madeAt":"<time>","inEffect":true}`, with `reason` (a clause)
/// when it is not in effect.
package struct DecisionView: Codable, Sendable {
    package let decision: String
    /// Two of a link, one of a split.
    package let things: [ThingView]
    package let madeAt: Date
    package let inEffect: Bool
    package let reason: String?

    package init(_ outcome: DecisionOutcome) {
        switch outcome.decision.what {
        case .link: decision = "link"
        case .split: decision = "split"
        }
        things = outcome.things.map(ThingView.init)
        madeAt = Date(timeIntervalSince1970: TimeInterval(outcome.decision.madeAt))
        inEffect = outcome.effect == .inEffect
        switch outcome.effect {
        case .inEffect: reason = nil
        case .disabled(let name): reason = "the instance '\(name)' is switched off"
        case .removed(let thing): reason = "the server of \(thing) was removed"
        case .missing(let thing): reason = "\(thing) is not in the index"
        case .refused: reason = "it contradicts other links"
        }
    }
}

/// Two things that may be one: `{"first":…,"second":…,"score":90,"reasons":[{"code":"same-name","text":"same name"}]}`.
/// The score only sorts. A reason that speaks against it says so in its text.
package struct SuggestionView: Codable, Sendable {
    package struct Reason: Codable, Sendable {
        package let code: String
        package let text: String
    }

    package let first: ThingView
    package let second: ThingView
    package let score: Int
    package let reasons: [Reason]

    package init(_ pair: Suggestions.Pair, _ catalogue: Catalogue) throws {
        first = ThingView(try catalogue.thing(pair.first))
        second = ThingView(try catalogue.thing(pair.second))
        score = pair.score
        reasons = pair.reasons.map { Reason(code: $0.code, text: $0.text(pair.first.kind)) }
    }
}

/// A page of suggestions with the number of all.
package struct SuggestionsView: Codable, Sendable {
    package let total: Int
    package let suggestions: [SuggestionView]

    package init(total: Int, suggestions: [SuggestionView]) {
        self.total = total
        self.suggestions = suggestions
    }
}

/// An entity about which its servers disagree:
/// `{"kind":"performer","title":"…","members":[…],"fields":[{"field":"country","shown":{"from":"attic:performer:1",
/// "value":"DE"},"said":[{"from":…,"value":…},…]}]}`. `members` and `said` are in priority order.
package struct ConflictView: Codable, Sendable {
    package struct Said: Codable, Sendable {
        package let from: String
        package let value: FieldValue
    }

    package struct Field: Codable, Sendable {
        package let field: String
        package let shown: Said
        package let said: [Said]
    }

    package let kind: String
    package let title: String
    package let members: [ThingView]
    package let fields: [Field]

    package init(_ conflict: EntityConflict) {
        kind = conflict.kind.word
        title = conflict.title
        members = conflict.members.map(ThingView.init)
        let names = Dictionary(uniqueKeysWithValues: conflict.members.map { ($0.ref, $0.name) })
        func view(_ said: ShownField.Said) -> Said { Said(from: names[said.from] ?? "?", value: said.value) }
        fields = conflict.fields.map { Field(field: $0.name, shown: view($0.shown), said: $0.said.map(view)) }
    }
}

/// Evidence that was not followed: `{"evidence":"link"|"stash-id"|"file","text":"…","first":…,"second":…,"clash":[…]}`.
/// `clash` are the two of one server that would have become one; it is missing when nothing stands in the way any more.
package struct RefusalView: Codable, Sendable {
    package let evidence: String
    package let text: String
    package let first: ThingView
    package let second: ThingView
    package let clash: [ThingView]?
    package let explanation: String

    package init(_ refusal: RefusedEvidence, _ catalogue: Catalogue) throws {
        let first = try catalogue.thing(refusal.first)
        let second = try catalogue.thing(refusal.second)
        let clash = try refusal.clash.map { try catalogue.things($0) }
        switch refusal.strength {
        case .hand: evidence = "link"
        case .stashID: evidence = "stash-id"
        case .file: evidence = "file"
        }
        text = refusal.text
        self.first = ThingView(first)
        self.second = ThingView(second)
        self.clash = clash?.map(ThingView.init)
        let what =
            switch refusal.strength {
            case .hand: "are linked by hand"
            case .stashID: "both have the id \(Words.plain(refusal.text))"
            case .file: "have equal files (\(Words.plain(refusal.text)))"
            }
        var sentence = "\(first.name) and \(second.name) \(what)"
        if refusal.first.instance == refusal.second.instance {
            sentence += ", but one server's things stay apart"
        } else if let clash, clash.count == 2 {
            sentence += ", but are not joined: \(clash[0].name) and \(clash[1].name) would become one"
        } else {
            sentence += ", but were not joined"
        }
        explanation = sentence
    }
}

/// Everything that `peekfs conflicts --json` prints.
package struct ConflictsView: Codable, Sendable {
    /// Entities with a conflict, on this page or not.
    package let total: Int
    /// Fields over all of them.
    package let totalFields: Int
    package let conflicts: [ConflictView]
    package let refused: [RefusalView]

    package init(total: Int, totalFields: Int, conflicts: [ConflictView], refused: [RefusalView]) {
        self.total = total
        self.totalFields = totalFields
        self.conflicts = conflicts
        self.refused = refused
    }
}
