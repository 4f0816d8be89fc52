/// Which fields a server has, read from itself.
///
/// One unknown field fails an entire document (Stash 2.5), so no document names a field that is not in here.
package struct Capabilities: Sendable, Hashable, Codable {
    /// Names of the fields of each type that PeekFS looks at; input types hold the names of their input fields.
    package private(set) var fields: [String: Set<String>]

    package init(fields: [String: Set<String>]) {
        self.fields = fields
    }

    package func has(_ type: String, _ field: String) -> Bool {
        fields[type]?.contains(field) ?? false
    }

    /// Whether groups have that name and not yet, before 0.27, movies: in queries, types and media routes.
    package var hasGroups: Bool { has("Query", "findGroups") }

    /// Whether favourites of studios and tags exist (0.26).
    package var hasFavoriteTags: Bool { has("Tag", "favorite") }

    /// Whether tags have ids in shared registries (0.30).
    package var hasTagStashIDs: Bool { has("Tag", "stash_ids") }

    /// Whether files can be listed by themselves, which shows rewritten ones (0.29; Stash 3.2).
    package var hasFindFiles: Bool { has("Query", "findFiles") }

    /// Whether everything is there without which an index cannot be built; true from 0.22 on.
    package var isSufficient: Bool {
        has("Scene", "files") && has("Scene", "urls") && has("Image", "visual_files") && has("Performer", "alias_list")
            && has("SceneFilterType", "id") && (hasGroups || has("Query", "findMovies"))
    }
}

extension Capabilities {
    /// Output types whose fields are looked at.
    static let outputTypes = [
        "Query", "Scene", "Image", "Gallery", "Performer", "Studio", "Tag", "Group", "Movie", "VideoFile", "ImageFile",
        "GalleryFile", "Folder", "VideoCaption", "StashID", "GalleryChapter", "SceneGroup", "SceneMovie",
    ]

    /// Input types whose fields are looked at.
    static let inputTypes = [
        "SceneFilterType", "ImageFilterType", "GalleryFilterType", "PerformerFilterType", "StudioFilterType",
        "TagFilterType", "GroupFilterType", "MovieFilterType",
    ]

    /// The one query that is sent to a server of which nothing is known: what it is, how it is, what it has.
    ///
    /// `latestversion` is left out: it makes the server call GitHub (Stash 2.5).
    static let document: String = {
        let outputs = outputTypes.map { "\($0): __type(name: \"\($0)\") { fields(includeDeprecated: true) { name } }" }
        let inputs = inputTypes.map { "\($0): __type(name: \"\($0)\") { inputFields { name } }" }
        let status = ["version { version hash }", "systemStatus { status appSchema databaseSchema }"]
        return "query Describe {\n" + (status + outputs + inputs).map { "  \($0)\n" }.joined() + "}\n"
    }()

    /// Reads the answer to `document`.
    init(describing data: JSONObject) {
        fields = [:]
        for type in Self.outputTypes + Self.inputTypes {
            guard let description = data[type]?.object else { continue }
            let list = description["fields"]?.array ?? description["inputFields"]?.array ?? []
            fields[type] = Set(list.compactMap { $0.object?["name"]?.string })
        }
    }
}

/// What a server says of itself.
package struct ServerDescription: Sendable, Hashable {
    /// As the server writes it: `v0.30.1`, `v0.30.1-19-gcf3489efd`; nil for one that somebody built by hand.
    package var version: String?
    /// The commit that it was built from: when it changes, capabilities may have.
    package var hash: String?
    /// Number of the database layout that this program has; it grows with every release that changes it.
    package var appSchema: Int64
    package var status: ServerStatus
    package var capabilities: Capabilities

    /// Layout of 0.22, the oldest release that is spoken here (Stash, table of schema numbers).
    static let oldestSchema: Int64 = 48

    /// Whether it is older than 0.22.
    package var isTooOld: Bool { appSchema < Self.oldestSchema || !capabilities.isSufficient }

    /// Reads the answer to `Capabilities.document`; nil when it is not Stash's.
    init?(_ data: JSONObject) {
        guard let system = data["systemStatus"]?.object, let status = system["status"]?.string else { return nil }
        let build = data["version"]?.object
        version = build?["version"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        hash = build?["hash"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        appSchema = system["appSchema"]?.int64 ?? 0
        self.status = ServerStatus(status)
        capabilities = Capabilities(describing: data)
    }
}
