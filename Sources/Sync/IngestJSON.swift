import Stash

/// Everything a server said about one thing as one JSON object, under the names that Stash 0.30 uses.
///
/// Members are sorted, what is empty is left out, relations are plain ids: equal rows make equal text. Nothing in it
/// carries a key: of the server's own links, which do (Stash 1.5), none is taken.
enum IngestJSON {
    static func text(_ scene: WireScene) -> String {
        var json = Builder(scene.extra, scene)
        json["created_at"] = string(scene.createdAt)
        json["title"] = string(scene.title)
        json["code"] = string(scene.code)
        json["details"] = string(scene.details)
        json["director"] = string(scene.director)
        json["date"] = string(scene.date)
        json["rating100"] = integer(scene.rating100)
        json["organized"] = .bool(scene.isOrganized)
        json["interactive"] = .bool(scene.isInteractive)
        json["interactive_speed"] = integer(scene.interactiveSpeed)
        json["o_counter"] = .integer(scene.oCounter)
        json["play_count"] = .integer(scene.playCount)
        json["last_played_at"] = string(scene.lastPlayedAt)
        json["resume_time"] = number(scene.resumeTime)
        json["play_duration"] = number(scene.playDuration)
        json["urls"] = urls(scene.urls)
        json["files"] = .array(scene.files.map(file))
        json["captions"] = .array(
            scene.captions.map {
                .object(["caption_type": .string($0.type), "language_code": .string($0.language)])
            })
        json["scene_markers"] = .array(
            scene.markers.sorted { ($0.seconds, $0.id) < ($1.seconds, $1.id) }.map { marker in
                var object: JSONObject = ["id": .integer(marker.id), "seconds": .number(marker.seconds)]
                object["title"] = string(marker.title)
                object["primary_tag"] = integer(marker.primaryTagID)
                object["updated_at"] = .string(marker.updatedAt)
                return .object(object)
            })
        json["stash_ids"] = stashIDs(scene.stashIDs)
        json["studio"] = integer(scene.studioID)
        json["performers"] = ids(scene.performerIDs)
        json["tags"] = ids(scene.tagIDs)
        json["galleries"] = ids(scene.galleryIDs)
        json["groups"] = .array(
            scene.groups.sorted { $0.groupID < $1.groupID }.map {
                .object(["group": .integer($0.groupID), "scene_index": $0.index.map(JSONValue.integer) ?? .null])
            })
        return json.text
    }

    static func text(_ image: WireImage) -> String {
        var json = Builder(image.extra, image)
        json["created_at"] = string(image.createdAt)
        json["title"] = string(image.title)
        json["code"] = string(image.code)
        json["details"] = string(image.details)
        json["photographer"] = string(image.photographer)
        json["date"] = string(image.date)
        json["rating100"] = integer(image.rating100)
        json["organized"] = .bool(image.isOrganized)
        json["o_counter"] = .integer(image.oCounter)
        json["urls"] = urls(image.urls)
        json["files"] = .array(image.files.map(file))
        json["studio"] = integer(image.studioID)
        json["performers"] = ids(image.performerIDs)
        json["tags"] = ids(image.tagIDs)
        json["galleries"] = ids(image.galleryIDs)
        return json.text
    }

    static func text(_ gallery: WireGallery) -> String {
        var json = Builder(gallery.extra, gallery)
        json["created_at"] = string(gallery.createdAt)
        json["title"] = string(gallery.title)
        json["code"] = string(gallery.code)
        json["details"] = string(gallery.details)
        json["photographer"] = string(gallery.photographer)
        json["date"] = string(gallery.date)
        json["rating100"] = integer(gallery.rating100)
        json["organized"] = .bool(gallery.isOrganized)
        json["urls"] = urls(gallery.urls)
        json["files"] = .array(gallery.files.map(file))
        json["folder"] = string(gallery.folderPath)
        json["chapters"] = .array(
            gallery.chapters.map { chapter in
                var object: JSONObject = ["image_index": .integer(chapter.imageIndex)]
                object["title"] = string(chapter.title)
                return .object(object)
            })
        json["studio"] = integer(gallery.studioID)
        json["performers"] = ids(gallery.performerIDs)
        json["tags"] = ids(gallery.tagIDs)
        return json.text
    }

