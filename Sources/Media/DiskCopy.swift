import DiskCache
import Stash

/// What the disk has of a file: some blocks of one version.
struct DiskCopy: Sendable {
    let version: Validator
    /// Blocks that are there, as far as is known: the disk's space is shared, and each may be gone by now.
    var blocks: CachedBlocks
    /// Nil before the first block was written.
    var file: CacheFile?
}

/// A block in memory that is to be written to the disk; its slot is pinned until `MediaCore.stored`.
struct BlockToStore: Sendable {
    let file: FileID
    let key: MediaCore.FileKey
    let generation: Int
    let version: Validator
    let slot: Int
    let block: Int64
    let count: Int
    /// Nil when there is none yet, or it is being made.
    let disk: CacheFile?
}

/// The disk keeps a version as a text: a line each for the two headers, with a letter before what the server sent.
extension CacheVersion {
    init(_ validator: Validator) {
        self.init(
            size: validator.total,
            text: [validator.etag.map { "e\($0)" } ?? "", validator.lastModified.map { "m\($0)" } ?? ""]
                .joined(separator: "\n"))
    }

    /// Nil when the text is none of the other initialiser's.
    var validator: Validator? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 2, lines[0].isEmpty || lines[0].hasPrefix("e"), lines[1].isEmpty || lines[1].hasPrefix("m")
        else { return nil }
        return Validator(
            total: size, lastModified: lines[1].isEmpty ? nil : String(lines[1].dropFirst()),
            etag: lines[0].isEmpty ? nil : String(lines[0].dropFirst()))
    }
}
