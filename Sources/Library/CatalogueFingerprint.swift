/// What a server's catalogue is recognised by, whatever its address: when the server made the rows with the lowest ids.
///
/// People's data is kept under a server's ids, which mean something in one catalogue only. Ids are never given twice and
/// times of creation never change, except by a reset, an import or a restored backup (Stash 2.2): a catalogue that has grown or
/// shrunk, was edited or moved to another machine keeps its fingerprint, and another one does not have it by chance, for
/// that takes equal seconds for most of its rows.
package struct CatalogueFingerprint: Sendable, Equatable {
    /// Rows of each kind: enough that people do not delete them all, and one small answer.
    package static let sampleSize = 40

    /// What a comparison came to.
    package enum Verdict: Sendable, Equatable {
        /// Nothing is remembered.
        case unknown
        case same
        case other
        /// The catalogue is empty, or what could be read of it has nothing to compare: nothing follows from that.
        case inconclusive
    }

    /// The kinds that were read, a kind without rows too: id → Unix seconds of its creation.
    private var samples: [Kind: [Int64: Int64]]

    package init(_ samples: [Kind: [Int64: Int64]] = [:]) {
        self.samples = samples
    }

    /// The rows that were sampled of a kind, nil when it was not read.
    package subscript(kind: Kind) -> [Int64: Int64]? {
        get { samples[kind] }
        set { samples[kind] = newValue }
    }

    /// There are no rows in it.
    package var isEmpty: Bool { samples.values.allSatisfy(\.isEmpty) }

    /// Every kind was read.
    package var isWhole: Bool { samples.count == Kind.allCases.count }

    /// Whether what was found is the catalogue that this was taken of.
    ///
    /// Only ids that both have are looked at, and most of them decide: where an older backup was restored, the ids behind
    /// it were given a second time, and in a small catalogue they belong to the sample.
    package func verdict(on found: CatalogueFingerprint) -> Verdict {
        guard !isEmpty else { return .unknown }
        var agreeing = 0
        var disagreeing = 0
        for (kind, rows) in samples {
            for (id, created) in found[kind] ?? [:] {
                guard let expected = rows[id] else { continue }
                if expected == created { agreeing += 1 } else { disagreeing += 1 }
            }
        }
        if agreeing + disagreeing > 0 { return agreeing > disagreeing ? .same : .other }
        return found.isEmpty || !found.isWhole ? .inconclusive : .other
    }

    /// What is to be remembered when what was found is accepted as the catalogue that this was taken of. Kinds that were
    /// empty or not read say nothing against what they were; of another catalogue nothing is kept.
    package func replaced(by found: CatalogueFingerprint) -> CatalogueFingerprint {
        if verdict(on: found) == .other { return found.withoutEmptyKinds }
        return CatalogueFingerprint(samples.merging(found.withoutEmptyKinds.samples) { $1 })
    }

    private var withoutEmptyKinds: CatalogueFingerprint {
        CatalogueFingerprint(samples.filter { !$0.value.isEmpty })
    }
}
