import Library
import Logging
import Media
import Stash
import Sync

/// Closes the media of a server under whose address a sync has found another catalogue: behind its ids are the bytes of
/// other things. They are open again when a sync has recognised it.
final class CatalogueGuard: Sendable {
    private let media: MediaStore
    private let servers: Servers
    private let state: StateDatabase
    private let logger: Logger
    /// Has the kernel forget what it was given of a server.
    private let forgetContent: @Sendable (InstanceNumber) -> Void
    /// What was remembered of the catalogue when it was refused.
    private let refused = Lock<[InstanceNumber: CatalogueFingerprint]>([:])

    init(
        media: MediaStore, servers: Servers, state: StateDatabase, logger: Logger,
        forgetContent: @escaping @Sendable (InstanceNumber) -> Void
    ) {
        self.forgetContent = forgetContent
        self.media = media
        self.servers = servers
        self.state = state
        self.logger = logger
    }

    /// Takes what came of a pass; called on the thread of the instance's syncs.
    func note(_ report: SyncReport) {
        let number = report.instance
        if report.error?.isAboutCatalogue == true {
            guard withhold(number) else { return }
            media.setServer(number.rawValue, nil)
            forgetContent(number)
            logger.warning("\(servers.name(number)): its files cannot be read until that is settled")
        } else if !report.kinds.isEmpty, refused.withLock({ $0.removeValue(forKey: number) }) != nil {
            media.setServer(number.rawValue, servers.client(number), folder: servers.folder(number))
            logger.notice("\(servers.name(number)): its catalogue is recognised")
        }
    }

    /// Leaves a server closed until a pass has recognised it.
    ///
    /// - Returns: Whether it was not closed yet.
    @discardableResult
    func withhold(_ number: InstanceNumber) -> Bool {
        let remembered = (try? state.fingerprint(of: number)) ?? CatalogueFingerprint()
        return refused.withLock { $0.updateValue(remembered, forKey: number) } == nil
    }

    /// Forgets what was refused of servers that are reached in another way from now on, or not at all.
    func forget(_ numbers: some Sequence<InstanceNumber>) {
        refused.withLock { refused in
            for number in numbers { refused[number] = nil }
        }
    }

    /// The refused servers that a person has confirmed since the last call: the next pass will go through.
    func confirmed() throws -> [InstanceNumber] {
        let before = refused.withLock { $0 }
        guard !before.isEmpty else { return [] }
        let changed = try before.compactMap { number, remembered in
            let now = try state.fingerprint(of: number)
            return now == remembered ? nil : (number, now)
        }
        refused.withLock { refused in
            for (number, now) in changed where refused[number] != nil { refused[number] = now }
        }
        return changed.map(\.0)
    }
}
