import Library

/// Where evidence of identity stands in the index, as SQL: what a thing can be recognised by on another server, or under
/// another id on its own. One row of `x` is one piece of evidence.
enum EvidenceSource: CaseIterable {
    case stashID
    case md5
    case oshash

    var strength: Identity.Evidence.Strength { self == .stashID ? .stashID : .file }

    var table: String { table(as: "x") }

    func table(as name: String) -> String { "\(self == .stashID ? "main.stash_id" : "main.file") \(name)" }

    /// Equal texts of one kind are the same evidence.
    var text: String {
        switch self {
        case .stashID: "x.endpoint || ' ' || x.stash_id"
        case .md5: "'md5 ' || x.md5"
        case .oshash: "'oshash ' || x.oshash || ' ' || x.size"
        }
    }

    /// An empty file is like every other empty file. An oshash looks at both ends of a file only: of images it counts
    /// where there is no md5.
    var isGiven: String {
        switch self {
        case .stashID: "x.stash_id <> ''"
        case .md5: "x.md5 IS NOT NULL AND x.size > 0"
        case .oshash: "x.oshash IS NOT NULL AND x.size > 0 AND (x.kind <> 7 OR x.md5 IS NULL)"
        }
    }

    /// Of a thing with several files the primary one stands for it: it is what is served.
    var isPrimary: String { self == .stashID ? isGiven : "x.position = 0 AND \(isGiven)" }

    /// Whether a row `y` is the same evidence as `x`: indexes find it.
    var isShared: String {
        switch self {
        case .stashID: "y.stash_id = x.stash_id AND y.endpoint = x.endpoint AND y.kind = x.kind"
        case .md5: "y.md5 = x.md5 AND y.kind = x.kind AND y.position = 0"
        case .oshash: "y.oshash = x.oshash AND y.size = x.size AND y.kind = x.kind AND y.position = 0"
        }
    }

    /// Rows that are the same evidence as `text`, found by an index.
    func matches(_ text: String) -> (condition: String, values: [String])? {
        let parts = text.split(separator: " ").map(String.init)
        switch self {
        case .stashID:
            guard let id = parts.last, parts.count > 1 else { return nil }
            return ("x.stash_id = ? AND x.endpoint = ?", [id, String(text.dropLast(id.count + 1))])
        case .md5:
            guard parts.count == 2, parts[0] == "md5" else { return nil }
            return ("x.md5 = ? AND x.size > 0", [parts[1]])
        case .oshash:
            guard parts.count == 3, parts[0] == "oshash" else { return nil }
            return (
                "x.oshash = ? AND x.size = CAST(? AS INTEGER) AND (x.kind <> 7 OR x.md5 IS NULL)", [parts[1], parts[2]]
            )
        }
    }

    /// One query over all sources.
    static func union(_ select: (EvidenceSource) -> String) -> String {
        allCases.map(select).joined(separator: "\nUNION ALL\n")
    }
}
