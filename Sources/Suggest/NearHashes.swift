/// Pairs of 64-bit perceptual hashes that differ in a few bits, without comparing all with all.
///
/// A hash is cut into four bands of 16 bits. When two hashes differ in at most eight bits, then either some band differs in
/// at most one bit, or each differs in at least two: that makes eight, so each differs in exactly two, the lowest one
/// too. So it is enough to look, for each hash, at the 17 values next to each of its bands and at the 120 that differ
/// from its lowest one in two bits: 188 look-ups a hash, each of which finds, among a hundred thousand evenly spread
/// hashes, one or two to compare with.
package struct NearHashes {
    /// Bits. More is no evidence: of two unrelated hashes about 32 differ, and Stash's own search for duplicates goes up to
    /// 10 for what it calls low accuracy.
    package static let maximumDistance = 8

    private static let bands = 4
    private static let bandBits = 16
    private static let bandValues = 1 << bandBits

    /// What differs in no bit or one, and what differs in two.
    private static let near: [Int] = [0] + (0..<bandBits).map { 1 << $0 }
    private static let next: [Int] = (0..<bandBits).flatMap { high in (0..<high).map { 1 << high | 1 << $0 } }

    private let hashes: [UInt64]
    /// For each band, where the hashes of each value start in `entries`, and one place more for the end.
    private let starts: [[Int32]]
    /// For each band, places in `hashes`, by the band's value and then ascending.
    private let entries: [[Int32]]

    package init(_ hashes: [UInt64]) {
        self.hashes = hashes
        var allStarts: [[Int32]] = []
        var allEntries: [[Int32]] = []
        for band in 0..<Self.bands {
            var starts = [Int32](repeating: 0, count: Self.bandValues + 1)
            for hash in hashes { starts[Self.value(of: hash, band) + 1] += 1 }
            for value in 0..<Self.bandValues { starts[value + 1] += starts[value] }
            var free = starts
            var entries = [Int32](repeating: 0, count: hashes.count)
            for (place, hash) in hashes.enumerated() {
                let value = Self.value(of: hash, band)
                entries[Int(free[value])] = Int32(place)
                free[value] += 1
            }
            allStarts.append(starts)
            allEntries.append(entries)
        }
        starts = allStarts
        entries = allEntries
    }

    /// Calls `body` once for each pair of places whose hashes differ in at most `maximumDistance` bits, the lower place
    /// first, with the number of bits.
    package func forEachPair(_ body: (Int, Int, Int) -> Void) {
        for place in hashes.indices {
            for band in 0..<Self.bands { look(from: place, in: band, masks: Self.near, body) }
            look(from: place, in: 0, masks: Self.next, body)
        }
    }

    private func look(from place: Int, in band: Int, masks: [Int], _ body: (Int, Int, Int) -> Void) {
        let hash = hashes[place]
        let value = Self.value(of: hash, band)
        let isNear = masks.count == Self.near.count
        for mask in masks {
            let bucket = value ^ mask
            var entry = Int(starts[band][bucket + 1]) - 1
            let first = Int(starts[band][bucket])
            while entry >= first {
                let other = Int(entries[band][entry])
                guard other > place else { break }
                entry -= 1
                let difference = hash ^ hashes[other]
                let distance = difference.nonzeroBitCount
                guard distance <= Self.maximumDistance else { continue }
                // A pair that several bands find is told of by the lowest of them.
                if Self.lowestNearBand(difference) == (isNear ? band : nil) { body(place, other, distance) }
            }
        }
    }

    private static func lowestNearBand(_ difference: UInt64) -> Int? {
        (0..<bands).first { value(of: difference, $0).nonzeroBitCount <= 1 }
    }

    private static func value(of hash: UInt64, _ band: Int) -> Int {
        Int(truncatingIfNeeded: hash >> UInt64(band * bandBits)) & (bandValues - 1)
    }
}
