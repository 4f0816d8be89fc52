import Stash
import Testing

@testable import Media

private let film = MediaResource.sceneStream(scene: 1)
private let picture = MediaResource.image(image: 2)
private let block = Slots.blockSize

@Suite struct CoreTests {
    private func world(size: Int64 = 100 << 20, slots: Int = 256) -> Simulation {
        var world = Simulation(slots: slots)
        world.files[film] = (1, size)
        world.files[picture] = (1, 3 << 20)
        return world
    }

    @Test func `an open fetches the front and is ready with what the server says`() {
        var world = world(size: 1_000_003)
        let (handle, answers) = world.open(film, size: 17)
        #expect(answers.ready.isEmpty)
        #expect(world.started.map { $0.range } == [ByteRange(from: 0, to: ReadAhead.smallest)])
        world.settle()
        #expect(answers.learned.map { $0.size } == [1_000_003])
        #expect(answers.ready.count == 1)
        let (sink, ticket) = world.read(handle, 0, block)
        #expect(sink.answer == .bytes && ticket == nil)
        let (_, again) = world.open(film, size: 17)
        #expect(again.learned == answers.learned && again.ready == [.success(answers.learned.first)])
    }

    @Test(arguments: [1, 50_000, block - 1, block, block + 1, 4 * block - 1, 4 * block, 4 * block + 1])
    func `a small file is fetched once`(size: Int) {
        var world = world(size: Int64(size))
        let (handle, _) = world.open(film)
        let (sink, _) = world.read(handle, 0, size)
        world.settle()
        #expect(sink.answer == .bytes)
        #expect(world.core.bytesReceived == Int64(size))
        #expect(world.started.count == (size <= 4 * block ? 1 : 2))
    }

    @Test func `a slow server does not hold up an open`() {
        var world = world()
        let (handle, answers) = world.open(film)
        world.pass(.milliseconds(499))
        #expect(answers.ready.isEmpty)
        world.pass(.milliseconds(2))
        #expect(answers.ready == [.success(nil)])
        let (sink, _) = world.read(handle, 5 << 20, 1000)
        world.settle()
        #expect(sink.answer == .bytes && answers.learned.count == 1 && answers.ready.count == 1)
    }

