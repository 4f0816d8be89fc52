import Library
import Stash

/// One pass while it runs.
struct PassWork {
    let synchroniser: Synchroniser
    let cancel: Cancellation
    private let progress: (SyncProgress) -> Void
    private let derive: () throws -> Void
    private(set) var report: SyncReport
    /// Rows of each kind before the pass.
    private(set) var rowsBefore: [Kind: Int] = [:]
    /// When the pass began, in Unix seconds.
    let startedAt: Int64
    /// How far each kind was read before, and what the server had when the pass began.
    var marks: [Kind: Watermark] = [:]
    var newest: [WireKind: KindState] = [:]
    var made: [WireKind: KindState] = [:]
    /// Kinds whose newest row is older than the newest one was.
    var regressed: Set<Kind> = []
    /// Things that a whole list lacks, for the first time or again.
    var vanished: Set<EntityRef> = []
    /// Rows that have changed although nothing of theirs tells.
    var demanded: [Kind: IDSet] = [:]
    var fileMark: Watermark?
    var markerMark: Watermark?
    var latestPlay: WireTime?
    /// Which scenes were played could not be asked.
    var arePlaysUnknown = false
    /// Every kind was read whole so far.
    private(set) var isFull = true

    var instance: InstanceNumber { synchroniser.instance }
    var client: StashClient { synchroniser.client }
    var index: IndexDatabase { synchroniser.index }
    var options: SyncOptions { synchroniser.options }
    var courtesy: Courtesy {
        let (instance, isAwaited) = (instance, options.isAwaited)
        return Courtesy(isAwaited: { isAwaited(instance) }, cancel: cancel)
    }

    init(
        synchroniser: Synchroniser, cancel: Cancellation, progress: @escaping (SyncProgress) -> Void,
        derive: @escaping () throws -> Void, report: SyncReport
    ) {
        self.synchroniser = synchroniser
        self.cancel = cancel
        self.progress = progress
        self.derive = derive
        self.report = report
        startedAt = report.startedAt
    }

    mutating func run(_ kinds: [Kind]) {
        var pass: SyncPass?
        do throws(SyncError) {
            try connect()
            try recognise()
            let begun = try local { try index.beginPass(instance) }
            pass = begun
            rowsBefore = try local { try index.counts()[instance] ?? [:] }
            try takeStock()
            try findChangedFiles()
            try findPlays()
            try findChangedMarkers()
            for kind in kinds {
                let start = ContinuousClock.now
                defer { report.kinds[kind]?.seconds = (ContinuousClock.now - start) / .seconds(1) }
                try read(kind, in: begun)
                // What an earlier pass read of the images and did not get to show waits for the rest of them: looking at all that there
                // is takes as long for half of it.
                if kind == .scene, try hasNews() { try deriveChanges() }
            }
            try noteFilesAndPlays()
            if report.error == nil, isFull, report.kinds.values.allSatisfy(\.isComplete) {
                try local { try index.noteFullPass(of: instance, at: startedAt) }
            }
            // Sizes that could not be learnt are asked for by the larger passes.
            if options.scope != .incremental || report.changed > 0 { try learnSidecars() }
            try deriveChanges()
        } catch {
            report.error = error
            // What came before the trouble is shown, unless somebody wants an end of it.
            if error != .cancelled {
                do throws(SyncError) { try deriveChanges() } catch { report.error = report.error ?? error }
            }
        }
        guard let pass else { return }
        do {
            try index.note(report.kindPasses, of: instance)
            try index.endPass(pass, error: report.error.map { "\($0)" })
        } catch {
            report.error = report.error ?? .local("\(error)")
        }
    }

    func tell(_ stage: SyncProgress.Stage, _ done: Int = 0, _ total: Int = 0) {
        progress(SyncProgress(instance: instance, stage: stage, done: done, total: total))
    }

    private func failed(_ error: StashError) -> SyncError { .server(error, client.access.address) }

    // MARK: - Stages

    private mutating func connect() throws(SyncError) {
        tell(.connecting)
        let server = try options.retry.run(client.access.address, cancel) { () throws(StashError) in
            try client.describe(cancel: cancel)
        }
        report.version = server.version
        guard server.status == .ready else { throw failed(.notReady(server.status)) }
        guard !server.isTooOld else {
            throw .tooOld(version: server.version ?? "of an unknown version", client.access.address)
        }
    }

    /// Makes sure that ids mean what they meant. What is found is remembered before the first row is read: from then on
    /// people can say something about it.
    private func recognise() throws(SyncError) {
        let address = client.access.address
        let reading = try CatalogueReading(of: client, retry: options.retry, cancel: cancel)
        let remembered = try local { try synchroniser.state.fingerprint(of: instance) }
        if try reading.verdict(against: remembered, at: address) == .other, !options.force {
            throw try refusal(SyncError.otherCatalogue)
        }
        try local { try index.begin(instance, at: address.url, anew: options.force) }
        try local { try synchroniser.state.remember(reading.fingerprint, of: instance, at: address.url) }
    }

