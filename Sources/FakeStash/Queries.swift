import Synchronization

/// The fields of `Query`.
enum Queries {
    static let table: Resolvers.Table = {
        var table: Resolvers.Table = [:]
        let kinds: [(Kind, String, String, String)] = [
            (.scene, "findScene", "findScenes", "scenes"), (.image, "findImage", "findImages", "images"),
            (.gallery, "findGallery", "findGalleries", "galleries"),
            (.performer, "findPerformer", "findPerformers", "performers"),
            (.studio, "findStudio", "findStudios", "studios"), (.tag, "findTag", "findTags", "tags"),
            (.group, "findGroup", "findGroups", "groups"), (.group, "findMovie", "findMovies", "movies"),
        ]
        for (kind, one, several, list) in kinds {
            table[one] = { call in try single(kind, call) }
            table[several] = { call in try many(kind, list, call) }
        }
        table["findSceneMarkers"] = { call in try markers(call) }
        table["findFiles"] = { call in try files(call) }
        table["findFolders"] = { call in try folders(call) }
        table["findFile"] = { call in try file(call) }
        table["findFolder"] = { call in try folder(call) }
        table["findSavedFilters"] = { call in savedFilters(call) }
        table["stats"] = { call in stats(call) }
        table["version"] = { call in version(call) }
        table["systemStatus"] = { call in status(call) }
        table["configuration"] = { call in configuration(call) }
        table["jobQueue"] = { _ in .list([]) }
        return table.mapValues(guarded)
    }()

    /// Unless the database is open, everything but the status panics (Stash 2.5).
    @Sendable private static func guarded(_ resolver: @escaping Resolver) -> Resolver {
        { call in
            let value = try resolver(call)
            if case .node(.record(let name, _)) = value, name == "SystemStatus" || name == "Version" { return value }
            guard call.execution.configuration.status == "OK" else {
                throw ResolverFailure("Internal system error. Error <runtime error: invalid memory address>")
            }
            return value
        }
    }

    static func id(_ value: JSON?) throws -> Int {
        let text = value?.text ?? value?.integer.map(String.init) ?? ""
        guard let id = Int(text) else { throw ResolverFailure("strconv.Atoi: parsing \"\(text)\": invalid syntax") }
        return id
    }

    // MARK: Entities

    private static func single(_ kind: Kind, _ call: Call) throws -> Value {
        let catalogue = call.execution.catalogue
        if let checksum = call.arguments["checksum"]?.text {
            let found = catalogue.ids(kind).first { id in
                catalogue.entity(kind, id)?.files.contains { $0.md5 == checksum || $0.oshash == checksum } ?? false
            }
            return Resolvers.related(kind, found, call)
        }
        let id = try id(call.arguments["id"])
        return catalogue.entity(kind, id).map { .node(.row(Row(kind, id, catalogue, loaded: $0))) } ?? .null
    }

    private static func many(_ kind: Kind, _ list: String, _ call: Call) throws -> Value {
        let catalogue = call.execution.catalogue
        let page: Finder.Page
        if let ids = explicitIDs(kind, call) {
            page = try explicit(kind, ids, catalogue)
        } else {
            let filter = call.arguments[filterName(kind, list)] ?? .null
            page = try Finder(kind, catalogue).find(filter, call.arguments["filter"] ?? .null)
        }
        var record: [String: Value] = ["count": .int(Int64(page.count)), list: .rows(kind, page.ids)]
        if call.selected.contains("filesize") || call.selected.contains("duration")
            || call.selected.contains("megapixels")
        {
            let files = page.all().compactMap { catalogue.entity(kind, $0)?.files.first }
            record["filesize"] = .float(files.reduce(0) { $0 + Double($1.size) })
            record["duration"] = .float(files.reduce(0) { $0 + $1.duration })
            record["megapixels"] = .float(files.reduce(0) { $0 + Double($1.width * $1.height) / 1e6 })
        }
        return .node(.record("Find", record))
    }

    private static func filterName(_ kind: Kind, _ list: String) -> String {
        list == "movies" ? "movie_filter" : kind.rawValue + "_filter"
    }

    private static func explicitIDs(_ kind: Kind, _ call: Call) -> [JSON]? {
        (call.arguments["ids"] ?? call.arguments[kind.rawValue + "_ids"])?.items
    }

