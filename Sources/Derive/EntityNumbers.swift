import Library

/// Which number each entity is known by: pure, no I/O.
///
/// A number makes the inode and carries the name, so whoever had it keeps it if that is possible at all: paths are in other
/// programs' databases. Entities ask for the numbers that they would like, best first, and each number goes to whoever
/// has the best right to it; as in every stable matching, the result does not depend on the order of asking.
struct EntityNumbers {
    /// A member with what is remembered of it.
    struct Standing {
        let member: Identity.Member
        /// The number of the entity that it was part of.
        let known: NodeNumber
        /// A second number that is its own.
        let spare: NodeNumber?
        /// It was in the tree until now; not for one that comes back, or whose server is switched off: its place may have
        /// been taken.
        let isContinued: Bool

        func owns(_ number: NodeNumber) -> Bool { member.number == number || spare == number }
    }

    struct Result {
        /// The entity's number for every member.
        var numbers: [NodeNumber: NodeNumber] = [:]
        /// Entities all of whose numbers belong to others; by the member that should get a new one, with all members.
        var unnumbered: [(first: NodeNumber, members: [NodeNumber])] = []
    }

    private let entities: [[Standing]]
    /// The member whose title made the name that a number has.
    private let sources: [NodeNumber: NodeNumber]
    /// The numbers whose names were made of a member's title.
    private let named: [NodeNumber: [NodeNumber]]

    /// Gives every entity a number.
    ///
    /// `entities` are all that may want a number which is not their only member's own, and all whose own numbers others want;
    /// `sources` says which member's title made the name that goes with a number, for all these members and all their
    /// numbers.
    static func assign(_ entities: [[Standing]], sources: [NodeNumber: NodeNumber]) -> Result {
        let sorted = entities.map { $0.sorted { $0.member.ref < $1.member.ref } }
            .sorted { $0[0].member.ref < $1[0].member.ref }
        let named = Dictionary(grouping: sources.keys) { sources[$0] ?? $0 }
        return EntityNumbers(entities: sorted, sources: sources, named: named).assign()
    }

    private func assign() -> Result {
        let wishes = entities.map(wishes)
        var holder: [NodeNumber: Int] = [:]
        var next = Array(repeating: 0, count: entities.count)
        var asking = Array(entities.indices)
        while let index = asking.popLast() {
            guard next[index] < wishes[index].count else { continue }
            let number = wishes[index][next[index]]
            next[index] += 1
            guard let other = holder[number] else {
                holder[number] = index
                continue
            }
            let isBetter = right(index, number) < right(other, number)
            if isBetter { holder[number] = index }
            asking.append(isBetter ? other : index)
        }
        var result = Result()
        var isNumbered = Array(repeating: false, count: entities.count)
        for (number, index) in holder {
            isNumbered[index] = true
            for standing in entities[index] { result.numbers[standing.member.number] = number }
        }
        for (index, members) in entities.enumerated() where !isNumbered[index] {
            result.unnumbered.append((members[0].member.number, members.map(\.member.number)))
        }
        return result
    }

    /// The oldest number that it was known by, then others; then numbers whose names were made of its members, which it
    /// had before it was joined with something; then its members' own, unless another entity's name goes with one.
    private func wishes(_ entity: [Standing]) -> [NodeNumber] {
        let members = Set(entity.map(\.member.number))
        let own = (entity.map(\.member.number).sorted() + entity.compactMap(\.spare).sorted()).filter { number in
            sources[number].map { members.contains($0) } ?? true
        }
        var wishes: [NodeNumber] = []
        let called = entity.flatMap { named[$0.member.number] ?? [] }
        for wish in entity.map(\.known).sorted() + called.sorted() + own where !wishes.contains(wish) {
            wishes.append(wish)
        }
        return wishes
    }

    /// Lower is better. No two entities have the same right to a number.
    private func right(_ index: Int, _ number: NodeNumber) -> (Int, Int, Int) {
        let entity = entities[index]
        let isKnown = entity.contains { $0.known == number }
        let isContinued = entity.contains { $0.known == number && $0.isContinued }
        let isOwner = entity.contains { $0.owns(number) }
        let isSource = entity.contains { $0.member.number == sources[number] }
        return (isContinued ? 0 : isKnown ? 1 : 2, isOwner ? 0 : isSource ? 1 : 2, index)
    }
}