    static func text(_ performer: WirePerformer) -> String {
        var json = Builder(performer.extra, performer)
        json["created_at"] = string(performer.createdAt)
        json["name"] = .string(performer.name)
        json["disambiguation"] = string(performer.disambiguation)
        json["alias_list"] = texts(performer.aliases)
        json["gender"] = string(performer.gender)
        json["birthdate"] = string(performer.birthdate)
        json["death_date"] = string(performer.deathDate)
        json["country"] = string(performer.country)
        json["details"] = string(performer.details)
        json["rating100"] = integer(performer.rating100)
        json["favorite"] = .bool(performer.isFavorite)
        json["urls"] = urls(performer.urls)
        json["stash_ids"] = stashIDs(performer.stashIDs)
        json["tags"] = ids(performer.tagIDs)
        return json.text
    }

    static func text(_ studio: WireStudio) -> String {
        var json = Builder(studio.extra, studio)
        json["created_at"] = string(studio.createdAt)
        json["name"] = .string(studio.name)
        json["aliases"] = texts(studio.aliases)
        json["details"] = string(studio.details)
        json["rating100"] = integer(studio.rating100)
        json["favorite"] = .bool(studio.isFavorite)
        json["urls"] = urls(studio.urls)
        json["stash_ids"] = stashIDs(studio.stashIDs)
        json["parent_studio"] = integer(studio.parentID)
        json["tags"] = ids(studio.tagIDs)
        return json.text
    }

    static func text(_ tag: WireTag) -> String {
        var json = Builder(tag.extra, tag)
        json["created_at"] = string(tag.createdAt)
        json["name"] = .string(tag.name)
        json["sort_name"] = string(tag.sortName)
        json["aliases"] = texts(tag.aliases)
        json["description"] = string(tag.details)
        json["favorite"] = .bool(tag.isFavorite)
        json["stash_ids"] = stashIDs(tag.stashIDs)
        json["parents"] = ids(tag.parentIDs)
        return json.text
    }

    static func text(_ group: WireGroup) -> String {
        var json = Builder(group.extra, group)
        json["created_at"] = string(group.createdAt)
        json["name"] = .string(group.name)
        json["aliases"] = string(group.aliases)
        json["duration"] = integer(group.duration)
        json["date"] = string(group.date)
        json["rating100"] = integer(group.rating100)
        json["director"] = string(group.director)
        json["synopsis"] = string(group.synopsis)
        json["urls"] = urls(group.urls)
        json["studio"] = integer(group.studioID)
        json["tags"] = ids(group.tagIDs)
        json["sub_groups"] = .array(
            group.subGroups.map { sub in
                var object: JSONObject = ["group": .integer(sub.groupID)]
                object["description"] = string(sub.note)
                return .object(object)
            })
        return json.text
    }

    private static func string(_ text: String?) -> JSONValue? { text.map(JSONValue.string) }
    private static func string(_ time: WireTime?) -> JSONValue? { time.map { .string($0.text) } }
    private static func integer(_ value: Int64?) -> JSONValue? { value.map(JSONValue.integer) }
    private static func number(_ value: Double?) -> JSONValue? { value.map(JSONValue.number) }
    private static func texts(_ texts: [String]) -> JSONValue { .array(texts.map(JSONValue.string)) }
    private static func ids(_ ids: [Int64]) -> JSONValue { .array(ids.sorted().map(JSONValue.integer)) }

    private static func urls(_ urls: [String]) -> JSONValue {
        texts(urls.filter { !carriesKey($0) })
    }

