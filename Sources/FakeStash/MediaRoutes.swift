import Synchronization

/// The routes of section 4 of the Stash protocol.
struct MediaRoutes: Sendable {
    let configuration: FakeStash.Configuration
    let catalogue: Catalogue
    let clips: [String: Clips.Clip]
    /// The content of every scene, when it is not made up.
    let file: StoredFile?

    /// `nil` if the path is under no route of this generation.
    func answer(_ request: Request) -> Response? {
        let parts = request.path.split(separator: "/").map(String.init)
        let isOld = configuration.generation == .v22
        let mounted =
            ["scene", "image", "performer", "studio", "tag", "downloads", "plugin"]
            + (isOld ? ["movie"] : ["group", "gallery"])
        guard let first = parts.first, mounted.contains(first) else { return nil }
        guard request.method == "GET" else {
            return Response(405, headers: [("X-Content-Type-Options", "nosniff")] + (isOld ? [] : [("Allow", "GET")]))
        }
        guard configuration.status == "OK" else { return .text(500, "Internal Server Error\n") }
        guard parts.count >= 3, let kind = first == "movie" ? .group : Kind(rawValue: first) else { return missingPage }
        guard let id = Int(parts[1]) else {
            return kind == .scene ? .text(400, "Bad Request\n") : .text(404, "Not Found\n")
        }
        guard let row = catalogue.entity(kind, id) else { return .text(404, "Not Found\n") }
        let route = parts.dropFirst(2).joined(separator: "/")
        switch kind {
        case .scene: return scene(row, route, request)
        case .image: return image(row, route, request)
        case .gallery: return gallery(row, route, request)
        case .performer, .studio, .tag: return route == "image" ? picture(row, request) : missingPage
        case .group:
            guard route == "frontimage" || route == "backimage" else { return missingPage }
            return picture(row, request, isBack: route == "backimage")
        }
    }

    private var missingPage: Response { .text(404, "404 page not found\n") }

    /// A missing file; the old generation sets Cache-Control before it looks (recorded).
    private var missingFile: Response {
        .text(
            404, "404 page not found\n",
            headers: configuration.generation == .v22 ? [("Cache-Control", "no-cache")] : [])
    }

    private func cacheControl(_ request: Request) -> [(String, String)] {
        [("Cache-Control", request.query["t"] == nil ? "no-cache" : "private, max-age=31536000, immutable")]
    }

    // MARK: Content

    /// The bytes of a file of this server.
    func content(_ file: MediaFile) -> MediaBytes {
        if let stored = self.file, file.form == .video { return MediaBytes(stored) }
        if configuration.clips, let clip = clips[file.clip] { return MediaBytes(clip.labelled(file.identity)) }
        return MediaBytes(identity: file.identity, size: file.size)
    }

    /// The bytes that `/scene/{id}/stream` sends: of the transcode where there is one (Stash 4.2).
    func stream(_ row: Entity) -> MediaBytes? {
        guard let file = row.files.first else { return nil }
        guard let transcode = file.transcode else { return content(file) }
        if configuration.clips, let clip = clips[Clips.transcode] {
            return MediaBytes(clip.labelled(transcode.identity))
        }
        return MediaBytes(identity: transcode.identity, size: transcode.size)
    }

    /// The picture of a performer, studio, tag or group or the cover of a scene, when there is a real one.
    func realPicture(_ row: Entity, salt: UInt64 = 0) -> MediaBytes? {
        guard row.hasPicture else { return nil }
        let identity = mix(mix(catalogue.generator.key, stableHash(row.kind.rawValue)) &+ salt, UInt64(row.id) &+ 0x91c)
        return picture(identity)
    }

    private func picture(_ identity: UInt64) -> MediaBytes {
        if configuration.clips, let clip = clips[identity & 1 == 0 ? "portrait.jpg" : "fractal.jpg"] {
            return MediaBytes(clip.labelled(identity))
        }
        let range = configuration.imageSize
        let size = range.lowerBound + Int64(identity % UInt64(range.upperBound - range.lowerBound + 1))
        return MediaBytes(identity: identity, size: size)
    }

    private static func etag(_ body: MediaBytes) -> String {
        let head = body.bytes(from: 0, count: 64).reduce(UInt64(body.size)) { mix($0, UInt64($1)) }
        return "\"" + hexadecimal(head, width: 16) + hexadecimal(mix(head, 3), width: 16) + "\""
    }

    /// Content from memory: an ETag and no date.
    private func stored(_ body: MediaBytes, _ type: String, _ request: Request) -> Response {
        Ranges.serve(body, type: type, .etag(Self.etag(body)), headers: cacheControl(request), request)
    }

