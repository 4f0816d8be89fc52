import Library
import Synchronization

/// The grammar of the tree: what is in a directory, what a name there stands for, what a node looks like. It answers
/// from the index, and asks no server.
struct Tree: Sendable {
    let catalogue: Catalogue
    /// When this began, in Unix seconds: the time of directories of which the index tells none.
    let began: Int64
    /// Sizes that servers told since the index was written.
    let sizes: LearnedSizes
    /// The servers whose files cannot be read now.
    let down: @Sendable () -> Set<InstanceNumber>
    /// Whether a file's server was seen to have another one there than the index knows.
    let isReplaced: @Sendable (MediaEntry) -> Bool

    static let readmeName = "README.txt"
    static let pictureName = "folder.jpg"
    static let instancesName = "instances"
    static let foldersName = "folders"
    static let imagesName = "images"
    static let galleriesName = "galleries"

    /// What the root holds while there is no server.
    static let readme = """
        PeekFS shows the libraries of your Stash servers as files. There is no server yet. Add the first one:

            peekfs instance add NAME URL --api-key-file FILE

        NAME becomes a directory below instances/, URL is what you open in a browser, such as http://nas:9999, and FILE
        holds the API key that Stash shows under Settings, Security (leave the option out when Stash asks for no
        password). Or do it in a browser: when this was mounted with --listen 127.0.0.1:7575, open the address that

            peekfs page

        prints. The library appears here as soon as it was read; nothing has to be mounted again.

            peekfs instance --help      tells what else can be done with servers

        """

    // MARK: One node

    /// What a node looks like; nil when it is no longer there.
    func entry(_ node: NodeID) throws -> Entry? {
        switch node {
        case .root, .instances: return try directory("", node)
        case .readme: return readmeEntry
        case .instance(let number): return try instance(number).map { try directory($0.name, node) }
        case .kind(.merged, let kind): return try directory(kind.directoryName, node)
        case .kind(.instance(let number), let kind):
            return try instance(number) == nil ? nil : directory(kind.directoryName, node)
        case .entity(let scope, let number):
            return try catalogue.node(scope, number).map { $0.kind.isFile ? nil : entry($0) } ?? nil
        case .images(let scope, let number): return try subdirectory(node, scope, number, Self.imagesName)
        case .galleries(let scope, let number): return try subdirectory(node, scope, number, Self.galleriesName)
        case .folder(let instance, 0):
            return try self.instance(instance).map { _ in try directory(Self.foldersName, node) }
        case .folder(let instance, let number):
            return try catalogue.folder(instance, number).map { try entry($0, in: instance) }
        case .media(let number): return try media(number)
        case .picture(let number): return try sidecar(number, .picture, 0).map { entry($0, Self.pictureName) }
        case .caption(let number, let position): return try sidecar(number, .caption, position).map { entry($0, "") }
        case .funscript(let number): return try sidecar(number, .funscript, 0).map { entry($0, "") }
        case .childLink(let scope, let number):
            return try catalogue.node(scope, number).map { try childLink($0) }
        case .galleryLink(let scope, let number):
            return try catalogue.node(scope, number).map { try galleryLink($0) }
        }
    }

    /// The directory in which a directory is; a directory has one only.
    func parent(of node: NodeID) throws -> NodeID {
        switch node {
        case .instance: .instances
        case .kind(.instance(let number), _), .folder(let number, 0): .instance(number)
        case .entity(let scope, let number):
            try catalogue.node(scope, number).map { .kind(scope, $0.kind) } ?? .root
        case .images(let scope, let number), .galleries(let scope, let number): .entity(scope, number)
        case .folder(let instance, let number):
            .folder(instance, try catalogue.folder(instance, number)?.parent ?? 0)
        default: .root
        }
    }

    /// Where a symlink leads, relative to its directory; nil for what is none.
    func target(of node: NodeID) throws -> String? {
        switch node {
        case .childLink(let scope, let number): try catalogue.node(scope, number).map(Self.childTarget)
        case .galleryLink(let scope, let number): try catalogue.node(scope, number).map(Self.galleryTarget)
        default: nil
        }
    }

    private static func childTarget(_ node: Node) -> String { "../" + node.name }

    private static func galleryTarget(_ node: Node) -> String {
        "../../../\(Kind.gallery.directoryName)/" + node.name
    }

    /// A directory that has no time but that of its entries.
    func directory(_ name: String, _ node: NodeID) throws -> Entry {
        let listed: Int64? =
            switch node {
            case .root: try catalogue.listed(.root)
            case .instances: try catalogue.listed(.instances)
            case .instance(let number): try catalogue.listed(.root, .instance(number))
            case .kind(let scope, let kind): try catalogue.listed(.kind, scope, kind.rawValue)
            case .folder(let instance, let number): try catalogue.listed(.folder, .instance(instance), number)
            default: nil
            }
        return Entry(name: name, node: node, modified: listed ?? began)
    }

