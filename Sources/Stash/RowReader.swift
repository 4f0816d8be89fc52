/// Why one row of a page cannot be used; the rest of the page can.
package struct RowFault: Error, Sendable, Hashable, CustomStringConvertible {
    /// The row's id when at least that was readable.
    package var id: Int64?
    /// The field and what is wrong with it, without the value.
    package var reason: String

    package init(id: Int64? = nil, reason: String) {
        self.id = id
        self.reason = reason
    }

    package var description: String {
        "\(id.map { "id \($0)" } ?? "a row without an id"): \(reason)"
    }
}

/// Takes the members of one row, strictly where identity depends on it and leniently elsewhere.
///
/// A field that a server does not have is nil or empty, like one that is null or `""`: the servers disagree about which
/// of these they send (Stash 2.2).
package struct RowReader {
    private let members: [JSONObject.Member]
    /// Fields are asked for in the order of the document, so that the next one is nearly always where this points.
    private var cursor = 0

    package init(_ object: JSONObject) {
        members = object.members
    }

    private mutating func take(_ name: String) -> JSONValue? {
        for offset in 0..<members.count {
            let index = cursor + offset < members.count ? cursor + offset : cursor + offset - members.count
            if members[index].name == name {
                cursor = index + 1
                return members[index].value
            }
        }
        return nil
    }

    /// A positive decimal number in a string; some proxies of the API turn it into a number.
    static func id(_ value: JSONValue?) -> Int64? {
        let id: Int64? =
            switch value {
            case .string(let text): ContentRange.number(Substring(text))
            case .integer(let number): number
            default: nil
            }
        guard let id, id > 0 else { return nil }
        return id
    }

    mutating func rowID() throws(RowFault) -> Int64 {
        guard let id = Self.id(take("id")) else { throw RowFault(reason: "its id is not a positive number") }
        return id
    }

    mutating func updatedAt() throws(RowFault) -> WireTime {
        guard let time = time("updated_at") else { throw RowFault(reason: "updated_at is not a time") }
        return time
    }

    /// A text without which the row is useless.
    mutating func requiredText(_ name: String) throws(RowFault) -> String {
        guard let text = text(name) else { throw RowFault(reason: "\(name) is missing") }
        return text
    }

    mutating func text(_ name: String) -> String? {
        guard let text = take(name)?.string, !text.isEmpty else { return nil }
        return text
    }

    mutating func flag(_ name: String) -> Bool {
        take(name)?.bool ?? false
    }

    mutating func integer(_ name: String) -> Int64? {
        take(name)?.int64
    }

    /// A finite number.
    mutating func number(_ name: String) -> Double? {
        guard let number = take(name)?.double, number.isFinite else { return nil }
        return number
    }

    mutating func time(_ name: String) -> WireTime? {
        take(name)?.string.flatMap(WireTime.init)
    }

    /// Non-empty texts in their order, each once.
    mutating func texts(_ name: String) -> [String] {
        var seen: Set<String> = []
        return (take(name)?.array ?? []).compactMap(\.string).filter { !$0.isEmpty && seen.insert($0).inserted }
    }

    /// The `urls` of a newer server, or the single `url` of an older one.
    mutating func urls() -> [String] {
        let urls = texts("urls")
        return urls.isEmpty ? text("url").map { [$0] } ?? [] : urls
    }

    /// The id in `{id}`, or nil.
    mutating func reference(_ name: String) -> Int64? {
        Self.id(take(name)?.object?["id"])
    }

    /// The ids in `[{id}]`, each once.
    ///
    /// - Throws: `RowFault` when one of them is no id: a relation that is lost in silence would be taken for removed.
    mutating func references(_ name: String) throws(RowFault) -> [Int64] {
        var ids: [Int64] = []
        for element in try objects(name) {
            guard let id = Self.id(element["id"]) else {
                throw RowFault(reason: "\(name) holds something without an id")
            }
            if !ids.contains(id) { ids.append(id) }
        }
        return ids
    }

    /// The objects of a list; none when the list is missing or null.
    mutating func objects(_ name: String) throws(RowFault) -> [JSONObject] {
        guard let value = take(name), !value.isNull else { return [] }
        guard let array = value.array else { throw RowFault(reason: "\(name) is not a list") }
        var objects: [JSONObject] = []
        objects.reserveCapacity(array.count)
        for element in array {
            guard let object = element.object else {
                throw RowFault(reason: "\(name) holds something else than objects")
            }
            objects.append(object)
        }
        return objects
    }

    /// The object itself, or nil when it is missing or null.
    mutating func objectOrNil(_ name: String) throws(RowFault) -> JSONObject? {
        guard let value = take(name), !value.isNull else { return nil }
        guard let object = value.object else { throw RowFault(reason: "\(name) is not an object") }
        return object
    }

    /// The members with these names that are not null, empty or missing, for people to read.
    mutating func extra(_ names: [String]) -> JSONObject {
        var extra = JSONObject()
        for name in names {
            guard let value = take(name), !value.isEmptyForPeople else { continue }
            extra.members.append(JSONObject.Member(name: name, value: value))
        }
        return extra
    }
}

