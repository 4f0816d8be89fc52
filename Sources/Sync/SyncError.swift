package import Stash

/// Why a pass did not get through everything. What it had stored stays, and the index goes on being served.
package enum SyncError: Error, Sendable, Equatable {
    /// The server, by what can be done about it.
    case server(StashError, ServerAddress)
    /// Older than 0.22: it lacks what an index is built from.
    case tooOld(version: String, ServerAddress)
    /// Under the instance's address is another catalogue than the one that was synced, where the same ids mean other
    /// things: only a person can say what that is about.
    case otherCatalogue(instance: String, ServerAddress)
    /// The server has gone back to an older state of its database: ids that were given since may be given again.
    case olderCatalogue(instance: String, ServerAddress)
    /// Another process is syncing the same instance; its result will do as well.
    case busy
    /// What is configured for the instance cannot be used.
    case configuration(String)
    /// A database or a lock file of this machine.
    case local(String)
    /// Somebody stopped the pass.
    case cancelled

    /// Whether the next pass may succeed without anybody doing anything.
    package var passesByItself: Bool {
        switch self {
        case .busy, .local: true
        case .server(.unauthorised, _), .server(.tls, _), .server(.tripwire, _): false
        case .server: true
        case .tooOld, .otherCatalogue, .olderCatalogue, .configuration, .cancelled: false
        }
    }
}

extension SyncError {
    /// Ids of the server may mean something else than they did: no file may be read by them.
    package var isAboutCatalogue: Bool {
        switch self {
        case .otherCatalogue, .olderCatalogue: true
        default: false
        }
    }

    /// What the end of a pass or a question says about the server: whether it can be worked with; nil when nothing.
    static func provesUp(_ error: SyncError?) -> Bool? {
        switch error {
        case nil, .tooOld, .otherCatalogue, .olderCatalogue: true
        case .server(.cancelled, _), .busy, .configuration, .local, .cancelled: nil
        case .server(.timedOut, _): false
        case .server(let error, _): error.concernsRows
        }
    }
}

extension SyncError: CustomStringConvertible {
    /// What failed, where, and what to do about it, as one lower-case sentence.
    package var description: String {
        switch self {
        case .server(let error, let address):
            error.sentence(about: address) + (Self.hint(error).map { "; \($0)" } ?? "")
        case .tooOld(let version, let address):
            "\(address): stash \(version) is too old; version 0.22 or newer is needed"
        case .otherCatalogue(let name, let address):
            """
            \(address): this is another catalogue than that of '\(name)', or that one was reset or restored; nothing was read or \
            removed; if it is another server, give '\(name)' back its address with `peekfs instance set \(name) --url URL` and \
            add this one with `peekfs instance add`; if it is the same one and its things have the ids that they had, confirm \
            that with `peekfs sync \(name) --force`
            """
        case .olderCatalogue(let name, let address):
            """
            \(address) has gone back to an older state of its library, as when a backup is restored: what was synced since is \
            kept as it is; if that is right, take over what the server has now with `peekfs sync \(name) --force`
            """
        case .busy: "another peekfs process is syncing this instance"
        case .configuration(let reason): reason
        case .local(let reason): reason
        case .cancelled: "the sync was stopped"
        }
    }

    private static func hint(_ error: StashError) -> String? {
        switch error {
        case .unauthorised(.needsKey): "give the instance the API key from Stash's settings, under Security"
        case .unauthorised(.keyRejected):
            "give the instance the present API key from Stash's settings, under Security, or none if Stash has none"
        case .notReady(.setup): "open it in a browser and finish the set-up"
        case .notReady(.needsMigration): "open it in a browser and confirm the migration"
        case .notStash(.speaksTLS): "use https:// in the instance's address"
        case .notStash: "check the instance's address"
        case .tls: "have the instance trust the server's certificate"
        case .tripwire: "follow the instructions on its web page, then restart it"
        case .unreachable, .timedOut: "what was synced before is still served"
        default: nil
        }
    }
}