    var readmeEntry: Entry {
        Entry(name: Self.readmeName, node: .readme, size: Int64(Self.readme.utf8.count), modified: began)
    }

    /// `images` or `galleries` of a performer, which has the time of what is listed there itself.
    func subdirectory(_ node: NodeID, _ scope: Scope, _ number: NodeNumber, _ name: String) throws -> Entry? {
        try catalogue.node(scope, number).map { try subdirectory(node, of: $0, name) }
    }

    func subdirectory(_ node: NodeID, of performer: Node, _ name: String) throws -> Entry {
        let part: DirectoryPart = name == Self.imagesName ? .images : .galleries
        let listed = try catalogue.listed(part, performer.scope, performer.number.rawValue) ?? 0
        return Entry(name: name, node: node, modified: max(1, performer.modified, listed))
    }

    private func media(_ number: NodeNumber) throws -> Entry? {
        guard let media = try catalogue.media(number) else { return nil }
        return file("", number, size: media.size, modified: media.modified)
    }

    /// A file of a scene or image has at least two names: one in the merged tree or its server's kind, one in its
    /// server's folders. Programs look at inodes only when the link count says so.
    private func file(_ name: String, _ member: NodeNumber, size: Int64, modified: Int64) -> Entry {
        Entry(
            name: name, node: .media(member), size: sizes.size(of: .media(member)) ?? size, modified: max(1, modified),
            linkCount: 2)
    }

    func sidecar(_ member: NodeNumber, _ kind: SidecarKind, _ position: Int64) throws -> SidecarEntry? {
        try catalogue.sidecar(member, kind, position: position)
    }

    func entry(_ sidecar: SidecarEntry, _ name: String) -> Entry {
        let node: NodeID =
            switch sidecar.kind {
            case .picture: .picture(sidecar.member)
            case .caption: .caption(sidecar.member, position: sidecar.position)
            case .funscript: .funscript(sidecar.member)
            }
        return Entry(
            name: name, node: node, size: sizes.size(of: node) ?? sidecar.size, modified: max(1, sidecar.modified),
            linkCount: 2)
    }

    func entry(_ node: Node, ordered: OrderedName? = nil) -> Entry {
        let name = ordered?.make(node.position, node.name) ?? node.name
        if node.kind.isFile {
            if let other = substitute(for: node) {
                return file(name, other.number, size: other.size, modified: other.modified)
            }
            return file(name, node.member, size: node.size, modified: node.modified)
        }
        return Entry(
            name: name, node: .entity(node.scope, node.number), modified: max(1, node.modified, node.listed))
    }

    /// While a server is down a name in the merged tree stands for the file of the next one, be it another file. In the
    /// server's own tree a name stands for its own file.
    private func substitute(for node: Node) -> MediaEntry? {
        guard node.scope == .merged else { return nil }
        let down = down()
        return down.isEmpty ? nil : try? catalogue.substitute(for: node.member, without: down, isReplaced: isReplaced)
    }

    func entry(_ folder: Folder, in instance: InstanceNumber) throws -> Entry {
        let listed = try catalogue.listed(.folder, .instance(instance), folder.number) ?? 0
        return Entry(
            name: folder.name, node: .folder(instance, folder.number), modified: max(1, folder.modified, listed))
    }

    func childLink(_ node: Node) throws -> Entry {
        Entry(
            name: node.name, node: .childLink(node.scope, node.number),
            size: Int64(Self.childTarget(node).utf8.count), modified: max(1, node.modified),
            linkCount: UInt64(max(1, try catalogue.parentCount(node.scope, of: node.number, node.kind))))
    }

    func galleryLink(_ node: Node) throws -> Entry {
        Entry(
            name: node.name, node: .galleryLink(node.scope, node.number),
            size: Int64(Self.galleryTarget(node).utf8.count), modified: max(1, node.modified),
            linkCount: UInt64(max(1, try catalogue.parentCount(node.scope, of: node.number, .performer))))
    }

    func instance(_ number: InstanceNumber) -> Instance? {
        catalogue.instance(number).flatMap { $0.enabled ? $0 : nil }
    }
}

extension Tree {
    // MARK: A name in a directory

