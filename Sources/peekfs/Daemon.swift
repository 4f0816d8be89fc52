import Control
import Derive
import DiskCache
import Filesystem
import Foundation
import Fuse
import Library
import Logging
import Media
import Push
import Service
import Stash
import Sync

/// The one place where everything is built, started and stopped.
///
/// Up, each step needing those before it: the lock of the state directory, databases, transfers, media, the file system,
/// syncs, the control API, the mount, and the watch over what other processes change. Down is the other way round, except that reads
/// which wait for a server are failed as soon as the mount is gone, so that nobody waits for the network.
final class Daemon: Sendable {
    struct Settings: Sendable {
        let locations: Locations
        /// Absolute.
        let mountPoint: String
        let mountOptions: MountOptions
        /// No bytes: nothing is kept on the disk.
        let diskLimits: DiskCacheLimits
        /// Where it can be asked besides its socket.
        let listen: LoopbackAddress?
        /// When servers are asked for what they have.
        let schedule: SyncSchedule
    }

    /// How often other processes' changes are looked for. They shall be seen within two seconds; a look costs two small
    /// queries.
    private static let watchInterval = DispatchTimeInterval.milliseconds(500)

    private let lock: DaemonLock
    private let logger: Logger
    private let workplace: Workplace
    private let index: IndexDatabase
    private let catalogue: Catalogue
    private let engine: TransferEngine
    private let servers: Servers
    private let disk: DiskCache?
    private let media: MediaStore
    private let filesystem: PeekFilesystem
    private let session: Session
    private let derivation: Derivation
    private let scheduler: SyncScheduler
    private let listeners: PushListeners
    private let catalogueGuard: CatalogueGuard
    private let control: ControlServer
    private let follower: Follower
    private let isWatching = Lock(true)
    private let wake = DispatchSemaphore(value: 0)
    private let watchEnded = DispatchSemaphore(value: 0)

    /// Builds everything and mounts. When this returns the kernel's requests wait for `run`.
    init(_ settings: Settings) throws {
        let logger = Logger(label: "peekfs")
        self.logger = logger
        let metrics = DaemonMetrics()
        lock = try DaemonLock(stateDirectory: settings.locations.state, mountPoint: settings.mountPoint)
        workplace = try Workplace(settings.locations)
        index = try workplace.index()
        engine = try TransferEngine()
        engine.start()
        let servers = Servers(engine: engine, logger: logger)
        self.servers = servers
        disk =
            settings.diskLimits.bytes > 0
            ? DiskCache(directory: settings.locations.blocks, limits: settings.diskLimits) { logger.warning("\($0)") }
            : nil
        media = try MediaStore(disk: disk) { server, health in
            logger.notice("\(servers.name(InstanceNumber(server))): \(health.words)")
        }
        catalogue = try Catalogue(state: workplace.state, index: index)
        filesystem = PeekFilesystem(
            catalogue: catalogue, media: media, uid: getuid(), gid: getgid(), logger: logger)

        derivation = Derivation(state: workplace.state, index: index)
        let catalogueGuard = CatalogueGuard(
            media: media, servers: servers, state: workplace.state, logger: logger,
            forgetContent: { [filesystem] in filesystem.forgetContent(of: $0) })
        self.catalogueGuard = catalogueGuard
        var options = SyncOptions()
        options.isAwaited = { [media] in media.isAwaited($0.rawValue) }
        scheduler = SyncScheduler(
            index: index, state: workplace.state, lockDirectory: settings.locations.cache, options: options,
            schedule: settings.schedule, logger: logger,
            makeClient: { [servers] in try servers.client(of: $0) },
            // It takes a lot for its caches, again and again, as the pages before it did.
            derive: { [derivation] in try Memory.trimming(during: derivation.run) },
            onReport: { [servers] report in
                metrics.note(report, of: servers.name(report.instance))
                catalogueGuard.note(report)
                Memory.trim()
            })

        let measured = DaemonMetrics.Sources(
            media: media, disk: disk, index: index, state: workplace.state, scheduler: scheduler,
            filesystem: filesystem)
        listeners = PushListeners { [scheduler] server, news in
            let number = InstanceNumber(server)
            switch news {
            case .listening: logger.info("\(servers.name(number)): it tells when something is done")
            case .changed(let reason):
                logger.debug("\(servers.name(number)): \(reason.rawValue)")
                scheduler.news(of: number)
            case .unavailable(let reason):
                logger.notice(
                    "\(servers.name(number)): it does not tell when something is done: \(reason); it is asked now and then"
                )
            }
        }
        let follower = try Follower(
            Follower.Parts(
                state: workplace.state, index: index, catalogue: catalogue, servers: servers, disk: disk, media: media,
                listeners: listeners, derivation: derivation, scheduler: scheduler, catalogueGuard: catalogueGuard,
                forgetContent: { [filesystem] in filesystem.forgetContent(of: $0) },
                libraryChanged: { [filesystem] in filesystem.libraryChanged(since: $0) }))
        self.follower = follower
        let premises = Premises(
            state: workplace.state, catalogue: { [catalogue] in catalogue },
            follow: Premises.Follow(
                instances: follower.followInstances,
                decisions: follower.followDecisions), surroundings: { [workplace] in try workplace.surroundings() },
            running: Premises.Running(media: media, scheduler: scheduler))
        control = ControlServer(
            routes: premises.routes + Page.routes + [metrics.route(measured)],
            socket: settings.locations.controlSocket, logger: logger)
        do {
            // Before the mount: what cannot be listened on is said while nothing has happened yet.
            try control.start(
                loopback: try settings.listen.map { ($0, try Entrance.token(stateDirectory: settings.locations.state)) }
            )
            if try Unmount.repair(at: settings.mountPoint) {
                logger.notice("\(settings.mountPoint) was still mounted by a daemon that died; it was freed")
            }
            session = try Session(
                fileSystem: filesystem, mountPoint: settings.mountPoint, options: settings.mountOptions)
        } catch {
            control.stop()
            throw error
        }
        lock.note(mountPoint: session.mountPoint, socket: control.socket, page: control.listening?.url)
    }

