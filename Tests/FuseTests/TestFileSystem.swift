import Fuse
import Glibc
import Synchronization

/// A tree in memory that misbehaves on demand. Everything the tests look at is behind one lock, which is never held over a
/// reply.
final class TestFileSystem: FileSystem {
    /// How reads of a file are answered.
    enum Manner {
        case atOnce
        case inParts
        /// By another thread, some time later.
        case elsewhere
        /// When the test says so.
        case parked
        /// Never: the reply is dropped.
        case dropped
        case failing(Errno)
    }

    struct Node {
        var kind = FileKind.file
        var size: UInt64 = 0
        var manner = Manner.atOnce
        var options: OpenOptions = []
        var permissions: UInt32 = 0o444
        var target = FileName("")
        var children: [String: Inode] = [:]
        var links: UInt64 = 1
        var values: [String: [UInt8]] = [:]
        var modified = FileTime(seconds: 1_700_000_000, nanoseconds: 123_456_789)
    }

    struct State {
        var nodes: [Inode: Node] = [.root: Node(kind: .directory, permissions: 0o555)]
        var nextInode: UInt64 = 2
        var lookups: [Inode: UInt64] = [:]
        var lookupCalls: [String] = []
        var parked: [ParkedRead] = []
        var released = 0
        var hasEnded = false
        var notifier: Notifier?
        var lifetime = 3600.0
        var lastCaller: Caller?
        var drops: Set<String> = []
        var offsets: [UInt64] = []
        var largestRead = 0
    }

    /// What `fh` stands for.
    final class OpenNode: Sendable {
        let inode: Inode
        let entries: [(name: String, inode: Inode, kind: FileKind)]
        let openObjects: Counter

        init(inode: Inode, entries: [(name: String, inode: Inode, kind: FileKind)], openObjects: Counter) {
            self.inode = inode
            self.entries = entries
            self.openObjects = openObjects
            openObjects.add(1)
        }

        deinit {
            openObjects.add(-1)
        }
    }

    let state = Mutex(State())
    let openObjects = Counter()
    let parkings = Signal()
    let releases = Signal()

    /// Random bytes, repeated with a period that is prime, so that no two places a page, a block or a request apart are equal.
    private static let period = 65_521
    private static let pattern: [UInt8] = {
        var generator = Seeded(state: 1)
        let bytes = (0..<period).map { _ in UInt8.random(in: 0...255, using: &generator) }
        return bytes + bytes
    }()

