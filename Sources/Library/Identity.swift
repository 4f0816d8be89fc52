/// Which members of several servers are one thing: pure, no I/O.
///
/// Members are joined by evidence: what a person said, a shared `(endpoint, stash_id)`, or an equal file. All evidence is
/// looked at in one order that depends on nothing but its own text, so the result is the same whatever the order in
/// which servers were added or synced. An entity holds at most one member of a server: evidence that would break this is
/// refused.
package struct Identity {
    /// One member as identity sees it.
    package struct Member: Sendable, Hashable {
        package let number: NodeNumber
        package let ref: EntityRef

        package init(number: NodeNumber, ref: EntityRef) {
            self.number = number
            self.ref = ref
        }
    }

    /// Members that one piece of evidence says are the same thing.
    package struct Evidence: Sendable, Hashable {
        /// The stronger, the lower: it is looked at first, and what contradicts it is refused. What a person said comes
        /// before anything that follows from data.
        package enum Strength: Int64, Sendable, Comparable {
            case hand = 0
            case stashID = 1
            case file = 2

            package static func < (a: Strength, b: Strength) -> Bool { a.rawValue < b.rawValue }
        }

        package let strength: Strength
        /// What they share: `https://box/graphql 1b2c…`, `oshash 0123… 5000`, `md5 0123…`; empty for what a person said.
        package let text: String
        /// All of one kind.
        package let members: [Member]

        package init(_ strength: Strength, _ text: String, _ members: [Member]) {
            self.strength = strength
            self.text = text
            self.members = members
        }
    }

    /// Evidence that would have put two members of one server into one entity.
    package struct Refusal: Sendable, Hashable {
        package let strength: Evidence.Strength
        package let text: String
        package let first: Member
        package let second: Member
    }

    /// Where an instance stands among all, by something that does not depend on when it was added (its URL).
    package typealias Order = [InstanceNumber: Int]

    private let order: Order
    private var parent: [NodeNumber: NodeNumber] = [:]
    private var instances: [NodeNumber: Set<InstanceNumber>] = [:]
    private var members: [NodeNumber: Member] = [:]
    private var refusals: [Refusal] = []

    /// Joins members by all evidence.
    ///
    /// - Parameters:
    ///   - evidence: In any order.
    ///   - apart: What a person set apart: only what a person said joins it to anything.
    ///   - order: The place of every instance.
    /// - Returns: Sets of two or more members, and what was refused.
    package static func join(
        _ evidence: [Evidence], apart: Set<EntityRef> = [], order: Order
    ) -> (entities: [[Member]], refusals: [Refusal]) {
        var identity = Identity(order)
        let pieces = evidence.map { piece in
            let counts = piece.strength == .hand ? piece.members : piece.members.filter { !apart.contains($0.ref) }
            return Evidence(piece.strength, piece.text, Set(counts).sorted(by: identity.precedes))
        }
        for piece in pieces.sorted(by: identity.precedes) { identity.take(piece) }
        var groups: [NodeNumber: [Member]] = [:]
        for member in identity.members.values { groups[identity.root(member.number), default: []].append(member) }
        let entities = groups.values.filter { $0.count > 1 }.map { $0.sorted { $0.ref < $1.ref } }
        return (entities.sorted { $0[0].ref < $1[0].ref }, identity.refusals)
    }

    private init(_ order: Order) { self.order = order }

    private func precedes(_ a: Member, _ b: Member) -> Bool {
        (order[a.ref.instance] ?? Int.max, a.ref.kind.rawValue, a.ref.id)
            < (order[b.ref.instance] ?? Int.max, b.ref.kind.rawValue, b.ref.id)
    }

    private func precedes(_ a: Evidence, _ b: Evidence) -> Bool {
        if (a.strength, a.text) != (b.strength, b.text) { return (a.strength, a.text) < (b.strength, b.text) }
        return a.members.lexicographicallyPrecedes(b.members, by: precedes)
    }

    private mutating func take(_ piece: Evidence) {
        for member in piece.members {
            members[member.number] = member
            if parent[member.number] == nil {
                parent[member.number] = member.number
                instances[member.number] = [member.ref.instance]
            }
        }
        guard let anchor = piece.members.first else { return }
        for member in piece.members.dropFirst() { unite(anchor, member, piece) }
    }

    private mutating func unite(_ a: Member, _ b: Member, _ piece: Evidence) {
        let rootA = root(a.number)
        let rootB = root(b.number)
        guard rootA != rootB else { return }
        let inA = instances[rootA] ?? []
        let inB = instances[rootB] ?? []
        guard inA.isDisjoint(with: inB) else {
            refusals.append(Refusal(strength: piece.strength, text: piece.text, first: a, second: b))
            return
        }
        parent[rootB] = rootA
        instances[rootA] = inA.union(inB)
        instances[rootB] = nil
    }

    private mutating func root(_ number: NodeNumber) -> NodeNumber {
        var found = number
        while let above = parent[found], above != found { found = above }
        var walked = number
        while let above = parent[walked], above != found {
            parent[walked] = found
            walked = above
        }
        return found
    }
}

extension Identity {
    /// An endpoint in the form in which two are compared: scheme and host in lower case, no default port, no slash at
    /// the end. It is free text at the server (Stash 6), so what is no URL is only trimmed.
    package static func normalise(endpoint: String) -> String {
        let trimmed = endpoint.drop { $0 == " " }
        guard let colon = trimmed.firstIndex(of: ":"), trimmed[colon...].hasPrefix("://") else {
            return strip(String(trimmed))
        }
        let scheme = trimmed[..<colon].lowercased()
        let rest = trimmed[colon...].dropFirst("://".count)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var host = rest[..<slash].lowercased()
        for suffix in scheme == "https" ? [":443"] : scheme == "http" ? [":80"] : [] where host.hasSuffix(suffix) {
            host.removeLast(suffix.count)
        }
        return strip(scheme + "://" + host + rest[slash...])
    }

    private static func strip(_ text: String) -> String {
        var text = text[...]
        while let last = text.last, last == "/" || last == " " { text.removeLast() }
        return String(text)
    }
}
