import Stash
import Testing

@testable import Media

/// SplitMix64: equal seeds, equal runs.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

@Suite struct RandomCoreTests {
    private static let failures: [Failure] = [
        .network, .network, .network, .file, .changed, .final(.gone), .final(.refused),
    ]

    @Test(arguments: (0..<60).map { UInt64($0) + UInt64.random(in: 0...(.max / 2)) })
    func `whatever happens, every read is answered once, with right bytes, and nothing is left over`(seed: UInt64) {
        var random = SeededGenerator(seed)
        let hasDisk = seed % 2 == 0
        var world = Simulation(slots: Int.random(in: 64...192, using: &random), hasDisk: hasDisk)
        let resources = (0..<4).map { MediaResource.sceneStream(scene: $0) }
        for resource in resources { world.files[resource] = (1, Int64.random(in: 0...(9 << 20), using: &random)) }
        var open: [HandleID] = []
        var sinks: [RecordingSink] = []
        var places: [HandleID: Int64] = [:]
        var answers: [Simulation.Answers] = []
        var isSet = true

        for _ in 0..<600 {
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<8:
                guard let resource = resources.randomElement(using: &random) else { break }
                let (handle, answer) = world.open(resource, whole: resource == resources[3])
                open.append(handle)
                answers.append(answer)
            case 8..<12:
                guard let index = open.indices.randomElement(using: &random) else { break }
                world.perform(world.core.close(open.remove(at: index), at: world.now))
            case 12..<45:
                guard let handle = open.randomElement(using: &random) else { break }
                let jump = Int64.random(in: 0...(10 << 20), using: &random)
                let offset = Bool.random(using: &random) ? places[handle] ?? 0 : jump
                let count = [1, 4096, 65_536, 131_072, 200_000, 1 << 20].randomElement(using: &random) ?? 1
                places[handle] = offset + Int64(count)
                sinks.append(world.read(handle, offset, count).0)
            case 45..<50:
                let ids = world.readings.keys.sorted()
                if let id = ids.randomElement(using: &random) {
                    world.perform(world.core.cancel(id, at: world.now))
                }
            case 50..<85:
                let ids = world.running.keys.sorted { $0.value < $1.value }
                guard let id = ids.randomElement(using: &random) else { break }
                world.bring(id, Int.random(in: 0...400_000, using: &random))
            case 85..<92:
                let ids = world.running.keys.sorted { $0.value < $1.value }
                guard let id = ids.randomElement(using: &random) else { break }
                world.fail(id, Self.failures.randomElement(using: &random) ?? .network)
            case 92..<94:
                guard let resource = resources.randomElement(using: &random) else { break }
                let version = (world.files[resource]?.version ?? 0) + 1
                world.files[resource] = (version, Int64.random(in: 0...(9 << 20), using: &random))
            case 94..<97:
                world.pass(.milliseconds(Int.random(in: 1...4000, using: &random)))
            case 97:
                for _ in 0..<Int.random(in: 1...20, using: &random) {
                    world.writeBlock(Int.random(in: 0..<10, using: &random) > 0)
                }
                // The disk's space is shared.
                if let key = world.disk.keys.randomElement(using: &random) { world.disk[key] = nil }
            case 98:
                world.pass(.seconds(20))
                for probe in world.probes {
                    let succeeded = Bool.random(using: &random)
                    world.perform(
                        world.core.probed(probe.server, epoch: probe.epoch, succeeded: succeeded, at: world.now))
                }
                world.probes = []
            default:
                if Int.random(in: 0..<10, using: &random) == 0 {
                    isSet.toggle()
                    world.perform(world.core.setServer(Simulation.server, isSet: isSet, at: world.now))
                }
            }
            let counters = world.core.counters
            #expect(counters.pinnedBlocks <= world.toStore.count && counters.transfers == world.running.count)
            #expect(counters.transfers <= 6 && counters.parkedReads == world.readings.count)
        }

        for handle in open { world.perform(world.core.close(handle, at: world.now)) }
        world.settle()
        world.pass(.seconds(40))
        world.settle()
        while !world.toStore.isEmpty { world.writeBlock() }
        let left = sinks.count { $0.answer == nil }
        #expect(left == 0, "seed \(seed)")
        #expect(answers.allSatisfy { $0.ready.count == 1 && $0.learned.count <= 1 }, "seed \(seed)")
        var counters = world.core.counters
        #expect(counters.parkedReads == 0 && counters.transfers == 0 && counters.handles == 0, "seed \(seed)")
        // What is left are whole, idle blocks: all of them can be had.
        #expect(world.core.slots.available == world.core.slots.count, "seed \(seed)")
        world.perform(world.core.shutdown(at: world.now))
        counters = world.core.counters
        #expect(counters.blocks == 0 && world.core.files.isEmpty, "seed \(seed)")
    }
}
