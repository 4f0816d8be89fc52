import Library
import Stash

/// One pass while it runs.
struct PassWork {
    private let synchroniser: Synchroniser
    private let cancel: Cancellation
    private let progress: (SyncProgress) -> Void
    private let derive: () throws -> Void
    private(set) var report: SyncReport
    /// Rows are stored that the derived tables do not know.
    private(set) var isUnderived: Bool
    /// Rows of each kind before the pass.
    private var rowsBefore: [Kind: Int] = [:]

    private var instance: InstanceNumber { synchroniser.instance }
    private var client: StashClient { synchroniser.client }
    private var index: IndexDatabase { synchroniser.index }
    private var options: SyncOptions { synchroniser.options }
    private var courtesy: Courtesy {
        let (instance, isAwaited) = (instance, options.isAwaited)
        return Courtesy(isAwaited: { isAwaited(instance) }, cancel: cancel)
    }

    init(
        synchroniser: Synchroniser, cancel: Cancellation, progress: @escaping (SyncProgress) -> Void,
        derive: @escaping () throws -> Void, report: SyncReport, isUnderived: Bool
    ) {
        self.synchroniser = synchroniser
        self.cancel = cancel
        self.progress = progress
        self.derive = derive
        self.report = report
        self.isUnderived = isUnderived
    }

    mutating func run(_ kinds: [Kind]) {
        var pass: SyncPass?
        do throws(SyncError) {
            try connect()
            try recognise()
            let begun = try local { try index.beginPass(instance) }
            pass = begun
            rowsBefore = try local { try index.counts()[instance] ?? [:] }
            for kind in kinds {
                let start = ContinuousClock.now
                defer { report.kinds[kind]?.seconds = (ContinuousClock.now - start) / .seconds(1) }
                try read(kind, in: begun)
                if kind == .scene { try deriveChanges() }
            }
            try learnSidecars()
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

    private func tell(_ stage: SyncProgress.Stage, _ done: Int = 0, _ total: Int = 0) {
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
            let name = try local { try synchroniser.state.instances() }.first { $0.number == instance }?.name
            try local { try synchroniser.state.refuseCatalogue(of: instance) }
            throw .otherCatalogue(instance: name ?? "#\(instance.rawValue)", address)
        }
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
        let index = index
        var stored = 0
        var changed = 0
        var held: [Row] = []
        let store = { (rows: [Row]) throws(SyncError) in
            changed += try local { try index.store(records(rows), in: pass) }
            stored += rows.count
        }
        defer {
            report.kinds[kind, default: KindReport()].rows = stored
            report.kinds[kind, default: KindReport()].changed = changed
            if changed > 0 { isUnderived = true }
        }

        let (instance, progress) = (instance, progress)
        var reader = KindReader<Row>(
            source: PageSource(client, courtesy), limit: options.pageSize(kind), retry: options.retry,
            cancel: cancel
        ) { done, total in
            progress(SyncProgress(instance: instance, stage: .rows(kind), done: done, total: total))
        } take: { (rows) throws(SyncError) in
            if isWhole { held += rows } else { try store(rows) }
        }
        let reading = try reader.read()
        if isWhole, reading.reachedEnd { try store(held) }
        try conclude(kind, reading, in: pass)
        try findPictures(Row.self, kind, reading)
    }

    private mutating func conclude(_ kind: Kind, _ reading: KindReading, in pass: SyncPass) throws(SyncError) {
        try local { try index.setAside(reading.setAside, in: pass) }
        // That everything is gone is no news but a fault, until somebody insists.
        let isEmptied = reading.found == 0 && rowsBefore[kind, default: 0] > 0 && !options.force
        // A row that cannot be read is at the server all the same, and must not be taken for missing.
        let isConclusive = reading.isComplete && reading.setAside.isEmpty && !isEmptied
        let deletion = try local {
            try index.finish(kind, in: pass, complete: isConclusive, force: options.force)
        }
        var found = report.kinds[kind] ?? KindReport()
        found.setAside = reading.setAside.count
        found.isComplete = reading.isComplete
        found.missing = deletion.missing
        found.removed = deletion.removed
        found.isSuspect = deletion.suspect || (isEmptied && reading.isComplete)
        found.problem = reading.failure.map { "\($0)" }
        report.kinds[kind] = found
        if deletion.removed > 0 { isUnderived = true }
        // The other kinds may fare better; the report says that this one did not.
        if let failure = reading.failure, report.error == nil { report.error = failed(failure) }
    }

    /// Finds out which things have a picture of their own: for the others the server answers something as well.
    private mutating func findPictures<Row: WireRow>(
        _: Row.Type, _ kind: Kind, _ reading: KindReading
    ) throws(SyncError) {
        guard [.performer, .studio, .tag, .group].contains(kind), reading.reachedEnd, !reading.ids.isEmpty else {
            return
        }
        tell(.pictures(kind), 0, reading.ids.count)
        guard let missing = try idsWithoutPicture(Row.self) else { return }
        let changed = try local {
            try index.setPictures(reading.ids.subtracting(missing), kind: kind, instance: instance)
        }
        if changed { isUnderived = true }
    }

    /// nil when it is not certain: what is not in this list would be shown with a placeholder for its picture.
    private func idsWithoutPicture<Row: WireRow>(_: Row.Type) throws(SyncError) -> Set<Int64>? {
        let (address, retry, client, cancel) = (client.access.address, options.retry, client, cancel)
        let courtesy = courtesy
        do {
            let counted = try retry.run(address, cancel) { () throws(StashError) in
                courtesy.wait()
                return try client.page(
                    of: Row.self, PageRequest(.number(1), limit: 1, missingPicture: true, isCounted: true),
                    cancel: cancel)
            }
            var missing: Set<Int64> = []
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
            if learnt > 0 { isUnderived = true }
        }
        try probe.learn(requests) { done, total in
            tell(.sidecars, done, total)
        } store: { (sidecars) throws(SyncError) in
            try local { try index.store(sidecars) }
            learnt += sidecars.count
        }
    }

    private mutating func deriveChanges() throws(SyncError) {
        guard isUnderived else { return }
        tell(.deriving)
        try synchroniser.withDeriveLock(cancel, derive)
        isUnderived = false
    }
}