    private static func stashIDs(_ ids: [WireStashID]) -> JSONValue {
        .array(
            ids.sorted { ($0.endpoint, $0.stashID) < ($1.endpoint, $1.stashID) }
                .map { .object(["endpoint": .string($0.endpoint), "stash_id": .string($0.stashID)]) })
    }

    private static func file(_ file: WireFile) -> JSONValue {
        var object: JSONObject = [
            "id": .integer(file.id), "path": .string(file.path), "basename": .string(file.basename),
            "size": .integer(file.size),
        ]
        object["mod_time"] = string(file.modTime)
        object["duration"] = number(file.duration)
        object["width"] = integer(file.width)
        object["height"] = integer(file.height)
        object["video_codec"] = string(file.videoCodec)
        object["audio_codec"] = string(file.audioCodec)
        object["frame_rate"] = number(file.frameRate)
        object["bit_rate"] = integer(file.bitRate)
        object["format"] = string(file.format)
        object["oshash"] = string(file.oshash)
        object["md5"] = string(file.md5)
        object["phash"] = string(file.phash)
        object["zip_file"] = integer(file.zipFileID)
        object["parent_folder"] = integer(file.folderID)
        return .object(object)
    }

    /// Whether a text holds a link with a key in its query, as the server's own links do (Stash 1.5).
    fileprivate static func carriesKey(_ text: String) -> Bool {
        text.utf8.contains(UInt8(ascii: "=")) && text.lowercased().contains("apikey=")
    }

    /// Members of a server's row that are links of the server itself: some carry its key.
    fileprivate static let ownLinks: Set<String> = [
        "paths", "image_path", "front_image_path", "back_image_path", "sceneStreams", "stream",
    ]
}

/// Collects members and writes them sorted. Of two with one name the later one counts; nil is a member that is left out.
private struct Builder {
    private var members: [(name: String, value: JSONValue?)] = []

    /// Starts with what people read and nothing computes with; the named fields win over it.
    init(_ extra: JSONObject, _ row: some WireRow) {
        members.reserveCapacity(32)
        for member in extra.members where !IngestJSON.ownLinks.contains(member.name) {
            self[member.name] = Self.clean(member.value)
        }
        self["id"] = .integer(row.id)
        self["updated_at"] = .string(row.updatedAt.text)
    }

    subscript(name: String) -> JSONValue? {
        get { members.last { $0.name == name }?.value }
        set { members.append((name, newValue?.array?.isEmpty == true ? nil : newValue)) }
    }

    var text: String {
        var text = ""
        text.reserveCapacity(1024)
        Self.write(members, to: &text)
        return text
    }

    private static func write(_ members: [(name: String, value: JSONValue?)], to text: inout String) {
        // A stable sort.
        let sorted = members.sorted { $0.name < $1.name }
        text += "{"
        var separator = ""
        for (place, member) in sorted.enumerated() {
            guard let value = member.value, place + 1 == sorted.count || sorted[place + 1].name != member.name else {
                continue
            }
            text += separator
            JSONValue.string(member.name).write(to: &text)
            text += ":"
            write(value, to: &text)
            separator = ","
        }
        text += "}"
    }

    private static func write(_ value: JSONValue, to text: inout String) {
        switch value {
        case .object(let object):
            write(object.members.map { ($0.name, $0.value) }, to: &text)
        case .array(let elements):
            text += "["
            var separator = ""
            for element in elements {
                text += separator
                write(element, to: &text)
                separator = ","
            }
            text += "]"
        default: value.write(to: &text)
        }
    }

    /// Without anything that is a link with a key.
    private static func clean(_ value: JSONValue) -> JSONValue? {
        switch value {
        case .string(let text): return IngestJSON.carriesKey(text) ? nil : value
        case .array(let elements): return .array(elements.compactMap(clean))
        case .object(let object):
            var kept = JSONObject()
            for member in object.members where !IngestJSON.ownLinks.contains(member.name) {
                kept[member.name] = clean(member.value)
            }
            return .object(kept)
        default: return value
        }
    }
}
