import ArgumentParser
import Control
import Foundation
import Fuse
import Library

/// `peekfs status`: read from the databases and the kernel's list of mounts, so it answers also when no daemon runs.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows the mount, the servers, what was synced of them and what was left out.")

    @Flag(help: "Print JSON.")
    var json = false
    @OptionGroup var location: LocationOptions

    func run() throws {
        let status = try Status(Workplace(location))
        if json { return try Output.json(status) }
        status.printText()
    }
}

/// Everything that `peekfs status` knows.
struct Status: Encodable {
    struct Mount: Encodable {
        let path: String
        let pid: Int32
        let since: Date
        /// Whether the kernel has it mounted: a daemon that is starting or stopping has not.
        let mounted: Bool
    }

    struct Row: Encodable {
        let kind: String
        let id: Int64?
        let reason: String
    }

    /// How a server was found last.
    struct Health: Encodable {
        let isUp: Bool
        let since: Date
        /// Why it is down.
        let reason: String?
    }

    /// The last sync of everything that a server has.
    struct Pass: Encodable {
        let finishedAt: Date
        /// Why it did not get through everything.
        let error: String?
    }

    /// The last sync of one kind.
    struct KindPass: Encodable {
        let kind: String
        /// Why it ran: `request`, `news` or `time`.
        let occasion: String
        let startedAt: Date
        let seconds: Double
        let read: Int
        let changed: Int
        let removed: Int
        /// Rows that were not there any more; they are removed when a second sync agrees.
        let missing: Int
        /// So much seems to be gone that nothing is removed until a person insists.
        let isSuspect: Bool
        /// Why it did not get to the end.
        let problem: String?
    }

    struct Server: Encodable {
        let instance: InstanceView
        /// nil before the first sync.
        let health: Health?
        let lastPass: Pass?
        /// Under its address was found another catalogue than the one that was synced.
        let isCatalogueRefused: Bool
        /// Entities in the index by kind.
        let counts: [String: Int]
        let kinds: [KindPass]
        /// What the last sync could not take.
        let setAside: [Row]
    }

    let stateDir: String
    let cacheDir: String
    let mount: Mount?
    let instances: [Server]
    /// What is kept of files on the disk.
    let cache: CacheView

    init(_ workplace: Workplace) throws {
        stateDir = workplace.locations.state
        cacheDir = workplace.locations.cache
        let mounts = try MountTable.current()
        mount = DaemonLock.holder(stateDirectory: stateDir).map { holder in
            Mount(
                path: holder.mountPoint, pid: holder.pid,
                since: Date(unix: holder.since),
                mounted: mounts.top(at: holder.mountPoint)?.type == "fuse.\(MountOptions.subtype)")
        }
        cache = try CacheView(workplace)
        let index = try workplace.index()
        let counts = try index.counts()
        let health = try index.health()
        instances = try workplace.state.instances().map { instance in
            let found = counts[instance.number] ?? [:]
            return Server(
                instance: InstanceView(instance), health: health[instance.number].map(Health.init),
                lastPass: try index.lastPass(of: instance.number).map {
                    Pass(finishedAt: Date(unix: $0.finishedAt), error: $0.error)
                },
                isCatalogueRefused: !instance.isRecognised,
                counts: Dictionary(uniqueKeysWithValues: Kind.allCases.map { ($0.directoryName, found[$0] ?? 0) }),
                kinds: try index.kindPasses(of: instance.number).map(KindPass.init),
                setAside: try index.setAside(of: instance.number).map {
                    Row(kind: $0.kind.word, id: $0.id, reason: $0.reason)
                })
        }
    }

