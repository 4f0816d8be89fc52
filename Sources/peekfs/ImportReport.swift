import Library
import Peek

/// What `peekfs import-peek` did, or would do: the JSON object of `--json`, and the same for people.
struct ImportReport: Encodable {
    struct Person: Encodable {
        let peekId: Int64
        let username: String?
        let rows: Int
        /// Absent when the user's rows are not imported.
        let uid: UInt32?
    }

    struct Server: Encodable {
        /// Absent where the data names none.
        let peekId: String?
        let instance: String
        /// `chosen`, `address`, `only`, `name` or `content`.
        let because: String
        /// Things that Peek had cached and that can be compared, and how many of them are the same there.
        let comparable: Int?
        let agreeing: Int?
    }

    struct Count: Encodable {
        let uid: UInt32
        let instance: String
        let kind: String
        let ratings: Int
        let favorites: Int
        let history: Int
    }

    struct Skipped: Encodable {
        let table: String
        let user: Int64?
        let reason: String
        let text: String
        let count: Int
        /// Some of them, by their ids in Peek.
        let things: [String]
    }

    struct Leftover: Encodable {
        let what: String
        let user: Int64
        let count: Int
    }

    let dryRun: Bool
    let users: [Person]
    let servers: [Server]
    let counts: [Count]
    let written: Int
    let present: Int
    let olderThanHere: Int
    let shared: Int
    let unseen: Int
    let undated: Int
    let skipped: [Skipped]
    let notImported: [Leftover]

    /// What is printed before the table; not in the JSON, which has the parts.
    private let remarks: [String]

    private enum CodingKeys: String, CodingKey {
        case dryRun, users, servers, counts, written, present, olderThanHere, shared, unseen, undated, skipped
        case notImported
    }

    /// As many ids are shown of what is skipped for one reason.
    private static let examples = 10

    init(
        contents: PeekContents, people: PeekPeople, servers matches: [PeekOrigin: ServerChoice.Match], plan: PeekImport,
        outcome: ImportOutcome, dryRun: Bool
    ) {
        self.dryRun = dryRun
        users = people.users.map {
            Person(peekId: $0.id, username: $0.name, rows: $0.rows, uid: people.uids[$0.id])
        }
        let matched = matches.sorted { $0.key < $1.key }
        servers = matched.map { origin, match in
            Server(
                peekId: origin.id, instance: match.instance.name, because: match.basis.word,
                comparable: match.evidence?.comparable, agreeing: match.evidence?.agreeing)
        }
        var names: [InstanceNumber: String] = [:]
        for match in matches.values { names[match.instance.number] = match.instance.name }
        counts = plan.counts.map {
            Count(
                uid: $0.uid, instance: names[$0.instance] ?? "", kind: $0.kind.word, ratings: $0.ratings,
                favorites: $0.favorites, history: $0.history)
        }
        written = outcome.written
        present = outcome.present
        olderThanHere = outcome.olderThanHere
        shared = outcome.shared
        unseen = outcome.unseen
        undated = contents.undated
        skipped = Self.grouped(plan.skipped)
        notImported = contents.leftovers.filter { people.uids[$0.user] != nil }.map {
            Leftover(what: $0.what, user: $0.user, count: $0.count)
        }
        remarks = Self.remarks(contents, people, matched)
    }

    private static func grouped(_ skips: [PeekSkip]) -> [Skipped] {
        struct Group: Hashable {
            let table: String
            let user: Int64?
            let reason: PeekSkip.Reason
        }
        var order: [Group] = []
        var things: [Group: [String]] = [:]
        for skip in skips {
            let group = Group(table: skip.table, user: skip.user, reason: skip.reason)
            if things[group] == nil { order.append(group) }
            things[group, default: []].append(skip.thing)
        }
        return order.map { group in
            let all = things[group] ?? []
            return Skipped(
                table: group.table, user: group.user, reason: group.reason.rawValue, text: group.reason.description,
                count: all.count, things: Array(all.prefix(examples)))
        }
    }

    private static func remarks(
        _ contents: PeekContents, _ people: PeekPeople, _ matched: [(key: PeekOrigin, value: ServerChoice.Match)]
    ) -> [String] {
        var remarks: [String] = []
        for (origin, match) in matched {
            let title = ServerChoice.title(origin, contents)
            remarks.append("\(title) is taken for '\(match.instance.name)': \(match.basis.phrase)")
            if match.basis == .chosen, let evidence = match.evidence, evidence.contradicts {
                remarks.append("'\(match.instance.name)' has other things under the same ids: \(evidence.phrase)")
            }
        }
        for user in people.users {
            guard let uid = people.uids[user.id] else { continue }
            let name = PeekPeople.name(uid)
            let why = people.isAssumed ? ", who runs this command" : ""
            remarks.append(
                "Peek's user \(user.label) is \(name == "\(uid)" ? "uid \(uid)" : "\(name) (uid \(uid))")\(why)")
        }
        return remarks
    }

    // MARK: For people

    func printText() {
        for remark in remarks { Output.note(remark) }
        if counts.isEmpty {
            Output.note("there is nothing to import")
        } else {
            Output.table(
                ["USER", "INSTANCE", "KIND", "RATINGS", "FAVOURITES", "HISTORY"],
                counts.map {
                    let kind = Kind(word: $0.kind)?.directoryName ?? $0.kind
                    return [
                        PeekPeople.name($0.uid), $0.instance, kind, "\($0.ratings)", "\($0.favorites)", "\($0.history)",
                    ]
                })
        }
        for skip in skipped {
            let more = skip.count > skip.things.count ? ", …" : ""
            Output.line(
                "skipped: \(skip.count) in \(skip.table)\(skip.user.map { " of user \($0)" } ?? ""): \(skip.text) (\(skip.things.joined(separator: ", "))\(more))"
            )
        }
        if undated > 0 {
            Output.line(
                "\(Output.count(undated, "row")) without a date that can be read: anything said here wins over them")
        }
        if unseen > 0 {
            Output.line(
                "\(Output.count(unseen, "thing")) not seen at the server by any sync: what was said about them is kept")
        }
        if !notImported.isEmpty {
            Output.line("not imported, because there is no place for it: \(leftovers)")
        }
        var sentence =
            dryRun ? "would write \(Output.count(written, "value"))" : "\(Output.count(written, "value")) written"
        sentence += ", \(present) here already"
        if olderThanHere > 0 { sentence += ", \(olderThanHere) older than what was said here, which stays" }
        if shared > 0 { sentence += "; \(shared) more for the same things on other servers" }
        Output.line(sentence)
    }

    private var leftovers: String {
        var order: [String] = []
        var sums: [String: Int] = [:]
        for leftover in notImported {
            if sums[leftover.what] == nil { order.append(leftover.what) }
            sums[leftover.what, default: 0] += leftover.count
        }
        return order.map { "\(sums[$0] ?? 0) \($0)" }.joined(separator: ", ")
    }
}

extension PeekOrigin {
    fileprivate var id: String? {
        switch self {
        case .unnamed: nil
        case .instance(let id): id
        }
    }
}

extension PeekMatching.Basis {
    fileprivate var word: String {
        switch self {
        case .chosen: "chosen"
        case .address: "address"
        case .only: "only"
        case .name: "name"
        case .content: "content"
        }
    }

    fileprivate var phrase: String {
        switch self {
        case .chosen: "you said so"
        case .address: "it has the same address"
        case .only: "it is the only server here"
        case .name: "it has the same name"
        case .content(let evidence): evidence.phrase
        }
    }
}