    /// The bytes that belong at an offset of a file.
    static func bytes(_ inode: Inode, _ offset: UInt64, _ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            let start = Int((offset + UInt64(bytes.count) + inode.rawValue * 7919) % UInt64(period))
            bytes += pattern[start..<start + min(period, count - bytes.count)]
        }
        return bytes
    }

    @discardableResult
    func add(_ name: String, to parent: Inode = .root, _ node: Node) -> Inode {
        state.withLock { state in
            let inode = Inode(rawValue: state.nextInode)
            state.nextInode += 1
            state.nodes[inode] = node
            state.nodes[parent]?.children[name] = inode
            return inode
        }
    }

    /// Has the operation lose its reply.
    func drop(_ operation: String) {
        state.withLock { _ = $0.drops.insert(operation) }
    }

    private func drops(_ operation: String) -> Bool {
        state.withLock { $0.drops.contains(operation) }
    }

    func attributes(of inode: Inode) -> FileAttributes? {
        state.withLock { state in
            state.nodes[inode].map { node in
                FileAttributes(
                    inode: inode, kind: node.kind, permissions: node.permissions, linkCount: node.links, uid: getuid(),
                    gid: getgid(), size: node.kind == .symlink ? UInt64(node.target.bytes.count) : node.size,
                    modified: node.modified)
            }
        }
    }

    private func entry(_ inode: Inode) -> EntryAttributes? {
        let lifetime = state.withLock { $0.lifetime }
        return attributes(of: inode).map { .init($0, entryLifetime: lifetime, attributeLifetime: lifetime) }
    }

    private func answer(_ inode: Inode, _ reply: consuming EntryReply) {
        guard let entry = entry(inode) else { return reply.fail(.noEntry) }
        state.withLock { $0.lookups[inode, default: 0] += 1 }
        reply.send(entry)
    }

    // MARK: Session

    func sessionBegan(notifier: Notifier) {
        state.withLock { $0.notifier = notifier }
    }

    func sessionEnded() {
        let parked = state.withLock { state in
            state.hasEnded = true
            defer { state.parked = [] }
            return state.parked
        }
        for read in parked {
            read.fail(.notConnected)
        }
    }

    /// Answers all reads that are parked now.
    func answerParked() {
        let parked = state.withLock { state in
            defer { state.parked = [] }
            return state.parked
        }
        for read in parked {
            read.answer()
        }
    }

    /// Answers reads as they come until the children have ended.
    func answerUntilQuiet(_ children: [Child]) {
        for _ in 0..<1000 where !children.allSatisfy(\.hasEnded) {
            answerParked()
            usleep(5000)
        }
    }

    // MARK: Names

    func lookup(_ request: NameRequest, _ reply: consuming EntryReply) {
        let name = request.name.description
        let inode = state.withLock { state in
            state.lookupCalls.append(name)
            state.lastCaller = request.caller
            return state.nodes[request.parent]?.children[name]
        }
        if drops("lookup") || name == "dropped-name" { return }
        guard let inode else { return reply.sendAbsent(lifetime: state.withLock { $0.lifetime }) }
        answer(inode, reply)
    }

    func forget(_ inode: Inode, lookups: UInt64) {
        state.withLock { $0.lookups[inode, default: 0] -= lookups }
    }

    private func make(_ parent: Inode, _ name: FileName, _ node: Node, _ reply: consuming EntryReply) {
        if state.withLock({ $0.nodes[parent]?.children[name.description] != nil }) { return reply.fail(.exists) }
        answer(add(name.description, to: parent, node), reply)
    }

    func makeNode(_ request: MakeNodeRequest, _ reply: consuming EntryReply) {
        guard request.mode & S_IFMT == S_IFREG else { return reply.fail(.readOnly) }
        make(request.parent, request.name, Node(permissions: request.mode & 0o7777), reply)
    }

    func makeDirectory(_ request: MakeDirectoryRequest, _ reply: consuming EntryReply) {
        make(request.parent, request.name, Node(kind: .directory, permissions: request.permissions), reply)
    }

    func symlink(_ request: SymlinkRequest, _ reply: consuming EntryReply) {
        make(request.parent, request.name, Node(kind: .symlink, permissions: 0o777, target: request.target), reply)
    }

    func link(_ request: LinkRequest, _ reply: consuming EntryReply) {
        state.withLock { state in
            state.nodes[request.newParent]?.children[request.newName.description] = request.inode
            state.nodes[request.inode]?.links += 1
        }
        answer(request.inode, reply)
    }

    private func remove(_ request: NameRequest) -> Bool {
        state.withLock { $0.nodes[request.parent]?.children.removeValue(forKey: request.name.description) != nil }
    }

    func unlink(_ request: NameRequest, _ reply: consuming EmptyReply) {
        if drops("unlink") { return }
        if remove(request) { reply.succeed() } else { reply.fail(.noEntry) }
    }

    func removeDirectory(_ request: NameRequest, _ reply: consuming EmptyReply) {
        let isFull = state.withLock { state in
            state.nodes[request.parent]?.children[request.name.description]
                .flatMap { state.nodes[$0] }?.children.isEmpty == false
        }
        guard !isFull else { return reply.fail(.notEmpty) }
        if remove(request) { reply.succeed() } else { reply.fail(.noEntry) }
    }

    func rename(_ request: RenameRequest, _ reply: consuming EmptyReply) {
        let (old, new) = (request.name.description, request.newName.description)
        let error: Errno? = state.withLock { state in
            guard let inode = state.nodes[request.parent]?.children[old] else { return .noEntry }
            let there = state.nodes[request.newParent]?.children[new]
            if request.flags.contains(.noReplace), there != nil { return .exists }
            state.nodes[request.parent]?.children[old] = request.flags.contains(.exchange) ? there : nil
            state.nodes[request.newParent]?.children[new] = inode
            return nil
        }
        if let error { reply.fail(error) } else { reply.succeed() }
    }

    // MARK: Nodes

    func attributes(_ request: AttributesRequest, _ reply: consuming AttributesReply) {
        if drops("attributes") { return }
        guard let attributes = attributes(of: request.inode) else { return reply.fail(.stale) }
        reply.send(attributes, lifetime: state.withLock { $0.lifetime })
    }

    func setAttributes(_ request: SetAttributesRequest, _ reply: consuming AttributesReply) {
        guard request.size == nil, request.uid == nil, request.gid == nil else { return reply.fail(.readOnly) }
        state.withLock { state in
            if let permissions = request.permissions { state.nodes[request.inode]?.permissions = permissions }
            switch request.modified {
            case .at(let time): state.nodes[request.inode]?.modified = time
            case .now: state.nodes[request.inode]?.modified = FileTime(seconds: 1)
            case nil: break
            }
        }
        guard let attributes = attributes(of: request.inode) else { return reply.fail(.stale) }
        reply.send(attributes, lifetime: 0)
    }

    func readLink(_ request: NodeRequest, _ reply: consuming LinkReply) {
        guard let node = state.withLock({ $0.nodes[request.inode] }) else { return reply.fail(.stale) }
        reply.send(node.target)
    }

    func statistics(_ request: NodeRequest, _ reply: consuming StatisticsReply) {
        reply.send(.init(blockSize: 4096, blocks: 1000, freeBlocks: 10, files: 7))
    }

    func access(_ request: AccessRequest, _ reply: consuming EmptyReply) {
        state.withLock { $0.lastCaller = request.caller }
        if request.mask.contains(.write) { reply.fail(.readOnly) } else { reply.succeed() }
    }

    // MARK: Files

    private func object(_ inode: Inode) -> OpenNode {
        var entries: [(name: String, inode: Inode, kind: FileKind)] = [
            (".", inode, .directory), ("..", .root, .directory),
        ]
        state.withLock { state in
            let children = (state.nodes[inode]?.children ?? [:]).sorted { $0.key < $1.key }
            entries += children.map { ($0.key, $0.value, state.nodes[$0.value]?.kind ?? .file) }
        }
        return OpenNode(inode: inode, entries: entries, openObjects: openObjects)
    }

    func open(_ request: OpenRequest, _ reply: consuming OpenReply) {
        if drops("open") { return }
        guard !request.flags.writes, !request.flags.truncates else { return reply.fail(.readOnly) }
        reply.send(object(request.inode), state.withLock { $0.nodes[request.inode]?.options ?? [] })
    }

    func create(_ request: CreateRequest, _ reply: consuming CreateReply) {
        guard request.name.description.hasPrefix("allowed") else { return reply.fail(.readOnly) }
        let inode = add(request.name.description, to: request.parent, Node(permissions: request.permissions))
        guard let entry = entry(inode) else { return reply.fail(.io) }
        reply.send(entry, object(inode))
    }

    func read(_ request: ReadRequest, _ reply: consuming ReadReply) {
        guard let open = request.handle as? OpenNode, open.inode == request.inode else {
            return reply.fail(.badDescriptor)
        }
        guard let node = state.withLock({ $0.nodes[request.inode] }) else { return reply.fail(.stale) }
        state.withLock { $0.largestRead = max($0.largestRead, request.size) }
        let count = Int(min(UInt64(request.size), node.size - min(node.size, request.offset)))
        let bytes = { Self.bytes(request.inode, request.offset, count) }
        switch node.manner {
        case .atOnce:
            reply.send(bytes().span.bytes)
        case .inParts:
            let all = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
            defer { all.deallocate() }
            all.copyBytes(from: bytes())
            let starts = stride(from: 0, to: count, by: 10_000)
            reply.send(parts: starts.map { .init(rebasing: all[$0..<min($0 + 10_000, count)]) })
        case .elsewhere, .parked:
            park(ParkedRead(bytes()), reply, isHeld: { if case .parked = node.manner { true } else { false } }())
        case .dropped:
            return
        case .failing(let error):
            reply.fail(error)
        }
    }

    private func park(_ read: ParkedRead, _ reply: consuming ReadReply, isHeld: Bool) {
        guard reply.onInterrupt(read) else { return reply.fail(.interrupted) }
        read.hold(reply)
        if isHeld {
            state.withLock { $0.parked.append(read) }
            parkings.signal()
        } else {
            Child.detached {
                usleep(UInt32.random(in: 0..<3000))
                read.answer()
            }
        }
    }

    func release(_ request: ReleaseRequest) {
        state.withLock { $0.released += 1 }
        releases.signal()
    }

    func openDirectory(_ request: OpenRequest, _ reply: consuming OpenReply) {
        reply.send(object(request.inode))
    }

    func readDirectory(_ request: ReadDirectoryRequest, _ reply: consuming DirectoryReply) {
        guard let open = request.handle as? OpenNode else { return reply.fail(.badDescriptor) }
        if drops("readDirectory") { return }
        state.withLock { $0.offsets.append(request.offset) }
        for (index, entry) in open.entries.enumerated().dropFirst(Int(request.offset)) {
            let offset = UInt64(index + 1)
            if entry.name != ".", entry.name != "..", let attributes = self.entry(entry.inode) {
                guard reply.add(entry.name, attributes, offset: offset) else { break }
                if reply.wantsAttributes {
                    state.withLock { $0.lookups[entry.inode, default: 0] += 1 }
                }
            } else {
                guard reply.add(entry.name, inode: entry.inode, kind: entry.kind, offset: offset) else { break }
            }
        }
        reply.send()
    }

    func releaseDirectory(_ request: ReleaseRequest) {
        releases.signal()
    }

    // MARK: Extended attributes

    func setExtendedAttribute(_ request: SetExtendedAttributeRequest, _ reply: consuming EmptyReply) {
        let name = request.name.description
        guard name.hasPrefix("user.") else { return reply.fail(Errno(rawValue: ENOSYS)) }
        let error: Errno? = state.withLock { state in
            let exists = state.nodes[request.inode]?.values[name] != nil
            if request.flags.contains(.create), exists { return .exists }
            if request.flags.contains(.replace), !exists { return .noData }
            state.nodes[request.inode]?.values[name] = request.value
            return nil
        }
        if let error { reply.fail(error) } else { reply.succeed() }
    }

    func extendedAttribute(_ request: ExtendedAttributeRequest, _ reply: consuming ValueReply) {
        if drops("extendedAttribute") { return }
        let name = request.name.description
        guard !name.hasPrefix("trusted.") else { return reply.fail(Errno(rawValue: ENOSYS)) }
        guard let value = state.withLock({ $0.nodes[request.inode]?.values[name] }) else { return reply.fail(.noData) }
        reply.send(value)
    }

    func listExtendedAttributes(_ request: NodeRequest, _ reply: consuming ValueReply) {
        reply.send(names: state.withLock { $0.nodes[request.inode]?.values.keys.sorted() ?? [] })
    }

    func removeExtendedAttribute(_ request: ExtendedAttributeRequest, _ reply: consuming EmptyReply) {
        let name = request.name.description
        let value = state.withLock { $0.nodes[request.inode]?.values.removeValue(forKey: name) }
        if value == nil { reply.fail(.noData) } else { reply.succeed() }
    }
}

/// A generator whose numbers follow from its seed (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// A read that waits with its reply.
final class ParkedRead: Interruptible {
    private struct State: ~Copyable {
        var reply: ReadReply?
        var isInterrupted = false
    }

    private let bytes: [UInt8]
    private let state = Mutex(State())

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The interrupt may come before the reply is here: it was announced first.
    func hold(_ reply: consuming ReadReply) {
        var reply: ReadReply? = reply
        let isInterrupted = state.withLock { state in
            if !state.isInterrupted { state.reply = reply.take() }
            return state.isInterrupted
        }
        if isInterrupted, let reply = reply.take() { reply.fail(.interrupted) }
    }

    func interrupted() {
        state.withLock { $0.isInterrupted = true }
        fail(.interrupted)
    }

    func fail(_ error: Errno) {
        if let reply = take() { reply.fail(error) }
    }

    func answer() {
        let bytes = bytes
        if let reply = take() { reply.send(bytes.span.bytes) }
    }

    private func take() -> ReadReply? {
        state.withLock { $0.reply.take() }
    }
}
