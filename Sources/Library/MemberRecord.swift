/// What one server said about one thing, in the index's vocabulary. Sync makes it from the wire; nothing else does.
package struct MemberRecord: Sendable, Equatable {
    package var ref: EntityRef
    /// The title of a scene, image or gallery, the name of the others; nil when the server has none.
    package var title: String?
    /// `YYYY-MM-DD`, from 0.30 on also `YYYY-MM` or `YYYY`.
    package var date: String?
    /// The free text: details, description or synopsis.
    package var details: String?
    /// The server's own rating, 0–100 by convention but not validated by it (Stash 5).
    package var rating: Int64?
    package var favorite: Bool?
    /// The server's text, kept as it came: it is compared as text there (Stash 3.1).
    package var updatedAt: String
    /// `updatedAt` in Unix seconds: the mtime of a directory.
    package var modified: Int64
    package var interactive = false
    /// Primary file first: only that one can be fetched (Stash 4.2).
    package var files: [FileRecord] = []
    package var stashIDs: [StashIDRecord] = []
    package var links: [LinkRecord] = []
    package var captions: [CaptionRecord] = []
    /// Everything the server said, as one JSON object.
    package var json: String

    package init(ref: EntityRef, title: String?, updatedAt: String, modified: Int64, json: String = "{}") {
        self.ref = ref
        self.title = title
        self.updatedAt = updatedAt
        self.modified = modified
        self.json = json
    }
}

/// A file behind a scene, an image or a gallery (its zip).
package struct FileRecord: Sendable, Equatable {
    /// The server's number of the file.
    package var id: Int64?
    /// The server's text: files have times of their own (Stash 3.2).
    package var updatedAt: String?
    /// The server's absolute path with the server's separators (Stash 2.3).
    package var path: String
    package var basename: String
    /// Bytes.
    package var size: Int64
    /// Unix seconds.
    package var modified: Int64
    /// Seconds; nil for pictures.
    package var duration: Double?
    package var width: Int64?
    package var height: Int64?
    package var oshash: String?
    package var md5: String?
    package var phash: String?
    /// Inside an archive: the server inflates the whole entry for every request (Stash 4.4).
    package var isInArchive: Bool

    package init(
        path: String, basename: String, size: Int64, modified: Int64, duration: Double? = nil, width: Int64? = nil,
        height: Int64? = nil, oshash: String? = nil, md5: String? = nil, phash: String? = nil,
        isInArchive: Bool = false,
        id: Int64? = nil, updatedAt: String? = nil
    ) {
        self.id = id
        self.updatedAt = updatedAt
        self.path = path
        self.basename = basename
        self.size = size
        self.modified = modified
        self.duration = duration
        self.width = width
        self.height = height
        self.oshash = oshash
        self.md5 = md5
        self.phash = phash
        self.isInArchive = isInArchive
    }
}

/// An id in a shared registry, as the server spells it; it is normalised when identities are computed.
package struct StashIDRecord: Sendable, Hashable {
    package var endpoint: String
    package var stashID: String

    package init(endpoint: String, stashID: String) {
        self.endpoint = endpoint
        self.stashID = stashID
    }
}

/// A relation of the record's thing to another thing of the same server. From a scene to its performers, tags, studio,
/// groups and galleries; from a studio, tag or group to its parent of the same kind.
package struct LinkRecord: Sendable, Hashable {
    package var kind: Kind
    package var id: Int64
    /// `scene_index` in a group; nil elsewhere.
    package var position: Int64?

    package init(kind: Kind, id: Int64, position: Int64? = nil) {
        self.kind = kind
        self.id = id
        self.position = position
    }
}

/// A caption of a scene's primary file (Stash 4.3).
package struct CaptionRecord: Sendable, Hashable {
    /// Two letters, or `00` when the server does not know it.
    package var language: String
    /// `vtt` or `srt` at the server; what is served is always WebVTT.
    package var type: String

    package init(language: String, type: String) {
        self.language = language
        self.type = type
    }
}

/// A small thing beside a member that is fetched from its server but whose size no query tells.
package enum SidecarKind: Int64, Sendable, CaseIterable {
    /// The picture of a performer, studio, tag or group: `folder.jpg`.
    case picture = 1
    /// `X.<lang>.vtt` beside a scene.
    case caption = 2
    /// `X.funscript` beside an interactive scene.
    case funscript = 3
}

/// A sidecar that a sync has found, with the size that its server said. Only such are listed: an `ls -l` asks no server.
package struct SidecarRecord: Sendable, Hashable {
    package var ref: EntityRef
    package var kind: SidecarKind
    /// Which of several: the place in `MemberRecord.captions`; 0 for the others.
    package var position: Int64
    /// Language and type of a caption; empty for the others.
    package var language: String
    package var type: String
    /// Bytes, as the first answer's Content-Range said.
    package var size: Int64
    /// `updatedAt` of the member when it was learnt: learnt again when that changes.
    package var learnedFor: String

    package init(
        ref: EntityRef, kind: SidecarKind, position: Int64 = 0, language: String = "", type: String = "", size: Int64,
        learnedFor: String
    ) {
        self.ref = ref
        self.kind = kind
        self.position = position
        self.language = language
        self.type = type
        self.size = size
        self.learnedFor = learnedFor
    }
}
