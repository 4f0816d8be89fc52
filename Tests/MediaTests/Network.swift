import Stash

@testable import Media

/// A line to a server in virtual time, and readers behind a kernel that reads ahead: everything is exact and repeatable.
///
/// A request's first byte comes one round trip after it was sent. From then on connections share the line evenly, each up to
/// its own limit. Time goes in steps of a millisecond.
struct Network {
    var world: Simulation
    let roundTrip: Duration
    /// Bytes in a millisecond: of one connection, and of all.
    let perConnection: Int
    let total: Int
    private var sent: [TransferID: ContinuousClock.Instant] = [:]
    /// Milliseconds in which less came than the line can bring.
    private(set) var idle = 0.0
    private(set) var time = 0

    static let step = Duration.milliseconds(1)
    static let film = MediaResource.sceneStream(scene: 1)

    /// Bandwidths in Mbit/s; nil is 10 Gbit/s.
    init(size: Int64, roundTrip: Int, perConnection: Int? = nil, total: Int? = nil, slots: Int = 2048) {
        world = Simulation(slots: slots)
        world.files[Self.film] = (1, size)
        self.roundTrip = .milliseconds(roundTrip)
        self.perConnection = (perConnection ?? 10_000) * 125
        self.total = (total ?? 10_000) * 125
    }

    var fetched: Int64 { world.core.bytesReceived }
    var requests: Int { world.started.count }

    /// One millisecond.
    mutating func tick() {
        for id in world.running.keys where sent[id] == nil { sent[id] = world.now }
        world.pass(Self.step)
        time += 1
        var left = total
        var flowing = world.running.keys.filter { id in sent[id].map { world.now - $0 >= roundTrip } ?? false }
            .sorted { $0.value < $1.value }
        // Whoever needs less than an even share leaves the rest to the others; who has begun anew waits for the next step.
        var allowance = Dictionary(uniqueKeysWithValues: flowing.map { ($0, perConnection) })
        while !flowing.isEmpty, left > 0 {
            let share = max(1, left / flowing.count)
            flowing = flowing.filter { id in
                guard let transfer = world.running[id], let own = allowance[id], left > 0 else { return false }
                let count = Int(min(Int64(min(share, own, left)), transfer.end - transfer.position))
                world.bring(id, count)
                left -= count
                allowance[id] = own - count
                return world.running[id] != nil && own > count
            }
        }
        idle += Double(max(0, left)) / Double(total)
    }

    /// Ticks until something is so; the number of milliseconds, nil when it does not come about.
    mutating func until(limit: Int = 200_000, _ condition: (Simulation) -> Bool) -> Int? {
        let start = time
        while !condition(world) {
            if time - start >= limit { return nil }
            tick()
        }
        return time - start
    }
}

/// A process that reads a file through the page cache: the kernel keeps some requests under way before the place where the
/// process is, and sends them in an order of its own.
struct KernelReader {
    let handle: HandleID
    let request: Int
    /// How many requests are under way side by side.
    let depth: Int
    /// Bytes that the process takes in a millisecond; nil is as fast as they come.
    var pace: Double?
    private var next: Int64
    private let end: Int64
    private var waiting: [(range: Range<Int64>, sink: RecordingSink)] = []
    private(set) var place: Int64
    private var allowance = 0.0

    init(_ handle: HandleID, from start: Int64, to end: Int64, request: Int, depth: Int, pace: Double? = nil) {
        self.handle = handle
        self.request = request
        self.depth = depth
        self.pace = pace
        (next, place, self.end) = (start, start, end)
    }

    var isDone: Bool { place >= end }

    /// What the process and its kernel do in one millisecond.
    mutating func step(_ network: inout Network, _ random: inout SeededGenerator) {
        allowance += pace ?? 1e12
        while true {
            while let first = waiting.first, first.sink.answer == .bytes, allowance >= Double(first.range.count) {
                allowance -= Double(first.range.count)
                place = first.range.upperBound
                waiting.removeFirst()
            }
            var new: [Range<Int64>] = []
            while waiting.count + new.count < depth, next < end {
                new.append(next..<min(next + Int64(request), end))
                next = new.last?.upperBound ?? end
            }
            if new.isEmpty { break }
            var sinks: [Int64: RecordingSink] = [:]
            for range in new.shuffled(using: &random) {
                sinks[range.lowerBound] = network.world.read(handle, range.lowerBound, range.count).0
            }
            for range in new {
                if let sink = sinks[range.lowerBound] { waiting.append((range, sink)) }
            }
        }
        if waiting.first?.sink.answer == .bytes, pace == nil { return }
        allowance = min(allowance, Double(request) + (pace ?? 0))
    }
}
