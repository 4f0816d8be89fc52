import ArgumentParser
import Control
import Derive
import Foundation
import Library

/// `peekfs merge …`: what a person decides about which things are the same.
struct MergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Joins things of several servers by hand, or sets them apart.",
        discussion: """
            A thing is written instance:kind:id, such as attic:scene:123; on the mount
            `getfattr -n user.peekfs.id FILE` shows it. A decision by hand counts more than any shared id or equal file,
            is kept when servers go and come back, and can be undone. It takes effect at once, also while mounted.
            """,
        subcommands: [List.self, Link.self, Split.self, Undo.self, Suggest.self],
        defaultSubcommand: List.self)
}

extension MergeCommand {
    struct Link: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Says that two things of different servers are the same.")

        @Argument(help: ArgumentHelp("One of them, as instance:kind:id.", valueName: "a"))
        var first: String
        @Argument(help: ArgumentHelp("The other one.", valueName: "b"))
        var second: String
        @OptionGroup var location: LocationOptions

        func run() throws {
            let merging = try Merging(location)
            let (a, b) = (try merging.parse(first), try merging.parse(second))
            try merging.change { try merging.state.link(a, b) }
            try merging.showTogether([a, b])
        }
    }

    struct Split: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes a thing out of what it is joined with.",
            discussion: """
                A thing that was linked by hand loses these links; otherwise shared ids and equal files are ignored for it from \
                now on. `peekfs merge undo` takes that back.
                """)

        @Argument(help: ArgumentHelp("The thing, as instance:kind:id.", valueName: "a"))
        var thing: String
        @OptionGroup var location: LocationOptions

        func run() throws {
            let merging = try Merging(location)
            let ref = try merging.parse(thing)
            let before = try merging.catalogue.companions(of: ref)
            let outcome = try merging.change { try merging.state.split(ref) }
            switch outcome {
            case .tookBack(let others):
                let names = try merging.catalogue.things(others).map(\.name).joined(separator: ", ")
                Output.line("took back the link by hand with \(names)")
            case .setApart:
                if before.count < 2 { Output.note("it was not joined with anything; now it will not be") }
            }
            try merging.showTogether([ref] + before)
        }
    }

    struct Undo: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes a decision back: with one thing its split, with two the link between them.")

        @Argument(help: ArgumentHelp("The thing, as instance:kind:id.", valueName: "a"))
        var first: String
        @Argument(help: ArgumentHelp("The other end of a link.", valueName: "b"))
        var second: String?
        @OptionGroup var location: LocationOptions

        func run() throws {
            let merging = try Merging(location)
            let a = try merging.parse(first, orRemoved: true)
            let b = try second.map { try merging.parse($0, orRemoved: true) }
            try merging.change {
                if let b { try merging.state.undoLink(a, b) } else { try merging.state.undoSplit(a) }
            }
            try merging.showTogether([a] + (b.map { [$0] } ?? []))
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists what was decided by hand, the newest first, and whether it is in effect.")

        @Flag(help: "Print JSON.")
        var json = false
        @OptionGroup var location: LocationOptions

        func run() throws {
            let views = try Merging(location).catalogue.decisions().map(DecisionView.init)
            if json { return try Output.json(views) }
            guard !views.isEmpty else {
                return Output.note("nothing was decided by hand; `peekfs merge suggest` has candidates")
            }
            for view in views {
                let things = view.things.map { "\($0.id) \(Merging.title($0.title))" }.joined(separator: "  =  ")
                let effect = view.reason.map { "; not in effect: \($0)" } ?? ""
                Output.line("\(view.decision)  \(things)  (\(view.madeAt.formatted(.iso8601))\(effect))")
            }
        }
    }

    struct Suggest: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Finds things of different servers that may be the same, with the reasons.",
            discussion: """
                By names, aliases, birth dates, durations and perceptual hashes, none of which joins anything by itself. Each \
                suggestion is a comment and a command to be pasted; the best come first.
                """)

        @Option(help: "Only scenes, performers, … : scene, performer, studio, tag, gallery, group or image.")
        var kind: String?
        @Option(help: "How many to print.")
        var limit = 50
        @Flag(help: "Print JSON.")
        var json = false
        @OptionGroup var location: LocationOptions

        func validate() throws {
            if limit < 0 { throw ValidationError("--limit cannot be negative") }
        }

        func run() throws {
            let kinds = try kind.map { [try Merging.kind($0)] } ?? Kind.allCases
            let catalogue = try Merging(location).catalogue
            let pairs = try catalogue.suggestions(kinds)
            let views = try pairs.prefix(limit).map { try SuggestionView($0, catalogue) }
            if json { return try Output.json(SuggestionsView(total: pairs.count, suggestions: views)) }
            for view in views {
                let reasons = view.reasons.map { Words.plain($0.text) }.joined(separator: "; ")
                let titles = "\(Merging.title(view.first.title)) | \(Merging.title(view.second.title))"
                Output.line("# \(view.first.kind)  \(titles):  \(reasons)")
                Output.line(
                    "peekfs merge link \(Words.shellQuoted(view.first.id)) \(Words.shellQuoted(view.second.id))")
            }
            if views.isEmpty, pairs.isEmpty {
                Output.note("nothing on one server resembles something on another that it is not joined with")
            } else if views.count < pairs.count {
                Output.note("\(views.count) of \(Output.count(pairs.count, "suggestion")); --limit shows more")
            }
        }
    }
}

