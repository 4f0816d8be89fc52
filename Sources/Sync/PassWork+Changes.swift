import Library
import Stash

/// Reading what has changed instead of everything: first which rows those are, then these rows.
extension PassWork {
    /// How one kind is read in this pass.
    func scope(of kind: Kind) throws(SyncError) -> SyncScope {
        guard options.scope != .full, !options.force else { return .full }
        guard let mark = try local({ try index.watermark(.kind(kind), of: instance) }) else {
            // A pass that did not come to the end of it has left rows, which are not read twice.
            return rowsBefore[kind, default: 0] > 0 ? .sweep : .full
        }
        // Without a time that can be sent, or where times went back, all rows are compared.
        return options.scope == .sweep || mark.since(now: startedAt) == nil || regressed.contains(kind)
            ? .sweep : .incremental
    }

    // MARK: - What the server has now

    /// Asks for the newest rows of all kinds, before anything is read: what is written from now on belongs to the next
    /// pass as well.
    mutating func takeStock() throws(SyncError) {
        do throws(SyncError) {
            // In this order: whatever has one of these ids was written before the newest time is read.
            made = try asked { (client, cancel) throws(StashError) in try client.newest(.made, cancel: cancel) }.kinds
            newest = try asked { (client, cancel) throws(StashError) in try client.newest(.changed, cancel: cancel) }
                .kinds
        } catch .server(let error, _) where error.concernsRows {
            // One damaged row: the marks stay where they are, which only costs time.
            (made, newest) = ([:], [:])
        }
        for kind in Kind.allCases {
            guard let mark = try local({ try index.watermark(.kind(kind), of: instance) }) else { continue }
            marks[kind] = mark
            guard let time = newest[WireKind(kind)]?.newest.flatMap({ WireTime($0.updatedAt) }) else { continue }
            if time.unixSeconds < mark.modified { regressed.insert(kind) }
        }
        guard !options.force else { return }
        for kind in regressed { try refuseOlderRows(kind) }
    }

    /// When the newest row of a kind is older than it was, something was deleted, or an older database was put in place:
    /// then rows say what they said before, and ids will be given a second time.
    private func refuseOlderRows(_ kind: Kind) throws(SyncError) {
        _ = try list(kind, since: nil) { (rows) throws(SyncError) in
            let times = rows.compactMap { row in WireTime(row.updatedAt).map { (id: row.id, at: $0.unixSeconds) } }
            guard try local({ try index.hasNewer(than: times, kind: kind, instance: instance) }) else { return }
            throw try refusal(SyncError.olderCatalogue)
        }
    }

    /// Whether a row has an id that was given before the mark, but was made long after it: ids grow (Stash 2.2).
    func refuseSecondUse(_ rows: [some WireRow], _ kind: Kind) throws(SyncError) {
        guard let mark = marks[kind], !options.force else { return }
        // The hours are those of daylight saving, which make another row look newest.
        let limit = mark.modified + 3 * 3_600
        let isSecondUse = rows.contains { $0.id <= mark.greatestID && ($0.createdAt?.unixSeconds ?? 0) > limit }
        if isSecondUse { throw try refusal(SyncError.olderCatalogue) }
    }

    /// Remembers that ids of the server may not mean what they meant, and makes the error that says why.
    func refusal(_ error: (_ instance: String, ServerAddress) -> SyncError) throws(SyncError) -> SyncError {
        try local { try synchroniser.state.refuseCatalogue(of: instance) }
        let name = try local { try synchroniser.state.instances() }.first { $0.number == instance }?.name
        return error(name ?? "#\(instance.rawValue)", client.access.address)
    }

    /// Remembers how far a kind was read, after everything of it is stored.
    func note(_ kind: Kind) throws(SyncError) {
        guard let time = newest[WireKind(kind)]?.newest.flatMap({ WireTime($0.updatedAt) }) else { return }
        let mark = Watermark(
            newest: time, greatestID: made[WireKind(kind)]?.newest?.id ?? 0, former: marks[kind], now: startedAt)
        try local { try index.setWatermark(mark, .kind(kind), of: instance) }
    }

    // MARK: - One kind

