/// What one handle will probably read next, from the reads that it has made.
///
/// Players read at several places of one file in turn (index, sound, picture), so a handle has several cursors. Each
/// looks ahead of itself in the direction in which it is read, as far as it was followed without a jump. Runs that start
/// at equal distances (thumbnailers, some archives) are foreseen as well.
///
/// What is fetched and never read is evidence against the handle: it is subtracted from what was read in sequence, and who
/// owes more than a run has brought looks no further ahead in it. So what is fetched in vain is never much more than what
/// was read, whatever the pattern.
struct ReadAhead: Sendable {
    /// The least worth a request of its own, and the first window of a file that is read from its front.
    static let smallest: Int64 = 256 << 10
    /// How far a cursor looks ahead whose reads never wait: four seconds of a film of 8 Mbit/s, so that a server may take as long
    /// as a disk's hiccup, and no more of the film is fetched than that while it is paused.
    static let calm: Int64 = 4 << 20
    /// How far one looks ahead whose reads wait for bytes that were asked for long ago. Five connections, each with a piece of
    /// 2.3 MiB (see `piece`), lose 50 ms of round trip in 370 ms at 50 Mbit/s each, and so fill 200 Mbit/s; one limit of
    /// 1 Gbit/s over all connections is filled up to 100 ms.
    static let largest: Int64 = 16 << 20
    /// How far reads of one sequence may be out of order: the kernel has two or three requests of up to 1 MiB under way.
    static let reach: Int64 = 3 << 20
    /// How many places are followed; the least recently used one is given up.
    static let places = 4
    /// After how many bytes without a wait a cursor looks half as far ahead.
    static let patience: Int64 = 64 << 20
    /// How many steps of equal distance are foreseen at most: eight requests under way are more than a server gets.
    static let steps = 8
    /// After how many reads, each before the last, a sequence is read backwards: with fewer it may be out of order only.
    static let fallsToTurn = 3
    /// After how many bytes in sequence it is forgotten that something was fetched in vain: more than a picture in a film.
    static let sure: Int64 = 1 << 20

    enum Motion: Sendable {
        case unknown
        case forward
        case backward
    }

    struct Cursor: Sendable {
        /// What was read without a jump.
        var start: Int64
        var next: Int64
        var motion = Motion.unknown
        /// How far the next bytes were asked for, or found in memory: upwards, or downwards when it is read backwards.
        var issued: Int64
        /// How far it may look ahead.
        var cap = ReadAhead.calm
        fileprivate var falls = 0
        /// Bytes that were read since a read had to wait.
        fileprivate var calmFor: Int64 = 0

        fileprivate init(_ range: Range<Int64>) {
            start = range.lowerBound
            next = range.upperBound
            issued = range.upperBound
        }

        /// What was asked for and not read yet.
        var ahead: Range<Int64> {
            switch motion {
            case .backward: min(issued, start)..<start
            case .forward, .unknown: next..<max(next, issued)
            }
        }

        fileprivate mutating func giveUp() {
            issued = motion == .backward ? start : next
        }
    }

    /// Runs that start at equal distances.
    private struct Stride: Sendable {
        var last: Int64
        var gap: Int64
        var length: Int64
        /// How often the distance was the same.
        var count = 0
        /// How many of the runs to come were asked for.
        var issued = 0

        func run(_ step: Int) -> Range<Int64>? {
            let (distance, overflow) = gap.multipliedReportingOverflow(by: Int64(step))
            guard !overflow, last + distance >= 0 else { return nil }
            return last + distance..<last + distance + length
        }

        /// Those that were asked for.
        var runs: [Range<Int64>] { issued > 0 ? (1...issued).compactMap(run) : [] }
    }

    /// Most recently used first.
    private(set) var cursors: [Cursor] = []
    private var stride: Stride?
    /// Bytes that were read in sequence, less those that were fetched in vain.
    private(set) var balance: Int64 = 0

    /// Whether something was fetched in vain since it last read far without a jump. Then more than one read has to follow a jump
    /// before it is looked ahead: the kernel by itself makes 132 KiB of a read of 64 KiB, and a request that is given up
    /// costs its connection, and so the next jump a round trip.
    private var isDoubted = false

