/// Which members of several servers are one thing: pure, no I/O.
///
/// Members are joined by evidence: a shared `(endpoint, stash_id)`, or an equal file. All evidence is looked at in one
/// order that depends on nothing but its own text, so the result is the same whatever the order in which servers were
/// added or synced. An entity holds at most one member of a server: evidence that would break this is refused.
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
        /// Text that sorts: stronger evidence first. `1:endpoint\nid` for a stash id, `2:oshash/size` for a file.
        package let key: String
        package let members: [Member]

        package init(key: String, members: [Member]) {
            self.key = key
            self.members = members
        }
    }

    /// Evidence that would have put two members of one server into one entity.
    package struct Refusal: Sendable, Hashable {
        package let key: String
        package let first: Member
        package let second: Member
    }

    private var parent: [NodeNumber: NodeNumber] = [:]
    private var instances: [NodeNumber: Set<InstanceNumber>] = [:]
    private var members: [NodeNumber: Member] = [:]
    private var refusals: [Refusal] = []

    /// Joins members by all evidence.
    ///
    /// - Parameters:
    ///   - evidence: In any order.
    ///   - order: Where an instance stands among all, by something that does not depend on when it was added (its URL).
    /// - Returns: Sets of two or more members, and what was refused.
    package static func join(
        _ evidence: [Evidence], order: [InstanceNumber: Int]
    ) -> (entities: [[Member]], refusals: [Refusal]) {
        var identity = Identity()
        for piece in evidence.sorted(by: { $0.key < $1.key }) { identity.take(piece, order) }
        var groups: [NodeNumber: [Member]] = [:]
        for member in identity.members.values { groups[identity.root(member.number), default: []].append(member) }
        let entities = groups.values.filter { $0.count > 1 }.map { $0.sorted { $0.ref < $1.ref } }
        return (entities.sorted { $0[0].ref < $1[0].ref }, identity.refusals)
    }

    private mutating func take(_ piece: Evidence, _ order: [InstanceNumber: Int]) {
        let sorted = Set(piece.members).sorted {
            let a = (order[$0.ref.instance] ?? Int.max, $0.ref.kind.rawValue, $0.ref.id)
            let b = (order[$1.ref.instance] ?? Int.max, $1.ref.kind.rawValue, $1.ref.id)
            return a < b
        }
        guard let anchor = sorted.first else { return }
        for member in sorted {
            members[member.number] = member
            if parent[member.number] == nil {
                parent[member.number] = member.number
                instances[member.number] = [member.ref.instance]
            }
        }
        for member in sorted.dropFirst() { unite(anchor, member, piece.key) }
    }

    private mutating func unite(_ a: Member, _ b: Member, _ key: String) {
        let rootA = root(a.number)
        let rootB = root(b.number)
        guard rootA != rootB else { return }
        let inA = instances[rootA] ?? []
        let inB = instances[rootB] ?? []
        guard inA.isDisjoint(with: inB) else {
            refusals.append(Refusal(key: key, first: a, second: b))
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
    /// The number that each entity is known by: the oldest number that any of its members was known by, unless a member
    /// of another entity has the better right to it (the number is that member's own).
    ///
    /// - Parameters:
    ///   - entities: The members of each.
    ///   - known: The entity number each member had when identities were last computed.
    ///   - live: Which of those numbers are some member's own that still exists, in `entities` or not.
    /// - Returns: For every member of `entities` its entity's number.
    package static func numbers(
        of entities: [[Member]], known: [NodeNumber: NodeNumber], live: Set<NodeNumber>
    ) -> [NodeNumber: NodeNumber] {
        var owner: [NodeNumber: Int] = [:]
        for (index, members) in entities.enumerated() {
            for member in members { owner[member.number] = index }
        }
        // Every number wished for, with who wishes: the entity that holds the number's own member comes before others.
        var granted: [Int: NodeNumber] = [:]
        var holder: [NodeNumber: Int] = [:]
        for (index, members) in entities.enumerated() {
            let own = members.map(\.number)
            let wishes = Set(own.compactMap { known[$0] } + own).sorted()
            for wish in wishes {
                // A number whose own member lives in another entity belongs there.
                if let other = owner[wish] {
                    if other != index { continue }
                } else if live.contains(wish) {
                    continue
                }
                // Nobody's member: the first entity (by its lowest reference) that was known by it keeps it.
                if holder[wish] != nil { continue }
                holder[wish] = index
                granted[index] = wish
                break
            }
        }
        var result: [NodeNumber: NodeNumber] = [:]
        for (index, members) in entities.enumerated() {
            for member in members { result[member.number] = granted[index] ?? member.number }
        }
        return result
    }

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
