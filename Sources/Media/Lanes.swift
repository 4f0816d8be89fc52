/// How many requests to one server run side by side for one sequence of reads, found out by trying.
///
/// Each gets a successor one round trip before it ends, so that the line is never idle; with two, one that stumbles does not
/// stop the stream. More help only where the server, a
/// proxy or TCP itself limits each connection; where one limit holds for all of them they would make the bytes that are
/// read next come later. So more are tried while a reader waits for bytes anyway, and kept if more bytes come.
struct Lanes: Sendable {
    typealias Instant = ContinuousClock.Instant

    static let fewest = 2
    /// By what factor more lanes have to be better: throughput of a home network wavers by a tenth.
    static let gain = 1.2
    /// The shortest time that is measured, and the fewest bytes: a pause of a disk, or what lay in some buffer, is no rate.
    static let shortest = Duration.milliseconds(200)
    static let leastBytes: Int64 = 1 << 20
    /// How many round trips are measured at least, since each lane loses one between two requests.
    static let roundTrips = 6
    /// A pause longer than this says nothing about the line.
    static let silence = Duration.seconds(1)
    /// How long after a trial in vain the next one is made: at first, and at most after several.
    static let firstRest = Duration.seconds(30)
    static let longestRest = Duration.seconds(480)

    private struct Period: Sendable {
        let start: Instant
        var last: Instant
        var bytes: Int64 = 0
        var samples = 0
        var telling = 0
    }

    private(set) var count = Lanes.fewest
    let most: Int
    /// From a request to its answer, the shortest of late.
    private(set) var roundTrip: Duration = .zero
    /// Bytes a second, when it was last measured.
    private var rate: Double?
    private var period: Period?
    /// The first period after a change is not counted.
    private var isSettling = false
    /// What there was before more lanes were tried.
    private var before: (count: Int, rate: Double)?
    private var rest = Lanes.firstRest
    private var restsUntil: Instant?

    init(most: Int) {
        self.most = most
        count = min(count, most)
    }

    /// How many bytes before its end a request should have a successor: what comes in a round trip and a half, for the half
    /// is as much as round trips waver.
    var lead: Int64 {
        guard let rate else { return ReadAhead.smallest }
        return max(Int64(Slots.blockSize), Int64(rate * (roundTrip / .seconds(1)) * 1.5) / Int64(count))
    }

    /// Notes how long an answer took to begin.
    mutating func answered(after time: Duration) {
        roundTrip = roundTrip == .zero || time < roundTrip ? time : roundTrip + (time - roundTrip) / 16
    }

    /// Notes bytes that came from the server.
    ///
    /// - Parameters:
    ///   - bytes: how many.
    ///   - isTelling: whether it was the line that kept them from coming sooner, and not the reader.
    ///   - now: when.
    mutating func received(_ bytes: Int, isTelling: Bool, at now: Instant) {
        guard var period, now - period.last < Self.silence else {
            period = Period(start: now, last: now)
            return
        }
        period.last = now
        period.bytes += Int64(bytes)
        period.samples += 1
        if isTelling { period.telling += 1 }
        let time = now - period.start
        guard time >= max(Self.shortest, roundTrip * Self.roundTrips), period.bytes >= Self.leastBytes else {
            self.period = period
            return
        }
        self.period = Period(start: now, last: now)
        let rate = Double(period.bytes) / (time / .seconds(1))
        self.rate = rate
        guard period.telling * 4 >= period.samples * 3 else { return }
        if isSettling {
            isSettling = false
        } else {
            judge(rate, at: now)
        }
    }

    private mutating func judge(_ rate: Double, at now: Instant) {
        if let (count, old) = before {
            before = nil
            if rate < old * Self.gain {
                self.count = count
                restsUntil = now + rest
                rest = min(rest * 2, Self.longestRest)
                return
            }
            rest = Self.firstRest
        }
        guard count < most, restsUntil.map({ $0 <= now }) ?? true else { return }
        before = (count, rate)
        count = min(count * 2, most)
        isSettling = true
    }
}
