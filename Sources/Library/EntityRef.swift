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

    /// Those that may have a picture of their own beside what is in them.
    package static let pictured: Set<Kind> = [.performer, .studio, .tag, .group]

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

/// `attic:scene:123`: how people, attributes and programs write an `EntityRef`. The one place that reads and prints it.
package enum EntityName {
    /// The name of a thing; the part before the first colon is `?` for a server that is not among `instances`.
    package static func text(_ ref: EntityRef, in instances: [Instance]) -> String {
        text(ref, instance: instances.first { $0.number == ref.instance }?.name)
    }

    static func text(_ ref: EntityRef, instance: String?) -> String {
        "\(instance ?? "?"):\(ref.kind.word):\(ref.id)"
    }

    /// The thing that a text names. A server's name holds no colon (`Instance.validate`) and is compared without case.
    ///
    /// - Throws: `EntityNameError`, which says what the form is or which part of it is wrong.
    package static func parse(_ text: String, in instances: [Instance]) throws(EntityNameError) -> EntityRef {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, let id = Int64(parts[2]), id > 0 else { throw .badForm(text) }
        guard let instance = instances.first(where: { $0.name.lowercased() == parts[0].lowercased() }) else {
            throw .noSuchInstance(String(parts[0]))
        }
        guard let kind = Kind(word: parts[1]) else { throw .noSuchKind(String(parts[1])) }
        return EntityRef(instance: instance.number, kind: kind, id: id)
    }
}

/// Why a text names no thing.
package enum EntityNameError: Error, Equatable, CustomStringConvertible {
    case badForm(String)
    case noSuchInstance(String)
    case noSuchKind(String)

    package var description: String {
        switch self {
        case .badForm(let text):
            "'\(text)' names no thing: it is written instance:kind:id, such as attic:scene:123, because ids of different servers collide"
        case .noSuchInstance(let name): InstanceError.noSuchInstance(name).description
        case .noSuchKind(let word):
            "'\(word)' is no kind of thing; there are \(Kind.allCases.map(\.word).joined(separator: ", "))"
        }
    }
}
