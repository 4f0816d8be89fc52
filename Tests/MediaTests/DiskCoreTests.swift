import Stash
import Testing

@testable import Media

private let film = MediaResource.sceneStream(scene: 1)
private let block = Slots.blockSize

/// What the core decides about the disk, by a clock that is turned by hand.
@Suite struct DiskCoreTests {
    private static let size: Int64 = 5_000_001

    private func world(_ version: Int = 1) -> Simulation {
        var world = Simulation(slots: 64, hasDisk: true)
        world.files[film] = (version, Self.size)
        return world
    }

    /// A world in which the film was read once and is whole on the disk, and memory was used for something else.
    private func cached() -> Simulation {
        var world = world()
        let (handle, _) = world.open(film)
        readAll(&world, handle)
        #expect(world.disk.count == 77)
        world.perform(world.core.close(handle, at: world.now))
        return world
    }

    private func readAll(_ world: inout Simulation, _ handle: HandleID) {
        world.settle()
        for place in 0..<77 {
            let (sink, _) = world.read(handle, Int64(place * block), block)
            world.settle()
            #expect(sink.answer == .bytes)
            while !world.toStore.isEmpty { world.writeBlock() }
        }
    }

    /// The same disk under a process that has just begun.
    private func restarted(_ old: Simulation) -> Simulation {
        var world = world(old.files[film]?.version ?? 1)
        world.disk = old.disk
        return world
    }

    @Test func `what has left memory comes from the disk without a request`() {
        var world = cached()
        let requests = world.started.count
        let (handle, _) = world.open(film)
        readAll(&world, handle)
        #expect(world.started.count == requests && world.deliveredFromDisk > 0)
        world.perform(world.core.close(handle, at: world.now))
        #expect(world.core.files.values.map { $0.disk == nil } == [true], "a descriptor is for what somebody has open")
    }

    @Test func `after a restart one byte tells whether the disk is right, and everything comes from it`() {
        var world = restarted(cached())
        let (handle, answers) = world.open(film)
        #expect(answers.ready.isEmpty && world.started.map(\.range) == [ByteRange(from: 0, to: 1)])
        readAll(&world, handle)
        #expect(answers.learned.map(\.size) == [Self.size] && answers.ready.count == 1)
        #expect(world.started.count == 1 && world.core.bytesReceived == 0)
    }

    @Test func `what is on the disk of another version is never read`() {
        var old = cached()
        old.files[film] = (2, Self.size)
        var world = restarted(old)
        let (handle, answers) = world.open(film)
        readAll(&world, handle)
        #expect(answers.ready.count == 1 && world.seen[handle] == 2)
        #expect(world.disk.values.allSatisfy { $0.version == 2 } && world.disk.count == 77)
    }

    @Test(arguments: [true, false]) func `while its server is down a file is read from the disk as the index knows it`(
        isSame: Bool
    ) {
        var world = restarted(cached())
        let validator = Simulation.validator(isSame ? 1 : 3, Self.size)
        _ = world.core.markDown(Simulation.server, .timedOut, at: world.now)
        let (handle, answers) = world.open(film, indexed: LearnedMedia(validator).version)
        let (sink, _) = world.read(handle, 1 << 20, 4096)
        #expect(answers.ready.count == 1 && world.started.isEmpty)
        #expect(sink.answer == (isSame ? .bytes : .error(.unavailable)))
    }

    @Test func `a server that goes down before its first answer leaves what the disk has`() throws {
        var world = restarted(cached())
        let (handle, answers) = world.open(film, indexed: LearnedMedia(Simulation.validator(1, Self.size)).version)
        let (sink, _) = world.read(handle, 1 << 20, 4096)
        world.fail(try #require(world.running.keys.first), .network)
        #expect(sink.answer == .bytes && answers.learned.count == 1 && answers.ready.count == 1)
    }

    @Test func `a block that the disk has lost is fetched again, in the middle of a read`() {
        var world = restarted(cached())
        let (handle, _) = world.open(film)
        world.settle()
        for block in [9, 11] { world.disk[.init(resource: film, block: Int64(block))] = nil }
        let (sink, _) = world.read(handle, Int64(8 * block), 5 * block)
        world.settle()
        #expect(sink.answer == .bytes)
        #expect(world.core.bytesReceived >= Int64(2 * block))
    }

    @Test func `an open asks again after a while, and then the new file is read and the old handle ends`() {
        var world = cached()
        let (old, _) = world.open(film)
        world.files[film] = (2, Self.size - 7)
        let (early, _) = world.open(film)
        #expect(world.read(early, 0, 4096).0.answer == .bytes)
        world.pass(world.core.limits.freshness)
        let (new, answers) = world.open(film)
        #expect(world.started.last?.range == ByteRange(from: 0, to: 1))
        world.settle()
        #expect(answers.learned.map(\.size) == [Self.size - 7] && answers.ready.count == 1)
        #expect(world.read(old, 0, 4096).0.answer == .error(.changed))
        let (sink, _) = world.read(new, 0, 4096)
        world.settle()
        while !world.toStore.isEmpty { world.writeBlock() }
        #expect(sink.answer == .bytes && world.seen[new] == 2 && world.disk.values.allSatisfy { $0.version == 2 })
    }

    @Test func `an open that asks in vain goes on with what is known`() {
        var world = cached()
        world.pass(world.core.limits.freshness)
        let (handle, answers) = world.open(film)
        #expect(answers.ready.isEmpty)
        world.pass(world.core.limits.openWait + .milliseconds(1))
        #expect(answers.ready.count == 1 && answers.learned.count == 1)
        #expect(world.read(handle, 0, 4096).0.answer == .bytes)
    }

    @Test func `a disk that is slower than the network keeps no memory from reads`() {
        var world = world()
        let (handle, _) = world.open(film)
        world.settle()
        for place in 0..<77 {
            let (sink, _) = world.read(handle, Int64(place * block), block)
            world.settle()
            #expect(sink.answer == .bytes)
        }
        #expect(world.toStore.count == 16, "a quarter of memory")
        while !world.toStore.isEmpty { world.writeBlock(false) }
        #expect(world.core.slots.available == world.core.slots.count && world.core.blocksToStore == 0)
    }
}
