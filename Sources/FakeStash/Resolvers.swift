import Synchronization

/// How each field of each type is answered. A field without an entry is looked up in the record that the parent made.
enum Resolvers {
    typealias Table = [String: Resolver]

    static func find(_ type: String, _ field: String) -> Resolver? {
        if let resolver = tables[type]?[field] { return resolver }
        return { call in
            guard case .record(_, let members) = call.node else {
                throw ResolverFailure("this fake does not answer \(type).\(field)")
            }
            return members[field] ?? .null
        }
    }

    private static let tables: [String: Table] = {
        var tables: [String: Table] = [
            "Query": Queries.table, "Mutation": Mutations.table, "Scene": sceneFields, "Image": imageFields,
            "Gallery": galleryFields,
            "Performer": performerFields, "Studio": studioFields, "Tag": tagFields, "Group": groupFields,
            "Movie": groupFields,
            "ScenePathsType": scenePaths, "ImagePathsType": imagePaths, "GalleryPathsType": galleryPaths,
            "Folder": folderFields,
        ]
        for name in ["VideoFile", "ImageFile", "GalleryFile", "BasicFile", "SceneFileType", "ImageFileType"] {
            tables[name] = fileFields
        }
        // On v0.22 the size of a scene's `file` is a string, and `mod_time` of an image in an archive is null although it
        // must not be (recorded): the whole answer becomes null.
        tables["SceneFileType"]?["size"] = fileField { file, _ in .text(String(file.size)) }
        tables["ImageFileType"]?["mod_time"] = fileField { file, _ in
            file.archive == nil ? .text(file.modified.text) : .null
        }
        return tables
    }()

    // MARK: Helpers

    /// A resolver of a row.
    private static func field(_ answer: @escaping @Sendable (Entity, Call) throws -> Value) -> Resolver {
        { call in
            guard case .row(let row) = call.node else { return .null }
            return try answer(row.entity, call)
        }
    }

    private static func origin(_ call: Call) -> String {
        call.execution.configuration.advertisedOrigin + call.execution.configuration.basePath
    }

    private static func count(_ kind: Kind, of target: Kind) -> Resolver {
        { call in
            guard case .row(let row) = call.node else { return .null }
            let catalogue = call.execution.catalogue
            let found = catalogue.state.withLock { catalogue.members(kind, having: target, row.id, &$0).count }
            return .int(Int64(found))
        }
    }

    private static func rows(_ kind: Kind, having target: Kind) -> Resolver {
        { call in
            guard case .row(let row) = call.node else { return .null }
            let catalogue = call.execution.catalogue
            return .rows(kind, catalogue.state.withLock { catalogue.members(kind, having: target, row.id, &$0) })
        }
    }

    private static func instant(_ seconds: Int64) -> Value { .text(Stamp(seconds: seconds).text) }

    static func related(_ kind: Kind, _ id: Int?, _ call: Call) -> Value {
        guard let id else { return .null }
        return .node(.row(Row(kind, id, call.execution.catalogue)))
    }

    private static func stashIDs(_ row: Entity) -> Value {
        .list(
            row.stashIDs.map { id in
                let time = row.updated.text
                let cut = time.index(time.startIndex, offsetBy: 19)
                return .node(
                    .record(
                        "StashID",
                        [
                            "endpoint": .text(id.endpoint), "stash_id": .text(id.id),
                            "updated_at": .text(time[..<cut] + "." + pad(id.nanoseconds, 9) + time[cut...]),
                        ]))
            })
    }

    /// Absent URLs are null on v0.30, and `""` on v0.22 except for scenes (Stash 2.2).
    private static let url: Resolver = field { row, call in
        if let first = row.urls.first { return .text(first) }
        return call.execution.configuration.generation == .v22 && row.kind != .scene ? .text("") : .null
    }