    /// Answers the kernel until the tree is unmounted, by whomever, and ends everything in order.
    func run() throws {
        let thread = Thread { [self] in watch() }
        thread.name = "watch"
        thread.start()
        logger.notice("mounted on \(session.mountPoint)")
        if let address = control.listening {
            logger.notice("the page is at \(address.url); `peekfs page` prints its address with the token")
        }
        if (try? workplace.state.instances().isEmpty) == true {
            let more = control.listening == nil ? "" : ", or on the page"
            logger.notice("there is no server yet; add one with `peekfs instance add NAME URL`\(more)")
        }
        let outcome = Result { try session.run() }
        ServiceManager.stopping()
        media.shutdown()
        isWatching.withLock { $0 = false }
        wake.signal()
        // The tables may be computed just now, which takes its time; what is not committed is computed again.
        _ = watchEnded.wait(timeout: .now() + .seconds(2))
        control.stop()
        listeners.stop()
        scheduler.stop()
        engine.stop()
        logger.notice("unmounted from \(session.mountPoint)")
        try outcome.get()
    }

    /// Takes the mount away, which makes `run` return; for a thread of its own.
    func stop() {
        logger.notice("stopping")
        session.stop()
        // Answers everybody who waits for a server, so that the end waits for none.
        media.shutdown()
    }

    /// Somebody does not want to wait for `stop`. What is in the databases is complete at every moment.
    func abandon() {
        logger.warning("asked twice to stop; ending at once")
        _exit(ExitStatus.busy.rawValue)
    }

    /// Asks all servers what is new.
    func syncNow() { scheduler.requestAll() }

    // MARK: What other processes change

    private func watch() {
        while isWatching.withLock({ $0 }) {
            follow("the instances cannot be followed", follower.followInstances)
            follow("the state database cannot be read", follower.followConfirmations)
            follow("the index cannot be read", follower.followIndex)
            _ = wake.wait(timeout: .now() + Self.watchInterval)
        }
        watchEnded.signal()
    }

    private func follow(_ trouble: String, _ step: () throws -> Void) {
        do { try step() } catch { logger.error("\(trouble): \(error)") }
    }
}

extension ServerHealth {
    /// For a log line.
    fileprivate var words: String {
        switch self {
        case .up: "its files can be read"
        case .down(_, let reason): "its files cannot be read: \(reason)"
        case .absent: "no longer used"
        }
    }
}
