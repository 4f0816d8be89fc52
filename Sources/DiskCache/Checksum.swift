import CXXHash

/// XXH3 with 64 bits: faster than memory, and an accident passes it once in 2^64. It is no protection against people, who
/// cannot write here: the directory belongs to the one user who reads it.
enum Checksum {
    static func of(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        XXH3_64bits_withSeed(bytes.baseAddress, bytes.count, seed)
    }

    static func of(_ text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { of(UnsafeRawBufferPointer($0)) }
    }

    /// What the map says of a block: never 0, which says that the block is not there. A block of another file or another
    /// version (`identity`), or one that is at another place than it was written to, does not fit.
    static func of(_ bytes: UnsafeRawBufferPointer, block: Int64, identity: UInt64) -> UInt64 {
        // 2^64 divided by the golden ratio, so that neighbours get seeds which differ in many bits.
        let seed = identity ^ (UInt64(bitPattern: block) &* 0x9E37_79B9_7F4A_7C15)
        let sum = of(bytes, seed: seed)
        return sum == 0 ? 1 : sum
    }
}
