import Fuse
import Library

/// A node with what stat(2) shows of it, under the name it has in one directory.
struct Entry: Sendable {
    var name: String
    var node: NodeID
    /// Bytes of a file or of a symlink's text.
    var size: Int64 = 0
    /// Unix seconds.
    var modified: Int64
    var linkCount: UInt64 = 1
}

/// How nodes look to the kernel: who owns them and how long it may believe what it was told.
struct Appearance: Sendable {
    /// The user who mounts.
    let uid: UInt32
    let gid: UInt32
    /// Which edition of a file it is at present.
    let editions: Editions

    /// Seconds. Names and attributes change when a sync commits or a person changes the servers, which has to be seen
    /// within two seconds; asking again costs some microseconds and no server.
    static let lifetime = 1.0

    func attributes(_ entry: Entry, _ edition: Editions.Present) -> FileAttributes {
        let kind = entry.node.fileKind
        let permissions: UInt32 =
            switch kind {
            case .file: 0o444
            case .directory: 0o555
            case .symlink: 0o777
            }
        return FileAttributes(
            inode: entry.node.inode, kind: kind, permissions: permissions, linkCount: entry.linkCount, uid: uid,
            gid: gid, size: UInt64(max(0, edition.size ?? entry.size)), blockSize: kind == .file ? 128 << 10 : 4096,
            modified: FileTime(seconds: entry.modified))
    }

    func entryAttributes(_ entry: Entry) -> EntryAttributes {
        let edition = editions.present(entry.node)
        return EntryAttributes(
            attributes(entry, edition), inode: edition.number == 0 ? nil : entry.node.inode(edition: edition.number),
            entryLifetime: Self.lifetime, attributeLifetime: Self.lifetime)
    }
}

/// How a file is called where its place in an order stands in front: `01 - Title.mp4`, `0001 - Name.jpg`.
struct OrderedName {
    /// Digits at least: two in a group, four in a gallery.
    let digits: Int

    static let group = OrderedName(digits: 2)
    static let gallery = OrderedName(digits: 4)
    private static let separator = " - "

    func make(_ position: Int64?, _ name: String) -> String {
        let number = String(max(0, position ?? 0))
        return String(repeating: "0", count: max(0, digits - number.count)) + number + Self.separator + name
    }

    /// What stands behind the number.
    func split(_ name: String) -> (number: Substring, rest: String)? {
        // By scalars: a title may start with a mark that Swift would join with the space before it.
        let number = name.unicodeScalars.prefix { ("0"..."9").contains($0) }
        let tail = name.unicodeScalars.dropFirst(number.count)
        guard number.count >= digits, tail.starts(with: Self.separator.unicodeScalars) else { return nil }
        return (Substring(number), String(Substring(tail.dropFirst(Self.separator.count))))
    }
}

/// How the small files beside a scene are called.
enum SidecarName {
    static let script = ".funscript"
    static let caption = ".vtt"

    static func make(_ sidecar: SidecarEntry, stem: String) -> String {
        sidecar.kind == .funscript ? stem + script : stem + "." + language(sidecar) + caption
    }

    /// A language as a part of a name: short, and nothing but letters, digits and dashes.
    private static func language(_ sidecar: SidecarEntry) -> String {
        let clean = sidecar.language.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }.prefix(8)
        return clean.isEmpty ? "00" : String(clean)
    }

    /// The stem of the scene that a name would stand beside, when it looks like a sidecar's.
    static func stem(_ name: String) -> String? {
        if name.hasSuffix(script) { return String(name.dropLast(script.count)) }
        guard name.hasSuffix(caption) else { return nil }
        let rest = name.dropLast(caption.count)
        guard let dot = rest.lastIndex(of: ".") else { return nil }
        return String(rest[..<dot])
    }
}