    // MARK: Scenes

    private func scene(_ row: Entity, _ route: String, _ request: Request) -> Response {
        switch route {
        case "stream": return stream(row, request)
        case "stream.mp4", "stream.webm", "stream.mkv": return live(row, route)
        case "screenshot":
            guard let cover = realPicture(row) else { return stored(placeholder("scene"), "image/svg+xml", request) }
            return stored(cover, "image/jpeg", request)
        case "preview", "webp":
            guard configuration.generation == .v30, let file = row.files.first else { return previewMissing }
            let identity = mix(file.identity, 0x9e)
            var body = MediaBytes(identity: identity, size: 40_000 + Int64(identity % 9000))
            if configuration.clips, let clip = clips[route == "webp" ? "gradient.webp" : Clips.transcode] {
                body = MediaBytes(clip.labelled(identity))
            }
            return Ranges.serve(
                body, type: route == "webp" ? "image/webp" : "video/mp4", .modified(file.created.seconds),
                headers: cacheControl(request), request)
        case "funscript": return funscript(row, request)
        case "vtt/chapter": return stored(chapters(row), "text/vtt", request)
        case "caption": return caption(row, request)
        case "interactive_heatmap", "vtt/thumbs", "vtt/sprite": return missingFile
        default:
            guard route.hasPrefix("scene_marker/"), !route.hasSuffix("/stream") else { return missingPage }
            return stored(pending, "image/png", request)
        }
    }

    /// Previews were recorded as missing on the old generation, without Cache-Control.
    private var previewMissing: Response { missingFile }

    private func stream(_ row: Entity, _ request: Request) -> Response {
        guard let file = row.files.first, let body = stream(row) else { return .text(404, "Not Found\n") }
        var name = file.basename
        if file.transcode != nil { name = file.oshash + ".mp4" }
        var headers: [(String, String)] = []
        if configuration.generation == .v30 { headers = [("Content-Disposition", "inline; " + Self.fileName(name))] }
        return Ranges.serve(
            body, type: MediaType.of(name), .modified(file.modified.seconds), headers: headers,
            keepsDate: configuration.generation == .v22, request)
    }

