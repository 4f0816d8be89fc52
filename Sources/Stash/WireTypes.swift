/// What a server says of its entities, decoded and normalised once: `""` is nil, ids are positive numbers, lists are
/// never missing. One struct for each kind; fields that only people read are in `extra` under the server's own names.

/// The seven kinds of entities, as a server knows them.
package enum WireKind: String, Sendable, Hashable, CaseIterable, Codable {
    case scene
    case performer
    case studio
    case tag
    case gallery
    case group
    case image

    /// Whether pages follow the ids (`id: GREATER_THAN`); the other kinds' filters have no id and their pages have
    /// numbers (Stash 2.1).
    package var hasKeysetPages: Bool {
        switch self {
        case .scene, .gallery, .image: true
        case .performer, .studio, .tag, .group: false
        }
    }
}

/// One row of a page.
package protocol WireRow: Sendable, Hashable {
    static var kind: WireKind { get }
    /// The server's id, positive; unique within this server and kind only.
    var id: Int64 { get }
    var updatedAt: WireTime { get }
    var createdAt: WireTime? { get }
    /// Reads a row; throws when a field without which the row is useless is missing or of another type.
    init(_ row: inout RowReader) throws(RowFault)
}

/// A file of a scene, an image or a gallery.
package struct WireFile: Sendable, Hashable {
    package var id: Int64
    /// The server's absolute path with the server's separators: for showing, never for opening (Stash 2.3).
    package var path: String
    package var basename: String
    /// Size in bytes as it was when the server scanned the file.
    package var size: Int64
    package var modTime: WireTime?
    /// When a scan last found the file new, changed or moved, as the server wrote it.
    package var updatedAt: String?
    /// Seconds; nil for pictures and where the server does not know.
    package var duration: Double?
    package var width: Int64?
    package var height: Int64?
    package var videoCodec: String?
    package var audioCodec: String?
    package var frameRate: Double?
    /// Bits a second.
    package var bitRate: Int64?
    package var format: String?
    package var oshash: String?
    package var md5: String?
    /// Sixty-four bits, in hexadecimal without leading zeros (Stash 2.3).
    package var phash: String?
    /// The archive that holds this file; such a file can only be fetched whole (Stash 4.4).
    package var zipFileID: Int64?
    /// The folder that holds this file: files of one folder agree in it, whatever the separators of the path.
    package var folderID: Int64?
    package var isVideo: Bool
}

/// An id in a shared registry.
package struct WireStashID: Sendable, Hashable {
    /// The registry's URL as its owner typed it: not normalised.
    package var endpoint: String
    package var stashID: String
}

/// A caption of a scene's primary file.
package struct WireCaption: Sendable, Hashable {
    /// `00` when the server does not know the language.
    package var language: String
    /// `vtt` or `srt`: needed for asking, though what comes is always WebVTT.
    package var type: String
}

/// A place in a scene that somebody has marked.
package struct WireMarker: Sendable, Hashable {
    package var id: Int64
    package var title: String?
    /// From the beginning of the scene.
    package var seconds: Double
    package var primaryTagID: Int64?
    /// The server's text: it is the marker's own, and no change of it touches the scene (Stash 3.2).
    package var updatedAt: String
}

/// A scene's place in a group.
package struct WireSceneGroup: Sendable, Hashable {
    package var groupID: Int64
    package var index: Int64?
}

/// A group inside a group.
package struct WireSubGroup: Sendable, Hashable {
    package var groupID: Int64
    package var note: String?
}

/// A chapter of a gallery.
package struct WireChapter: Sendable, Hashable {
    package var title: String?
    package var imageIndex: Int64
}

package struct WireScene: WireRow {
    package static let kind = WireKind.scene
    package var id: Int64
    package var updatedAt: WireTime
    package var createdAt: WireTime?
    package var title: String?
    package var code: String?
    package var details: String?
    package var director: String?
    /// `YYYY-MM-DD`, since 0.30 also `YYYY-MM` and `YYYY`.
    package var date: String?
    /// 1 to 100 by convention; servers do not check it.
    package var rating100: Int64?
    package var isOrganized: Bool
    package var isInteractive: Bool
    package var interactiveSpeed: Int64?
    package var oCounter: Int64
    package var playCount: Int64
    package var lastPlayedAt: WireTime?
    /// Seconds.
    package var resumeTime: Double?
    /// Seconds.
    package var playDuration: Double?
    package var urls: [String]
    /// The first one is the primary file: the only one that can be streamed.
    package var files: [WireFile]
    package var captions: [WireCaption]
    /// They have times of their own, which are not the scene's (Stash 3.2).
    package var markers: [WireMarker]
    package var stashIDs: [WireStashID]
    package var studioID: Int64?
    package var performerIDs: [Int64]
    package var tagIDs: [Int64]
    package var galleryIDs: [Int64]
    package var groups: [WireSceneGroup]
    package var extra: JSONObject
}

