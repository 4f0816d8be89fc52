import Control
import Foundation
import Library
import Logging
import Media
import Stash

/// The servers that the daemon talks to at present, kept in line with the instances in the state database, which other
/// processes change.
///
/// Only the thread that watches calls `update`; the lock is for those who ask meanwhile.
final class Servers: Sendable {
    /// What an update did, for whoever depends on it.
    struct Change {
        /// New, enabled again, or reached in another way: they have something to sync.
        var connected: [InstanceNumber: StashClient] = [:]
        var disconnected: [InstanceNumber] = []
        /// Names, priorities or the number of servers changed: what is shown of them has to be computed again.
        var isDerivationDue = false

        var isEmpty: Bool { connected.isEmpty && disconnected.isEmpty && !isDerivationDue }
    }

    private let engine: TransferEngine
    private let logger: Logger
    private struct State {
        var instances: [InstanceNumber: Instance] = [:]
        var clients: [InstanceNumber: StashClient] = [:]
        /// Of every instance that was ever enabled, whatever its address has been since.
        var meters: [InstanceNumber: RequestMeter] = [:]
    }

    private let state = Lock(State())

    init(engine: TransferEngine, logger: Logger) {
        self.engine = engine
        self.logger = logger
    }

    /// The name of a server, for messages.
    func name(_ number: InstanceNumber) -> String {
        state.withLock { $0.instances[number]?.name } ?? "instance \(number.rawValue)"
    }

    /// The client of an instance, the same for its syncs and its media: what a sync learns of the server's version decides
    /// where pictures are fetched.
    func client(of instance: Instance) throws -> StashClient {
        let (known, client) = state.withLock { ($0.instances[instance.number], $0.clients[instance.number]) }
        if let client, known?.reachedBy == instance.reachedBy { return client }
        return StashClient(access: try ServerSettings(instance).access, engine: engine, meter: meter(of: instance))
    }

    /// What counts the requests to an instance.
    private func meter(of instance: Instance) -> RequestMeter {
        state.withLock { state in
            if let known = state.meters[instance.number] { return known }
            let meter = RequestMeter(server: instance.name)
            state.meters[instance.number] = meter
            return meter
        }
    }

    private func followMeters(_ instances: [InstanceNumber: Instance]) {
        let (kept, gone) = state.withLock { state in
            let gone = state.meters.filter { instances[$0.key] == nil }
            for number in gone.keys { state.meters[number] = nil }
            return (state.meters, Array(gone.values))
        }
        for meter in gone { meter.close() }
        for (number, meter) in kept { if let name = instances[number]?.name { meter.rename(name) } }
    }

    /// The client of an instance that is in use, nil when it is not.
    func client(_ number: InstanceNumber) -> StashClient? { state.withLock { $0.clients[number] } }

    /// Where the disk keeps the files of an instance that is in use.
    func folder(_ number: InstanceNumber) -> String? { state.withLock { $0.instances[number]?.cacheFolder } }

    /// Takes the instances as they are now; says what is different from before.
    func update(_ instances: [Instance]) -> Change {
        let after = Dictionary(uniqueKeysWithValues: instances.map { ($0.number, $0) })
        let before = state.withLock { state in
            defer { state.instances = after }
            return state.instances
        }
        var change = Change()
        for (number, old) in before where old.enabled && after[number]?.enabled != true {
            change.disconnected.append(number)
            change.isDerivationDue = true
            logger.notice("\(old.name): \(after[number] == nil ? "removed" : "disabled")")
        }
        for (number, new) in after {
            let old = before[number]
            if old?.shownAs != new.shownAs { change.isDerivationDue = true }
            guard new.enabled, old?.enabled != true || old?.reachedBy != new.reachedBy else { continue }
            do {
                change.connected[number] = StashClient(
                    access: try ServerSettings(new).access, engine: engine, meter: meter(of: new))
            } catch {
                logger.error("\(new.name): \(error.detail)")
                change.disconnected.append(number)
            }
        }
        followMeters(after)
        state.withLock { state in
            for number in change.disconnected { state.clients[number] = nil }
            state.clients.merge(change.connected) { $1 }
        }
        return change
    }
}

extension Instance {
    /// The name of its directory in the disk cache: its number would be another server's after the state was made anew.
    var cacheFolder: String { id.uuidString.lowercased() }

    /// A change of these makes another connection.
    fileprivate struct Reach: Equatable {
        let url: String
        let apiKey: String?
        let trust: InstanceTrust
    }

    fileprivate var reachedBy: Reach { Reach(url: url, apiKey: apiKey, trust: trust) }

    /// A change of these changes the tree.
    fileprivate struct Appearance: Equatable {
        let name: String
        let enabled: Bool
        let priority: Int64
    }

    fileprivate var shownAs: Appearance { Appearance(name: name, enabled: enabled, priority: priority) }
}
