/// Every GraphQL document that PeekFS sends, built from what a server has.
///
/// A document's text depends on the capabilities only, values travel as variables: a server caches a thousand parsed
/// documents by their text (Stash 1.1). What is expensive in bulk is never selected: counts, `image_path`,
/// `Image.paths`, `sceneStreams`, covers of galleries (Stash 7). Of relations only the ids are.
package struct Queries: Sendable {
    /// One document with its name.
    package struct Document: Sendable, Hashable {
        package let name: String
        package let text: String
        /// Where the rows are in the answer: the query's field and the list in it.
        let field: String
        let list: String
    }

    private let capabilities: Capabilities

    package init(for capabilities: Capabilities) {
        self.capabilities = capabilities
    }

    /// Every document for this server, for checking them against its schema.
    package static func all(for capabilities: Capabilities) -> [Document] {
        let queries = Queries(for: capabilities)
        var documents = [
            Document(name: "Describe", text: Capabilities.document, field: "", list: ""),
            Document(name: "Status", text: status, field: "", list: ""),
            queries.newest, queries.roots,
        ]
        for kind in WireKind.allCases {
            documents.append(queries.page(of: kind, counted: false))
            documents.append(queries.page(of: kind, counted: true))
            documents.append(queries.ids(of: kind))
            documents.append(queries.creations(of: kind))
            documents.append(queries.count(of: kind))
        }
        documents.append(queries.markers)
        if capabilities.hasFindFiles { documents += [queries.files, queries.fileCount] }
        return documents
    }

    // MARK: - Documents

    /// How the server is; asked when it behaves as if its database were not open.
    static let status = "query Status {\n  systemStatus { status }\n}\n"

    /// A page of whole rows.
    func page(of kind: WireKind, counted: Bool) -> Document {
        let names = names(of: kind)
        return document(
            counted ? "\(names.type)PageCounted" : "\(names.type)Page", kind,
            selection: (counted ? "count " : "") + "\(names.list) { \(row(of: kind)) }")
    }

    /// A page of `{id updated_at}`: nothing in it can fail for one row.
    func ids(of kind: WireKind) -> Document {
        let names = names(of: kind)
        return document("\(names.type)IDs", kind, selection: "\(names.list) { id updated_at }")
    }

    /// A page of `{id created_at}`: what a catalogue is recognised by.
    func creations(of kind: WireKind) -> Document {
        let names = names(of: kind)
        return document("\(names.type)Creations", kind, selection: "\(names.list) { id created_at }")
    }

    /// How many there are.
    func count(of kind: WireKind) -> Document {
        document("\(names(of: kind).type)Count", kind, selection: "count")
    }

    /// A page of the `{id updated_at}` of files, since 0.29 (Stash 3.2).
    var files: Document { files("FileIDs", selection: "files { id updated_at }") }

    /// How many files there are.
    var fileCount: Document { files("FileCount", selection: "count") }

    private func files(_ name: String, selection: String) -> Document {
        let text = """
            query \(name)($filter: FindFilterType, $where: FileFilterType) {
              findFiles(filter: $filter, file_filter: $where) { \(selection) }
            }

            """
        return Document(name: name, text: text, field: "findFiles", list: "files")
    }

    /// A page of markers with the scenes that they are in.
    var markers: Document {
        let text = """
            query Markers($filter: FindFilterType, $where: SceneMarkerFilterType) {
              findSceneMarkers(filter: $filter, scene_marker_filter: $where) {
                count scene_markers { id updated_at scene { id } }
              }
            }

            """
        return Document(name: "Markers", text: text, field: "findSceneMarkers", list: "scene_markers")
    }

    /// Of every kind the number and the row that comes first in an order, such as the one that was changed last, and such a marker:
    /// eight cheap finds in one document (Stash 3.3).
    var newest: Document {
        let finds = WireKind.allCases.map { kind in
            let names = names(of: kind)
            return "  \(kind.rawValue): \(names.query)(filter: $filter) { count \(names.list) { id updated_at } }\n"
        }
        // Without their number: which of them are gone is found by listing all, and not by what this question leads to.
        let markers = "  markers: findSceneMarkers(filter: $filter) { scene_markers { id updated_at } }\n"
        return Document(
            name: "Newest", text: "query Newest($filter: FindFilterType) {\n" + finds.joined() + markers + "}\n",
            field: "", list: "")
    }

    /// The folders that the server's owner has put into the library. Nothing else of the configuration is asked for:
    /// it holds keys in clear (Stash 2.3).
    var roots: Document {
        Document(
            name: "Roots", text: "query Roots {\n  configuration { general { stashes { path } } }\n}\n",
            field: "configuration", list: "")
    }

    private func document(_ name: String, _ kind: WireKind, selection: String) -> Document {
        let names = names(of: kind)
        let text = """
            query \(name)($filter: FindFilterType, $where: \(names.filter)) {
              \(names.query)(filter: $filter, \(names.argument): $where) { \(selection) }
            }

            """
        return Document(name: name, text: text, field: names.query, list: names.list)
    }

    // MARK: - Names

    private struct Names {
        var type: String
        var query: String
        var list: String
        var filter: String
        var argument: String
    }

    private func names(of kind: WireKind) -> Names {
        func names(_ type: String, _ plural: String) -> Names {
            let single = type.lowercased()
            return Names(
                type: type, query: "find\(plural)", list: plural.lowercased(), filter: "\(type)FilterType",
                argument: "\(single)_filter")
        }
        return switch kind {
        case .scene: names("Scene", "Scenes")
        case .performer: names("Performer", "Performers")
        case .studio: names("Studio", "Studios")
        case .tag: names("Tag", "Tags")
        case .gallery: names("Gallery", "Galleries")
        case .group: capabilities.hasGroups ? names("Group", "Groups") : names("Movie", "Movies")
        case .image: names("Image", "Images")
        }
    }

    // MARK: - Rows

    private func row(of kind: WireKind) -> String {
        let type = names(of: kind).type
        let fields: [String] =
            switch kind {
            case .scene:
                own(
                    type,
                    "title code details director date rating100 organized interactive interactive_speed o_counter",
                    "play_count last_played_at resume_time play_duration") + [urls(type)] + [
                        "files { \(videoFile) }", "captions { language_code caption_type }", stashIDs(type),
                        "scene_markers { id title seconds primary_tag { id } updated_at }",
                        "studio { id } performers { id } tags { id } galleries { id }",
                        capabilities.has(type, "groups")
                            ? "groups { group { id } scene_index }" : "movies { movie { id } scene_index }",
                    ]
            case .image:
                own(type, "title code details photographer date rating100 organized o_counter") + [
                    urls(type),
                    "visual_files { __typename ... on ImageFile { \(imageFile) } ... on VideoFile { \(videoFile) } }",
                    "studio { id } performers { id } tags { id } galleries { id }",
                ]
            case .gallery:
                own(type, "title code details photographer date rating100 organized") + [
                    urls(type), "files { \(baseFile("GalleryFile")) }", "folder { id path }",
                    "chapters { title image_index }", "studio { id } performers { id } tags { id } scenes { id }",
                ]
            case .performer:
                own(
                    type,
                    "name disambiguation alias_list gender birthdate death_date country details rating100 favorite")
                    + [urls(type), stashIDs(type), "tags { id }"]
                    + own(type, WirePerformer.extraFields.joined(separator: " "), isContinued: true)
                    // Newer servers have these two as well, but there they only repeat what is in `urls`.
                    + (capabilities.has(type, "urls") ? [] : ["twitter instagram"])
            case .studio:
                own(type, "name aliases details rating100 favorite") + [
                    urls(type), stashIDs(type), "parent_studio { id }",
                ] + relation(type, "tags", "{ id }")
            case .tag:
                own(type, "name sort_name aliases description favorite") + [stashIDs(type), "parents { id }"]
            case .group:
                own(type, "name aliases duration date rating100 director synopsis") + [urls(type), "studio { id }"]
                    + relation(type, "tags", "{ id }")
                    + relation(type, "sub_groups", "{ group { id } description }")
            }
        return fields.filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// The fields of these that the type has, after the three that every row begins with.
    private func own(_ type: String, _ names: String..., isContinued: Bool = false) -> [String] {
        let start = isContinued ? [] : ["id", "updated_at", "created_at"]
        return start + names.flatMap { $0.split(separator: " ").map(String.init) }.filter { capabilities.has(type, $0) }
    }

    private func relation(_ type: String, _ name: String, _ selection: String) -> [String] {
        capabilities.has(type, name) ? ["\(name) \(selection)"] : []
    }

    private func urls(_ type: String) -> String {
        capabilities.has(type, "urls") ? "urls" : capabilities.has(type, "url") ? "url" : ""
    }

    private func stashIDs(_ type: String) -> String {
        capabilities.has(type, "stash_ids") ? "stash_ids { endpoint stash_id }" : ""
    }

    private var videoFile: String {
        baseFile("VideoFile") + " duration width height video_codec audio_codec frame_rate bit_rate format"
    }

    private var imageFile: String {
        baseFile("ImageFile") + " width height" + (capabilities.has("ImageFile", "format") ? " format" : "")
    }

    /// The plain ids of folder and archive are deprecated since 0.29, but cost nothing, while `zip_file` and
    /// `parent_folder` load a row each; so these come only when the plain ids are gone.
    private func baseFile(_ type: String) -> String {
        let zip = capabilities.has(type, "zip_file_id") ? "zip_file_id" : "zip_file { id }"
        let folder = capabilities.has(type, "parent_folder_id") ? "parent_folder_id" : "parent_folder { id }"
        return "id path basename size mod_time updated_at fingerprints { type value } \(zip) \(folder)"
    }
}