    /// Fields that rows of several kinds have.
    private static func common(_ more: Table) -> Table {
        var table: Table = [:]
        table["id"] = { call in
            guard case .row(let row) = call.node else { return .null }
            return .text(String(row.id))
        }
        table["title"] = field { row, _ in .text(row.title) }
        table["name"] = field { row, _ in .text(row.title) }
        table["details"] = field { row, _ in .text(row.details) }
        table["code"] = field { row, _ in .text(row.code) }
        table["director"] = field { row, _ in .text(row.director) }
        table["photographer"] = field { row, _ in .text(row.director) }
        table["date"] = field { row, _ in .text(orNull: row.date) }
        table["url"] = url
        table["urls"] = field { row, _ in .texts(row.urls) }
        table["rating100"] = field { row, _ in .int(orNull: row.rating) }
        table["rating"] = field { row, _ in .int(orNull: row.rating) }
        table["favorite"] = field { row, _ in .bool(row.favorite) }
        table["organized"] = field { row, _ in .bool(row.organized) }
        table["created_at"] = field { row, _ in .text(row.created.text) }
        table["updated_at"] = field { row, _ in .text(row.updated.text) }
        table["studio"] = field { row, call in related(.studio, row.studio, call) }
        table["performers"] = field { row, _ in .rows(.performer, row.performers) }
        table["tags"] = field { row, _ in .rows(.tag, row.tags) }
        table["galleries"] = field { row, _ in .rows(.gallery, row.galleries) }
        table["stash_ids"] = field { row, _ in stashIDs(row) }
        table["ignore_auto_tag"] = { _ in .bool(false) }
        table["files"] = field { row, _ in
            .list(row.files.filter { row.kind != .image || $0.form == .image }.map { .node(.file($0, archive: false)) })
        }
        table["checksum"] = field { row, _ in
            row.kind == .performer ? .null : .text(row.kind == .scene ? "" : row.files.first?.md5 ?? md5(row.title))
        }
        table["file_mod_time"] = field { row, _ in .text(orNull: row.files.first?.modified.text) }
        table["path"] = field { row, call in
            guard let file = row.files.first else { return row.kind == .gallery ? .null : .text("") }
            return .text(call.execution.catalogue.path(of: file))
        }
        return table.merging(more) { _, new in new }
    }

    private static func md5(_ text: String) -> String {
        hexadecimal(stableHash(text), width: 16) + hexadecimal(mix(stableHash(text), 2), width: 16)
    }

    private static func picture(_ path: String) -> Resolver {
        field { row, call in
            let kind =
                path.hasPrefix("frontimage") || path.hasPrefix("backimage") ? groupRoute(call) : row.kind.rawValue
            let suffix = row.hasPicture ? "" : "&default=true"
            return .text("\(origin(call))/\(kind)/\(row.id)/\(path)?t=\(row.updated.seconds)\(suffix)")
        }
    }

    private static func groupRoute(_ call: Call) -> String {
        call.execution.configuration.generation == .v22 ? "movie" : "group"
    }

    // MARK: Scenes

    private static let sceneFields: Table = {
        var table: Table = [:]
        table["oshash"] = field { row, _ in .text(orNull: row.files.first?.oshash) }
        table["phash"] = field { row, _ in .text(orNull: row.files.first?.phash) }
        table["file"] = field { row, _ in
            row.files.first.map { .node(.file($0, archive: false)) } ?? .node(.record("SceneFileType", [:]))
        }
        table["o_counter"] = field { row, _ in .int(Int64(row.oHistory.count)) }
        table["interactive"] = field { row, _ in .bool(row.interactive) }
        table["interactive_speed"] = field { row, _ in row.interactive ? .int(142) : .null }
        table["captions"] = field { row, _ in
            guard !row.captions.isEmpty, !row.files.isEmpty else { return .null }
            return .list(
                row.captions.map {
                    .node(
                        .record(
                            "VideoCaption", ["language_code": .text($0.language), "caption_type": .text($0.type)]))
                })
        }
        table["last_played_at"] = field { row, _ in row.playHistory.max().map(instant) ?? .null }
        table["resume_time"] = field { row, _ in .float(row.resumeTime) }
        table["play_duration"] = field { row, _ in .float(row.playDuration) }
        table["play_count"] = field { row, _ in .int(Int64(row.playHistory.count)) }
        table["play_history"] = field { row, _ in .list(row.playHistory.sorted(by: >).map(instant)) }
        table["o_history"] = field { row, _ in .list(row.oHistory.sorted(by: >).map(instant)) }
        table["paths"] = { call in .node(call.node) }
        table["scene_markers"] = field { row, call in .list(row.markers.map { marker($0, row, call) }) }
        table["groups"] = field { row, call in
            .list(
                row.groups.map { place in
                    .node(
                        .record(
                            "SceneGroup",
                            ["group": related(.group, place.group, call), "scene_index": .int(orNull: place.index)]))
                })
        }
        table["movies"] = field { row, call in
            .list(
                row.groups.map { place in
                    .node(
                        .record(
                            "SceneMovie",
                            ["movie": related(.group, place.group, call), "scene_index": .int(orNull: place.index)]))
                })
        }
        table["sceneStreams"] = field { row, call in
            guard let file = row.files.first else { return .list([]) }
            return .list(
                [("", "Direct stream"), (".mp4", "MP4"), (".m3u8", "HLS")].map { suffix, label in
                    .node(
                        .record(
                            "SceneStreamEndpoint",
                            [
                                "url": .text("\(origin(call))/scene/\(row.id)/stream\(suffix)\(key(call))"),
                                "mime_type": .text(MediaType.of(file.basename)), "label": .text(label),
                            ]))
                })
        }
        return common(table)
    }()

