import Library
import Stash

/// Watermarks in the words of servers.
extension Watermark {
    /// So much is asked for again: offsets are ignored when times are compared, and daylight saving or another time zone
    /// makes new rows sort below older ones (Stash 3.1).
    private static var overlap: Int64 { 26 * 3_600 }
    /// So long must a second be over until nothing can be written in it any more: clocks are set.
    private static var settling: Int64 { 12 }

    /// The mark after a reading that found this row to be the newest when it began.
    ///
    /// - Parameters:
    ///   - newest: The greatest of the server's times.
    ///   - greatestID: The greatest id when the reading began.
    ///   - former: The mark before.
    ///   - now: When the reading began, in Unix seconds.
    init(newest: WireTime, greatestID: Int64, former: Watermark?, now: Int64) {
        let isSame = former?.text == newest.text
        let noted = isSame ? former?.noted ?? now : now
        self.init(
            text: newest.text, modified: newest.unixSeconds, noted: noted,
            // Both times are this machine's: the clocks need not agree.
            isSettled: isSame && (former?.isSettled ?? false || now - noted >= Self.settling || now < noted),
            greatestID: max(greatestID, former?.greatestID ?? 0))
    }

    /// What to ask for: an offset-less time of the server's wall clock. nil when the text is no time.
    ///
    /// A row from the future, made when the server's clock was wrong, must not hide what is written until then: the mark
    /// counts for no more than the present, which is given in Unix seconds.
    func since(now: Int64) -> String? {
        guard let time = WireTime(text) else { return nil }
        return time.wallClock(earlierBy: Self.overlap + max(0, time.unixSeconds - now))
    }

    /// Rows changed at this moment or later may say something else under the same text; nil when there are none.
    var freshSince: Int64? { isSettled ? nil : modified - Self.settling }
}