extension JSONValue {
    fileprivate var isEmptyForPeople: Bool {
        switch self {
        case .null: true
        case .string(let text): text.isEmpty
        case .array(let elements): elements.isEmpty
        case .object(let object): object.isEmpty
        case .bool, .integer, .number: false
        }
    }
}

extension RowReader {
    mutating func stashIDs() throws(RowFault) -> [WireStashID] {
        var ids: [WireStashID] = []
        for object in try objects("stash_ids") {
            guard let endpoint = object["endpoint"]?.string, let stashID = object["stash_id"]?.string,
                !endpoint.isEmpty, !stashID.isEmpty
            else { continue }
            let id = WireStashID(endpoint: endpoint, stashID: stashID)
            // Performers, studios and tags can hold the same pair twice (Stash 6).
            if !ids.contains(id) { ids.append(id) }
        }
        return ids
    }

    mutating func files(_ name: String, areVideos: Bool? = nil) throws(RowFault) -> [WireFile] {
        var files: [WireFile] = []
        for object in try objects(name) {
            var reader = RowReader(object)
            files.append(try reader.file(isVideo: areVideos))
        }
        return files
    }

    private mutating func file(isVideo: Bool?) throws(RowFault) -> WireFile {
        let type = text("__typename")
        guard let id = Self.id(take("id")) else { throw RowFault(reason: "a file's id is not a positive number") }
        guard let path = text("path"), let basename = text("basename") else {
            throw RowFault(reason: "file \(id) has no name")
        }
        guard let size = integer("size"), size >= 0 else { throw RowFault(reason: "file \(id) has no size") }
        let modTime = time("mod_time")
        let updatedAt = text("updated_at")
        var hashes: [String: String] = [:]
        for fingerprint in try objects("fingerprints") {
            guard let type = fingerprint["type"]?.string, let value = fingerprint["value"]?.string, !value.isEmpty
            else { continue }
            hashes[type] = value
        }
        let zipFileID = Self.id(take("zip_file_id")) ?? reference("zip_file")
        let folderID = Self.id(take("parent_folder_id")) ?? reference("parent_folder")
        return WireFile(
            id: id, path: path, basename: basename, size: size, modTime: modTime, updatedAt: updatedAt,
            duration: number("duration").flatMap { $0 > 0 ? $0 : nil }, width: integer("width"),
            height: integer("height"), videoCodec: text("video_codec"), audioCodec: text("audio_codec"),
            frameRate: number("frame_rate").flatMap { $0 > 0 ? $0 : nil }, bitRate: integer("bit_rate"),
            format: text("format"), oshash: hashes["oshash"], md5: hashes["md5"], phash: hashes["phash"],
            zipFileID: zipFileID, folderID: folderID, isVideo: isVideo ?? (type == "VideoFile"))
    }
}