    /// URLs of streams carry the server's key in clear (Stash 1.5).
    private static func key(_ call: Call) -> String {
        call.execution.configuration.apiKey.map { "?apikey=" + $0 } ?? ""
    }

    private static let scenePaths: Table = {
        var table: Table = [:]
        for name in ["preview", "webp", "funscript", "interactive_heatmap", "caption"] {
            table[name] = field { row, call in .text("\(origin(call))/scene/\(row.id)/\(name)") }
        }
        table["chapters_vtt"] = field { row, call in .text("\(origin(call))/scene/\(row.id)/vtt/chapter") }
        table["screenshot"] = field { row, call in
            .text("\(origin(call))/scene/\(row.id)/screenshot?t=\(row.updated.seconds)")
        }
        table["stream"] = field { row, call in .text("\(origin(call))/scene/\(row.id)/stream\(key(call))") }
        table["sprite"] = field { row, call in
            .text("\(origin(call))/scene/\(row.files.first?.oshash ?? "")_sprite.jpg")
        }
        table["vtt"] = field { row, call in .text("\(origin(call))/scene/\(row.files.first?.oshash ?? "")_thumbs.vtt") }
        return table
    }()

    static func marker(_ marker: Marker, _ scene: Entity, _ call: Call) -> Value {
        let base = "\(origin(call))/scene/\(scene.id)/scene_marker/\(marker.id)"
        return .node(
            .record(
                "SceneMarker",
                [
                    "id": .text(String(marker.id)), "title": .text(marker.title), "seconds": .float(marker.seconds),
                    "end_seconds": marker.endSeconds.map { .float($0) } ?? .null,
                    "primary_tag": related(.tag, marker.primaryTag, call), "tags": .rows(.tag, marker.tags),
                    "scene": related(.scene, scene.id, call), "created_at": .text(scene.created.text),
                    "updated_at": .text((marker.updated ?? scene.created).text), "stream": .text(base + "/stream"),
                    "preview": .text(base + "/preview"), "screenshot": .text(base + "/screenshot"),
                ]))
    }

    // MARK: Images and galleries

    private static let imageFields: Table = {
        var table: Table = [:]
        table["title"] = field { row, call in
            // On v0.22 an empty title is already the base name (Stash 2.2).
            guard row.title.isEmpty, call.execution.configuration.generation == .v22 else { return .text(row.title) }
            return .text(row.files.first?.basename ?? "")
        }
        table["checksum"] = field { row, _ in .text(row.files.first?.md5 ?? "") }
        table["o_counter"] = field { row, _ in .int(Int64(row.oCount)) }
        table["file"] = field { row, _ in row.files.first.map { .node(.file($0, archive: false)) } ?? .null }
        table["visual_files"] = field { row, _ in .list(row.files.map { .node(.file($0, archive: false)) }) }
        table["paths"] = { call in .node(call.node) }
        return common(table)
    }()

    private static let imagePaths: Table = {
        var table: Table = [:]
        table["image"] = field { row, call in .text("\(origin(call))/image/\(row.id)/image?t=\(row.updated.seconds)") }
        table["thumbnail"] = field { row, call in
            .text("\(origin(call))/image/\(row.id)/thumbnail?t=\(row.updated.seconds)")
        }
        table["preview"] = field { row, call in
            .text(row.files.first?.form == .video ? "\(origin(call))/image/\(row.id)/preview" : "")
        }
        return table
    }()