    /// Whether the handle is on its way through the file, rather than here and there.
    var isPassing: Bool { cursors.first.map { $0.motion != .unknown } ?? false }

    /// Notes a read.
    ///
    /// - Parameters:
    ///   - range: what was read.
    ///   - waited: whether the bytes were not there.
    /// - Returns: what was asked for and is claimed no longer, because the read was a jump; nil when it was none.
    mutating func note(_ range: Range<Int64>, waited: Bool = false) -> [Range<Int64>]? {
        if let match = cursors.firstIndex(where: { Self.continues($0, range) }) {
            var cursor = cursors.remove(at: match)
            follow(&cursor, range, waited: waited)
            cursors.insert(cursor, at: 0)
            return nil
        }
        var abandoned: [Range<Int64>] = []
        let isForeseen = stepTo(range, &abandoned)
        for index in cursors.indices {
            if !cursors[index].ahead.isEmpty { abandoned.append(cursors[index].ahead) }
            cursors[index].giveUp()
        }
        let isFirst = cursors.isEmpty
        if cursors.count == Self.places { cursors.removeLast() }
        cursors.insert(Cursor(range), at: 0)
        return isFirst || isForeseen && abandoned.isEmpty ? nil : abandoned
    }

    /// Notes that so many bytes were fetched for this handle and given up unread.
    mutating func wasted(_ bytes: Int64) {
        balance = max(balance - bytes, -Self.largest)
        if bytes > 0 { isDoubted = true }
    }

    private static func continues(_ cursor: Cursor, _ range: Range<Int64>) -> Bool {
        let slack = min(cursor.next - cursor.start, reach)
        switch cursor.motion {
        case .unknown:
            // Touching, or one request further: that one may have been overtaken.
            return range.lowerBound <= cursor.next && range.upperBound >= cursor.start - Int64(range.count)
        case .forward:
            return range.lowerBound >= cursor.next - reach && range.lowerBound <= cursor.next + slack
                && range.upperBound > cursor.start - reach
        case .backward:
            return range.upperBound <= cursor.start + reach && range.upperBound >= cursor.start - slack
        }
    }

    private mutating func follow(_ cursor: inout Cursor, _ range: Range<Int64>, waited: Bool) {
        if range.upperBound > cursor.next {
            if cursor.motion != .forward { cursor.issued = cursor.next }
            cursor.motion = .forward
            cursor.falls = 0
            gain(range.upperBound - cursor.next, &cursor, waited: waited)
            cursor.next = range.upperBound
            cursor.issued = max(cursor.issued, cursor.next)
        } else if range.lowerBound < cursor.start {
            cursor.falls += 1
            if cursor.motion != .backward, cursor.falls >= Self.fallsToTurn {
                cursor.motion = .backward
                cursor.issued = range.lowerBound
            }
            gain(cursor.start - range.lowerBound, &cursor, waited: waited)
            cursor.start = range.lowerBound
            if cursor.motion == .backward { cursor.issued = min(cursor.issued, cursor.start) }
        }
    }

    private mutating func gain(_ bytes: Int64, _ cursor: inout Cursor, waited: Bool) {
        balance = min(balance + bytes, Self.patience)
        if cursor.next - cursor.start + bytes >= Self.sure { isDoubted = false }
        if waited {
            // What would have been enough was not there in time.
            if cursor.next - cursor.start >= cursor.cap { cursor.cap = min(cursor.cap * 2, Self.largest) }
            cursor.calmFor = 0
        } else {
            cursor.calmFor += bytes
            guard cursor.calmFor >= Self.patience else { return }
            cursor.cap = max(cursor.cap / 2, Self.calm)
            cursor.calmFor = Self.largest
        }
    }