    func printText() {
        if let mount {
            let state = mount.mounted ? "mounted on" : "about to mount, or to unmount,"
            Output.line("\(state) \(mount.path) by process \(mount.pid) since \(mount.since.formatted(.iso8601))")
        } else {
            Output.line("not mounted")
        }
        guard !instances.isEmpty else {
            return Output.line("no instance yet; add one with `peekfs instance add NAME URL`")
        }
        let kinds = Kind.allCases.map(\.directoryName)
        Output.table(
            ["NAME", "STATE"] + kinds.map { $0.uppercased() },
            instances.map { server in
                [server.instance.name, server.state] + kinds.map { "\(server.counts[$0] ?? 0)" }
            })
        Output.line("cache: \(cache.summary)")
        for server in instances {
            if let sentence = server.sentence { Output.line("\(server.instance.name): \(sentence)") }
        }
        let passes = instances.flatMap { server in server.kinds.map { (server.instance.name, $0) } }
        if !passes.isEmpty {
            Output.table(
                ["NAME", "LAST SYNC OF", "BEGAN", "WHY", "TOOK", "READ", "CHANGED", "REMOVED"],
                passes.map { name, pass in
                    [
                        name, pass.kind, pass.startedAt.formatted(.iso8601), pass.occasion,
                        String(format: "%.1f s", pass.seconds), "\(pass.read)", "\(pass.changed)", "\(pass.removed)",
                    ]
                })
        }
        for server in instances {
            for remark in server.remarks { Output.line("\(server.instance.name): \(remark)") }
        }
        for server in instances {
            for row in server.setAside {
                Output.line(
                    "\(server.instance.name): left out \(row.kind) \(row.id.map(String.init) ?? "?"): \(row.reason)")
            }
        }
    }
}

extension Status.Server {
    /// One word for it.
    fileprivate var state: String {
        guard instance.enabled else { return "disabled" }
        return health.map { $0.isUp ? "up" : "down" } ?? "new"
    }

    /// How it stands; nil when nothing is known.
    fileprivate var sentence: String? {
        var parts: [String] = []
        if let health {
            let reason = health.reason.map { ": \($0)" } ?? ""
            parts.append("\(health.isUp ? "up" : "down") since \(health.since.formatted(.iso8601))\(reason)")
        }
        if let lastPass {
            parts.append(
                "last sync \(lastPass.error == nil ? "" : "failed ")at \(lastPass.finishedAt.formatted(.iso8601))")
            // What brought the server down was said already.
            if let error = lastPass.error, error != health?.reason { parts.append(error) }
        }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    /// What somebody should look at.
    fileprivate var remarks: [String] {
        let name = Words.shellQuoted(instance.name)
        var remarks: [String] = []
        if isCatalogueRefused {
            remarks.append(
                "another catalogue was found under its address; nothing is read from there until it has its address back, or "
                    + "`peekfs sync \(name) --force` confirms it")
        }
        for kind in kinds {
            if kind.isSuspect {
                remarks.append(
                    "too many \(kind.kind) seem to be gone and are kept; `peekfs sync \(name) --force` removes them")
            } else if kind.missing > 0 {
                remarks.append(
                    "\(kind.missing) of its \(kind.kind) were not there any more; they go when the next sync agrees")
            }
            if let problem = kind.problem { remarks.append("its \(kind.kind) were not read to the end: \(problem)") }
        }
        return remarks
    }
}

extension Status.Health {
    fileprivate init(_ health: ServerHealthRecord) {
        self.init(isUp: health.isUp, since: Date(unix: health.since), reason: health.reason)
    }
}

extension Status.KindPass {
    fileprivate init(_ pass: KindPassRecord) {
        self.init(
            kind: pass.kind.directoryName, occasion: pass.occasion, startedAt: Date(unix: pass.startedAt),
            seconds: pass.seconds, read: pass.rows, changed: pass.changed, removed: pass.removed, missing: pass.missing,
            isSuspect: pass.isSuspect, problem: pass.problem)
    }
}

extension Date {
    fileprivate init(unix seconds: Int64) {
        self.init(timeIntervalSince1970: TimeInterval(seconds))
    }
}
