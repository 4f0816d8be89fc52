import Library

/// A place in a directory: behind one of its entries. It is made of what the entry is and not of how many stand before it,
/// so it leads to the same place however long ago it was told, and whatever came or went since.
///
/// 63 bits, because telldir(3) gives a signed number: which part of the directory (6), a number there (40), and what of a
/// scene (17), which may have small files beside it. As numbers, places have the order of the listing.
struct Place: Comparable {
    private static let sideBits: UInt64 = 17
    private static let numberBits: UInt64 = 40

    let rawValue: UInt64

    static let start = Place(rawValue: 0)
    /// Behind "." and "..".
    static let afterDot = Place(rawValue: 1)
    static let afterDots = Place(rawValue: 2)

    init(rawValue: UInt64) { self.rawValue = rawValue }

    init(section: Int, number: Int64, side: Int64 = 0) {
        rawValue =
            UInt64(section) << (Self.numberBits + Self.sideBits) | UInt64(number) << Self.sideBits | UInt64(side)
    }

    var section: Int { Int(rawValue >> (Self.numberBits + Self.sideBits)) }
    var number: Int64 { Int64(rawValue >> Self.sideBits & (1 << Self.numberBits - 1)) }

    static func < (a: Place, b: Place) -> Bool { a.rawValue < b.rawValue }
}

/// An entry, and the place behind it.
struct Listed: Sendable {
    let entry: Entry
    let place: Place
}

extension Tree {
    /// Where entries of a directory come from; one after the other makes the listing.
    private enum Section {
        /// A handful, each with a number of its own.
        case few(() throws -> [(number: Int64, entry: Entry)])
        case nodes(Scope, Kind)
        case children(Scope, NodeNumber, Kind, OrderedName?)
        case childLinks(Scope, NodeNumber, Kind)
        case galleryLinks(Scope, NodeNumber)
        case folders(InstanceNumber, Int64)
        case files(InstanceNumber, Int64)
    }

    /// What stands in a directory behind a place, without "." and "..": about `limit` entries, none at the end.
    func entries(of node: NodeID, behind place: Place = .start, limit: Int = .max) throws -> [Listed] {
        let sections = try sections(of: node)
        var found: [Listed] = []
        for (index, section) in sections.enumerated().dropFirst(place.section) where found.count < limit {
            let start = index == place.section ? place : Place(section: index, number: 0)
            found += try list(section, index, in: node, from: start.number, limit - found.count, behind: place)
        }
        return found
    }

    private func sections(of node: NodeID) throws -> [Section] {
        switch node {
        case .root: return [.few(rootEntries)]
        case .instances: return [.few(instanceEntries)]
        case .instance(let number): return instance(number) == nil ? [] : [.few { try entries(of: number) }]
        case .kind(let scope, let kind): return [.nodes(scope, kind)]
        case .entity(let scope, let number): return try catalogue.node(scope, number).map(sections) ?? []
        case .images(let scope, let number): return [.children(scope, number, .image, nil)]
        case .galleries(let scope, let number): return [.galleryLinks(scope, number)]
        case .folder(let instance, let number):
            return self.instance(instance) == nil ? [] : [.folders(instance, number), .files(instance, number)]
        default: return []
        }
    }

    private func sections(of node: Node) -> [Section] {
        let (scope, number) = (node.scope, node.number)
        let few = Section.few { try ownEntries(of: node) }
        switch node.kind {
        case .performer: return [few, .children(scope, number, .scene, nil)]
        case .studio, .tag:
            return [few, .childLinks(scope, number, node.kind), .children(scope, number, .scene, nil)]
        case .group: return [few, .children(scope, number, .scene, .group)]
        case .gallery: return [.children(scope, number, .image, .gallery)]
        case .scene, .image: return []
        }
    }

    private func list(
        _ section: Section, _ index: Int, in directory: NodeID, from first: Int64, _ limit: Int, behind place: Place
    ) throws -> [Listed] {
        // One more than was asked for: the first is the one that the place is behind, unless something stands beside it.
        let count = limit == .max ? limit : limit + 1
        func behind(_ number: Int64) -> Place { Place(section: index, number: number) }
        let found: [Listed] =
            switch section {
            case .few(let entries):
                try entries().map { Listed(entry: $0.entry, place: behind($0.number)) }.sorted { $0.place < $1.place }
            case .nodes(let scope, let kind):
                try withSidecars(catalogue.nodes(scope, kind, from: first, limit: count), index)
            case .children(let scope, let parent, let kind, let order):
                try withSidecars(catalogue.children(scope, of: parent, kind, from: first, limit: count), index, order)
            case .childLinks(let scope, let parent, let kind):
                try catalogue.children(scope, of: parent, kind, from: first, limit: count).map {
                    Listed(entry: try childLink($0), place: behind($0.number.rawValue))
                }
            case .galleryLinks(let scope, let parent):
                try catalogue.children(scope, of: parent, .gallery, from: first, limit: count).map {
                    Listed(entry: try galleryLink($0), place: behind($0.number.rawValue))
                }
            case .folders(let instance, let parent):
                try catalogue.folders(instance, in: parent, from: first, limit: count).map {
                    Listed(entry: try entry($0, in: instance), place: behind($0.number))
                }
            case .files(let instance, let folder):
                // Two scenes here may differ in their extension only, and something else may be called like a caption: a
                // small file is listed where its name leads to it.
                try withSidecars(catalogue.files(instance, in: folder, from: first, limit: count), index).filter {
                    if case .media = $0.entry.node { return true }
                    return try lookup($0.entry.name, in: directory)?.node == $0.entry.node
                }
            }
        return found.filter { $0.place > place }
    }