    /// Compares the distance of a new run to the one before with that of those.
    private mutating func stepTo(_ range: Range<Int64>, _ abandoned: inout [Range<Int64>]) -> Bool {
        guard let last = cursors.first else { return false }
        let gap = range.lowerBound - last.start
        guard var stride, stride.gap == gap else {
            if let stride { abandoned += stride.runs }
            stride = Stride(last: range.lowerBound, gap: gap, length: last.next - last.start)
            return false
        }
        stride.last = range.lowerBound
        stride.length = last.next - last.start
        stride.count += 1
        stride.issued = max(0, stride.issued - 1)
        self.stride = stride
        return true
    }

    // MARK: What to fetch

    /// How far the cursor that was used last may look ahead, in bytes.
    var window: Int64 {
        guard let cursor = cursors.first, cursor.motion != .unknown || cursor.start == 0 else { return 0 }
        let evidence = cursor.next - cursor.start + min(balance, 0)
        if balance < 0 || isDoubted, evidence < Self.smallest { return 0 }
        return min(max(evidence, Self.smallest), cursor.cap)
    }

    /// What one request should bring: for a reader who waits as much as lets so many run side by side, with a successor of one of
    /// them, for others as much as keeps half of the window ahead of them.
    private func piece(of window: Int64, lanes: Int) -> Int64 {
        let isHungry = cursors.first.map { $0.calmFor < window } ?? false
        let parts = isHungry ? Int64(lanes) + 1 : 2
        return max(Self.smallest, window / parts / Int64(Slots.blockSize) * Int64(Slots.blockSize))
    }

    /// What should be fetched next for the cursor that was used last, once there is room for a whole piece in its window.
    ///
    /// - Parameters:
    ///   - limit: the widest window in bytes that memory allows now.
    ///   - lanes: how many requests may run side by side.
    ///   - size: the size of the file.
    /// - Returns: a range that touches what was asked for before, or a run that is foreseen, or nil.
    func proposal(limit: Int64, lanes: Int = 1, size: Int64) -> Range<Int64>? {
        guard let cursor = cursors.first else { return nil }
        let window = min(window, limit)
        guard window > 0 else { return foreseen(limit: limit, size: size) }
        let piece = piece(of: window, lanes: lanes)
        let ahead = cursor.ahead
        let room = window - Int64(ahead.count)
        guard room >= min(piece, window / 2) else { return nil }
        let range: Range<Int64>
        if cursor.motion == .backward {
            range = max(0, ahead.lowerBound - min(piece, room))..<ahead.lowerBound
        } else {
            let start = min(ahead.upperBound, size)
            range = start..<min(start + min(piece, room), size)
        }
        return range.isEmpty ? nil : range
    }

    /// The nearest run at the usual distance that was not asked for yet.
    private func foreseen(limit: Int64, size: Int64) -> Range<Int64>? {
        guard let stride, stride.count > 0, stride.length > 0 else { return nil }
        let credit = Int64(stride.count) + min(balance, 0) / stride.length
        let depth = min(credit, Int64(Self.steps), limit / stride.length)
        guard stride.issued < depth, let run = stride.run(stride.issued + 1) else { return nil }
        let clamped = run.clamped(to: 0..<size)
        return clamped.isEmpty ? nil : clamped
    }

    /// Notes that a proposal, as far as it goes, was asked for or is in memory.
    mutating func issue(_ range: Range<Int64>) {
        guard let cursor = cursors.first else { return }
        guard window > 0 else {
            // As in `proposal`: a run may be anywhere, even where the cursor has been.
            stride?.issued += 1
            return
        }
        if cursor.motion == .backward {
            cursors[0].issued = min(cursor.issued, range.lowerBound)
        } else {
            cursors[0].issued = max(cursor.issued, range.upperBound)
        }
    }

    /// Whether any part of `range` is ahead of a cursor and was asked for on its behalf; the end of that part.
    func claim(in range: Range<Int64>) -> Int64? {
        var end: Int64?
        func consider(_ claimed: Range<Int64>) {
            let part = range.clamped(to: claimed)
            if !part.isEmpty { end = max(end ?? 0, part.upperBound) }
        }
        for cursor in cursors { consider(cursor.ahead) }
        for run in stride?.runs ?? [] { consider(run) }
        return end
    }
}
