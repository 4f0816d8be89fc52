/// What a Stash server keeps; the raw value is what databases and inode numbers carry, so it never changes.
package enum Kind: Int64, CaseIterable, Sendable, Codable {
    case scene = 1
    case performer = 2
    case studio = 3
    case tag = 4
    case gallery = 5
    case group = 6
    case image = 7

    /// The word for one of it: the middle part of `attic:scene:123`.
    package var word: String {
        switch self {
        case .scene: "scene"
        case .performer: "performer"
        case .studio: "studio"
        case .tag: "tag"
        case .gallery: "gallery"
        case .group: "group"
        case .image: "image"
        }
    }

    /// The name of its directory in a tree.
    package var directoryName: String {
        switch self {
        case .gallery: "galleries"
        default: word + "s"
        }
    }

    /// Scenes and images are files in the tree; the others are directories.
    package var isFile: Bool { self == .scene || self == .image }

    package init?(word: some StringProtocol) {
        guard let kind = Kind.allCases.first(where: { $0.word == word }) else { return nil }
        self = kind
    }
}

/// One configured server, by the number that the state database gave it. Numbers are never used twice, so what
/// people said about a removed server can never come to belong to another one.
package struct InstanceNumber: Hashable, Comparable, Sendable, Codable {
    package let rawValue: Int64

    package init(_ rawValue: Int64) { self.rawValue = rawValue }

    package static func < (a: InstanceNumber, b: InstanceNumber) -> Bool { a.rawValue < b.rawValue }
}

/// One thing on one server. There is no way to name a thing without its server: ids of different servers collide.
package struct EntityRef: Hashable, Comparable, Sendable {
    package let instance: InstanceNumber
    package let kind: Kind
    /// The server's own id: a positive integer, unique within this server and kind (Stash 2.2).
    package let id: Int64

    package init(instance: InstanceNumber, kind: Kind, id: Int64) {
        self.instance = instance
        self.kind = kind
        self.id = id
    }

    package static func < (a: EntityRef, b: EntityRef) -> Bool {
        (a.instance.rawValue, a.kind.rawValue, a.id) < (b.instance.rawValue, b.kind.rawValue, b.id)
    }
}

/// The number of a member (one `EntityRef`) or of an entity, which is the number of one of its members. It is given
/// once, kept in the state database, and makes the inode: it survives restarts, syncs and a lost index.
package struct NodeNumber: Hashable, Comparable, Sendable {
    package let rawValue: Int64

    package init(_ rawValue: Int64) { self.rawValue = rawValue }

    package static func < (a: NodeNumber, b: NodeNumber) -> Bool { a.rawValue < b.rawValue }
}

/// A tree of names: the merged library, or one server as it is.
package enum Scope: Hashable, Sendable {
    case merged
    case instance(InstanceNumber)

    /// 0 for the merged tree, else the instance's number (which starts at 1).
    package var rawValue: Int64 {
        switch self {
        case .merged: 0
        case .instance(let number): number.rawValue
        }
    }

    package init(rawValue: Int64) {
        self = rawValue == 0 ? .merged : .instance(InstanceNumber(rawValue))
    }
}
