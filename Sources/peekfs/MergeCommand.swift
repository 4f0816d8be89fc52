import ArgumentParser
import Control
import Foundation

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
            let view: MergeView = try location.control().ask(.post, "/api/merge/link", body: Pair(first, second))
            view.printText()
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
            let view: MergeView = try location.control().ask(.post, "/api/merge/split", body: Single(thing))
            if !view.tookBack.isEmpty {
                Output.line("took back the link by hand with \(view.tookBack.map(\.id).joined(separator: ", "))")
            } else if view.together.count == 1 {
                Output.note("it was not joined with anything; now it will not be")
            }
            view.printText()
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
            let view: MergeView = try location.control().ask(
                .post, "/api/merge/undo", body: OneOrTwo(first, second))
            view.printText()
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists what was decided by hand, the newest first, and whether it is in effect.")

        @Flag(help: "Print JSON.")
        var json = false
        @OptionGroup var location: LocationOptions

        func run() throws {
            let views: [DecisionView] = try location.control().ask(.get, "/api/merge/decisions")
            if json { return try Output.json(views) }
            guard !views.isEmpty else {
                return Output.note("nothing was decided by hand; `peekfs merge suggest` has candidates")
            }
            for view in views {
                let things = view.things.map { "\($0.id) \(MergeCommand.title($0.title))" }.joined(separator: "  =  ")
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
            let page: SuggestionsView = try location.control().ask(
                .get, "/api/merge/suggestions", query: ["kind": kind, "limit": "\(limit)"])
            if json { return try Output.json(page) }
            let views = page.suggestions
            for view in views {
                let reasons = view.reasons.map { Words.plain($0.text) }.joined(separator: "; ")
                let titles = "\(MergeCommand.title(view.first.title)) | \(MergeCommand.title(view.second.title))"
                Output.line("# \(view.first.kind)  \(titles):  \(reasons)")
                Output.line(
                    "peekfs merge link \(Words.shellQuoted(view.first.id)) \(Words.shellQuoted(view.second.id))")
            }
            if views.isEmpty, page.total == 0 {
                Output.note("nothing on one server resembles something on another that it is not joined with")
            } else if views.count < page.total {
                Output.note("\(views.count) of \(Output.count(page.total, "suggestion")); --limit shows more")
            }
        }
    }
}

extension MergeCommand {
    /// A title on a line, or what to say when there is none.
    static func title(_ title: String?) -> String { title.map { "'\(Words.plain($0))'" } ?? "(not in the index)" }
}

extension MergeView {
    /// What is together now, each entity once, and what is not as it was meant.
    fileprivate func printText() {
        for refusal in refused { Output.line("refused now: \(refusal.explanation)") }
        for things in together {
            let list = things.map { "\($0.id) \(MergeCommand.title($0.title))" }.joined(separator: ", ")
            Output.line(things.count > 1 ? "together: \(list)" : "by itself: \(list)")
        }
        for decision in notInEffect {
            let names = decision.things.map(\.id).joined(separator: " and ")
            Output.note("the decision about \(names) is not in effect: \(decision.reason ?? "")")
        }
    }
}
