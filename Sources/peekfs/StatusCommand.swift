import ArgumentParser
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

    struct Server: Encodable {
        let instance: InstanceView
        /// Entities in the index by kind.
        let counts: [String: Int]
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
                since: Date(timeIntervalSince1970: TimeInterval(holder.since)),
                mounted: mounts.top(at: holder.mountPoint)?.type == "fuse.\(MountOptions.subtype)")
        }
        cache = try CacheView(workplace)
        let index = try workplace.index()
        let counts = try index.counts()
        instances = try workplace.state.instances().map { instance in
            let found = counts[instance.number] ?? [:]
            return Server(
                instance: InstanceView(instance),
                counts: Dictionary(uniqueKeysWithValues: Kind.allCases.map { ($0.directoryName, found[$0] ?? 0) }),
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
                [server.instance.name, server.instance.enabled ? "enabled" : "disabled"]
                    + kinds.map { "\(server.counts[$0] ?? 0)" }
            })
        Output.line("cache: \(cache.summary)")
        for server in instances {
            for row in server.setAside {
                Output.line(
                    "\(server.instance.name): left out \(row.kind) \(row.id.map(String.init) ?? "?"): \(row.reason)")
            }
        }
    }
}
