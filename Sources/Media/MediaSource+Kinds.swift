import Stash

/// The sources that a tree is made of, by what they are; who opens them needs to know nothing of addresses.
extension MediaSource {
    /// The primary file of a scene.
    package static func scene(_ id: Int64, server: Int64, size: Int64) -> MediaSource {
        MediaSource(server: server, resource: .sceneStream(scene: id), size: size)
    }

    /// The primary file of an image. Inside an archive the server inflates it anew for every request (Stash 4.4), so
    /// it is fetched whole.
    package static func image(_ id: Int64, server: Int64, size: Int64, isInArchive: Bool) -> MediaSource {
        MediaSource(server: server, resource: .image(image: id), size: size, whole: isInArchive)
    }

    /// A caption, which is converted for every request (Stash 4.3).
    package static func caption(
        scene: Int64, language: String, type: String, server: Int64, size: Int64
    ) -> MediaSource {
        MediaSource(
            server: server, resource: .caption(scene: scene, language: language, type: type), size: size, whole: true)
    }

    package static func funscript(scene: Int64, server: Int64, size: Int64) -> MediaSource {
        MediaSource(server: server, resource: .funscript(scene: scene), size: size)
    }

    package static func performerPicture(_ id: Int64, server: Int64, size: Int64) -> MediaSource {
        MediaSource(server: server, resource: .performerPicture(performer: id), size: size)
    }

    package static func studioPicture(_ id: Int64, server: Int64, size: Int64) -> MediaSource {
        MediaSource(server: server, resource: .studioPicture(studio: id), size: size)
    }

    package static func tagPicture(_ id: Int64, server: Int64, size: Int64) -> MediaSource {
        MediaSource(server: server, resource: .tagPicture(tag: id), size: size)
    }

    package static func groupPicture(_ id: Int64, server: Int64, size: Int64) -> MediaSource {
        MediaSource(server: server, resource: .groupFront(group: id), size: size)
    }

    /// The same file, with the size that its server said.
    package func resized(to size: Int64) -> MediaSource {
        MediaSource(server: server, resource: resource, size: size, whole: whole)
    }
}