    private mutating func read(_ kind: Kind, in pass: SyncPass) throws(SyncError) {
        let instance = instance
        switch kind {
        case .scene: try read(kind, in: pass) { (rows: [WireScene]) in rows.map { Ingest.record($0, of: instance) } }
        case .image: try read(kind, in: pass) { (rows: [WireImage]) in rows.map { Ingest.record($0, of: instance) } }
        case .gallery:
            try read(kind, in: pass) { (rows: [WireGallery]) in rows.map { Ingest.record($0, of: instance) } }
        case .performer:
            try read(kind, in: pass) { (rows: [WirePerformer]) in rows.map { Ingest.record($0, of: instance) } }
        case .studio: try read(kind, in: pass) { (rows: [WireStudio]) in rows.map { Ingest.record($0, of: instance) } }
        case .tag: try read(kind, in: pass) { (rows: [WireTag]) in rows.map { Ingest.record($0, of: instance) } }
        case .group:
            // Which groups contain one is known when all have been read.
            try read(kind, in: pass, isWhole: true) { (rows: [WireGroup]) in
                let containing = Ingest.containingGroups(rows)
                return rows.map { Ingest.record($0, of: instance, containing: containing[$0.id] ?? []) }
            }
        }
    }

    /// Reads one kind, stores its rows and concludes what can be concluded. Rows are stored page by page, or, if what one
    /// says of another matters (`isWhole`), together when all have been read.
    private mutating func read<Row: WireRow>(
        _ kind: Kind, in pass: SyncPass, isWhole: Bool = false, records: @escaping ([Row]) -> [MemberRecord]
    ) throws(SyncError) {
        let scope = try scope(of: kind)
        if scope != .full { isFull = false }
        var changes: Changes?
        do throws(SyncError) {
            if scope != .full { changes = try self.changes(of: kind, scope) }
        } catch .server(let error, let address) where error.concernsRows {
            // Without the list nothing is known of this kind; the others may fare better.
            report.kinds[kind] = KindReport(problem: "\(error)")
            report.error = report.error ?? .server(error, address)
            return
        }
        // Groups say what is in them, so that they are understood together only.
        let readsAll = changes == nil || isWhole && changes?.wanted.isEmpty == false
        let reading = try readRows(kind, in: pass, isWhole: isWhole, records) { (reader) throws(SyncError) in
            guard let changes, !readsAll else { return try reader.read() }
            return try reader.read(
                changes.wanted, listed: changes.listing.ids, since: changes.isWhole ? nil : changes.since)
        }
        try conclude(kind, reading, changes, readsAll: readsAll, in: pass)
        if scope != .incremental || report.kinds[kind]?.changed ?? 0 > 0 {
            try findPictures(Row.self, kind, among: reading.ids.union(changes?.listing.seen ?? []))
        }
    }

    private mutating func readRows<Row: WireRow>(
        _ kind: Kind, in pass: SyncPass, isWhole: Bool, _ records: @escaping ([Row]) -> [MemberRecord],
        _ read: (inout KindReader<Row>) throws(SyncError) -> KindReading
    ) throws(SyncError) -> KindReading {
        var stored = KindReport()
        var held: [Row] = []
        var work = self
        let store = { (rows: [Row]) throws(SyncError) in
            try work.refuseSecondUse(rows, kind)
            try work.look(at: rows)
            stored.changed += try local { try work.index.store(records(rows), in: pass) }
            stored.rows += rows.count
        }
        defer {
            (demanded, latestPlay) = (work.demanded, work.latestPlay)
            report.kinds[kind] = stored
        }
        let (instance, progress) = (instance, progress)
        var reader = KindReader<Row>(
            source: PageSource(client, courtesy, limit: options.pageSize(kind)), limit: options.pageSize(kind),
            retry: options.retry, cancel: cancel
        ) { done, total in
            progress(SyncProgress(instance: instance, stage: .rows(kind), done: done, total: total))
        } take: { (rows) throws(SyncError) in
            if isWhole { held += rows } else { try store(rows) }
        }
        let reading = try read(&reader)
        if isWhole, reading.reachedEnd { try store(held) }
        return reading
    }

    /// What rows say about others than themselves.
    private mutating func look(at rows: [some WireRow]) throws(SyncError) {
        if let scenes = rows as? [WireScene] {
            for time in scenes.compactMap(\.lastPlayedAt) where time.unixSeconds > latestPlay?.unixSeconds ?? 0 {
                latestPlay = time
            }
        }
        if let galleries = rows as? [WireGallery], options.scope != .full, marks[.image] != nil || marks[.scene] != nil
        {
            try demandMembers(of: galleries)
        }
    }

