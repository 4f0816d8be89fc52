package import Foundation
import Library
import Media
import Sync

/// The mount and the cache, which are looked at where they are known.
package struct SurroundingsView: Codable, Sendable {
    package let stateDir: String
    package let cacheDir: String
    /// Nil when no daemon runs.
    package let mount: MountView?
    package let cache: CacheView

    package init(stateDir: String, cacheDir: String, mount: MountView?, cache: CacheView) {
        self.stateDir = stateDir
        self.cacheDir = cacheDir
        self.mount = mount
        self.cache = cache
    }
}

package struct MountView: Codable, Sendable {
    package let path: String
    package let pid: Int32
    package let since: Date
    /// Whether the kernel has it mounted: a daemon that is starting or stopping has not.
    package let mounted: Bool
    /// Where the page is, if there is one.
    package let page: String?

    package init(path: String, pid: Int32, since: Date, mounted: Bool, page: String?) {
        self.path = path
        self.pid = pid
        self.since = since
        self.mounted = mounted
        self.page = page
    }
}

/// What is kept of files on the disk.
package struct CacheView: Codable, Sendable {
    package struct Server: Codable, Sendable {
        package let name: String
        package let files: Int
        /// On the disk, which is less than the sizes of the files where parts are kept.
        package let bytes: Int64

        package init(name: String, files: Int, bytes: Int64) {
            self.name = name
            self.files = files
            self.bytes = bytes
        }
    }

    package let directory: String
    /// Nil when the directory was not made yet.
    package let free: Int64?
    package let instances: [Server]

    package init(directory: String, free: Int64?, instances: [Server]) {
        self.directory = directory
        self.free = free
        self.instances = instances
    }
}

/// Everything that `peekfs status` knows.
package struct StatusView: Codable, Sendable {
    package struct Row: Codable, Sendable {
        package let kind: String
        package let id: Int64?
        package let reason: String
    }

    /// How a server is, as far as a daemon knows.
    package struct State: Codable, Sendable {
        /// `up`, `down`, `unknown` or `disabled`.
        package let word: String
        package var since: Date?
        /// Why it is down.
        package var reason: String?
    }

    package struct Pass: Codable, Sendable {
        package let at: Date
        package let seconds: Double
        package let rows: Int
        package let changed: Int
        package let removed: Int
        package let setAside: Int
        /// Of which too much seems to be gone: kept until somebody says `force`.
        package let suspects: [String]
        /// Why it did not get through everything.
        package let problem: Problem?
    }

    package struct Sync: Codable, Sendable {
        /// What is done now; nil while it waits. `scenes`, `connecting` …
        package var stage: String?
        /// Of the stage.
        package var done: Int?
        package var total: Int?
        package var next: Date?
        package var lastSuccess: Date?
        package var failingSince: Date?
        package var lastPass: Pass?
    }

    /// The last pass over one kind.
    package struct KindPass: Codable, Sendable {
        package let kind: String
        /// Why it ran: `request`, `news` or `time`.
        package let occasion: String
        package let startedAt: Date
        package let seconds: Double
        package let read: Int
        package let changed: Int
        package let removed: Int
        /// Rows that were not there any more; they are removed when a second pass agrees.
        package let missing: Int
        /// So much seems to be gone that nothing is removed until a person insists.
        package let isSuspect: Bool
        /// Why it did not get to the end.
        package let problem: String?
    }

    package struct Server: Codable, Sendable {
        package let instance: InstanceView
        package let state: State
        /// What the server calls its version.
        package let version: String?
        /// Nil when no daemon runs, or it does not sync this server.
        package let sync: Sync?
        /// Entities in the index by kind.
        package let counts: [String: Int]
        package let kinds: [KindPass]
        /// What the last sync could not take.
        package let setAside: [Row]
    }

    package let stateDir: String
    package let cacheDir: String
    package let mount: MountView?
    package let instances: [Server]
    package let cache: CacheView
}

extension Premises {
    var statusRoutes: [Route] {
        [Route(.get, "/api/status", .blocking { _ in .json(try status()) })]
    }

    private func status() throws -> StatusView {
        let surroundings = try surroundings()
        let index = try catalogue().index
        let counts = try index.counts()
        let syncs = running?.scheduler.status() ?? []
        return StatusView(
            stateDir: surroundings.stateDir, cacheDir: surroundings.cacheDir, mount: surroundings.mount,
            instances: try state.instances().map { instance in
                let found = counts[instance.number] ?? [:]
                let sync = syncs.first { $0.instance == instance.number }
                return StatusView.Server(
                    instance: InstanceView(instance, values: try state.personalCount(of: instance.number)),
                    state: health(instance, sync), version: sync?.lastReport?.version,
                    sync: sync.map(StatusView.Sync.init),
                    counts: Dictionary(uniqueKeysWithValues: Kind.allCases.map { ($0.directoryName, found[$0] ?? 0) }),
                    kinds: try index.kindPasses(of: instance.number).map(StatusView.KindPass.init),
                    setAside: try index.setAside(of: instance.number).map {
                        StatusView.Row(kind: $0.kind.word, id: $0.id, reason: $0.reason)
                    })
            }, cache: surroundings.cache)
    }

    /// Reads tell sooner than syncs that a server is down.
    private func health(_ instance: Instance, _ sync: InstanceSyncStatus?) -> StatusView.State {
        guard instance.enabled else { return StatusView.State(word: "disabled") }
        if case .down(let since, let reason) = running?.media.health(of: instance.number.rawValue) {
            let ago = (ContinuousClock.now - since) / .seconds(1)
            return StatusView.State(word: "down", since: Date(timeIntervalSinceNow: -ago), reason: "\(reason)")
        }
        guard let health = sync?.health else { return StatusView.State(word: "unknown") }
        return StatusView.State(
            word: health.isUp ? "up" : "down", since: Date(timeIntervalSince1970: TimeInterval(health.since)),
            reason: health.reason)
    }
}

extension StatusView.Sync {
    init(_ status: InstanceSyncStatus) {
        func date(_ seconds: Int64?) -> Date? { seconds.map { Date(timeIntervalSince1970: TimeInterval($0)) } }
        switch status.phase {
        case .waiting(let due): next = date(due)
        case .syncing(let progress): (stage, done, total) = (progress.stage.word, progress.done, progress.total)
        }
        lastSuccess = date(status.lastSuccess)
        failingSince = date(status.failingSince)
        lastPass = status.lastReport.map(StatusView.Pass.init)
    }
}

extension StatusView.Pass {
    init(_ report: SyncReport) {
        at = Date(timeIntervalSince1970: TimeInterval(report.startedAt) + report.seconds)
        (seconds, rows, changed) = (report.seconds, report.rows, report.changed)
        (removed, setAside) = (report.removed, report.setAside)
        suspects = report.suspects.map(\.directoryName)
        problem = report.error.map { Problem(explaining: $0) }
    }
}

extension StatusView.KindPass {
    init(_ pass: KindPassRecord) {
        self.init(
            kind: pass.kind.directoryName, occasion: pass.occasion,
            startedAt: Date(timeIntervalSince1970: TimeInterval(pass.startedAt)), seconds: pass.seconds,
            read: pass.rows,
            changed: pass.changed, removed: pass.removed, missing: pass.missing, isSuspect: pass.isSuspect,
            problem: pass.problem)
    }
}
