import Library
import Stash

/// What listing the ids of a source came to.
struct Listing {
    /// Of what pages do not follow the ids of, in the order in which they came: where a row is, and so on which page, is its place in
    /// here.
    var ids: [Int64] = []
    var seen: IDSet = []
    var countBefore: Int64 = 0
    var countAfter: Int64 = 0
    var reachedEnd = false

    /// Everything that was counted is there, and the same number was counted twice.
    var isComplete: Bool { reachedEnd && countBefore == countAfter && Int64(seen.count) >= countBefore }
}

/// Lists `{id updated_at}`: a few bytes a row, so that only what differs is read whole.
struct ListingReader {
    let address: ServerAddress
    /// Whether pages follow the ids.
    let isByID: Bool
    /// Whether anybody wants to know on which pages rows are.
    let isPlaced: Bool
    let limit: Int
    /// Only what was changed since, as in `PageRequest`.
    let since: String?
    let retry: Retry
    let courtesy: Courtesy
    let page: (PageRequest) throws(StashError) -> Page<IDRow>
    let count: (String?) throws(StashError) -> Int64

    /// Lists everything; `take` receives each page. Every failure is thrown: in these rows there is nothing that could fail
    /// for one of them.
    func read(take: ([IDRow]) throws(SyncError) -> Void) throws(SyncError) -> Listing {
        var listing = Listing()
        listing.countBefore = try asked { () throws(StashError) in try count(since) }
        try readPages(&listing, take)
        listing.countAfter = try asked { () throws(StashError) in try count(since) }
        return listing
    }

    private func readPages(_ listing: inout Listing, _ take: ([IDRow]) throws(SyncError) -> Void) throws(SyncError) {
        guard listing.countBefore > 0 else {
            listing.reachedEnd = true
            return
        }
        var position = isByID ? PageRequest.Position.afterID(0) : .number(1)
        while true {
            let request = PageRequest(position, limit: limit, updatedSince: since)
            let page = try asked { () throws(StashError) in try self.page(request) }
            let known = listing.seen.count
            if isPlaced { listing.ids += page.rows.lazy.map(\.id) }
            listing.seen.formUnion(page.rows.lazy.map(\.id))
            try take(page.rows)
            // A short page with fewer rows than were counted is asked on.
            listing.reachedEnd =
                page.received == 0 || page.received < limit && Int64(listing.seen.count) >= listing.countBefore
            guard !listing.reachedEnd, listing.seen.count > known else { return }
            switch position {
            case .afterID(let after):
                guard let last = page.lastID, last > after else { return }
                position = .afterID(last)
            case .number(let number):
                // Behind a short page the numbers no longer fit.
                guard page.received == limit else { return }
                position = .number(number + 1)
            }
        }
    }

    private func asked<Answer>(_ question: () throws(StashError) -> Answer) throws(SyncError) -> Answer {
        try retry.run(address, courtesy.cancel) { () throws(StashError) in
            courtesy.wait()
            return try question()
        }
    }
}

extension ListingReader {
    /// Lists a kind.
    init(
        _ kind: WireKind, of client: StashClient, since: String?, _ options: SyncOptions, _ courtesy: Courtesy
    ) {
        self.init(
            address: client.access.address, isByID: kind.hasKeysetPages, isPlaced: !kind.hasKeysetPages,
            limit: options.idPageSize, since: since, retry: options.retry, courtesy: courtesy,
            page: { (request) throws(StashError) in try client.ids(kind, request, cancel: courtesy.cancel) },
            count: { (since) throws(StashError) in
                try client.count(of: kind, updatedSince: since, cancel: courtesy.cancel)
            })
    }

    /// Lists the files.
    init(filesOf client: StashClient, since: String?, _ options: SyncOptions, _ courtesy: Courtesy) {
        self.init(
            address: client.access.address, isByID: false, isPlaced: false, limit: options.idPageSize, since: since,
            retry: options.retry, courtesy: courtesy,
            page: { (request) throws(StashError) in try client.files(request, cancel: courtesy.cancel) },
            count: { (since) throws(StashError) in
                try client.fileCount(updatedSince: since, cancel: courtesy.cancel)
            })
    }
}
