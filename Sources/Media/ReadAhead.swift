/// What one handle will probably read next, from the reads that it has made.
///
/// Players read at several places of one file in turn (index, sound, picture), so a handle has several cursors. A
/// cursor looks ahead as far as it was followed without a jump: what is fetched in vain is never more than what was
/// read, and after three or four round trips a long pipe is full.
struct ReadAhead: Sendable {
    /// The least worth a request of its own, and the first window of a file that is read from its front.
    static let smallest: Int64 = 256 << 10
    /// The most: half of it is always under way, which fills 200 Mbit/s up to a round trip of 160 ms.
    static let largest: Int64 = 8 << 20
    /// How far reads of one sequence may be out of order: the kernel has several requests of up to 1 MiB under way.
    static let reach: Int64 = 1 << 20
    /// How many places are followed; the least recently used one is given up.
    static let places = 4

    struct Cursor: Sendable {
        var start: Int64
        var next: Int64
        /// What was asked for or was found in memory, up to here.
        var issued: Int64
        var isSequential = false

        /// How far to look ahead of `next`.
        var window: Int64 {
            guard isSequential || start == 0 else { return 0 }
            return min(max(next - start, ReadAhead.smallest), ReadAhead.largest)
        }
    }

    /// Most recently used first.
    private(set) var cursors: [Cursor] = []

    /// Notes a read.
    ///
    /// - Returns: whether it was a jump: what the other cursors had asked for is claimed no longer.
    mutating func note(_ range: Range<Int64>) -> Bool {
        let match = cursors.firstIndex { cursor in
            let forward = cursor.isSequential ? min(cursor.next - cursor.start, Self.reach) : 0
            return range.lowerBound >= cursor.next - Self.reach && range.lowerBound <= cursor.next + forward
                && range.upperBound > cursor.start - Self.reach
        }
        guard let match else {
            for index in cursors.indices {
                cursors[index].issued = min(cursors[index].issued, cursors[index].next)
            }
            if cursors.count == Self.places { cursors.removeLast() }
            let new = Cursor(start: range.lowerBound, next: range.upperBound, issued: range.upperBound)
            cursors.insert(new, at: 0)
            return cursors.count > 1
        }
        var cursor = cursors.remove(at: match)
        if range.upperBound > cursor.next {
            cursor.next = range.upperBound
            cursor.isSequential = true
        } else if range.lowerBound < cursor.start, range.upperBound >= cursor.start {
            cursor.start = range.lowerBound
            cursor.isSequential = true
        }
        cursor.issued = max(cursor.issued, cursor.next)
        cursors.insert(cursor, at: 0)
        return false
    }

    /// What should be fetched next for the cursor that was used last, when less than half of its window is under way.
    ///
    /// - Parameters:
    ///   - limit: the widest window in bytes that memory allows now.
    ///   - size: the size of the file.
    /// - Returns: a range that starts where the last one ended, or nil.
    func proposal(limit: Int64, size: Int64) -> Range<Int64>? {
        guard let cursor = cursors.first else { return nil }
        let window = min(cursor.window, limit)
        let ahead = max(cursor.issued, cursor.next)
        let end = min(cursor.next + window, size)
        guard ahead - cursor.next <= window / 2, end > ahead else { return nil }
        return ahead..<end
    }

    /// Notes that everything up to `end` was asked for or is in memory.
    mutating func issue(to end: Int64) {
        guard !cursors.isEmpty else { return }
        cursors[0].issued = max(cursors[0].issued, end)
    }

    /// Whether any part of `range` is ahead of a cursor and was asked for on its behalf; the end of that part.
    func claim(in range: Range<Int64>) -> Int64? {
        cursors.compactMap { cursor in
            let claimed = range.clamped(to: cursor.next..<max(cursor.next, cursor.issued))
            return claimed.isEmpty ? nil : claimed.upperBound
        }.max()
    }
}
