/// Something that a server can be asked to stream, named by the server's own ids.
///
/// It builds its own path below the base URL; the `paths` that servers hand out are never used (Stash 1.5).
package enum MediaResource: Sendable, Hashable {
    /// The primary file of a scene, or its transcode where the server has made one (Stash 4.2).
    case sceneStream(scene: Int64)
    /// The cover as stored; an SVG when there is none.
    case sceneScreenshot(scene: Int64)
    /// A caption, which the server always converts to WebVTT.
    case caption(scene: Int64, language: String, type: String)
    case funscript(scene: Int64)
    /// The primary file of an image. One inside an archive must be fetched whole, without a range (Stash 4.4).
    case image(image: Int64)
    /// A thumbnail of a gallery's cover; since 0.27.
    case galleryCover(gallery: Int64)
    case performerPicture(performer: Int64)
    case studioPicture(studio: Int64)
    case tagPicture(tag: Int64)
    case groupFront(group: Int64)
    case groupBack(group: Int64)

    /// Path and query below the base URL.
    ///
    /// - Parameter hasGroups: False for servers before 0.27, which call groups movies and have no alias for the route.
    /// - Returns: An absolute path, escaped.
    func path(hasGroups: Bool) -> String {
        let group = hasGroups ? "group" : "movie"
        return switch self {
        case .sceneStream(let id): "/scene/\(id)/stream"
        case .sceneScreenshot(let id): "/scene/\(id)/screenshot"
        case .caption(let id, let language, let type):
            "/scene/\(id)/caption?lang=\(Self.escaped(language))&type=\(Self.escaped(type))"
        case .funscript(let id): "/scene/\(id)/funscript"
        case .image(let id): "/image/\(id)/image"
        case .galleryCover(let id): "/gallery/\(id)/cover"
        case .performerPicture(let id): "/performer/\(id)/image"
        case .studioPicture(let id): "/studio/\(id)/image"
        case .tagPicture(let id): "/tag/\(id)/image"
        case .groupFront(let id): "/\(group)/\(id)/frontimage"
        case .groupBack(let id): "/\(group)/\(id)/backimage"
        }
    }

    /// What tells this file from all others of its server, the same for every version of the program.
    package var name: String { path(hasGroups: true) }

    /// Whether an empty answer means that there is nothing (Stash 4.3).
    var emptyMeansMissing: Bool {
        if case .caption = self { true } else { false }
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for byte in text.utf8 {
            if byte.isASCIIAlphanumeric || byte == 0x2D || byte == 0x5F || byte == 0x2E || byte == 0x7E {
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                escaped += byte.percentEncoded
            }
        }
        return escaped
    }
}