    private static let galleryFields: Table = {
        var table: Table = [:]
        table["folder"] = field { row, call in
            guard let id = row.folder else { return .null }
            return call.execution.catalogue.state.withLock { state in
                id <= state.folders.count ? .node(.folder(state.folders[id - 1])) : .null
            }
        }
        table["chapters"] = field { row, call in
            guard row.id % 5 == 1 else { return .list([]) }
            return .list([
                .node(
                    .record(
                        "GalleryChapter",
                        [
                            "id": .text(String(row.id)), "gallery": related(.gallery, row.id, call),
                            "title": .text("Chapter one"), "image_index": .int(1),
                            "created_at": .text(row.created.text),
                            "updated_at": .text(row.created.text),
                        ]))
            ])
        }
        table["scenes"] = rows(.scene, having: .gallery)
        table["images"] = rows(.image, having: .gallery)
        table["image_count"] = count(.image, of: .gallery)
        table["cover"] = { call in
            guard case .row(let row) = call.node else { return .null }
            let catalogue = call.execution.catalogue
            let first = catalogue.state.withLock { catalogue.members(.image, having: .gallery, row.id, &$0).first }
            return related(.image, first, call)
        }
        table["paths"] = { call in .node(call.node) }
        return common(table)
    }()

    private static let galleryPaths: Table = {
        var table: Table = [:]
        table["cover"] = field { row, call in .text("\(origin(call))/gallery/\(row.id)/cover?t=\(row.updated.seconds)")
        }
        table["preview"] = field { row, call in .text("\(origin(call))/gallery/\(row.id)/preview") }
        return table
    }()

    // MARK: Performers, studios, tags, groups

    private static let performerFields: Table = {
        var table: Table = [:]
        for name in [
            "ethnicity", "eye_color", "measurements", "fake_tits", "career_length", "tattoos", "piercings",
            "hair_color",
        ] { table[name] = { _ in .text("") } }
        for name in ["circumcised", "penis_length", "weight", "death_date"] { table[name] = { _ in .null } }
        for name in ["twitter", "instagram"] {
            table[name] = { call in call.execution.configuration.generation == .v22 ? .text("") : .null }
        }
        table["disambiguation"] = field { row, _ in .text(row.disambiguation) }
        table["gender"] = field { row, _ in .text(orNull: row.gender) }
        table["birthdate"] = field { row, _ in .text(orNull: row.birthdate) }
        table["country"] = field { row, _ in .text(row.country) }
        table["height_cm"] = field { row, _ in .int(orNull: row.heightCentimetres) }
        table["height"] = field { row, _ in .text(orNull: row.heightCentimetres.map(String.init)) }
        table["alias_list"] = field { row, _ in .texts(row.aliases) }
        table["aliases"] = field { row, _ in .text(row.aliases.joined(separator: ", ")) }
        table["custom_fields"] = { _ in .json(.object([:])) }
        table["image_path"] = picture("image")
        table["scene_count"] = count(.scene, of: .performer)
        table["image_count"] = count(.image, of: .performer)
        table["gallery_count"] = count(.gallery, of: .performer)
        table["performer_count"] = { _ in .int(0) }
        table["o_counter"] = { _ in .int(0) }
        table["scenes"] = rows(.scene, having: .performer)
        for name in ["groups", "movies"] { table[name] = groupsOfScenes(.performer) }
        for name in ["group_count", "movie_count"] { table[name] = countOf(groupsOfScenes(.performer)) }
        return common(table)
    }()

    /// The groups of the scenes that a performer is in.
    private static func groupsOfScenes(_ kind: Kind) -> Resolver {
        { call in
            guard case .row(let row) = call.node else { return .null }
            let catalogue = call.execution.catalogue
            let scenes = catalogue.state.withLock { catalogue.members(.scene, having: kind, row.id, &$0) }
            let groups = scenes.flatMap { catalogue.entity(.scene, $0)?.groups.map(\.group) ?? [] }
            return .rows(.group, Array(Set(groups)).sorted())
        }
    }

    private static func countOf(_ resolver: @escaping Resolver) -> Resolver {
        { call in
            if case .rows(_, let ids) = try resolver(call) { return .int(Int64(ids.count)) }
            return .int(0)
        }
    }

