package import Library
package import Stash

/// A sample of a server's catalogue as it is now.
package struct CatalogueReading: Sendable {
    package private(set) var fingerprint = CatalogueFingerprint()
    /// Why a kind was left out: one row with a damaged time fails the query for its kind (Stash 7).
    package private(set) var failure: StashError?

    /// Asks the server: one small question for each kind.
    ///
    /// - Throws: What concerns the whole server.
    package init(
        of client: StashClient, retry: Retry = .page, cancel: Cancellation = Cancellation()
    ) throws(SyncError) {
        for kind in WireKind.allCases {
            do throws(SyncError) {
                let page = try retry.run(client.access.address, cancel) { () throws(StashError) in
                    try client.creations(kind, limit: CatalogueFingerprint.sampleSize, cancel: cancel)
                }
                guard page.received == 0 || !page.rows.isEmpty else {
                    failure = .refused(.malformed("no \(kind) has a time of creation"))
                    continue
                }
                fingerprint[Kind(kind)] = Dictionary(
                    page.rows.map { ($0.id, $0.createdAt.unixSeconds) }.filter { $0.1 > 0 },
                    uniquingKeysWith: { first, _ in first })
            } catch .server(let error, _) where error.concernsRows {
                failure = error
            }
        }
    }

    /// Whether this is the catalogue that is remembered.
    ///
    /// - Throws: Why that cannot be told: what was left out may be all that there is to compare.
    package func verdict(
        against remembered: CatalogueFingerprint, at address: ServerAddress
    ) throws(SyncError) -> CatalogueFingerprint.Verdict {
        let verdict = remembered.verdict(on: fingerprint)
        if verdict == .inconclusive, let failure { throw .server(failure, address) }
        return verdict
    }
}