    /// What is to be read of a kind.
    struct Changes {
        var listing = Listing()
        /// Whether `listing` is of everything.
        var isWhole = false
        var since: String?
        /// Listed rows that differ from what is known.
        var differing: IDSet = []
        /// Listed rows that are not known at all.
        var unknown = 0
        /// Rows that have to be read for another reason.
        var demanded: IDSet = []

        var wanted: IDSet { differing.union(demanded) }
    }

    /// Finds out which rows of a kind have to be read.
    mutating func changes(of kind: Kind, _ scope: SyncScope) throws(SyncError) -> Changes {
        let mark = marks[kind]
        let since = scope == .sweep ? nil : mark?.since(now: startedAt)
        var changes = try compare(kind, since: since, mark)
        changes.demanded = demanded[kind] ?? []
        changes.demanded.formUnion(
            try local { try index.setAside(of: instance) }.filter { $0.kind == kind }.compactMap(\.id))
        changes.demanded.formUnion(try local { try index.carriers(kind, of: vanished, instance: instance) })
        if !changes.isWhole, try isWholeNeeded(kind, changes) {
            let demanded = changes.demanded
            changes = try compare(kind, since: nil, mark)
            changes.demanded = demanded
        }
        if changes.isWhole {
            try findVanished(kind, changes.listing)
            // Things of a kind refer to each other.
            changes.demanded.formUnion(try local { try index.carriers(kind, of: vanished, instance: instance) })
            changes.demanded.formIntersection(changes.listing.seen)
        }
        return changes
    }

    private func compare(_ kind: Kind, since: String?, _ mark: Watermark?) throws(SyncError) -> Changes {
        var changes = Changes(isWhole: since == nil, since: since)
        changes.listing = try list(kind, since: since) { (rows) throws(SyncError) in
            let rows = rows.map { (id: $0.id, updatedAt: $0.updatedAt) }
            let found = try local {
                try index.differing(rows, kind: kind, instance: instance, since: mark?.freshSince)
            }
            changes.differing.formUnion(found.changed)
            changes.unknown += found.unknown
        }
        return changes
    }

    /// Whether everything has to be listed: because rows have gone, which no time tells, or because only a whole list says
    /// on which pages rows are. Large kinds wait for the next sweep.
    private func isWholeNeeded(_ kind: Kind, _ changes: Changes) throws(SyncError) -> Bool {
        if !WireKind(kind).hasKeysetPages, !changes.demanded.isSubset(of: changes.listing.seen) { return true }
        guard let count = newest[WireKind(kind)]?.count, count <= options.sweptAtOnce else { return false }
        return Int64(rowsBefore[kind, default: 0] + changes.unknown) != count
    }

    /// What is linked to something that is no longer there is read again: it may have been merged into another one.
    private mutating func findVanished(_ kind: Kind, _ listing: Listing) throws(SyncError) {
        guard listing.isComplete else { return }
        let missing = try local { try index.missing(kind, of: instance, seen: listing.seen) }
        guard !IndexDatabase.isTooMuch(missing.count, of: rowsBefore[kind, default: 0]) else { return }
        for id in missing { vanished.insert(EntityRef(instance: instance, kind: kind, id: id)) }
    }

    private func list(
        _ kind: Kind, since: String?, take: ([IDRow]) throws(SyncError) -> Void
    ) throws(SyncError) -> Listing {
        tell(.rows(kind))
        return try ListingReader(WireKind(kind), of: client, since: since, options, courtesy).read {
            rows throws(SyncError) in
            guard !cancel.isCancelled else { throw .cancelled }
            try take(rows)
        }
    }

    // MARK: - What touches no row

