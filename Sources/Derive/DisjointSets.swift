/// Sets of numbers, of which every two that are tied, also by way of others, share one. What is tied to nothing costs a word.
///
/// A set is known by its least number, so it does not matter in which order ties are found.
struct DisjointSets {
    /// For each number one of its set that is less, or itself where there is none.
    private var lesser: [Int] = []

    /// Puts the sets of two numbers together. Numbers are not negative, and memory goes up to the greatest one.
    mutating func tie(_ a: Int64, _ b: Int64) {
        let (a, b) = (Int(a), Int(b))
        if lesser.count <= max(a, b) { lesser += lesser.count...max(a, b) }
        let (first, second) = (least(a), least(b))
        lesser[max(first, second)] = min(first, second)
    }

    /// All sets of two numbers or more, one after the other: by their least numbers, and each in the order of numbers.
    consuming func members() -> [(set: Int64, number: Int64)] {
        var isTied = Array(repeating: false, count: lesser.count)
        for number in lesser.indices where least(number) != number {
            isTied[number] = true
            isTied[lesser[number]] = true
        }
        var members: [(set: Int64, number: Int64)] = []
        for number in lesser.indices where isTied[number] { members.append((Int64(lesser[number]), Int64(number))) }
        members.sort { $0 < $1 }
        return members
    }

    /// The least number of a set. On the way everything gets nearer to it.
    private mutating func least(_ number: Int) -> Int {
        var number = number
        while lesser[number] != number {
            lesser[number] = lesser[lesser[number]]
            number = lesser[number]
        }
        return number
    }
}