    /// The `filename` of Go's `mime.FormatMediaType`: a token bare, quoted where needed, RFC 2231 when not ASCII.
    private static func fileName(_ name: String) -> String {
        if name.utf8.contains(where: { $0 >= 0x80 || $0 < 0x20 }) { return "filename*=utf-8''" + Request.encode(name) }
        let special = "()<>@,;:\\\"/[]?= "
        if !name.contains(where: { special.contains($0) }) { return "filename=" + name }
        return "filename=\"" + name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    /// A live transcode: no length, no ranges (Stash 4.3).
    private func live(_ row: Entity, _ route: String) -> Response {
        guard let file = row.files.first else { return .text(404, "Not Found\n") }
        if route.hasSuffix("mkv"), file.format != "matroska" { return .text(400, "Bad Request\n") }
        var response = Response(
            200, headers: [("Cache-Control", "no-store"), ("Content-Type", MediaType.of(route))],
            body: MediaBytes(identity: mix(file.identity, 0x11fe), size: max(1, file.size / 2)))
        response.isChunked = true
        return response
    }

    private func funscript(_ row: Entity, _ request: Request) -> Response {
        guard row.interactive, let file = row.files.first else { return missingFile }
        // Sniffed as plain text, and therefore on the list of what is compressed (Stash 4.1).
        return Ranges.serve(
            funscript(row), type: "text/plain; charset=utf-8", .modified(file.modified.seconds),
            headers: cacheControl(request), request)
    }

    func funscript(_ row: Entity) -> MediaBytes {
        let actions = (0..<40).map { "{\"at\":\($0 * 500),\"pos\":\(mix(UInt64(row.id), UInt64($0)) % 101)}" }
        return MediaBytes(
            Array(
                "{\"version\":\"1.0\",\"inverted\":false,\"range\":100,\"actions\":[\(actions.joined(separator: ","))]}"
                    .utf8))
    }

    private func chapters(_ row: Entity) -> MediaBytes {
        var text = "WEBVTT\n"
        for (number, marker) in row.markers.enumerated() {
            let time = Self.clock(marker.seconds)
            text += "\n\(number + 1)\n\(time) --> \(time)\n\(marker.title)\n"
        }
        return MediaBytes(Array(text.utf8))
    }

    private static func clock(_ seconds: Double) -> String {
        let whole = Int(seconds)
        let thousandths = Int((seconds - Double(whole)) * 1000)
        return "\(pad(whole / 3600)):\(pad(whole / 60 % 60)):\(pad(whole % 60)).\(pad(thousandths, 3))"
    }

    private func caption(_ row: Entity, _ request: Request) -> Response {
        let wanted = Caption(language: request.query["lang"] ?? "", type: request.query["type"] ?? "")
        guard row.captions.contains(wanted), !row.files.isEmpty else {
            // No match is an empty success (Stash 4.3).
            return Response(200, headers: [("X-Content-Type-Options", "nosniff")])
        }
        return stored(caption(row, wanted), "text/vtt", request)
    }

    /// Captions are always converted to WebVTT, whatever they were.
    func caption(_ row: Entity, _ caption: Caption) -> MediaBytes {
        let text =
            "WEBVTT\n\n1\n00:00:00.000 --> 00:00:02.000\nhello \(row.id) in \(caption.language) from \(configuration.name)\n"
        return MediaBytes(Array(text.utf8))
    }

    // MARK: Images and galleries

    private func image(_ row: Entity, _ route: String, _ request: Request) -> Response {
        guard let file = row.files.first else { return missingFile }
        switch route {
        case "image":
            var headers = cacheControl(request)
            if configuration.generation == .v30 {
                headers.append(("Content-Disposition", "filename=\"\(Self.headerSafe(file.basename))\""))
            }
            return Ranges.serve(
                content(file), type: MediaType.of(file.basename), .modified(file.modified.seconds), headers: headers,
                request)
        case "thumbnail": return thumbnail(row, request)
        case "preview":
            guard file.form == .video else { return missingFile }
            return Ranges.serve(
                MediaBytes(identity: mix(file.identity, 0x9f), size: 20_000), type: "video/mp4",
                .modified(file.created.seconds), headers: cacheControl(request), request)
        default: return missingPage
        }
    }

    private static func headerSafe(_ name: String) -> String {
        String(decoding: name.utf8.map { $0 < 0x20 || $0 == 0x22 ? 0x5f : $0 }, as: UTF8.self)
    }

    private func thumbnail(_ row: Entity, _ request: Request) -> Response {
        guard let file = row.files.first else { return stored(placeholder("image"), "image/svg+xml", request) }
        return Ranges.serve(
            picture(mix(file.identity, 0x7b)), type: "image/jpeg", .modified(file.created.seconds),
            headers: cacheControl(request), request)
    }

    private func gallery(_ row: Entity, _ route: String, _ request: Request) -> Response {
        let members = catalogue.state.withLock { catalogue.members(.image, having: .gallery, row.id, &$0) }
        let number: Int?
        if route == "cover" {
            number = 0
        } else if route.hasPrefix("preview/") {
            number = Int(route.dropFirst("preview/".count))
        } else {
            return missingPage
        }
        guard let number, members.indices.contains(number), let image = catalogue.entity(.image, members[number]) else {
            return route == "cover"
                ? stored(placeholder("gallery"), "image/svg+xml", request) : .text(404, "Not Found\n")
        }
        return thumbnail(image, request)
    }

    // MARK: Pictures

    /// Never 404: without a picture a default is sent (Stash 4.4).
    private func picture(_ row: Entity, _ request: Request, isBack: Bool = false) -> Response {
        let wantsDefault = request.query["default"] == "true" || isBack && row.id % 2 == 0
        if !wantsDefault, let real = realPicture(row, salt: isBack ? 1 : 0) {
            return stored(real, "image/jpeg", request)
        }
        if row.kind == .performer { return stored(silhouette, "image/png", request) }
        let body = placeholder(row.kind.rawValue)
        guard configuration.generation == .v22, row.kind == .studio || row.kind == .tag else {
            return stored(body, "image/svg+xml", request)
        }
        return Ranges.serve(body, type: "image/svg+xml", .none, headers: [], request)
    }

    private var silhouette: MediaBytes {
        clips["silhouette.png"].map { MediaBytes($0.labelled(1)) } ?? placeholder("person")
    }

    private var pending: MediaBytes { clips["pattern.png"].map { MediaBytes($0.labelled(2)) } ?? placeholder("marker") }

    private func placeholder(_ what: String) -> MediaBytes {
        let text = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360"><rect width="640" height="360" fill="#1f2a32"/>
            <text x="320" y="190" fill="#8a9ba8" text-anchor="middle" font-size="40">no \(what)</text></svg>

            """
        return MediaBytes(Array(text.utf8))
    }
}