/// The databases of a command about identity, and what all of them do.
struct Merging {
    let state: StateDatabase
    let index: IndexDatabase
    let catalogue: Catalogue

    init(_ location: LocationOptions) throws {
        let workplace = try Workplace(location)
        state = workplace.state
        index = try workplace.index()
        catalogue = try Catalogue(state: state, index: index)
    }

    /// What a text names; where that is asked for also on a server that was removed, unless a present one has its name.
    func parse(_ text: String, orRemoved: Bool = false) throws -> EntityRef {
        try EntityName.parse(text, in: catalogue.instances + (orRemoved ? try state.formerInstances() : []))
    }

    static func kind(_ word: String) throws(CommandError) -> Kind {
        guard let kind = Kind.allCases.first(where: { $0.word == word || $0.directoryName == word }) else {
            throw CommandError(.usage, EntityNameError.noSuchKind(word).description)
        }
        return kind
    }

    /// A title on a line, or what to say when there is none.
    static func title(_ title: String?) -> String { title.map { "'\(Words.plain($0))'" } ?? "(not in the index)" }

    /// Decides, computes what follows, and says which evidence is refused because of it.
    func change<Result>(_ decide: () throws -> Result) throws -> Result {
        let before = Set(try catalogue.refusals().map(Refused.init))
        let result = try decide()
        try Derivation(state: state, index: index).run()
        for refusal in try catalogue.refusals() where !before.contains(Refused(refusal)) {
            Output.line("refused now: \(try RefusalView(refusal, catalogue).explanation)")
        }
        return result
    }

    /// Prints the entities of these things, each once.
    func showTogether(_ refs: [EntityRef]) throws {
        var shown: Set<EntityRef> = []
        for ref in refs where !shown.contains(ref) {
            let members = try catalogue.companions(of: ref)
            shown.formUnion(members + [ref])
            let things = try catalogue.things(members.isEmpty ? [ref] : members)
            let list = things.map { "\($0.name) \(Self.title($0.title))" }.joined(separator: ", ")
            Output.line(things.count > 1 ? "together: \(list)" : "by itself: \(list)")
        }
        for outcome in try catalogue.decisions() where outcome.effect != .inEffect {
            guard !shown.isDisjoint(with: outcome.things.map(\.ref)), let reason = DecisionView(outcome).reason else {
                continue
            }
            let names = outcome.things.map(\.name).joined(separator: " and ")
            Output.note("the decision about \(names) is not in effect: \(reason)")
        }
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
