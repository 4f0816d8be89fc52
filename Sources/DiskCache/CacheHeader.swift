import Glibc

/// The first page of a cache file: whose bytes these are, and where in the file they are.
///
/// The file is the header, the map with 8 bytes for each block, and the data, each beginning on a page:
///
///     0     magic (8), size of a block (4), length of the folder (2), of the name (2), of the text (2), 0 (6),
///           size of the media file (8), folder, name, text, zeros; the last 8 bytes are the sum of all before them
///     4096  the map: for each block its checksum, or 0
///     …     the data, block after block as in the media file
///
/// Numbers are little-endian. Nothing is ever synced: what a power cut leaves is believed only as far as its sums fit.
struct CacheHeader: Equatable {
    /// The page of every processor that we know of; what is spliced must begin on one.
    static let size = 4096
    /// Its last digit is the version of the format; a file of another one is no file of ours.
    static let magic: [UInt8] = Array("PeekFS\u{0}2".utf8)
    /// 2^40: of larger ones the map alone would be more than 128 MiB, and no media file is that long.
    static let mostBytes: Int64 = 1 << 40
    private static let fixed = 32

    let key: CacheKey
    let version: CacheVersion

    var blocks: Int64 { (version.size + Int64(CacheFile.blockSize) - 1) / Int64(CacheFile.blockSize) }
    var mapBytes: Int64 { blocks * 8 }
    var dataOffset: Int64 { Int64(Self.size) * (1 + (mapBytes + Int64(Self.size) - 1) / Int64(Self.size)) }
    var fileSize: Int64 { dataOffset + version.size }

    static func mapOffset(ofBlock block: Int64) -> Int64 { Int64(size) + block * 8 }

    /// The bytes of a block: all but the last one are full.
    func bytes(inBlock block: Int64) -> Int {
        Int(min(Int64(CacheFile.blockSize), version.size - block * Int64(CacheFile.blockSize)))
    }

    /// The page, or nil when the texts do not fit into it, or there is nothing to cache in such a file.
    func encoded() -> (page: [UInt8], identity: UInt64)? {
        let texts = [key.folder, key.name, version.text].map { Array($0.utf8) }
        guard texts.reduce(Self.fixed + 8, { $0 + $1.count }) <= Self.size else { return nil }
        guard version.size > 0, version.size <= Self.mostBytes else { return nil }
        var page = Self.magic
        page.append(little: UInt32(CacheFile.blockSize))
        for text in texts { page.append(little: UInt16(text.count)) }
        page += [UInt8](repeating: 0, count: 6)
        page.append(little: UInt64(bitPattern: version.size))
        for text in texts { page += text }
        page += [UInt8](repeating: 0, count: Self.size - 8 - page.count)
        let sum = page.withUnsafeBytes { Checksum.of($0) }
        page.append(little: sum)
        return (page, sum)
    }

    /// What a page says, or nil when it is no whole header of this format.
    static func decoded(_ page: [UInt8]) -> (header: CacheHeader, identity: UInt64)? {
        guard page.count == size, page.starts(with: magic) else { return nil }
        let sum: UInt64 = page.little(at: size - 8)
        guard page.withUnsafeBytes({ Checksum.of(UnsafeRawBufferPointer(rebasing: $0.dropLast(8))) }) == sum,
            page.little(at: 8) as UInt32 == UInt32(CacheFile.blockSize)
        else { return nil }
        var place = fixed
        var texts: [String] = []
        for field in 0..<3 {
            let length = Int(page.little(at: 12 + 2 * field) as UInt16)
            guard place + length <= size - 8 else { return nil }
            texts.append(String(decoding: page[place..<place + length], as: UTF8.self))
            place += length
        }
        let header = CacheHeader(
            key: CacheKey(folder: texts[0], name: texts[1]),
            version: CacheVersion(size: Int64(bitPattern: page.little(at: 24)), text: texts[2]))
        guard header.version.size > 0, header.version.size <= mostBytes else { return nil }
        return (header, sum)
    }
}

extension [UInt8] {
    fileprivate mutating func append(little number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }

    fileprivate func little<Number: FixedWidthInteger>(at place: Int) -> Number {
        withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: Number.self)) }
    }
}
