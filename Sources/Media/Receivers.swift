import Stash

/// Brings what one transfer receives into the store.
final class BlockReceiver: TransferSink {
    private let store: MediaStore
    private let id: TransferID

    init(store: MediaStore, id: TransferID) {
        self.store = store
        self.id = id
    }

    func began(_ head: MediaHead) {
        store.began(id, head)
    }

    func received(_ bytes: UnsafeRawBufferPointer) {
        store.received(id, bytes)
    }

    func ended(_ error: StashError?) {
        store.ended(id, error)
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
