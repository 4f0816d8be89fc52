package import Library
package import Stash

/// Where a pass is.
package struct SyncProgress: Sendable, Equatable {
    /// What a pass does one after the other.
    package enum Stage: Sendable, Equatable {
        case connecting
        case rows(Kind)
        /// Finding out which things of a kind have a picture of their own.
        case pictures(Kind)
        /// Learning the sizes of pictures, captions and scripts.
        case sidecars
        /// Names, entities and listings.
        case deriving
    }

    package let instance: InstanceNumber
    package let stage: Stage
    /// Rows or sidecars of this stage; both 0 where nothing can be counted.
    package let done: Int
    package let total: Int

    package init(instance: InstanceNumber, stage: Stage, done: Int = 0, total: Int = 0) {
        self.instance = instance
        self.stage = stage
        self.done = done
        self.total = total
    }
}

/// What a pass did with one kind.
package struct KindReport: Sendable, Equatable {
    /// How long reading it took.
    package var seconds = 0.0
    /// Rows that came and were stored.
    package var rows = 0
    /// Of these, rows that say something else than before.
    package var changed = 0
    /// Rows that were left out; `IndexDatabase.setAside(of:)` has the reasons.
    package var setAside = 0
    /// Everything that the server counted was read. If not, nothing was concluded from what is missing.
    package var isComplete = false
    /// Rows that a complete pass did not see for the first time; they stay until a second one agrees.
    package var missing = 0
    package var removed = 0
    /// So much would vanish that nothing was removed: more than a fifth, or all. `force` removes it.
    package var isSuspect = false
    /// Why it is not complete, when an error is the reason.
    package var problem: String?
}

/// What one pass over one instance did.
package struct SyncReport: Sendable, Equatable {
    package let instance: InstanceNumber
    /// Why it ran.
    package var occasion = PassOccasion.request
    /// Unix seconds.
    package var startedAt: Int64
    /// How long it took.
    package var seconds = 0.0
    /// What the server calls its version.
    package var version: String?
    /// The kinds that the pass came to.
    package var kinds: [Kind: KindReport] = [:]
    /// Sidecars whose size was learnt.
    package var sidecars = 0
    /// Sidecars that could not be asked for now; the next pass tries again.
    package var sidecarsPending = 0
    /// Why the pass did not get through everything; nil when it did.
    package var error: SyncError?

    package init(instance: InstanceNumber, startedAt: Int64) {
        self.instance = instance
        self.startedAt = startedAt
    }

    /// For the index, which shows them to people.
    var kindPasses: [KindPassRecord] {
        kinds.map { kind, found in
            KindPassRecord(
                kind: kind, occasion: occasion.rawValue, startedAt: startedAt, seconds: found.seconds, rows: found.rows,
                changed: found.changed, removed: found.removed, missing: found.missing, isSuspect: found.isSuspect,
                problem: found.problem)
        }
    }

    package var rows: Int { kinds.values.reduce(0) { $0 + $1.rows } }
    package var changed: Int { kinds.values.reduce(0) { $0 + $1.changed } }
    package var removed: Int { kinds.values.reduce(0) { $0 + $1.removed } }
    package var setAside: Int { kinds.values.reduce(0) { $0 + $1.setAside } }
    package var suspects: [Kind] {
        kinds.filter(\.value.isSuspect).keys.sorted { $0.rawValue < $1.rawValue }
    }
}

/// What somebody who asks for a pass wants beyond what a pass does.
package struct PassDemand: Sendable, Equatable {
    /// As `SyncOptions.force`.
    package var force = false
    /// Every row is read.
    package var isFull = false

    package init(force: Bool = false, isFull: Bool = false) {
        self.force = force
        self.isFull = isFull
    }

    mutating func formUnion(_ other: PassDemand) {
        force = force || other.force
        isFull = isFull || other.isFull
    }
}

/// How much of a server a pass looks at.
package enum SyncScope: Sendable, Hashable {
    /// Every row is read: also what leaves no trace in any time, such as a renamed folder (Stash 3.2).
    case full
    /// What was changed since the last pass, by the server's own times; its cost does not depend on the size of the library.
    /// Kinds that were never read to their end are read whole.
    case incremental
    /// The id and time of every row, and whole those that differ: it finds what has gone and what the times have hidden.
    case sweep
}

/// How a pass goes about it. Every number can be changed, so that tests need no thousands of rows.
package struct SyncOptions: Sendable {
    /// Rows of a page. Scenes carry eight relations each, one query a row and relation at the server; images few; the
    /// other kinds are small (Stash 7 and 10).
    package var pageSizes: [Kind: Int] = [
        .scene: 500, .image: 1000, .gallery: 1000, .performer: 1000, .studio: 1000, .tag: 1000, .group: 1000,
    ]
    /// Ids of a page of a sweep (Stash 7).
    package var idPageSize = 5000
    /// When a failed request is sent again.
    package var retry = Retry.page
    /// Sidecars asked for at once: what a server can answer at a time belongs to people (Stash 7).
    package var parallelSidecars = 2
    /// How much is looked at.
    package var scope = SyncScope.full
    /// Kinds of up to so many rows are swept by incremental passes too when the server counts another number of rows.
    package var sweptAtOnce: Int64 = .max
    /// Removes also when more than a fifth of a kind would vanish, and takes what is found for the instance's catalogue; every row is read.
    package var force = false
    /// Why the pass runs; it is remembered with what came of it.
    package var occasion = PassOccasion.request
    /// Whether somebody waits for bytes of this server's files at this moment: then questions wait too, for some seconds each.
    /// Called on the pass's thread, often.
    package var isAwaited: @Sendable (InstanceNumber) -> Bool = { _ in false }

    package init() {}

    func pageSize(_ kind: Kind) -> Int { pageSizes[kind] ?? 1000 }
}
