/// The scenes as a web server without any Stash would have them: an index page, and files that can be asked for by HEAD.
/// Programs that mount any HTTP server can then be held against one that knows Stash.
struct PlainFiles: Sendable {
    private static let base = "/files/"
    private let media: MediaRoutes

    init(_ media: MediaRoutes) {
        self.media = media
    }

    /// `nil` if the path is elsewhere.
    func answer(_ request: Request) -> Response? {
        let path = request.path
        guard path == "/files" || path.hasPrefix(Self.base), ["GET", "HEAD"].contains(request.method) else {
            return nil
        }
        let name = path.dropFirst(Self.base.count)
        if name.isEmpty { return index }
        guard name.hasSuffix(".mp4"), let id = Int(name.dropLast(4)), let row = media.catalogue.entity(.scene, id),
            let file = row.files.first, let body = media.stream(row)
        else { return .text(404, "404 page not found\n") }
        return Ranges.serve(body, type: "video/mp4", .modified(file.modified.seconds), headers: [], request)
    }

    private var index: Response {
        let ids = (1...max(1, media.configuration.scenes)).filter {
            media.catalogue.entity(.scene, $0)?.files.isEmpty == false
        }
        let lines = ids.map { "<a href=\"\($0).mp4\">\($0).mp4</a>\n" }.joined()
        let text = "<html><head><title>Index of /files/</title></head><body><pre>\n\(lines)</pre></body></html>\n"
        return Response(200, headers: [("Content-Type", "text/html")], body: MediaBytes(Array(text.utf8)))
    }
}
