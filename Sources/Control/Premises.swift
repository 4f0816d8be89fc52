import Foundation
package import Library
package import Media
package import Sync

/// What the routes work on: the same in a daemon and in a command that finds none.
package struct Premises: Sendable {
    /// What only a daemon has.
    package struct Running: Sendable {
        package let media: MediaStore
        package let scheduler: SyncScheduler

        package init(media: MediaStore, scheduler: SyncScheduler) {
            self.media = media
            self.scheduler = scheduler
        }
    }

    /// What has to happen for a change to be in effect. Each returns when it is.
    package struct Follow: Sendable {
        /// Of a change of the instances.
        package let instances: @Sendable () throws -> Void
        /// Of a decision about what is one thing.
        package let decisions: @Sendable () throws -> Void

        package init(
            instances: @escaping @Sendable () throws -> Void, decisions: @escaping @Sendable () throws -> Void
        ) {
            self.instances = instances
            self.decisions = decisions
        }
    }

    package let state: StateDatabase
    /// Made when it is first needed: commands about instances alone need no index.
    package let catalogue: @Sendable () throws -> Catalogue
    package let follow: Follow
    /// What of the mount and of the cache `GET /api/status` tells.
    package let surroundings: @Sendable () throws -> SurroundingsView
    package let running: Running?

    package init(
        state: StateDatabase, catalogue: @escaping @Sendable () throws -> Catalogue, follow: Follow,
        surroundings: @escaping @Sendable () throws -> SurroundingsView, running: Running?
    ) {
        self.state = state
        self.catalogue = catalogue
        self.follow = follow
        self.surroundings = surroundings
        self.running = running
    }

    /// Everything that can be asked, but for the page and the metrics, which are others' matters.
    package var routes: [Route] {
        instanceRoutes + statusRoutes + syncRoutes + mergeRoutes + listingRoutes + mediaRoutes + [Description.route]
    }

    /// The configured instance of this identity or, for people's convenience, of this name.
    func instance(_ text: String) throws -> Instance {
        let all = try state.instances()
        let found = all.first { $0.id.uuidString.lowercased() == text.lowercased() }
        guard let instance = found ?? all.first(where: { $0.name.lowercased() == text.lowercased() }) else {
            throw InstanceError.noSuchInstance(text)
        }
        return instance
    }

    /// What a daemon is needed for.
    func daemon() throws(Problem) -> Running {
        guard let running else { throw Problem(.configuration, "this needs a daemon", hint: "run `peekfs mount`") }
        return running
    }
}