    /// Scenes, images and galleries whose files were rewritten or moved, which only the files tell (Stash 3.2).
    mutating func findChangedFiles() throws(SyncError) {
        guard options.scope != .full, !options.force, client.capabilities?.hasFindFiles ?? false else { return }
        // What is read whole comes with its files.
        let areRead = [Kind.scene, .image, .gallery].allSatisfy { marks[$0] == nil }
        guard !areRead else { return }
        let mark = try local { try index.watermark(.files, of: instance) }
        let since = options.scope == .sweep ? nil : mark?.since(now: startedAt)
        var last: WireTime?
        var greatest: Int64 = 0
        do throws(SyncError) {
            let listing = try ListingReader(filesOf: client, since: since, options, courtesy).read {
                (rows) throws(SyncError) in
                for row in rows {
                    greatest = max(greatest, row.id)
                    guard let time = WireTime(row.updatedAt) else { continue }
                    if last.map({ $0.wallClock < time.wallClock }) ?? true { last = time }
                }
                let owners = try local {
                    try index.owners(ofChanged: rows.map { Self.file($0, mark?.freshSince) }, instance: instance)
                }
                for (kind, ids) in owners { demanded[kind, default: []].formUnion(ids) }
            }
            guard listing.isComplete, let last else { return }
            fileMark = Watermark(newest: last, greatestID: greatest, former: mark, now: startedAt)
        } catch .server(let error, _) where error.concernsRows {
            // What is listed by itself is a help only: a full pass reads the files with what has them.
            return
        }
    }

    /// A file of a second that may not have been over says nothing by its time.
    private static func file(_ row: IDRow, _ freshSince: Int64?) -> (id: Int64, updatedAt: String?) {
        (id: row.id, updatedAt: isFresh(row.updatedAt, freshSince) ? nil : row.updatedAt)
    }

    private static func isFresh(_ text: String, _ freshSince: Int64?) -> Bool {
        freshSince.map { WireTime(text)?.unixSeconds ?? .max >= $0 } ?? false
    }

    /// Scenes that were played, which touches nothing else (Stash 3.1: this one column is UTC).
    mutating func findPlays() throws(SyncError) {
        guard options.scope != .full, !options.force,
            client.capabilities?.has("SceneFilterType", "last_played_at") ?? false
        else { return }
        guard let mark = try local({ try index.watermark(.plays, of: instance) }), let time = WireTime(mark.text) else {
            return
        }
        let since = time.wallClock(earlierBy: 60 + max(0, time.unixSeconds - startedAt))
        do throws(SyncError) {
            let played = try ids(.scene, PageRequest(.afterID(0), limit: options.idPageSize, playedSince: since))
            demanded[.scene, default: []].formUnion(played)
        } catch .server(let error, _) where error.concernsRows {
            arePlaysUnknown = true
        }
    }

    /// Scenes whose markers were made, changed or, as a whole list tells, removed: that touches no scene (Stash 3.2).
    mutating func findChangedMarkers() throws(SyncError) {
        guard options.scope != .full, !options.force, marks[.scene] != nil else { return }
        let mark = try local { try index.watermark(.markers, of: instance) }
        let since = options.scope == .sweep ? nil : mark?.since(now: startedAt)
        var found: [Int64: [Int64: String]] = [:]
        var last: WireTime?
        var greatest: Int64 = 0
        var received = 0
        do throws(SyncError) {
            var number = 1
            while true {
                let request = PageRequest(.number(number), limit: options.idPageSize, updatedSince: since)
                let page = try asked { (client, cancel) throws(StashError) in
                    try client.markers(request, cancel: cancel)
                }
                received += page.received
                for row in page.rows {
                    greatest = max(greatest, row.id)
                    let isFresh = Self.isFresh(row.updatedAt, mark?.freshSince)
                    // A text that no known one equals.
                    found[row.scene, default: [:]][row.id] = isFresh ? "fresh" : row.updatedAt
                    guard let time = WireTime(row.updatedAt) else { continue }
                    if last.map({ $0.wallClock < time.wallClock }) ?? true { last = time }
                }
                guard page.received == options.idPageSize else {
                    // Markers shift between pages when some are removed meanwhile: what is missing proves nothing then.
                    guard page.count.map({ $0 == Int64(received) }) ?? false else { return }
                    break
                }
                number += 1
            }
        } catch .server(let error, _) where error.concernsRows {
            return
        }
        let scenes = since == nil ? nil : IDSet(found.keys)
        let known = try local { try index.markers(of: instance, in: scenes) }
        for scene in Set(found.keys).union(known.keys) {
            let now = found[scene] ?? [:]
            let isSame = since == nil ? now == known[scene] : now.allSatisfy { known[scene]?[$0.key] == $0.value }
            if !isSame { demanded[.scene, default: []].insert(scene) }
        }
        if let last { markerMark = Watermark(newest: last, greatestID: greatest, former: mark, now: startedAt) }
    }

