import ArgumentParser
import Control
import Foundation
import Library

/// `peekfs conflicts`: where servers disagree about the same entity, and what they say that could not be followed.
struct ConflictsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conflicts",
        abstract: "Shows where servers disagree about the same thing, and which value is shown.",
        discussion: """
            The value of the first server in priority order is shown (`peekfs instance set NAME --priority N`). Texts that differ \
            only in case or spacing are no conflict; lists such as tags, aliases and URLs are united.
            """)

    @Option(help: "Only scenes, performers, … : scene, performer, studio, tag, gallery, group or image.")
    var kind: String?
    @Option(help: "How many entities to print.")
    var limit = 100
    @Option(help: "How many to leave out before that.")
    var offset = 0
    @Flag(help: "Print JSON.")
    var json = false
    @OptionGroup var location: LocationOptions

    func validate() throws {
        if limit < 0 || offset < 0 { throw ValidationError("--limit and --offset cannot be negative") }
    }

    func run() throws {
        let view: ConflictsView = try location.control().ask(
            .get, "/api/conflicts", query: ["kind": kind, "limit": "\(limit)", "offset": "\(offset)"])
        if json { return try Output.json(view) }
        for entity in view.conflicts { Self.printText(entity) }
        for refusal in view.refused { Self.printText(refusal) }
        if view.total == 0, view.refused.isEmpty { return Output.note("the servers disagree about nothing") }
        let more =
            view.conflicts.count < view.total ? "; \(view.conflicts.count) shown, --limit and --offset show others" : ""
        Output.note(
            "\(Output.count(view.totalFields, "field")) of \(Output.count(view.total, "entity", "entities"))"
                + " in conflict, \(Output.count(view.refused.count, "refusal"))\(more)")
    }

    /// The servers' names are enough on a line: an entity has one member of each.
    private static func printText(_ conflict: ConflictView) {
        let names = conflict.members.map(\.id).joined(separator: ", ")
        Output.line("\(conflict.kind)  '\(Words.plain(conflict.title))'  (\(names))")
        let servers = Dictionary(
            conflict.members.map { ($0.id, $0.instance ?? "?") }, uniquingKeysWith: { first, _ in first })
        for field in conflict.fields {
            for (place, said) in field.said.enumerated() {
                let text = Words.plain(said.value.text)
                let cut = text.count > longest ? text.prefix(longest) + "…" : text[...]
                Output.line(
                    "  \(place == 0 ? field.field + ":" : "")  \(servers[said.from] ?? "?"): \(cut)"
                        + (place == 0 ? "  (shown)" : ""))
            }
        }
    }

    /// Characters of a value: details may be pages.
    private static let longest = 100

    private static func printText(_ refusal: RefusalView) {
        Output.line("refused  \(refusal.explanation)")
        let choice = refusal.clash ?? [refusal.first, refusal.second]
        for thing in choice {
            Output.line(
                "  to keep \(thing.id) \(MergeCommand.title(thing.title)) out: peekfs merge split \(Words.shellQuoted(thing.id))"
            )
        }
    }
}
