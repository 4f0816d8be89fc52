import Stash
import Testing

@testable import Media

private let film = Network.film
private let mebi: Int64 = 1 << 20

@Suite struct NetworkTests {
    /// Reads a file from its front to its end and gives the part of the line that was used.
    private func stream(
        _ network: inout Network, request: Int, depth: Int, seed: UInt64 = 1
    ) -> Double {
        var random = SeededGenerator(seed)
        let size = network.world.files[film]?.size ?? 0
        let (handle, _) = network.world.open(film)
        _ = network.until { $0.running.isEmpty }
        var reader = KernelReader(handle, from: 0, to: size, request: request, depth: depth)
        while !reader.isDone, network.time < 300_000 {
            reader.step(&network, &random)
            network.tick()
        }
        #expect(reader.isDone && network.fetched == size, "each byte once")
        return Double(size) / Double(network.time) / Double(network.total)
    }

    @Test(arguments: [(1 << 20, 2), (128 << 10, 16), (128 << 10, 2)])
    func `one line of 200 Mbit/s is full at a round trip of 50 ms`(request: Int, depth: Int) {
        var network = Network(size: 256 * mebi, roundTrip: 50, total: 200)
        let used = stream(&network, request: request, depth: depth)
        #expect(used >= 0.95)
        #expect(network.requests <= 256)
    }

    @Test(arguments: [(1 << 20, 2), (128 << 10, 16), (128 << 10, 2)])
    func `a line of 200 Mbit/s is full though each connection has 50 of them`(request: Int, depth: Int) {
        var network = Network(size: 512 * mebi, roundTrip: 50, perConnection: 50, total: 200)
        let used = stream(&network, request: request, depth: depth)
        #expect(used >= 0.95)
    }

    @Test func `the first byte after a seek comes after one round trip`() {
        var random = SeededGenerator(3)
        var times: [Int] = []
        for pace in [nil, 1000.0] {
            var network = Network(size: 1024 * mebi, roundTrip: 20, total: 500)
            let (handle, _) = network.world.open(film)
            _ = network.until { $0.running.isEmpty }
            for _ in 0..<30 {
                let start = Int64.random(in: 0..<(1000 * mebi), using: &random) / 4096 * 4096
                let (sink, _) = network.world.read(handle, start, 4096)
                let time = network.until { _ in sink.answer != nil } ?? .max
                times.append(time)
                var reader = KernelReader(
                    handle, from: start + 4096, to: start + 8 * mebi, request: 1 << 20, depth: 2, pace: pace)
                for _ in 0..<200 {
                    reader.step(&network, &random)
                    network.tick()
                }
            }
        }
        // A block comes from its front on, and the kernel still waits for what it wanted before.
        times.sort()
        #expect(times[times.count * 95 / 100] <= 20 + 5)
    }

    @Test func `sixty random seeks fetch at most four times what they read`() {
        var random = SeededGenerator(4)
        var network = Network(size: 1024 * mebi, roundTrip: 20, total: 200)
        let (handle, _) = network.world.open(film)
        for _ in 0..<60 {
            let start = Int64.random(in: 0..<(1000 * mebi), using: &random)
            let (sink, _) = network.world.read(handle, start, 65_536)
            #expect(network.until { _ in sink.answer != nil } != nil)
        }
        _ = network.until { $0.running.isEmpty }
        #expect(network.fetched <= 4 * 60 * 65_536)
    }

    @Test func `a film at its own speed is fetched no further than a few seconds, and never waits`() {
        var random = SeededGenerator(5)
        var network = Network(size: 1024 * mebi, roundTrip: 50, total: 100)
        let (handle, _) = network.world.open(film)
        _ = network.until { $0.running.isEmpty }
        // 8 Mbit/s.
        var reader = KernelReader(handle, from: 0, to: 1024 * mebi, request: 1 << 20, depth: 2, pace: 1000)
        for _ in 0..<20_000 {
            reader.step(&network, &random)
            network.tick()
        }
        #expect(reader.place >= 19 * 1_000_000)
        for _ in 0..<60_000 { network.tick() }
        #expect(network.fetched <= reader.place + ReadAhead.calm + 4 * mebi, "no more is fetched during a pause")
        #expect(network.world.core.counters.transfers == 0)
    }

    @Test(arguments: [96, 128, 700, -64, -96, -2000])
    func `places at equal distances are foreseen, forwards and backwards`(kibi: Int64) {
        var network = Network(size: 1024 * mebi, roundTrip: 20, total: 1000)
        let (handle, _) = network.world.open(film)
        _ = network.until { $0.running.isEmpty }
        var place = 500 * mebi
        var time = 0
        for _ in 0..<100 {
            let (sink, _) = network.world.read(handle, place, 65_536)
            time += network.until { _ in sink.answer != nil } ?? .max / 200
            for _ in 0..<3 { network.tick() }
            place += kibi << 10
        }
        _ = network.until { $0.running.isEmpty }
        #expect(time <= 100 * 20 / 3, "most are there when they are read")
        #expect(network.fetched <= 100 * 65_536 * 4)
    }

    @Test func `two places read in turn are both streams`() {
        var random = SeededGenerator(6)
        var network = Network(size: 1024 * mebi, roundTrip: 50, total: 200)
        let (handle, _) = network.world.open(film)
        var readers = [10 * mebi, 600 * mebi].map {
            KernelReader(handle, from: $0, to: $0 + 64 * mebi, request: 128 << 10, depth: 8)
        }
        while !readers.allSatisfy(\.isDone), network.time < 100_000 {
            for index in readers.indices { readers[index].step(&network, &random) }
            network.tick()
        }
        #expect(network.fetched <= 140 * mebi)
        #expect(Double(128 * mebi) / Double(network.time) / Double(network.total) >= 0.9)
    }

    @Test func `runs that always end early teach a handle not to look ahead`() {
        var random = SeededGenerator(7)
        var network = Network(size: 1024 * mebi, roundTrip: 20, total: 1000)
        let (handle, _) = network.world.open(film)
        var read: Int64 = 0
        for _ in 0..<100 {
            let start = Int64.random(in: 0..<(1000 * mebi), using: &random)
            for part in 0..<3 {
                let (sink, _) = network.world.read(handle, start + Int64(part) * 131_072, 131_072)
                _ = network.until { _ in sink.answer != nil }
                read += 131_072
            }
            for _ in 0..<30 { network.tick() }
        }
        #expect(network.fetched <= 2 * read + 100 * 131_072)
    }
}