    /// Duplicates are an error, and so is a single unknown id (Stash 2.1).
    private static func explicit(_ kind: Kind, _ values: [JSON], _ catalogue: Catalogue) throws -> Finder.Page {
        var ids: [Int] = []
        for value in values {
            let id = try id(value)
            if ids.contains(id) { throw ResolverFailure("duplicate ids found: \(id)") }
            guard catalogue.state.withLock({ $0.tables[kind]?.contains(id) ?? false }) else {
                throw ResolverFailure("\(kind.rawValue) with id \(id) not found")
            }
            ids.append(id)
        }
        let found = ids
        return Finder.Page(ids: found, count: found.count, all: { found })
    }

    // MARK: Markers, files, folders

    private static func slice<Element>(_ list: [Element], _ filter: JSON?) -> [Element] {
        let size = filter?["per_page"]?.integer ?? 25
        let page = max(1, filter?["page"]?.integer ?? 1)
        guard size >= 0 else { return list }
        let ordered = filter?["direction"]?.text == "DESC" ? list.reversed() : list
        return Array(ordered.dropFirst((page - 1) * size).prefix(size))
    }

    private static func markers(_ call: Call) throws -> Value {
        let catalogue = call.execution.catalogue
        let scenes = catalogue.ids(.scene).compactMap { catalogue.entity(.scene, $0) }.filter { !$0.markers.isEmpty }
        var all = scenes.flatMap { scene in scene.markers.map { ($0, scene) } }
        if let criterion = call.arguments["scene_marker_filter"]?["updated_at"] {
            let test = try TimeTest(criterion)
            all = all.filter { test.accepts($0.0.updated ?? $0.1.created) }
        }
        all.sort { $0.0.id < $1.0.id }
        if call.arguments["filter"]?["sort"]?.text == "updated_at" {
            all.sort { ($0.0.updated ?? $0.1.created).wall < ($1.0.updated ?? $1.1.created).wall }
        }
        let page = slice(all, call.arguments["filter"])
        return .node(
            .record(
                "FindSceneMarkersResultType",
                [
                    "count": .int(Int64(all.count)),
                    "scene_markers": .list(page.map { Resolvers.marker($0.0, $0.1, call) }),
                ]))
    }

    private static func files(_ call: Call) throws -> Value {
        let catalogue = call.execution.catalogue
        var all = catalogue.files()
        if let ids = call.arguments["ids"]?.items?.compactMap(\.integer) { all = all.filter { ids.contains($0.id) } }
        let filter = call.arguments["file_filter"] ?? .null
        for (name, criterion) in Finder.members(filter) {
            switch name {
            case "updated_at":
                let test = try TimeTest(criterion)
                all = all.filter { test.accepts($0.updated) }
            case "mod_time":
                let test = try TimeTest(criterion)
                all = all.filter { test.accepts($0.modified) }
            case "created_at":
                let test = try TimeTest(criterion)
                all = all.filter { test.accepts($0.created) }
            default: throw ResolverFailure("this fake does not filter files by \(name)")
            }
        }
        if call.arguments["filter"]?["sort"]?.text == "updated_at" { all.sort { $0.updated.wall < $1.updated.wall } }
        let page = slice(all, call.arguments["filter"])
        return .node(
            .record(
                "FindFilesResultType",
                [
                    "count": .int(Int64(all.count)), "megapixels": .float(0),
                    "duration": .float(all.reduce(0) { $0 + $1.duration }),
                    "size": .int(all.reduce(0) { $0 + $1.size }),
                    "files": .list(page.map { .node(.file($0, archive: false)) }),
                ]))
    }

    private static func folders(_ call: Call) throws -> Value {
        var all = call.execution.catalogue.state.withLock(\.folders)
        if let ids = call.arguments["ids"]?.items?.compactMap(\.integer) { all = all.filter { ids.contains($0.id) } }
        for (name, criterion) in Finder.members(call.arguments["folder_filter"] ?? .null) {
            guard name == "updated_at" else { throw ResolverFailure("this fake does not filter folders by \(name)") }
            let test = try TimeTest(criterion)
            all = all.filter { test.accepts($0.updated) }
        }
        let page = slice(all, call.arguments["filter"])
        return .node(
            .record(
                "FindFoldersResultType",
                ["count": .int(Int64(all.count)), "folders": .list(page.map { .node(.folder($0)) })]))
    }

    private static func file(_ call: Call) throws -> Value {
        let id = try id(call.arguments["id"])
        let catalogue = call.execution.catalogue
        guard let file = catalogue.state.withLock({ catalogue.file(id, &$0) }) else {
            throw ResolverFailure("file with id \(id) not found")
        }
        return .node(.file(file, archive: false))
    }

