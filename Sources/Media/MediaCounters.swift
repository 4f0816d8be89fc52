internal import CoreMetrics

/// What a store has in use at one moment; for status pages and for tests that look for what was left over.
package struct MediaCounters: Hashable, Sendable {
    /// Handles that were opened and not closed.
    package var handles = 0
    /// Reads that wait for bytes or memory.
    package var parkedReads = 0
    /// Blocks that are being delivered or written to at this moment.
    package var pinnedBlocks = 0
    /// Transfers that were started and have not ended.
    package var transfers = 0
    /// Blocks that hold bytes or are reserved for bytes to come.
    package var blocks = 0
    /// Blocks that wait to be written to the disk, or are being written.
    package var blocksToStore = 0
    /// Bytes received from servers since the store was made.
    package var bytesReceived: Int64 = 0

    package init() {}
}

/// Counts the bytes that reads got, by where they were.
struct DeliveredBytes: Sendable {
    /// There when the read came.
    private let memory = Self.counter("memory")
    private let disk = Self.counter("disk")
    /// The read had to wait for them.
    private let network = Self.counter("network")

    func count(_ read: PinnedRead, hasWaited: Bool) {
        let onDisk = read.diskCount == 0 ? 0 : read.bytesOnDisk
        if onDisk > 0 { disk.increment(by: onDisk) }
        if read.length > onDisk { (hasWaited ? network : memory).increment(by: read.length - onDisk) }
    }

    private static func counter(_ source: String) -> Counter {
        Counter(label: "peekfs_read_bytes_total", dimensions: [("source", source)])
    }
}

/// The name of an open handle within a store.
struct HandleID: Hashable, Sendable {
    let value: UInt64
}

/// The name of a read within a store; reads that came earlier have smaller ones.
struct ReadID: Hashable, Comparable, Sendable {
    let value: UInt64

    static func < (left: ReadID, right: ReadID) -> Bool {
        left.value < right.value
    }
}

/// The name of a transfer within a store.
struct TransferID: Hashable, Sendable {
    let value: UInt64
}

/// The name of a file that has handles or blocks, within a store.
struct FileID: Hashable, Sendable {
    let value: UInt64
}