    /// Files, each scene with what stands beside it.
    private func withSidecars(_ nodes: [Node], _ section: Int, _ order: OrderedName? = nil) throws -> [Listed] {
        let scenes = nodes.filter { $0.kind == .scene }.map(\.member)
        let sidecars = scenes.isEmpty ? [:] : try catalogue.sidecars(beside: scenes)
        var listed: [Listed] = []
        listed.reserveCapacity(nodes.count)
        for node in nodes {
            let file = entry(node, ordered: order)
            let number = node.number.rawValue
            listed.append(Listed(entry: file, place: Place(section: section, number: number)))
            guard node.kind == .scene, let beside = sidecars[node.member] else { continue }
            let stem = NameRules.stem(file.name)
            var names: Set<String> = []
            for sidecar in beside.sorted(by: { $0.side < $1.side }) {
                let name = SidecarName.make(sidecar, stem: stem)
                guard names.insert(NameRules.key(name)).inserted else { continue }
                listed.append(
                    Listed(
                        entry: entry(sidecar, name),
                        place: Place(section: section, number: number, side: sidecar.side)))
            }
        }
        return listed
    }
}

extension SidecarEntry {
    /// Its place beside its scene.
    fileprivate var side: Int64 { kind == .caption ? 2 + position : 1 }
}

extension Tree {
    // MARK: Directories of a handful

    /// Behind the kinds, which have their own numbers.
    private static let last: Int64 = 1000

    private func rootEntries() throws -> [(number: Int64, entry: Entry)] {
        if catalogue.instances.isEmpty { return [(Self.last, readmeEntry)] }
        let instances = try isListed(.instances) ? [(Self.last, try directory(Self.instancesName, .instances))] : []
        return try kindEntries(.merged) + instances
    }

    private func instanceEntries() throws -> [(number: Int64, entry: Entry)] {
        try catalogue.instances.filter { try $0.enabled && isListed(.instance($0.number)) }
            .map { ($0.number.rawValue, try directory($0.name, .instance($0.number))) }
    }

    private func entries(of instance: InstanceNumber) throws -> [(number: Int64, entry: Entry)] {
        let kinds = try kindEntries(.instance(instance))
        let folders = NodeID.folder(instance, 0)
        return try isListed(folders) ? kinds + [(Self.last, try directory(Self.foldersName, folders))] : kinds
    }

    private func kindEntries(_ scope: Scope) throws -> [(number: Int64, entry: Entry)] {
        try Kind.allCases.filter { try isListed(.kind(scope, $0)) }
            .map { (Int64($0.rawValue), try directory($0.directoryName, .kind(scope, $0))) }
    }

    /// A directory with no visible content is not listed.
    private func isListed(_ node: NodeID) throws -> Bool {
        switch node {
        case .kind(let scope, let kind): try catalogue.hasNodes(scope, kind)
        case .folder(let instance, let number):
            try catalogue.hasFiles(instance) || !catalogue.folders(instance, in: number, limit: 1).isEmpty
        case .instance(let number): try Kind.allCases.contains { try catalogue.hasNodes(.instance(number), $0) }
        case .instances: try catalogue.instances.contains { try $0.enabled && isListed(.instance($0.number)) }
        default: true
        }
    }

    /// What stands in an entity's directory besides what is linked to it.
    private func ownEntries(of node: Node) throws -> [(number: Int64, entry: Entry)] {
        let (scope, number) = (node.scope, node.number)
        var entries: [(number: Int64, entry: Entry)] = []
        if let member = node.picture, let picture = try sidecar(member, .picture, 0) {
            entries.append((1, entry(picture, Self.pictureName)))
        }
        guard node.kind == .performer else { return entries }
        if try catalogue.hasChildren(scope, of: number, .image) {
            entries.append((2, try subdirectory(.images(scope, number), of: node, Self.imagesName)))
        }
        if try catalogue.hasChildren(scope, of: number, .gallery) {
            entries.append((3, try subdirectory(.galleries(scope, number), of: node, Self.galleriesName)))
        }
        return entries
    }
}