    /// Remembers how far files and plays were read, when all that they demanded has been.
    mutating func noteFilesAndPlays() throws(SyncError) {
        guard report.error == nil, report.kinds.values.allSatisfy(\.isComplete) else { return }
        if isFull {
            // What was changed while the pass ran is asked for again by the overlap.
            fileMark = try mark(.files, local { try index.lastFileTime(of: instance) })
            markerMark = try mark(.markers, local { try index.lastMarkerTime(of: instance) })
        }
        if let markerMark { try local { try index.setWatermark(markerMark, .markers, of: instance) } }
        if let fileMark { try local { try index.setWatermark(fileMark, .files, of: instance) } }
        // A scene that was read for another reason may have been played after those that could not be listed.
        guard !arePlaysUnknown else { return }
        let former = try local { try index.watermark(.plays, of: instance) }
        let played = latestPlay.flatMap { $0.unixSeconds > former?.modified ?? 0 ? $0 : nil }
        guard former == nil || played != nil else { return }
        let mark = Watermark(
            text: played?.text ?? "1970-01-01T00:00:00Z", modified: played?.unixSeconds ?? 0, noted: startedAt,
            isSettled: false, greatestID: 0)
        try local { try index.setWatermark(mark, .plays, of: instance) }
    }

    private func mark(
        _ source: ChangeSource, _ last: (text: String, greatestID: Int64)?
    ) throws(SyncError) -> Watermark? {
        guard let last, let time = WireTime(last.text) else { return nil }
        let former = try local { try index.watermark(source, of: instance) }
        return Watermark(newest: time, greatestID: last.greatestID, former: former, now: startedAt)
    }

    /// A gallery that changed may have been given scenes and images, or lost some: they are not touched (Stash 3.2).
    mutating func demandMembers(of galleries: [WireGallery]) throws(SyncError) {
        for gallery in galleries {
            let ref = EntityRef(instance: instance, kind: .gallery, id: gallery.id)
            let scenes = try local { try index.carriers(.scene, of: [ref], instance: instance) }
            try demand(.scene, scenes.symmetricDifference(IDSet(gallery.sceneIDs)))
            let images = try ids(.image, PageRequest(.afterID(0), limit: options.idPageSize, gallery: gallery.id))
            let known = try local { try index.carriers(.image, of: [ref], instance: instance) }
            try demand(.image, known.symmetricDifference(images))
        }
    }

    /// Has rows read in this pass, or in a later one if this one does not get so far.
    private mutating func demand(_ kind: Kind, _ ids: IDSet) throws(SyncError) {
        demanded[kind, default: []].formUnion(ids)
        try local { try index.markStale(ids, kind: kind, instance: instance) }
    }

    /// The ids of all that match, page by page from the first one on.
    private func ids(_ kind: WireKind, _ first: PageRequest) throws(SyncError) -> IDSet {
        var request = first
        var found: IDSet = []
        var after: Int64 = 0
        while true {
            let page = try asked { (client, cancel) throws(StashError) in
                try client.ids(kind, request, cancel: cancel)
            }
            found.formUnion(page.rows.lazy.map(\.id))
            guard page.received == request.limit, let last = page.lastID, last > after else { return found }
            after = last
            request.position = .afterID(after)
        }
    }

    private func asked<Answer>(
        _ question: (StashClient, Cancellation) throws(StashError) -> Answer
    ) throws(SyncError) -> Answer {
        let (client, cancel, courtesy) = (client, cancel, courtesy)
        return try options.retry.run(client.access.address, cancel) { () throws(StashError) in
            courtesy.wait()
            return try question(client, cancel)
        }
    }
}

extension WireKind {
    /// The same kind in a server's words.
    init(_ kind: Kind) {
        self =
            switch kind {
            case .scene: .scene
            case .performer: .performer
            case .studio: .studio
            case .tag: .tag
            case .gallery: .gallery
            case .group: .group
            case .image: .image
            }
    }
}