    private static func folder(_ call: Call) throws -> Value {
        let id = try id(call.arguments["id"])
        let folders = call.execution.catalogue.state.withLock(\.folders)
        guard id >= 1, id <= folders.count else { throw ResolverFailure("folder with id \(id) not found") }
        return .node(.folder(folders[id - 1]))
    }

    private static func savedFilters(_ call: Call) -> Value {
        .list([
            .node(
                .record(
                    "SavedFilter",
                    [
                        "id": .text("1"), "mode": .text("SCENES"), "name": .text("Unwatched"), "filter": .text(""),
                        "find_filter": .null, "object_filter": .json(.object([:])), "ui_options": .json(.object([:])),
                    ]))
        ])
    }

    // MARK: The server

    private static func stats(_ call: Call) -> Value {
        let catalogue = call.execution.catalogue
        func count(_ kind: Kind) -> Value { .int(Int64(catalogue.ids(kind).count)) }
        var size = 0.0
        var duration = 0.0
        var plays = 0
        var played = 0
        var watched = 0.0
        var climaxes = 0
        for id in catalogue.ids(.scene) {
            guard let scene = catalogue.entity(.scene, id) else { continue }
            for file in scene.files {
                size += Double(file.size)
                duration += file.duration
            }
            plays += scene.playHistory.count
            played += scene.playHistory.isEmpty ? 0 : 1
            watched += scene.playDuration
            climaxes += scene.oHistory.count
        }
        let pictures = catalogue.ids(.image).reduce(0.0) { sum, id in
            sum + Double(catalogue.entity(.image, id)?.files.first?.size ?? 0)
        }
        return .node(
            .record(
                "StatsResultType",
                [
                    "scene_count": count(.scene), "scenes_size": .float(size), "scenes_duration": .float(duration),
                    "image_count": count(.image), "images_size": .float(pictures), "gallery_count": count(.gallery),
                    "performer_count": count(.performer), "studio_count": count(.studio), "group_count": count(.group),
                    "movie_count": count(.group), "tag_count": count(.tag), "total_o_count": .int(Int64(climaxes)),
                    "total_play_duration": .float(watched), "total_play_count": .int(Int64(plays)),
                    "scenes_played": .int(Int64(played)),
                ]))
    }

    private static func version(_ call: Call) -> Value {
        let isOld = call.execution.configuration.generation == .v22
        // The old one is self-built: it does not know its version (Stash 2.5).
        return .node(
            .record(
                "Version",
                [
                    "version": .text(isOld ? "" : "v0.30.1"), "hash": .text(isOld ? "" : "b23b0267"),
                    "build_time": .text(isOld ? "" : "2025-12-18 14:57:33"),
                ]))
    }

    private static func status(_ call: Call) -> Value {
        let configuration = call.execution.configuration
        let schema = Int64(configuration.generation.databaseSchema)
        return .node(
            .record(
                "SystemStatus",
                [
                    "databaseSchema": configuration.status == "SETUP"
                        ? .null : .int(configuration.status == "OK" ? schema : schema - 1),
                    "databasePath": .text("/config/stash-go.sqlite"), "configPath": .text("/config/config.yml"),
                    "appSchema": .int(schema), "status": .text(configuration.status), "os": .text("linux"),
                    "workingDir": .text("/"), "homeDir": .text("/root"), "ffmpegPath": .text("ffmpeg"),
                    "ffprobePath": .text("ffprobe"),
                ]))
    }

    private static func configuration(_ call: Call) -> Value {
        let roots = call.execution.catalogue.generator.folders.roots
        let stashes: [Value] = roots.enumerated().map { number, path in
            .node(
                .record(
                    "StashConfig",
                    ["path": .text(path), "excludeVideo": .bool(number == 1), "excludeImage": .bool(number == 0)]))
        }
        return .node(
            .record(
                "ConfigResult",
                [
                    "general": .node(
                        .record(
                            "ConfigGeneralResult",
                            [
                                "stashes": .list(stashes), "databasePath": .text("/config/stash-go.sqlite"),
                                "generatedPath": .text("/generated"), "parallelTasks": .int(1),
                                "videoExtensions": .texts(["mp4", "webm", "mkv"]),
                                "imageExtensions": .texts(["jpg", "png", "webp", "gif"]),
                                "galleryExtensions": .texts(["zip", "cbz"]), "createGalleriesFromFolders": .bool(true),
                                "calculateMD5": .bool(false),
                            ]))
                ]))
    }
}
