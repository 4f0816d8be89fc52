package import Fuse
internal import Glibc
package import Library
package import Logging
package import Media
import Synchronization

/// The merged library as a file system: each operation finds the node, asks the index, and answers. None of them waits for
/// a server; reads and opens that need one are parked.
package final class PeekFilesystem: FileSystem {
    let tree: Tree
    let attributes: ExtendedAttributes
    let appearance: Appearance
    let logger: Logger
    private let catalogue: Catalogue
    private let media: MediaStore
    private let errands = Errands()
    private let editions = Editions()
    private let state = Mutex(State())

    private struct State {
        var notifier: Notifier?
        /// Bytes and files for statfs, until the tree changes.
        var statistics: (bytes: Int64, files: Int64)?
    }

    /// Makes the file system; it serves requests once a session is started with it.
    ///
    /// `uid` and `gid` are those of the user who mounts: everything belongs to them.
    package init(catalogue: Catalogue, media: MediaStore, uid: UInt32, gid: UInt32, logger: Logger) {
        self.catalogue = catalogue
        self.media = media
        self.logger = logger
        appearance = Appearance(uid: uid, gid: gid, editions: editions)
        attributes = ExtendedAttributes(catalogue: catalogue)
        tree = Tree(
            catalogue: catalogue, began: Int64(time(nil)), sizes: LearnedSizes(),
            down: { Set(media.down.map { InstanceNumber($0) }) },
            isReplaced: { [editions] entry in
                let learned = editions.content(.media(entry.number))?.learned
                return learned?.isFile(size: entry.size, modified: entry.modified) == false
            })
    }

    /// To be called when the index or the instances changed: files that have another version now are others to the kernel, and
    /// what else it was told before and is not so any more it forgets. Not on a thread that answers the kernel.
    ///
    /// - Parameter generation: Of the index, up to which the kernel was told already; nil when the index is as it was.
    package func libraryChanged(since generation: Int64? = nil) {
        attributes.forget()
        state.withLock { $0.statistics = nil }
        for (node, content) in editions.contents {
            guard let now = try? source(of: node) else { continue }
            // What was learned and is not in the index yet is no news; nor is what the index has learned only now.
            let size = tree.sizes.size(of: node) ?? now.source.size ?? 0
            let isUnchanged = now.source.resized(to: size) == content.source && now.modified == content.modified
            guard !isUnchanged, content.learned?.isFile(size: now.source.size, modified: now.modified) != true else {
                continue
            }
            replace(node, content.source)
        }
        guard let notifier = state.withLock({ $0.notifier }) else { return }
        notifier.invalidateEntry(parent: NodeID.root.inode, name: FileName(Tree.readmeName))
        guard let generation else { return }
        do {
            for notice in try catalogue.notices(since: generation) { try tell(notice, notifier) }
        } catch {
            // It asks again within a second by itself.
            logger.warning("the kernel could not be told what has changed: \(error)")
        }
    }

    private func tell(_ notice: Notice, _ notifier: Notifier) throws {
        switch notice {
        case .directory(let part, let scope, let number):
            if let node = NodeID(part, scope, number) { notifier.invalidateInode(node.inode, offset: -1) }
        case .entry(let part, let scope, let number, let name, let position):
            guard let node = NodeID(part, scope, number) else { return }
            let shown = try tree.ordered(name, position, in: node)
            notifier.invalidateEntry(parent: node.inode, name: FileName(shown))
        case .file(let number):
            let node = NodeID.media(number)
            notifier.invalidateInode(node.inode(edition: editions.present(node).number), offset: -1)
        }
    }

    /// To be called when a server turned out to be another one: whatever the kernel has of its files may be of others. Not
    /// on a thread that answers the kernel.
    package func forgetContent(of instance: InstanceNumber) {
        for (node, content) in editions.contents where content.source.server == instance.rawValue {
            replace(node, content.source)
        }
    }

    private func replace(_ node: NodeID, _ source: MediaSource) {
        tree.sizes.forget(node)
        let former = node.inode(edition: editions.present(node).number)
        editions.replace(node)
        media.forget(source)
        // Of what it is now the kernel learns when it asks for the old one's attributes.
        state.withLock { $0.notifier }?.invalidateInode(former, offset: -1)
    }

    /// What the kernel is still to be told to forget.
    package var noticesQueued: Int { state.withLock { $0.notifier }?.waiting ?? 0 }

    package func sessionBegan(notifier: Notifier) { state.withLock { $0.notifier = notifier } }

    package func sessionEnded() {
        state.withLock { $0.notifier = nil }
        // Answers every read and open that is parked.
        media.shutdown()
    }

    // MARK: Nodes

    /// The inode's node, or ENOENT for a number that no node has. With ESTALE, for a file that was replaced, the kernel looks the
    /// name up again.
    private func node(_ inode: Inode) throws -> NodeID {
        guard let node = NodeID(inode) else { throw Errno.noEntry }
        guard node.edition(inode) == editions.present(node).number else { throw Errno.stale }
        return node
    }

    private func attributes(of inode: Inode) throws -> FileAttributes {
        let node = try node(inode)
        guard let entry = try tree.entry(node) ?? departed(node) else { throw Errno.noEntry }
        // It may have been replaced since the entry was read.
        let edition = editions.present(node)
        guard edition.number == node.edition(inode) else { throw Errno.stale }
        return appearance.attributes(entry, edition)
    }

    /// A file that is in the library no more, for who has it open: the kernel asks for its attributes before it reads on.
    private func departed(_ node: NodeID) -> Entry? {
        editions.content(node).map {
            Entry(name: "", node: node, size: $0.source.size ?? 0, modified: max(1, $0.modified), linkCount: 0)
        }
    }

    /// What an operation throws becomes its errno; what is no plain refusal is worth a line.
    private func errno(_ error: any Error, _ operation: StaticString) -> Errno {
        if !(error is Errno) { logger.error("\(operation) failed: \(error)") }
        return Errno(error)
    }

    package func lookup(_ request: NameRequest, _ reply: consuming EntryReply) {
        do {
            if request.name.bytes.count > NameRules.maximumBytes { throw Errno.nameTooLong }
            guard let name = request.name.string, let found = try tree.lookup(name, in: try node(request.parent)) else {
                reply.fail(.noEntry)
                return
            }
            reply.send(appearance.entryAttributes(found))
        } catch { reply.fail(errno(error, "lookup")) }
    }

    package func forget(_ inode: Inode, lookups: UInt64) {
        // The number itself says which node it is, so nothing was counted; but its pages are gone now.
        guard let node = NodeID(inode) else { return }
        editions.forget(node, node.edition(inode))
    }

    package func attributes(_ request: AttributesRequest, _ reply: consuming AttributesReply) {
        do {
            reply.send(try attributes(of: request.inode), lifetime: Appearance.lifetime)
        } catch { reply.fail(errno(error, "stat")) }
    }

    /// What changes nothing succeeds (`rsync -X` back onto the mount does that), all else is a read-only file system.
    package func setAttributes(_ request: SetAttributesRequest, _ reply: consuming AttributesReply) {
        do {
            let now = try attributes(of: request.inode)
            func keeps<Value: Equatable>(_ asked: Value?, _ present: Value) -> Bool {
                asked.map { $0 == present } ?? true
            }
            let keepsTimes =
                request.modified.map { $0 == .at(now.modified) } ?? keeps(request.accessed, .at(now.accessed))
            guard request.size == nil, keepsTimes, keeps(request.permissions, now.permissions),
                keeps(request.uid, now.uid), keeps(request.gid, now.gid)
            else { throw Errno.readOnly }
            reply.send(now, lifetime: Appearance.lifetime)
        } catch { reply.fail(errno(error, "setattr")) }
    }

    package func readLink(_ request: NodeRequest, _ reply: consuming LinkReply) {
        do {
            guard let target = try tree.target(of: try node(request.inode)) else { throw Errno.invalid }
            reply.send(FileName(target))
        } catch { reply.fail(errno(error, "readlink")) }
    }

    /// Everybody may read and enter, nobody may write content. Writing is allowed on what can be rated: Dolphin asks before
    /// its stars can be clicked.
    package func access(_ request: AccessRequest, _ reply: consuming EmptyReply) {
        do {
            let node = try node(request.inode)
            if request.mask.contains(.execute), node.fileKind == .file { throw Errno.accessDenied }
            if request.mask.contains(.write), try attributes.subject(of: node) == nil { throw Errno.readOnly }
            reply.succeed()
        } catch { reply.fail(errno(error, "access")) }
    }

    package func statistics(_ request: NodeRequest, _ reply: consuming StatisticsReply) {
        do {
            let known = state.withLock { $0.statistics }
            let sums = try known ?? catalogue.statistics()
            state.withLock { $0.statistics = sums }
            // At least a block: programs take a size of zero for a broken file system.
            reply.send(
                FileSystemStatistics(
                    blocks: UInt64(max(1, (sums.bytes + 4095) / 4096)), files: UInt64(max(1, sums.files))))
        } catch { reply.fail(errno(error, "statfs")) }
    }

    // MARK: Files

    package func open(_ request: OpenRequest, _ reply: consuming OpenReply) {
        do {
            if request.flags.writes || request.flags.truncates { throw Errno.readOnly }
            let node = try node(request.inode)
            if node == .readme {
                reply.send(OpenText(Tree.readme))
                return
            }
            guard var opened = try source(of: node) else { throw Errno.noEntry }
            opened.edition = node.edition(request.inode)
            let pending = PendingOpen(reply, knownSize: tree.sizes.size(of: node) ?? opened.source.size ?? 0)
            pending.opened(open(opened, pending))
        } catch { reply.fail(errno(error, "open")) }
    }

    private func open(_ opened: Opened, _ pending: PendingOpen) -> MediaHandle {
        let learned: @Sendable (LearnedMedia) -> Void = { [weak self] in self?.learned($0, of: opened, pending) }
        let ready: @Sendable (Result<LearnedMedia?, MediaError>) -> Void = { pending.ready($0) }
        guard let entry = opened.media else { return media.open(opened.source, learned: learned, ready: ready) }
        let copied: @Sendable () -> Bool = { [weak self] in self?.copied(entry, of: opened, pending) ?? false }
        return media.open(Self.replica(entry), learned: learned, copied: copied, ready: ready) { [catalogue, logger] in
            do {
                return try catalogue.equals(of: entry.number).map(Self.replica)
            } catch {
                logger.warning("other servers that have the file could not be looked up: \(error)")
                return []
            }
        }
    }

    private static func replica(_ entry: MediaEntry) -> Replica {
        Replica(source: source(of: entry), indexed: entry.validator, modified: entry.modified)
    }

    /// What an open needs to know of a node.
    private struct Opened: Sendable {
        let node: NodeID
        let source: MediaSource
        let modified: Int64
        /// Of scenes and images; the size of the others was the server's own word.
        var media: MediaEntry?
        /// As which it is open.
        var edition: UInt8 = 0

        /// What its bytes are: as the index knows the file, or as the server said.
        func content(_ learned: LearnedMedia? = nil) -> Editions.Content {
            Editions.Content(
                source: source.resized(to: learned?.size ?? source.size ?? 0), modified: modified, learned: learned)
        }
    }

    /// The node's own file.
    private func source(of node: NodeID) throws -> Opened? {
        switch node {
        case .media(let member): try catalogue.media(member).map { opened(node, $0) }
        case .picture(let member): try sidecar(node, member, .picture, 0)
        case .caption(let member, let position): try sidecar(node, member, .caption, position)
        case .funscript(let member): try sidecar(node, member, .funscript, 0)
        default: nil
        }
    }

    private func opened(_ node: NodeID, _ entry: MediaEntry) -> Opened {
        Opened(node: node, source: Self.source(of: entry), modified: entry.modified, media: entry)
    }

    private static func source(of entry: MediaEntry) -> MediaSource {
        let server = entry.ref.instance.rawValue
        return entry.ref.kind == .scene
            ? .scene(entry.ref.id, server: server, size: entry.size)
            : .image(entry.ref.id, server: server, size: entry.size, isInArchive: entry.isInArchive)
    }

    private func sidecar(
        _ node: NodeID, _ member: NodeNumber, _ kind: SidecarKind, _ position: Int64
    ) throws -> Opened? {
        guard let entry = try catalogue.sidecar(member, kind, position: position) else { return nil }
        let server = entry.ref.instance.rawValue
        let id = entry.ref.id
        let source: MediaSource? =
            switch (kind, entry.ref.kind) {
            case (.caption, _):
                .caption(scene: id, language: entry.language, type: entry.type, server: server, size: entry.size)
            case (.funscript, _): .funscript(scene: id, server: server, size: entry.size)
            case (.picture, .performer): .performerPicture(id, server: server, size: entry.size)
            case (.picture, .studio): .studioPicture(id, server: server, size: entry.size)
            case (.picture, .tag): .tagPicture(id, server: server, size: entry.size)
            case (.picture, .group): .groupPicture(id, server: server, size: entry.size)
            case (.picture, _): nil
            }
        return source.map { Opened(node: node, source: $0, modified: entry.modified) }
    }

    /// The server said what the file is. Comes before the first byte, on the thread that moves all bytes.
    private func learned(_ media: LearnedMedia, of opened: Opened, _ pending: PendingOpen) {
        let node = opened.node
        let verdict = editions.settle(node, opened.edition, opened.content(media))
        if verdict == .outdated { return pending.expire() }
        // What the kernel was told, which need not be what the index says.
        let shown = tree.sizes.size(of: node) ?? opened.source.size
        if media.size != shown { tree.sizes.note(media.size, for: node) }
        if verdict == .other {
            pending.expire()
        } else if media.size != shown, let notifier = state.withLock({ $0.notifier }) {
            // Who opens waits for that, so that no old size is seen behind the open.
            pending.hold(isShorter: media.size < shown ?? 0)
            notifier.invalidateInode(node.inode(edition: opened.edition), offset: -1) { pending.letGo() }
        }
        guard let entry = opened.media, media.size != entry.size || media.version != entry.validator else { return }
        errands.run { [catalogue, logger, tree] in
            do {
                try catalogue.learn(
                    entry.number, size: media.size, validator: media.version, modified: entry.modified)
                tree.sizes.stored(media.size, for: node)
            } catch {
                logger.warning("the size of a file could not be remembered: \(error)")
            }
        }
    }

    /// Bytes will come from another server, which has the file as the index knows it; false when what is open is another one.
    private func copied(_ entry: MediaEntry, of opened: Opened, _ pending: PendingOpen) -> Bool {
        let verdict = editions.admits(opened.node, opened.edition, opened.content())
        if verdict == .outdated { pending.expire() }
        return verdict == .same
    }

    package func read(_ request: ReadRequest, _ reply: consuming ReadReply) {
        switch request.handle {
        case let file as OpenFile: file.read(request, reply)
        case let text as OpenText: text.read(request, reply)
        default: reply.fail(.badDescriptor)
        }
    }

    /// The handle goes with the last reference to it, which is the kernel's.
    package func release(_ request: ReleaseRequest) {}

    // MARK: Directories

    package func openDirectory(_ request: OpenRequest, _ reply: consuming OpenReply) {
        do {
            let node = try node(request.inode)
            reply.send(OpenDirectory(node, parent: try tree.parent(of: node)))
        } catch { reply.fail(errno(error, "opendir")) }
    }

    package func readDirectory(_ request: ReadDirectoryRequest, _ reply: consuming DirectoryReply) {
        guard let directory = request.handle as? OpenDirectory else {
            reply.fail(.badDescriptor)
            return
        }
        var reply = reply
        do {
            try directory.read(from: Place(rawValue: request.offset), tree, appearance, &reply)
            reply.send()
        } catch { reply.fail(errno(error, "readdir")) }
    }

    package func releaseDirectory(_ request: ReleaseRequest) {}

    // MARK: Extended attributes

    package func extendedAttribute(_ request: ExtendedAttributeRequest, _ reply: consuming ValueReply) {
        do {
            // security.*, system.* and what programs probe for: nothing is looked up.
            let text = request.name.string
            guard let name = text.flatMap(AttributeName.init(rawValue:)) else {
                throw text.map(AttributeName.unsupported.contains) == true ? Errno.notSupported : Errno.noData
            }
            let value = try attributes.value(name, of: try node(request.inode), uid: request.caller.uid)
            guard let value else { throw Errno.noData }
            reply.send(value)
        } catch { reply.fail(errno(error, "getxattr")) }
    }

    package func listExtendedAttributes(_ request: NodeRequest, _ reply: consuming ValueReply) {
        do {
            let names = try attributes.names(of: try node(request.inode), uid: request.caller.uid)
            reply.send(names: names.map(\.rawValue))
        } catch { reply.fail(errno(error, "listxattr")) }
    }

    package func setExtendedAttribute(_ request: SetExtendedAttributeRequest, _ reply: consuming EmptyReply) {
        do {
            try attributes.set(
                request.name, request.value, request.flags, of: try node(request.inode), uid: request.caller.uid)
            reply.succeed()
        } catch { reply.fail(errno(error, "setxattr")) }
    }

    package func removeExtendedAttribute(_ request: ExtendedAttributeRequest, _ reply: consuming EmptyReply) {
        do {
            try attributes.remove(request.name, of: try node(request.inode), uid: request.caller.uid)
            reply.succeed()
        } catch { reply.fail(errno(error, "removexattr")) }
    }
}

// Names and content belong to the servers: nothing is made, renamed or removed here.
extension PeekFilesystem {
    package func makeNode(_ request: MakeNodeRequest, _ reply: consuming EntryReply) { reply.fail(.readOnly) }

    package func makeDirectory(_ request: MakeDirectoryRequest, _ reply: consuming EntryReply) { reply.fail(.readOnly) }

    package func unlink(_ request: NameRequest, _ reply: consuming EmptyReply) { reply.fail(.readOnly) }

    package func removeDirectory(_ request: NameRequest, _ reply: consuming EmptyReply) { reply.fail(.readOnly) }

    package func symlink(_ request: SymlinkRequest, _ reply: consuming EntryReply) { reply.fail(.readOnly) }

    package func rename(_ request: RenameRequest, _ reply: consuming EmptyReply) { reply.fail(.readOnly) }

    package func link(_ request: LinkRequest, _ reply: consuming EntryReply) { reply.fail(.readOnly) }

    package func create(_ request: CreateRequest, _ reply: consuming CreateReply) { reply.fail(.readOnly) }
}
