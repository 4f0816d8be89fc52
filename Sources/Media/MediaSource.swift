package import Stash

/// One remote file: which server has it and under which address.
///
/// There is no bare id: the number of the instance is part of every value, and with it of every key in memory.
package struct MediaSource: Hashable, Sendable {
    /// The number of the instance in the person's configuration.
    package let server: Int64
    /// Where the file is on that server.
    package let resource: MediaResource
    /// The size in bytes that the index knows, or nil when it knows none. The server's first answer decides.
    package let size: Int64?
    /// Whether the file is fetched by one GET, once, and not by ranges.
    ///
    /// For images inside archives, which the server inflates anew for every request, and for answers that are made on
    /// the fly and come without a length, such as captions (Stash 4.3, 4.4).
    package let whole: Bool

    package init(server: Int64, resource: MediaResource, size: Int64?, whole: Bool = false) {
        self.server = server
        self.resource = resource
        self.size = size
        self.whole = whole
    }
}

/// What the server's own answer said about a file.
package struct LearnedMedia: Hashable, Sendable {
    /// The size in bytes; every read is cut to it.
    package let size: Int64
    /// An opaque text which changes when the bytes do: made from the server's `ETag` or `Last-Modified`, and the size.
    ///
    /// The same file learned twice with equal texts has equal bytes, so pages in the kernel may be kept between opens.
    package let version: String
    /// Whether it is the very file that the server's scan has seen (`Replica`).
    package let isIndexed: Bool
    let lastModified: String?
}

extension LearnedMedia {
    init(_ validator: Validator) {
        self.init(
            size: validator.total,
            version: "\(validator.total) \(validator.etag ?? "-") \(validator.lastModified ?? "-")",
            isIndexed: false, lastModified: validator.lastModified)
    }

    /// The same, held against what the index knows of the file.
    func compared(with file: Replica) -> LearnedMedia {
        LearnedMedia(
            size: size, version: version, isIndexed: isFile(size: file.source.size, modified: file.modified),
            lastModified: lastModified)
    }

    /// Whether it is the file of which an index says how many bytes it has and when they were changed last, in Unix seconds.
    package func isFile(size: Int64?, modified: Int64) -> Bool {
        self.size == size && lastModified == Replica.httpDate(modified)
    }
}