    private static let studioFields: Table = {
        var table: Table = [:]
        table["aliases"] = field { row, _ in .texts(row.aliases) }
        table["parent_studio"] = field { row, call in related(.studio, row.parents.first, call) }
        table["child_studios"] = rows(.studio, having: .studio)
        table["image_path"] = picture("image")
        table["scene_count"] = count(.scene, of: .studio)
        table["image_count"] = count(.image, of: .studio)
        table["gallery_count"] = count(.gallery, of: .studio)
        for name in ["group_count", "movie_count"] { table[name] = count(.group, of: .studio) }
        for name in ["groups", "movies"] { table[name] = rows(.group, having: .studio) }
        table["o_counter"] = { _ in .int(0) }
        table["performer_count"] = { call in
            guard case .row(let row) = call.node else { return .null }
            let catalogue = call.execution.catalogue
            let scenes = catalogue.state.withLock { catalogue.members(.scene, having: .studio, row.id, &$0) }
            return .int(Int64(Set(scenes.flatMap { catalogue.entity(.scene, $0)?.performers ?? [] }).count))
        }
        return common(table)
    }()

    private static let tagFields: Table = {
        var table: Table = [:]
        table["description"] = field { row, _ in .text(row.details) }
        table["aliases"] = field { row, _ in .texts(row.aliases) }
        table["sort_name"] = { _ in .text("") }
        table["image_path"] = picture("image")
        table["parents"] = field { row, _ in .rows(.tag, row.parents) }
        table["children"] = rows(.tag, having: .tag)
        table["parent_count"] = field { row, _ in .int(Int64(row.parents.count)) }
        table["child_count"] = count(.tag, of: .tag)
        table["scene_count"] = count(.scene, of: .tag)
        table["image_count"] = count(.image, of: .tag)
        table["gallery_count"] = count(.gallery, of: .tag)
        table["performer_count"] = count(.performer, of: .tag)
        table["studio_count"] = count(.studio, of: .tag)
        for name in ["group_count", "movie_count"] { table[name] = count(.group, of: .tag) }
        table["scene_marker_count"] = { _ in .int(0) }
        return common(table)
    }()

    private static let groupFields: Table = {
        var table: Table = [:]
        // One string, not a list as elsewhere (Stash 2.3).
        table["aliases"] = field { row, _ in .text(row.aliases.joined(separator: ", ")) }
        table["synopsis"] = field { row, _ in .text(row.details) }
        table["duration"] = field { row, _ in .int(orNull: row.duration) }
        table["front_image_path"] = picture("frontimage")
        table["back_image_path"] = field { row, call in
            guard row.hasPicture, row.id % 2 == 1 else { return .null }
            return .text("\(origin(call))/\(groupRoute(call))/\(row.id)/backimage?t=\(row.updated.seconds)")
        }
        table["scenes"] = rows(.scene, having: .group)
        table["scene_count"] = count(.scene, of: .group)
        table["sub_group_count"] = count(.group, of: .group)
        table["o_counter"] = { _ in .int(0) }
        table["performer_count"] = { call in
            guard case .row(let row) = call.node else { return .null }
            let catalogue = call.execution.catalogue
            let scenes = catalogue.state.withLock { catalogue.members(.scene, having: .group, row.id, &$0) }
            return .int(Int64(Set(scenes.flatMap { catalogue.entity(.scene, $0)?.performers ?? [] }).count))
        }
        table["containing_groups"] = field { row, call in .list(row.parents.map { description(of: $0, call) }) }
        table["sub_groups"] = { call in
            guard case .row(let row) = call.node else { return .null }
            let catalogue = call.execution.catalogue
            let children = catalogue.state.withLock { catalogue.members(.group, having: .group, row.id, &$0) }
            return .list(children.map { description(of: $0, call) })
        }
        return common(table)
    }()

    private static func description(of group: Int, _ call: Call) -> Value {
        .node(.record("GroupDescription", ["group": related(.group, group, call), "description": .text("part")]))
    }

    // MARK: Files

    /// A resolver of a file.
    private static func fileField(_ answer: @escaping @Sendable (MediaFile, Call) -> Value) -> Resolver {
        { call in
            guard case .file(let file, _) = call.node else { return .null }
            return answer(file, call)
        }
    }

