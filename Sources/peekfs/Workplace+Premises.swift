import Control
import Derive
import DiskCache
import Foundation
import Fuse
import Library

extension LocationOptions {
    /// Whom a command asks.
    ///
    /// - Parameter adopting: As in `Workplace`.
    /// - Returns: The daemon that holds the state directory, else the databases.
    /// - Throws: `CommandError` when there is no place for them.
    func control(adopting: Bool = true) throws -> ControlLine {
        let locations = try locations()
        let socket = DaemonLock.holder(stateDirectory: locations.state)?.socket
        return ControlLine(socket: socket) { try Workplace(locations, adopting: adopting).premises() }
    }
}

extension Workplace {
    /// What the routes work on in the process of a command. Where a daemon runs all the same (it is starting, or ending), it
    /// sees in the databases what was done.
    func premises() -> Premises {
        let derivation = { @Sendable () throws -> Derivation in
            Derivation(state: state, index: try index())
        }
        return Premises(
            state: state, catalogue: { try Catalogue(state: state, index: try index()) },
            follow: Premises.Follow(
                instances: {
                    guard DaemonLock.holder(stateDirectory: locations.state) == nil else { return }
                    try derivation().forgetRemoved()
                    try derivation().run()
                }, decisions: { try derivation().run() }),
            surroundings: { try surroundings() }, running: nil)
    }

    /// The mount, as the kernel and the daemon's lock tell it, and what is on the disk.
    func surroundings() throws -> SurroundingsView {
        let mounts = try MountTable.current()
        let mount = DaemonLock.holder(stateDirectory: locations.state).map { holder in
            MountView(
                path: holder.mountPoint, pid: holder.pid,
                since: Date(timeIntervalSince1970: TimeInterval(holder.since)),
                mounted: mounts.top(at: holder.mountPoint)?.type == "fuse.\(MountOptions.subtype)", page: holder.page)
        }
        return SurroundingsView(
            stateDir: locations.state, cacheDir: locations.cache, mount: mount, cache: try cacheView())
    }

    func cacheView() throws -> CacheView {
        let (cache, usage) = (diskCache, diskCache.usage())
        return CacheView(
            directory: cache.directory, free: cache.free,
            instances: try state.instances().map { instance in
                let used = usage[instance.cacheFolder] ?? (0, 0)
                return CacheView.Server(name: instance.name, files: used.files, bytes: used.bytes)
            })
    }

    /// To look at and to clear; nothing is written through it.
    var diskCache: DiskCache {
        DiskCache(
            directory: locations.blocks, limits: DiskCacheLimits(bytes: 0, directory: locations.blocks),
            report: { _ in })
    }
}