    private mutating func conclude(
        _ kind: Kind, _ reading: KindReading, _ changes: Changes?, readsAll: Bool, in pass: SyncPass
    ) throws(SyncError) {
        let setAside = IDSet(reading.setAside.compactMap(\.id))
        let isListed = changes.map { $0.isWhole && $0.listing.isComplete } ?? false
        try local {
            var replaced = reading.ids.union(setAside)
            if isListed, let changes {
                let known = try index.setAside(of: instance).filter { $0.kind == kind }.compactMap(\.id)
                replaced.formUnion(IDSet(known).subtracting(changes.listing.seen))
            }
            try index.setAside(reading.setAside, of: kind, insteadOf: readsAll ? nil : replaced, in: pass)
        }
        var found = report.kinds[kind] ?? KindReport()
        found.setAside = reading.setAside.count
        found.problem = reading.failure.map { "\($0)" }
        let isRead: Bool
        if let changes {
            isRead =
                reading.failure == nil && changes.listing.isComplete
                && changes.differing.isSubset(of: reading.ids.union(setAside))
        } else {
            isRead = reading.isComplete
        }
        found.isComplete = isRead
        // A row that cannot be read is at the server all the same, and must not be taken for missing: only a list tells.
        let seen = changes.map { isListed ? $0.listing.seen : nil } ?? (reading.setAside.isEmpty ? reading.ids : nil)
        if isRead, let seen {
            let deletion = try local { try index.finish(kind, in: pass, seen: seen, force: options.force) }
            (found.missing, found.removed, found.isSuspect) = (deletion.missing, deletion.removed, deletion.suspect)
        }
        if isRead { try note(kind) }
        report.kinds[kind] = found
        // The other kinds may fare better; the report says that this one did not.
        if let failure = reading.failure, report.error == nil { report.error = failed(failure) }
    }

    /// Finds out which things have a picture of their own: for the others the server answers something as well.
    private mutating func findPictures<Row: WireRow>(
        _: Row.Type, _ kind: Kind, among seen: IDSet
    ) throws(SyncError) {
        guard Kind.pictured.contains(kind), report.kinds[kind]?.isComplete == true, !seen.isEmpty else { return }
        tell(.pictures(kind))
        guard let missing = try idsWithoutPicture(Row.self) else { return }
        try local { try index.setPictures(missing: missing, among: seen, kind: kind, instance: instance) }
    }

    /// nil when it is not certain: what is not in this list would be shown with a placeholder for its picture.
    private func idsWithoutPicture<Row: WireRow>(_: Row.Type) throws(SyncError) -> IDSet? {
        let (address, retry, client, cancel) = (client.access.address, options.retry, client, cancel)
        let courtesy = courtesy
        do {
            let counted = try retry.run(address, cancel) { () throws(StashError) in
                courtesy.wait()
                return try client.page(
                    of: Row.self, PageRequest(.number(1), limit: 1, missingPicture: true, isCounted: true),
                    cancel: cancel)
            }
            var missing: IDSet = []
            var number = 1
            while true {
                let request = PageRequest(.number(number), limit: options.idPageSize, missingPicture: true)
                let page = try retry.run(address, cancel) { () throws(StashError) in
                    courtesy.wait()
                    return try client.ids(Row.kind, request, cancel: cancel)
                }
                missing.formUnion(page.rows.lazy.map(\.id))
                guard page.received == options.idPageSize else { break }
                number += 1
            }
            return counted.count == Int64(missing.count) ? missing : nil
        } catch .server(let error, _) where error.concernsRows {
            return nil
        } catch {
            throw error
        }
    }

    private mutating func learnSidecars() throws(SyncError) {
        let (index, instance) = (index, instance)
        let requests = try local { try index.pendingSidecars(of: instance) }
        guard !requests.isEmpty else { return }
        tell(.sidecars, 0, requests.count)
        let probe = SidecarProbe(
            client: client, parallel: options.parallelSidecars, retry: options.retry, courtesy: courtesy)
        var learnt = 0
        defer {
            report.sidecars = learnt
            report.sidecarsPending = requests.count - learnt
        }
        try probe.learn(requests) { done, total in
            tell(.sidecars, done, total)
        } store: { (sidecars) throws(SyncError) in
            try local { try index.store(sidecars) }
            learnt += sidecars.count
        }
    }

    /// Whether this pass changed something, or an earlier one did, in anything but images, that is known not to be shown yet.
    private func hasNews() throws(SyncError) -> Bool {
        if report.changed + report.removed > 0 { return true }
        return try local { try index.isDerivationDueButForImages(of: instance) }
    }

    private func deriveChanges() throws(SyncError) {
        guard try local({ try index.isDerivationDue(for: instance) }) else { return }
        tell(.deriving)
        try synchroniser.withDeriveLock(cancel) {
            // Another instance's may have followed this one's rows while this one waited.
            if try index.isDerivationDue(for: instance) { try derive() }
        }
    }
}