    private static let fileFields: Table = {
        var table: Table = [:]
        table["id"] = fileField { file, _ in .text(String(file.id)) }
        table["path"] = fileField { file, call in .text(call.execution.catalogue.path(of: file)) }
        table["basename"] = fileField { file, _ in .text(file.basename) }
        table["parent_folder_id"] = fileField { file, _ in .text(String(file.folder)) }
        table["zip_file_id"] = fileField { file, _ in .text(orNull: file.archive.map(String.init)) }
        table["parent_folder"] = fileField { file, call in
            call.execution.catalogue.state.withLock { state in
                file.folder <= state.folders.count ? .node(.folder(state.folders[file.folder - 1])) : .null
            }
        }
        table["zip_file"] = fileField { file, call in archive(file.archive, call) }
        table["mod_time"] = fileField { file, _ in .text(file.modified.text) }
        table["created_at"] = fileField { file, _ in .text(file.created.text) }
        table["updated_at"] = fileField { file, _ in .text(file.updated.text) }
        table["size"] = fileField { file, _ in .int(file.size) }
        table["format"] = fileField { file, _ in .text(file.format) }
        table["width"] = fileField { file, _ in .int(Int64(file.width)) }
        table["height"] = fileField { file, _ in .int(Int64(file.height)) }
        table["duration"] = fileField { file, _ in .float(file.duration) }
        table["video_codec"] = fileField { file, _ in .text(file.videoCodec) }
        table["audio_codec"] = fileField { file, _ in .text(file.audioCodec) }
        table["frame_rate"] = fileField { file, _ in .float(file.frameRate) }
        table["framerate"] = fileField { file, _ in .float(file.frameRate) }
        table["bit_rate"] = fileField { file, _ in .int(Int64(file.bitRate)) }
        table["bitrate"] = fileField { file, _ in .int(Int64(file.bitRate)) }
        table["fingerprints"] = fileField { file, _ in
            .list(
                fingerprints(file).map { .node(.record("Fingerprint", ["type": .text($0), "value": .text($1)])) })
        }
        table["fingerprint"] = fileField { file, call in
            .text(orNull: fingerprints(file).first { $0.0 == call.arguments["type"]?.text }?.1)
        }
        return table
    }()

    /// Videos have oshash and mostly phash, and md5 only now and then; pictures have md5.
    private static func fingerprints(_ file: MediaFile) -> [(String, String)] {
        switch file.form {
        case .video:
            [("oshash", file.oshash)] + (file.identity % 4 == 0 ? [] : [("phash", file.phash)])
                + (file.identity % 8 == 0 ? [("md5", file.md5)] : [])
        case .image, .archive: [("md5", file.md5)]
        }
    }

    private static func archive(_ id: Int?, _ call: Call) -> Value {
        guard let id else { return .null }
        let catalogue = call.execution.catalogue
        guard let file = catalogue.state.withLock({ catalogue.file(id, &$0) }) else { return .null }
        return .node(.file(file, archive: true))
    }

    private static let folderFields: Table = {
        func folderField(_ answer: @escaping @Sendable (Folder, Call) -> Value) -> Resolver {
            { call in
                guard case .folder(let folder) = call.node else { return .null }
                return answer(folder, call)
            }
        }
        var table: Table = [:]
        table["id"] = folderField { folder, _ in .text(String(folder.id)) }
        table["path"] = folderField { folder, call in
            let catalogue = call.execution.catalogue
            return .text(catalogue.state.withLock { catalogue.path(ofFolder: folder.id, $0) })
        }
        table["parent_folder_id"] = folderField { folder, _ in .text(orNull: folder.parent.map(String.init)) }
        table["zip_file_id"] = folderField { folder, _ in .text(orNull: folder.archive.map(String.init)) }
        table["parent_folder"] = folderField { folder, call in
            guard let parent = folder.parent else { return .null }
            return call.execution.catalogue.state.withLock { .node(.folder($0.folders[parent - 1])) }
        }
        table["zip_file"] = folderField { folder, call in archive(folder.archive, call) }
        table["mod_time"] = folderField { folder, _ in .text(folder.modified.text) }
        table["created_at"] = folderField { folder, _ in .text(folder.created.text) }
        table["updated_at"] = folderField { folder, _ in .text(folder.updated.text) }
        return table
    }()
}
