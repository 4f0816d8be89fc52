import Derive
import DiskCache
import Dispatch
import Library
import Logging
import Media
import Push
import Service
import Stash
import Sync

/// Brings everything in line with what the databases say, after a change that came over the control API or was made by
/// another process.
final class Follower: Sendable {
    /// What is brought in line.
    struct Parts: Sendable {
        let state: StateDatabase
        let index: IndexDatabase
        let catalogue: Catalogue
        let servers: Servers
        let disk: DiskCache?
        let media: MediaStore
        let listeners: PushListeners
        let derivation: Derivation
        let scheduler: SyncScheduler
        let catalogueGuard: CatalogueGuard
        /// Has the kernel forget what it was given of a server.
        let forgetContent: @Sendable (InstanceNumber) -> Void
        /// Has the kernel forget what is not so any more: since a generation of the index, or whatever follows from instances.
        let libraryChanged: @Sendable (Int64?) -> Void
    }

    private struct State {
        /// What people changed or decided may not be in the tree yet: at the start nobody knows what became of the last change.
        var isDerivationDue = true
        /// When that is tried again after it failed, unless there is another change before.
        var retryAt: ContinuousClock.Instant?
        /// Of the index, as the file system was told last.
        var generation: Int64
    }

    /// It may take minutes each time, to fail again: a full disk is not emptied at once.
    private static let pause = Duration.seconds(60)

    private let parts: Parts
    private let state: Lock<State>
    /// One at a time, in order: whoever asks for a change waits until it is in effect.
    private let turns = DispatchQueue(label: "follower")

    init(_ parts: Parts) throws {
        self.parts = parts
        state = Lock(State(generation: try parts.index.generation()))
    }

    /// Connects, disconnects, forgets and derives, as the state database has it now. Returns when the tree shows it.
    func followInstances() throws { try turns.sync { try bringInLine() } }

    private func bringInLine() throws {
        let instances = try parts.state.instances()
        let change = parts.servers.update(instances)
        let isDue = state.withLock { state in
            if change.isDerivationDue { (state.isDerivationDue, state.retryAt) = (true, nil) }
            return state.isDerivationDue && state.retryAt.map { $0 <= .now } ?? true
        }
        guard !change.isEmpty || isDue else { return }
        parts.catalogueGuard.forget(change.disconnected + change.connected.keys)
        for number in change.disconnected {
            parts.media.setServer(number.rawValue, nil)
            parts.listeners.set(number.rawValue, nil)
        }
        for (number, client) in change.connected {
            parts.listeners.set(number.rawValue, client.access)
            // What an address leads to is not read from before it is known to be this server.
            if instances.first(where: { $0.number == number })?.isRecognised == true {
                parts.media.setServer(number.rawValue, client, folder: parts.servers.folder(number))
            } else {
                parts.media.setServer(number.rawValue, nil)
                parts.catalogueGuard.withhold(number)
                parts.forgetContent(number)
            }
        }
        // Returns when the passes over the disconnected have ended: nothing is written of them any more.
        parts.scheduler.update(instances)
        try parts.catalogue.reloadInstances()
        // Names of instances are part of what is shown, whatever the index says.
        parts.libraryChanged(nil)
        guard isDue else { return }
        // Before what may fail, and may then be done by somebody else's decision.
        cleanDisk(keeping: instances)
        try derive()
        try followIndex()
    }

    /// Derives what people have decided about what is the same. Returns when the tree shows it.
    func followDecisions() throws {
        try turns.sync {
            try derive()
            try followIndex()
        }
    }

    /// Due until it succeeded: a full disk now must not leave a removed server's things in the tree for ever.
    private func derive() throws {
        state.withLock { ($0.isDerivationDue, $0.retryAt) = (true, .now + Self.pause) }
        try Memory.trimming {
            try parts.derivation.forgetRemoved()
            try parts.derivation.run()
        }
        state.withLock { ($0.isDerivationDue, $0.retryAt) = (false, nil) }
    }

    /// Tells the file system when the tables it reads from are others than before.
    func followIndex() throws {
        let generation = try parts.index.generation()
        let former = state.withLock { state in
            defer { state.generation = generation }
            return state.generation
        }
        if former != generation { parts.libraryChanged(former) }
    }

    /// Syncs servers that were refused as soon as a person has said that they are what they were.
    func followConfirmations() throws {
        for number in try parts.catalogueGuard.confirmed() { parts.scheduler.request(number) }
    }

    /// Removes what the disk has of servers that are not configured any more; counts what it has of the others.
    private func cleanDisk(keeping instances: [Instance]) {
        guard let disk = parts.disk else { return }
        let folders = Set(instances.map(\.cacheFolder))
        DispatchQueue.global(qos: .utility).async { disk.scan(keeping: folders) }
    }
}