    /// What a name stands for; nil when there is no such name.
    func lookup(_ name: String, in parent: NodeID) throws -> Entry? {
        switch parent {
        case .root:
            if name == Self.readmeName { return catalogue.instances.isEmpty ? readmeEntry : nil }
            if name == Self.instancesName { return try directory(name, .instances) }
            return try kind(named: name).map { try directory(name, .kind(.merged, $0)) }
        case .instances:
            let found = catalogue.instances.first { $0.name == name && $0.enabled }
            return try found.map { try directory(name, .instance($0.number)) }
        case .instance(let number):
            guard instance(number) != nil else { return nil }
            if name == Self.foldersName { return try directory(name, .folder(number, 0)) }
            return try kind(named: name).map { try directory(name, .kind(.instance(number), $0)) }
        case .kind(let scope, let kind):
            if let node = try catalogue.node(scope, kind, named: name) { return entry(node) }
            return kind == .scene ? try sidecar(named: name, scope, nil, nil) : nil
        case .entity(let scope, let number): return try lookup(name, scope, number)
        case .images(let scope, let number):
            return try catalogue.node(scope, in: number, .image, named: name).map { entry($0) }
        case .galleries(let scope, let number):
            return try catalogue.node(scope, in: number, .gallery, named: name).map { try galleryLink($0) }
        case .folder(let instance, let number): return try lookup(name, instance, number)
        default: return nil
        }
    }

    private func kind(named name: String) -> Kind? { Kind.allCases.first { $0.directoryName == name } }

    private func lookup(_ name: String, _ scope: Scope, _ number: NodeNumber) throws -> Entry? {
        guard let node = try catalogue.node(scope, number) else { return nil }
        if name == Self.pictureName, node.kind != .gallery, let member = node.picture {
            return try sidecar(member, .picture, 0).map { entry($0, name) }
        }
        switch node.kind {
        case .gallery: return try ordered(name, .gallery, scope, number, .image)
        case .group:
            if let found = try ordered(name, .group, scope, number, .scene) { return found }
            return try sidecar(named: name, scope, number, .group)
        case .performer:
            if name == Self.imagesName, try catalogue.hasChildren(scope, of: number, .image) {
                return try subdirectory(.images(scope, number), of: node, name)
            }
            if name == Self.galleriesName, try catalogue.hasChildren(scope, of: number, .gallery) {
                return try subdirectory(.galleries(scope, number), of: node, name)
            }
        case .studio, .tag:
            if let child = try catalogue.node(scope, in: number, node.kind, named: name) {
                return try childLink(child)
            }
        case .scene, .image: return nil
        }
        if let scene = try catalogue.node(scope, in: number, .scene, named: name) { return entry(scene) }
        return try sidecar(named: name, scope, number, nil)
    }

    /// How something is called in a directory: some have its place in an order in front.
    func ordered(_ name: String, _ position: Int64?, in directory: NodeID) throws -> String {
        guard case .entity(let scope, let number) = directory else { return name }
        switch try catalogue.node(scope, number)?.kind {
        case .gallery: return OrderedName.gallery.make(position, name)
        case .group: return OrderedName.group.make(position, name)
        default: return name
        }
    }

    private func ordered(
        _ name: String, _ order: OrderedName, _ scope: Scope, _ parent: NodeNumber, _ kind: Kind
    ) throws -> Entry? {
        guard let parts = order.split(name),
            let node = try catalogue.node(scope, in: parent, kind, named: parts.rest),
            order.make(node.position, "").hasPrefix(parts.number + " ")
        else { return nil }
        return entry(node, ordered: order)
    }

    private func sidecar(
        named name: String, _ scope: Scope, _ parent: NodeNumber?, _ order: OrderedName?
    ) throws -> Entry? {
        guard var stem = SidecarName.stem(name) else { return nil }
        let prefix: String
        if let order {
            guard let parts = order.split(stem) else { return nil }
            prefix = String(stem.dropLast(parts.rest.count))
            stem = parts.rest
        } else {
            prefix = ""
        }
        guard let scene = try catalogue.scene(scope, in: parent, stem: stem),
            order.map({ $0.make(scene.position, "") == prefix }) ?? true
        else { return nil }
        return try sidecar(named: name, beside: scene.member, stem: prefix + stem)
    }

    private func sidecar(named name: String, beside member: NodeNumber, stem: String) throws -> Entry? {
        for sidecar in try catalogue.sidecars(beside: member) where SidecarName.make(sidecar, stem: stem) == name {
            return entry(sidecar, name)
        }
        return nil
    }

    private func lookup(_ name: String, _ instance: InstanceNumber, _ folder: Int64) throws -> Entry? {
        if let found = try catalogue.folder(instance, in: folder, named: name) { return try entry(found, in: instance) }
        if let found = try catalogue.file(instance, in: folder, named: name) { return entry(found) }
        // Two scenes here may differ in their extension only: the first that has such a sidecar has the name.
        guard let stem = SidecarName.stem(name) else { return nil }
        for scene in try catalogue.files(instance, in: folder, stem: stem) where scene.kind == .scene {
            if let found = try sidecar(named: name, beside: scene.member, stem: stem) { return found }
        }
        return nil
    }
}
