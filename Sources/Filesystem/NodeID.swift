import Fuse
import Library

/// Which node of the tree: the inode *is* the address, so no table has to remember what the kernel was told, and the
/// number is the same after a restart.
///
/// 64 bits: what it is (8), a scope or a place among several (16), a number (40). Of files, the first 8 bits of the number are the
/// edition: the kernel knows each of them as an inode of its own (`Editions`), while stat(2) shows that of edition 0 at all times.
enum NodeID: Hashable, Sendable {
    case root
    case readme
    /// `/instances`
    case instances
    /// `/instances/<name>`
    case instance(InstanceNumber)
    /// `/scenes`, `/instances/<name>/scenes` and their likes.
    case kind(Scope, Kind)
    /// `/performers/<name>`: a directory that stands for an entity or, in an instance's tree, for a member.
    case entity(Scope, NodeNumber)
    /// `/performers/<name>/images`
    case images(Scope, NodeNumber)
    /// `/performers/<name>/galleries`
    case galleries(Scope, NodeNumber)
    /// A folder of a server; 0 is `/instances/<name>/folders`.
    case folder(InstanceNumber, Int64)
    /// The file of a scene or image, of one member: the same wherever it is listed.
    case media(NodeNumber)
    /// `folder.jpg` of a member.
    case picture(NodeNumber)
    /// A caption by its place among the member's.
    case caption(NodeNumber, position: Int64)
    case funscript(NodeNumber)
    /// `/studios/<parent>/<child>`, `/tags/<parent>/<child>`: the same link from every parent.
    case childLink(Scope, NodeNumber)
    /// `/performers/<name>/galleries/<title>`
    case galleryLink(Scope, NodeNumber)

    /// What an unpacked inode number holds.
    private struct Parts {
        var type: UInt64
        var place: Int64 = 0
        var number: Int64 = 0
    }

    private static let numberBits: UInt64 = 40
    private static let editionBits: UInt64 = 8
    private static let placeBits: UInt64 = 16

    var inode: Inode { inode(edition: 0) }

    func inode(edition: UInt8) -> Inode {
        if self == .root { return .root }
        let parts = self.parts
        let room = Self.numberBits - (hasEditions ? Self.editionBits : 0)
        precondition(
            parts.place >> Self.placeBits == 0 && parts.number >> room == 0, "a number that does not fit into an inode")
        return Inode(
            rawValue: parts.type << (Self.numberBits + Self.placeBits) | UInt64(parts.place) << Self.numberBits
                | (hasEditions ? UInt64(edition) << room : 0) | UInt64(parts.number))
    }

    private var parts: Parts {
        switch self {
        case .root: Parts(type: 0)
        case .readme: Parts(type: 1)
        case .instances: Parts(type: 2)
        case .instance(let instance): Parts(type: 3, place: instance.rawValue)
        case .kind(let scope, let kind): Parts(type: 4, place: scope.rawValue, number: kind.rawValue)
        case .entity(let scope, let number): Parts(type: 5, place: scope.rawValue, number: number.rawValue)
        case .images(let scope, let number): Parts(type: 6, place: scope.rawValue, number: number.rawValue)
        case .galleries(let scope, let number): Parts(type: 7, place: scope.rawValue, number: number.rawValue)
        case .folder(let instance, let number): Parts(type: 8, place: instance.rawValue, number: number)
        case .media(let number): Parts(type: 9, number: number.rawValue)
        case .picture(let number): Parts(type: 10, number: number.rawValue)
        case .caption(let number, let position): Parts(type: 11, place: position, number: number.rawValue)
        case .funscript(let number): Parts(type: 12, number: number.rawValue)
        case .childLink(let scope, let number): Parts(type: 13, place: scope.rawValue, number: number.rawValue)
        case .galleryLink(let scope, let number): Parts(type: 14, place: scope.rawValue, number: number.rawValue)
        }
    }

    /// Whether its bytes are those of a server, which may replace them.
    private var hasEditions: Bool {
        switch self {
        case .media, .picture, .caption, .funscript: true
        default: false
        }
    }

    /// Which edition an inode number of the node stands for; 0 where there are none.
    func edition(_ inode: Inode) -> UInt8 {
        hasEditions ? UInt8(truncatingIfNeeded: inode.rawValue >> (Self.numberBits - Self.editionBits)) : 0
    }

    /// nil for a number that no node has.
    init?(_ inode: Inode) {
        if inode == .root {
            self = .root
            return
        }
        let raw = inode.rawValue
        let place = Int64(raw >> Self.numberBits & (1 << Self.placeBits - 1))
        let value = Int64(raw & (1 << Self.numberBits - 1))
        let scope = Scope(rawValue: place)
        let number = NodeNumber(value)
        let ofFile = NodeNumber(value & (1 << Int64(Self.numberBits - Self.editionBits) - 1))
        switch raw >> (Self.numberBits + Self.placeBits) {
        case 1: self = .readme
        case 2: self = .instances
        case 3: self = .instance(InstanceNumber(place))
        case 4:
            guard let kind = Kind(rawValue: value) else { return nil }
            self = .kind(scope, kind)
        case 5: self = .entity(scope, number)
        case 6: self = .images(scope, number)
        case 7: self = .galleries(scope, number)
        case 8: self = .folder(InstanceNumber(place), value)
        case 9: self = .media(ofFile)
        case 10: self = .picture(ofFile)
        case 11: self = .caption(ofFile, position: place)
        case 12: self = .funscript(ofFile)
        case 13: self = .childLink(scope, number)
        case 14: self = .galleryLink(scope, number)
        default: return nil
        }
    }

    /// A directory as the index knows it; nil for a number that none has.
    init?(_ part: DirectoryPart, _ scope: Scope, _ number: Int64) {
        let instance: InstanceNumber? = if case .instance(let instance) = scope { instance } else { nil }
        switch part {
        case .entity: self = .entity(scope, NodeNumber(number))
        case .images: self = .images(scope, NodeNumber(number))
        case .galleries: self = .galleries(scope, NodeNumber(number))
        case .instances: self = .instances
        case .root: self = instance.map(NodeID.instance) ?? .root
        case .kind:
            guard let kind = Kind(rawValue: number) else { return nil }
            self = .kind(scope, kind)
        case .folder:
            guard let instance else { return nil }
            self = .folder(instance, number)
        }
    }

    var fileKind: FileKind {
        switch self {
        case .readme, .media, .picture, .caption, .funscript: .file
        case .childLink, .galleryLink: .symlink
        default: .directory
        }
    }
}