package struct WireImage: WireRow {
    package static let kind = WireKind.image
    package var id: Int64
    package var updatedAt: WireTime
    package var createdAt: WireTime?
    package var title: String?
    package var code: String?
    package var details: String?
    package var photographer: String?
    package var date: String?
    package var rating100: Int64?
    package var isOrganized: Bool
    package var oCounter: Int64
    package var urls: [String]
    /// The first one is the primary file: the only one that can be fetched. It can be a video clip.
    package var files: [WireFile]
    package var studioID: Int64?
    package var performerIDs: [Int64]
    package var tagIDs: [Int64]
    package var galleryIDs: [Int64]
    package var extra: JSONObject
}

package struct WireGallery: WireRow {
    package static let kind = WireKind.gallery
    package var id: Int64
    package var updatedAt: WireTime
    package var createdAt: WireTime?
    package var title: String?
    package var code: String?
    package var details: String?
    package var photographer: String?
    package var date: String?
    package var rating100: Int64?
    package var isOrganized: Bool
    package var urls: [String]
    /// The archive, for a gallery made of one; else empty.
    package var files: [WireFile]
    /// The server's path of the folder, for a gallery made of one.
    package var folderPath: String?
    package var folderID: Int64?
    package var chapters: [WireChapter]
    package var studioID: Int64?
    package var performerIDs: [Int64]
    package var tagIDs: [Int64]
    package var sceneIDs: [Int64]
    package var extra: JSONObject
}

package struct WirePerformer: WireRow {
    package static let kind = WireKind.performer
    package var id: Int64
    package var updatedAt: WireTime
    package var createdAt: WireTime?
    package var name: String
    package var disambiguation: String?
    package var aliases: [String]
    package var gender: String?
    package var birthdate: String?
    package var deathDate: String?
    package var country: String?
    package var details: String?
    package var rating100: Int64?
    package var isFavorite: Bool
    package var urls: [String]
    package var stashIDs: [WireStashID]
    package var tagIDs: [Int64]
    /// Measurements, looks, custom fields, and what else people have written down.
    package var extra: JSONObject
}

package struct WireStudio: WireRow {
    package static let kind = WireKind.studio
    package var id: Int64
    package var updatedAt: WireTime
    package var createdAt: WireTime?
    package var name: String
    package var aliases: [String]
    package var details: String?
    package var rating100: Int64?
    /// False before 0.26, which has no favourite studios.
    package var isFavorite: Bool
    package var urls: [String]
    package var stashIDs: [WireStashID]
    package var parentID: Int64?
    package var tagIDs: [Int64]
    package var extra: JSONObject
}

package struct WireTag: WireRow {
    package static let kind = WireKind.tag
    package var id: Int64
    package var updatedAt: WireTime
    package var createdAt: WireTime?
    package var name: String
    package var sortName: String?
    package var aliases: [String]
    package var details: String?
    /// False before 0.26, which has no favourite tags.
    package var isFavorite: Bool
    /// Empty before 0.30, which has none.
    package var stashIDs: [WireStashID]
    /// The graph of tags has no cycles, but a tag can have several parents.
    package var parentIDs: [Int64]
    package var extra: JSONObject
}

package struct WireGroup: WireRow {
    package static let kind = WireKind.group
    package var id: Int64
    package var updatedAt: WireTime
    package var createdAt: WireTime?
    package var name: String
    /// One text, not a list (Stash 2.3).
    package var aliases: String?
    /// Seconds.
    package var duration: Int64?
    package var date: String?
    package var rating100: Int64?
    package var director: String?
    package var synopsis: String?
    package var urls: [String]
    package var studioID: Int64?
    package var tagIDs: [Int64]
    /// In the server's order; empty before 0.27.
    package var subGroups: [WireSubGroup]
    package var extra: JSONObject
}
