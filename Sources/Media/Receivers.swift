import Stash

/// Brings what one transfer receives into the store.
///
/// Bytes go straight to their block. The store hears of them, which takes its lock, once a block: when it is full, or when
/// there are no more for the moment.
final class BlockReceiver: TransferSink {
    /// A part of a block that may be written.
    private struct Lease {
        let slot: Int
        let offset: Int
        let room: Int
        var written = 0
    }

    private let store: MediaStore
    private let id: TransferID
    private let lease = Lock<Lease?>(nil)

    init(store: MediaStore, id: TransferID) {
        self.store = store
        self.id = id
    }

    func began(_ head: MediaHead) {
        store.began(id, head)
    }

    func received(_ bytes: UnsafeRawBufferPointer) {
        var left = bytes
        while !left.isEmpty {
            if let count = write(left) {
                left = UnsafeRawBufferPointer(rebasing: left.dropFirst(count))
                continue
            }
            switch store.target(id, remaining: left.count) {
            case .stop:
                return
            case .skip(let count):
                left = UnsafeRawBufferPointer(rebasing: left.dropFirst(count))
            case .memory(let slot, let offset, let room):
                lease.withLock { $0 = Lease(slot: slot, offset: offset, room: room) }
            }
        }
    }

    func paused() {
        giveBack()
    }

    func ended(_ error: StashError?) {
        giveBack()
        store.ended(id, error)
    }

    /// Writes what fits into the block at hand; nil when there is none.
    private func write(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard let lease = lease.withLock({ $0 }) else { return nil }
        let count = min(bytes.count, lease.room - lease.written)
        store.write(
            UnsafeRawBufferPointer(rebasing: bytes.prefix(count)), to: lease.slot, at: lease.offset + lease.written)
        self.lease.withLock { $0?.written += count }
        if lease.written + count == lease.room { giveBack() }
        return count
    }

    private func giveBack() {
        guard let lease = lease.withLock({ $0.take() }) else { return }
        store.wrote(id, slot: lease.slot, count: lease.written)
    }
}

/// Asks one byte of a file to find out whether its server answers; which answer it is does not matter.
final class ProbeReceiver: TransferSink {
    /// Shorter than those of a read, for nobody waits, and the next probe comes soon.
    static let timeouts = TransferTimeouts(
        connect: .seconds(3), firstByte: .seconds(5), stall: .seconds(3), total: .seconds(6))

    private let store: MediaStore
    private let server: Int64
    private let epoch: Int

    init(store: MediaStore, server: Int64, epoch: Int) {
        self.store = store
        self.server = server
        self.epoch = epoch
    }

    func began(_ head: MediaHead) {}

    func received(_ bytes: UnsafeRawBufferPointer) {}

    func ended(_ error: StashError?) {
        let isBack =
            switch error.map(Failure.init) {
            case nil, .final, .changed: true
            // A proxy says 502 or 503 for a server that is down.
            case .network, .file, .locked: false
            }
        store.probed(server, epoch: epoch, succeeded: isBack)
    }
}
