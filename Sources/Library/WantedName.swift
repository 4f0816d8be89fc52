/// What a thing wishes to be called, before anybody else's wishes are looked at.
package struct WantedName: Sendable, Equatable {
    /// A clean title, short enough for its kind.
    package let stem: String
    /// With its dot; empty for directories.
    package let fileExtension: String
    /// What decides whether two names are the same. For scenes it leaves the extension out, so that `X.mp4` and
    /// `X.mkv` do not share the subtitles `X.en.vtt`.
    package let key: String

    package init(stem: String, fileExtension: String, kind: Kind) {
        self.stem = NameRules.cut(stem, toBytes: Self.maximumBytes(kind, fileExtension))
        self.fileExtension = fileExtension
        key = NameRules.key(kind == .scene ? self.stem : self.stem + fileExtension)
    }

    /// The same name with something behind its stem that makes it unique: ` [attic-123]`.
    package func distinguished(by mark: String, kind: Kind) -> WantedName {
        let room = Self.maximumBytes(kind, fileExtension) - mark.utf8.count
        return WantedName(stem: NameRules.cut(stem, toBytes: room) + mark, fileExtension: fileExtension, kind: kind)
    }

    /// Bytes for a stem. Files leave room for what stands before it in galleries and groups (`NNNNNNN - `, 10 bytes) and for
    /// the longest ending of a sidecar (`.funscript` or `.<language of up to 8>.vtt`, 13 bytes).
    private static func maximumBytes(_ kind: Kind, _ fileExtension: String) -> Int {
        kind.isFile ? NameRules.maximumBytes - 10 - max(13, fileExtension.utf8.count) : NameRules.maximumBytes
    }
}

extension MemberRecord {
    /// The title; when that is empty, the base name of the primary file; when there is none, `<kind> <id>`.
    package var wantedName: WantedName {
        let basename = files.first?.basename ?? ""
        let found = NameRules.pathExtension(basename)
        var stem = NameRules.clean(title ?? "")
        // A title that is the file's name (images of 0.22, Stash 2.2) would get its extension twice.
        if ref.kind.isFile, let found, NameRules.pathExtension(stem) == found {
            stem = NameRules.clean(NameRules.stem(stem))
        }
        if stem.isEmpty { stem = NameRules.clean(NameRules.stem(basename)) }
        if stem.isEmpty { stem = "\(ref.kind.word) \(ref.id)" }
        let fileExtension = ref.kind.isFile ? "." + (found ?? (ref.kind == .scene ? "mp4" : "jpg")) : ""
        return WantedName(stem: stem, fileExtension: fileExtension, kind: ref.kind)
    }
}

extension FileRecord {
    /// Where the file is in its server's folders: the path of its folder with `/` between clean components and no slash
    /// at either end, and its name there. A Windows server's backslashes are told by the drive letter or the `\\\\` in front
    /// (Stash 2.3: the separator is the server's).
    package var place: (folder: String, name: String) {
        let windows = path.hasPrefix("\\\\") || (path.dropFirst().first == ":" && !path.hasPrefix("/"))
        let separators = windows ? [UInt8(ascii: "/"), UInt8(ascii: "\\")] : [UInt8(ascii: "/")]
        let parts = path.utf8.split(whereSeparator: separators.contains).map { part in
            let clean = NameRules.cut(NameRules.clean(String(Substring(part))), toBytes: 230)
            return clean.isEmpty ? "_" : clean
        }
        guard let last = parts.last else { return ("", NameRules.clean(basename)) }
        return (parts.dropLast().joined(separator: "/"), last)
    }
}