    @Test(arguments: [
        (Failure.final(.gone), MediaError.gone), (.final(.refused), .refused), (.changed, .refused),
        (.locked, .unavailable),
    ])
    func `what is final fails the open at once`(failure: Failure, error: MediaError) throws {
        var world = world()
        let (_, answers) = world.open(film)
        world.fail(try #require(world.running.keys.first), failure)
        #expect(answers.ready == [.failure(error)])
        let (_, next) = world.open(film)
        #expect(next.ready == [.failure(error)], "from memory or the breaker")
        #expect(world.started.count == 1)
    }

    @Test func `a final failure is forgotten after a moment`() throws {
        var world = world()
        _ = world.open(film)
        world.fail(try #require(world.running.keys.first), .final(.gone))
        world.pass(FailureMemory.lifetime)
        let (_, answers) = world.open(film)
        world.settle()
        #expect(answers.learned.count == 1)
    }

    private typealias FailureMemory = MediaCore.FailureMemory

    @Test func `reads of all shapes get their bytes`() {
        var world = world(size: 5_000_001)
        let (handle, _) = world.open(film)
        world.settle()
        for offset in [0, 1, Int64(block) - 1, Int64(block), 4_000_000, 4_999_999, 5_000_000, 5_000_001, 9_000_000] {
            for count in [0, 1, 4096, block, block + 1, 1 << 20] {
                let before = world.delivered
                let (sink, _) = world.read(handle, offset, count)
                world.settle()
                #expect(sink.answer == .bytes)
                #expect(world.delivered - before == max(0, min(Int64(count), 5_000_001 - offset)))
            }
        }
    }

    @Test func `a read is answered as soon as its bytes are there, before the block is whole`() throws {
        var world = world()
        let (handle, _) = world.open(film)
        world.settle()
        let (sink, _) = world.read(handle, 10 << 20, 4096)
        let transfer = try #require(world.running.keys.first)
        world.bring(transfer, 4095)
        #expect(sink.answer == nil)
        world.bring(transfer, 1)
        #expect(sink.answer == .bytes)
    }

    @Test func `readers of one block share one transfer`() {
        var world = world()
        let (one, _) = world.open(film)
        let (two, _) = world.open(film)
        world.settle()
        let sinks = [one, two, one, two].map { world.read($0, 10 << 20, 4096).0 }
        #expect(world.running.count == 1)
        world.settle()
        #expect(sinks.allSatisfy { $0.answer == .bytes })
    }

    @Test func `random reads fetch no more than the blocks that they touch`() {
        var world = world(size: 1 << 30, slots: 2048)
        let (handle, _) = world.open(film)
        world.settle()
        for place in 0..<60 {
            world.read(handle, Int64(place * 7919 % 61) * (17 << 20) + 12_288, 64 << 10)
            world.settle()
        }
        #expect(world.core.bytesReceived <= 4 * 60 * (64 << 10))
    }

    @Test func `a film that is read on and on needs few requests, and no read waits for more than its share`() {
        var world = world(slots: 2048)
        let (handle, _) = world.open(film)
        world.settle()
        for place in 0..<1600 {
            let (sink, _) = world.read(handle, Int64(place * block), block)
            world.settle()
            #expect(sink.answer == .bytes)
        }
        #expect(world.core.bytesReceived == 100 << 20, "every byte once")
        #expect(world.started.count < 72)
    }

    @Test func `a jump lets end what has brought all its bytes, and so keeps the connection`() throws {
        var world = world()
        let (handle, _) = world.open(film)
        world.settle()
        _ = world.read(handle, 50 << 20, 5)
        let transfer = try #require(world.running.keys.first)
        world.bring(transfer, 10)
        guard case .memory(let slot, 10, let room) = world.core.target(transfer, remaining: block) else {
            Issue.record("no memory for the rest of the block")
            return
        }
        world.perform(world.core.wrote(transfer, slot: slot, count: room, at: world.now))
        #expect(world.core.fetches[transfer].map { $0.position == $0.requestedEnd } == true)
        _ = world.read(handle, 20 << 20, 5)
        #expect(!world.cancelled.contains(transfer))
    }

    @Test func `a seek stops what was being fetched for the place before it`() {
        var world = world(slots: 2048)
        let (handle, _) = world.open(film)
        world.settle()
        var place = 0
        while place < 60 || world.running.isEmpty, place < 200 {
            world.settle()
            world.read(handle, Int64(place * block), block)
            place += 1
        }
        let ahead = Set(world.running.keys)
        #expect(!ahead.isEmpty)
        world.read(handle, 90 << 20, 4096)
        #expect(ahead.isDisjoint(with: world.running.keys) && world.running.count == 1)
    }

    @Test func `a closed handle stops its read-ahead and not that of others`() {
        var world = world(slots: 2048)
        let (one, _) = world.open(film)
        world.settle()
        for place in 0..<16 {
            world.read(one, Int64(place * block), block)
            if place < 12 { world.settle() }
        }
        world.settle()
        world.read(one, Int64(16 * block), block)
        let (two, _) = world.open(picture)
        #expect(world.running.count >= 1)
        world.perform(world.core.close(one, at: world.now))
        #expect(world.running.values.allSatisfy { $0.request.resource == picture })
        world.settle()
        world.perform(world.core.close(two, at: world.now))
        #expect(world.core.counters.handles == 0 && world.core.counters.transfers == 0)
    }

    @Test func `a network failure is retried within the deadline and resumes inside the block`() throws {
        var world = world()
        let (handle, _) = world.open(film)
        world.settle()
        let (sink, _) = world.read(handle, 10 << 20, block)
        let first = try #require(world.running.keys.first)
        world.bring(first, 5000)
        world.fail(first, .network)
        #expect(sink.answer == nil && world.running.isEmpty)
        world.pass(.seconds(1))
        let resumed: Int64 = (10 << 20) + 5000
        #expect(world.started.last?.range?.lowerBound == resumed)
        world.settle()
        #expect(sink.answer == .bytes)
    }

    @Test func `a silent server fails its reads at the deadline, then at once, until a probe succeeds`() {
        var world = world()
        let (handle, _) = world.open(film)
        world.settle()
        world.pass(.seconds(5))
        let (sink, _) = world.read(handle, 10 << 20, 4096)
        world.pass(.seconds(15))
        for id in Array(world.running.keys) { world.fail(id, .network) }
        world.pass(.milliseconds(2999))
        #expect(sink.answer == nil)
        world.pass(.milliseconds(1))
        #expect(sink.answer == .error(.timedOut))
        #expect(world.running.isEmpty && world.health.count == 1)
        let (again, ticket) = world.read(handle, 10 << 20, 4096)
        #expect(again.answer == .error(.unavailable) && ticket == nil)
        #expect(world.read(handle, 0, 4096).0.answer == .bytes, "what is in memory is still given")
        #expect(world.open(picture).1.ready == [.failure(.unavailable)])

        world.pass(.seconds(1))
        #expect(world.probes.count == 1)
        world.perform(world.core.probed(7, epoch: 1, succeeded: false, at: world.now))
        #expect(world.read(handle, 10 << 20, 4096).0.answer == .error(.unavailable))
        world.pass(.seconds(1))
        #expect(world.probes.count == 2)
        world.perform(world.core.probed(7, epoch: 1, succeeded: true, at: world.now))
        #expect(world.health.last == .up)
        let (back, _) = world.read(handle, 10 << 20, 4096)
        world.settle()
        #expect(back.answer == .bytes)
    }

    @Test func `a server that answers others is not marked down for one file`() throws {
        var world = world()
        let (handle, _) = world.open(film)
        let (other, _) = world.open(picture)
        world.settle()
        let (sink, _) = world.read(handle, 10 << 20, 4096)
        world.pass(.seconds(10))
        world.read(other, 1 << 20, 4096)
        for (id, transfer) in world.running where transfer.request.resource == picture { world.bring(id) }
        world.pass(.seconds(8))
        #expect(sink.answer == .error(.timedOut))
        #expect(world.core.health(of: 7) == .up)
        let (again, _) = world.read(handle, 10 << 20, 4096)
        #expect(again.answer == .error(.timedOut), "no second deadline follows the first")
        #expect(world.read(handle, 20 << 20, 4096).1 != nil, "another place is tried")
    }

    @Test func `reads that time out side by side all fail at once when they are asked again`() {
        var world = world()
        let (handle, _) = world.open(film)
        let (other, _) = world.open(picture)
        world.settle()
        let sinks = (0..<4).map { world.read(handle, (10 << 20) + Int64($0 * block), block).0 }
        world.pass(.seconds(10))
        world.read(other, 1 << 20, 4096)
        for (id, transfer) in world.running where transfer.request.resource == picture { world.bring(id) }
        world.pass(.seconds(8))
        #expect(sinks.allSatisfy { $0.answer == .error(.timedOut) })
        #expect(world.core.health(of: 7) == .up)
        for page in 0..<(4 * block / 4096) {
            let (again, _) = world.read(handle, (10 << 20) + Int64(page * 4096), 4096)
            #expect(again.answer == .error(.timedOut), "page \(page)")
        }
        #expect(world.read(handle, (10 << 20) + Int64(4 * block), 4096).1 != nil, "what comes behind is tried")
        world.pass(FailureMemory.lifetime)
        #expect(world.read(handle, 10 << 20, 4096).1 != nil, "and soon the place itself")
    }

    @Test func `a file that fails again and again is given up, its server is not`() {
        var world = world()
        let (handle, _) = world.open(film)
        world.settle()
        let (sink, _) = world.read(handle, 10 << 20, 4096)
        for _ in 0..<Backoff.statusTries {
            for id in Array(world.running.keys) { world.fail(id, .file) }
            if sink.answer == nil { world.pass(.seconds(3)) }
        }
        #expect(sink.answer == .error(.failing))
        #expect(world.core.health(of: 7) == .up)
    }

    @Test func `a failed read-ahead costs a read that came later no error`() throws {
        var world = world(slots: 2048)
        let (handle, _) = world.open(film)
        world.settle()
        for place in 0..<8 {
            world.read(handle, Int64(place * block), block)
            world.settle()
        }
        var ahead: TransferID?
        var place = 8
        while ahead == nil, place < 64 {
            world.read(handle, Int64(place * block), block)
            ahead = world.core.fetches.first { !$0.value.isDemanded }?.key
            place += 1
        }
        let transfer = try #require(ahead)
        let (sink, _) = world.read(handle, try #require(world.running[transfer]).position, 4096)
        world.fail(transfer, .final(.refused))
        #expect(sink.answer == nil)
        world.settle()
        #expect(sink.answer == .bytes)
    }

    @Test func `a changed file is never mixed`() throws {
        var world = world()
        let (handle, _) = world.open(film)
        world.settle()
        world.files[film] = (2, 90 << 20)
        #expect(world.read(handle, 0, 4096).0.answer == .bytes)
        let (sink, _) = world.read(handle, 10 << 20, 4096)
        world.settle()
        #expect(sink.answer == .error(.changed))
        #expect(world.read(handle, 0, 4096).0.answer == .error(.changed))
        let (fresh, answers) = world.open(film)
        world.settle()
        #expect(answers.learned.map { $0.size } == [90 << 20])
        #expect(world.read(fresh, 0, 4096).0.answer == .bytes)
        #expect(world.read(handle, 0, 4096).0.answer == .error(.changed), "the old handle stays stale")
    }

    @Test(arguments: [false, true])
    func `a file that is forgotten is asked for anew, and its handles are stale`(whole: Bool) {
        var world = world()
        let (handle, _) = world.open(picture, whole: whole)
        let (other, _) = world.open(film)
        world.settle()
        #expect(world.read(handle, 0, 4096).0.answer == .bytes)
        let (elsewhere, _) = world.read(other, 10 << 20, 4096)
        world.perform(world.core.forget(server: 8, resource: picture, at: world.now))
        #expect(world.read(handle, 0, 4096).0.answer == .bytes, "the same number on another server is another file")
        world.files[picture] = (2, 2 << 20)
        let transfers = world.started.count
        world.perform(world.core.forget(server: 7, resource: picture, at: world.now))
        #expect(world.read(handle, 0, 4096).0.answer == .error(.changed))
        #expect(world.started.count == transfers, "nobody has asked yet")
        let (fresh, answers) = world.open(picture, whole: whole)
        world.settle()
        #expect(answers.learned.map { $0.size } == [2 << 20])
        #expect(world.read(fresh, 0, 4096).0.answer == .bytes)
        #expect(world.read(handle, 0, 4096).0.answer == .error(.changed))
        #expect(elsewhere.answer == .bytes)
    }

    @Test func `what waits for a file that is forgotten fails, and its transfers end`() {
        var world = world()
        let (handle, _) = world.open(film)
        world.settle()
        let (sink, _) = world.read(handle, 10 << 20, 4096)
        let (_, waiting) = world.open(picture)
        world.perform(world.core.forget(server: 7, resource: film, at: world.now))
        #expect(sink.answer == .error(.changed) && waiting.ready.isEmpty)
        world.perform(world.core.forget(server: 7, resource: picture, at: world.now))
        #expect(waiting.ready == [.failure(.changed)])
        #expect(world.running.isEmpty && world.core.counters.parkedReads == 0 && world.core.counters.blocks == 0)
        for id in Array(world.handles.keys) { world.perform(world.core.close(id, at: world.now)) }
        #expect(world.core.files.isEmpty && world.core.fileIDs.isEmpty)
    }

    @Test func `an interrupted read is answered once and its transfer ends`() {
        var world = world()
        let (handle, _) = world.open(film)
        world.settle()
        let (sink, id) = world.read(handle, 10 << 20, 4096)
        if let id { world.perform(world.core.cancel(id, at: world.now)) }
        #expect(sink.answer == .error(.interrupted) && world.running.isEmpty)
        if let id { world.perform(world.core.cancel(id, at: world.now)) }
        #expect(world.core.counters.parkedReads == 0)
    }

    @Test func `a slot that is being written while its transfer is given up is free afterwards`() throws {
        var world = world()
        let (handle, _) = world.open(film)
        world.settle()
        let (_, read) = world.read(handle, 10 << 20, 4096)
        let transfer = try #require(world.running.keys.first)
        world.bring(transfer, 0)
        guard case .memory(let slot, 0, Slots.blockSize) = world.core.target(transfer, remaining: 10) else {
            Issue.record("the transfer has its block")
            return
        }
        if let read { world.perform(world.core.cancel(read, at: world.now)) }
        #expect(world.core.slots[slot].pins == 1, "bytes may still be on their way into it")
        world.perform(world.core.abandon(transfer, at: world.now))
        world.perform(world.core.abandon(transfer, at: world.now))
        let late = world.core.wrote(transfer, slot: slot, count: 10, at: world.now)
        #expect(late.isEmpty && world.core.counters.pinnedBlocks == 0 && world.core.slots[slot].pins == 0)
    }

    @Test func `the rest of a block comes although nobody wants it, unless its place is needed`() throws {
        var world = world()
        let (handle, _) = world.open(film)
        world.settle()
        world.read(handle, 10 << 20, 4096)
        let transfer = try #require(world.running.keys.first)
        world.bring(transfer, 5000)
        world.read(handle, 50 << 20, 4096)
        #expect(world.running[transfer] != nil, "to finish costs less than to connect anew")
        for place in 3..<8 { world.read(handle, Int64(place) * (12 << 20), 4096) }
        #expect(world.running[transfer] == nil && world.running.count == 5)
    }

    @Test func `a whole file is fetched by one request`() {
        var world = world()
        let (handle, answers) = world.open(picture, whole: true)
        let sinks = stride(from: 0, to: 3 << 20, by: 128 << 10).map { world.read(handle, Int64($0), 128 << 10).0 }
        world.settle()
        #expect(sinks.allSatisfy { $0.answer == .bytes })
        #expect(world.started.count == 1 && world.started.first?.range == nil && answers.ready.count == 1)
    }

    @Test func `a whole file larger than its share of memory is still read`() {
        var world = world(slots: 64)
        let (handle, _) = world.open(picture, whole: true)
        for offset in stride(from: 0, to: 3 << 20, by: 1 << 20) {
            let (sink, _) = world.read(handle, Int64(offset), 1 << 20)
            world.settle()
            #expect(sink.answer == .bytes)
        }
    }

    @Test func `an empty file is read`() {
        var world = world(size: 0)
        let (handle, answers) = world.open(film)
        let (sink, _) = world.read(handle, 0, 4096)
        world.settle()
        #expect(sink.answer == .bytes && answers.learned.map { $0.size } == [0])
        #expect(world.core.counters.transfers == 0 && world.core.counters.blocks == 0)
    }

    @Test func `reads wait for memory in turn and all get it`() {
        var world = world(slots: 64)
        let sinks = (0..<40).map { place in
            let (handle, _) = world.open(film)
            return world.read(handle, Int64(place) * (2 << 20) + 77, 1 << 20).0
        }
        world.settle()
        #expect(sinks.allSatisfy { $0.answer == .bytes })
    }

    @Test func `a read that finds no memory for its whole time says so and blames no server`() {
        var world = world(slots: 64)
        let (handle, _) = world.open(film)
        world.settle()
        for place in 1..<3 { world.read(handle, Int64(place) * (4 << 20), 1 << 20) }
        world.pass(.seconds(5))
        let (sink, _) = world.read(handle, 30 << 20, 1 << 20)
        #expect(world.core.queue.count >= 1)
        for id in Array(world.running.keys) { world.bring(id, 10) }
        world.pass(.seconds(18))
        #expect(sink.answer == .error(.timedOut) || sink.answer == .error(.noMemory))
        #expect(world.core.counters.parkedReads == 0)
    }

    @Test func `reads that found no memory fail at once when they are asked again`() {
        var world = world(slots: 64)
        let (handle, _) = world.open(film)
        let (other, _) = world.open(picture)
        world.settle()
        for place in 1..<3 { world.read(handle, Int64(place) * (4 << 20), 1 << 20) }
        let sinks = (0..<2).map { world.read(other, (2 << 20) + Int64($0) * (512 << 10), 512 << 10).0 }
        #expect(world.core.queue.count == 2)
        world.pass(.seconds(1))
        for id in Array(world.running.keys) { world.bring(id, 10) }
        world.pass(.seconds(17))
        #expect(sinks.allSatisfy { $0.answer == .error(.noMemory) })
        for offset in stride(from: 2 << 20, to: 3 << 20, by: 4096) {
            #expect(world.read(other, Int64(offset), 4096).0.answer == .error(.noMemory), "page at \(offset)")
        }
    }

    @Test func `a server that is taken away or replaced fails what is open`() {
        var world = world()
        let (handle, _) = world.open(film)
        world.settle()
        let (sink, _) = world.read(handle, 10 << 20, 4096)
        world.perform(world.core.setServer(7, isSet: false, at: world.now))
        #expect(sink.answer == .error(.unavailable) && world.running.isEmpty)
        #expect(world.read(handle, 0, 4096).0.answer == .error(.unavailable))
        #expect(world.core.counters.blocks == 0)
        world.perform(world.core.setServer(7, isSet: true, at: world.now))
        #expect(world.read(handle, 0, 4096).0.answer == .error(.changed))
        let (_, answers) = world.open(film)
        world.settle()
        #expect(answers.learned.count == 1)
    }

    @Test func `the limit of transfers holds and files take turns`() {
        var world = world(slots: 2048)
        let handles = (Int64(10)..<40).map { number in
            let resource = MediaResource.image(image: number)
            world.files[resource] = (1, 50 << 20)
            return world.open(resource).0
        }
        #expect(world.running.count == 6)
        world.settle()
        for handle in handles.prefix(3) {
            for place in 1..<10 { world.read(handle, Int64(place) * (5 << 20), 4096) }
        }
        func perFile() -> [MediaResource: Int] {
            Dictionary(grouping: world.running.values) { $0.request.resource }.mapValues { $0.count }
        }
        #expect(perFile() == [.image(image: 10): 5, .image(image: 11): 1])
        for id in world.running.keys.sorted(by: { $0.value < $1.value }).prefix(2) { world.bring(id) }
        #expect(perFile() == [.image(image: 10): 3, .image(image: 11): 2, .image(image: 12): 1])
        world.settle()
        #expect(world.readings.isEmpty)
    }
}
