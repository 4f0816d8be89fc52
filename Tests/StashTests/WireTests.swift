import Foundation
import Testing

@testable import Stash

@Suite struct JSONTests {
    @Test(arguments: [
        ("null", JSONValue.null), (" true ", .bool(true)), ("-12", .integer(-12)), ("0", .integer(0)),
        ("9223372036854775807", .integer(.max)), ("3.596168e+06", .number(3_596_168)), ("0.5", .number(0.5)),
        (#""a\u0026b\n\"\\\/""#, .string("a&b\n\"\\/")), (#""\ud83d\ude00""#, .string("😀")),
        (#""\ud83d x""#, .string("\u{FFFD} x")), (#""\ud83d\u0041""#, .string("\u{FFFD}A")), ("[ ]", .array([])),
        (#"{"b":1, "a":[true]}"#, .object(["b": .integer(1), "a": .array([.bool(true)])])), (#""é""#, .string("é")),
    ])
    func `text is read`(text: String, value: JSONValue) throws {
        #expect(try JSONParser.parse(Array(text.utf8)) == value)
        #expect(try JSONParser.parse(Array(value.text.utf8)) == value)
    }

    @Test(arguments: [
        "", "nul", "01", "1.", "1e", "+1", "-", "[1,]", "{,}", #"{"a"}"#, #"{"a":1,}"#, #""a"#, #""\x""#, #""\u12g4""#,
        "\"a\nb\"", "1 2", "[1 2]", #"{a:1}"#, ".5", "NaN", String(repeating: "[", count: 100_000),
    ])
    func `what is no JSON is refused`(text: String) {
        #expect(throws: JSONParser.Malformed.self) { try JSONParser.parse(Array(text.utf8)) }
    }

    @Test func `numbers are whole whatever their form`() {
        #expect(JSONValue.number(3_596_168).int64 == 3_596_168)
        #expect(JSONValue.number(0.5).int64 == nil)
        #expect(JSONValue.number(1e300).int64 == nil)
        #expect(JSONValue.integer(5).double == 5)
    }

    @Test func `random values survive being written and read`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SplitMix(state: seed)
        for _ in 0..<500 {
            let value = Self.random(&generator, depth: 4)
            #expect(try JSONParser.parse(Array(value.text.utf8)) == value, "seed \(seed)")
        }
    }

    @Test func `random damage never does more than fail`() {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SplitMix(state: seed)
        for _ in 0..<500 {
            var bytes = Array(Self.random(&generator, depth: 4).text.utf8)
            for _ in 0..<3 where !bytes.isEmpty {
                let index = Int.random(in: bytes.indices, using: &generator)
                bytes[index] = UInt8.random(in: .min ... .max, using: &generator)
            }
            _ = try? JSONParser.parse(bytes)
        }
    }

    private static func random(_ generator: inout SplitMix, depth: Int) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &generator) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &generator))
        case 2: return .integer(Int64.random(in: .min + 1 ... .max, using: &generator))
        case 3: return .number(Double.random(in: -1e9...1e9, using: &generator) + 0.5)
        case 4: return .string(text(&generator))
        case 5:
            return .array(
                (0..<Int.random(in: 0..<4, using: &generator)).map { _ in random(&generator, depth: depth - 1) })
        default:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0..<4, using: &generator) {
                object[text(&generator)] = random(&generator, depth: depth - 1)
            }
            return .object(object)
        }
    }

    private static func text(_ generator: inout SplitMix) -> String {
        let alphabet: [Unicode.Scalar] = ["a", "\"", "\\", "\n", "\u{1}", "é", "日", "😀", "/", "&"]
        var text = ""
        for _ in 0..<Int.random(in: 0..<8, using: &generator) {
            text.unicodeScalars.append(alphabet.randomElement(using: &generator) ?? "a")
        }
        return text
    }
}

/// A generator that repeats itself for the same seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct WireTimeTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-11-22T11:45:13Z", 1_795_347_913),
        ("2025-12-28T10:47:51-08:00", 1_766_947_671), ("2024-02-29T23:59:59.123456789+05:30", 1_709_231_399),
        ("2000-03-01T00:00:00+00:00", 951_868_800), ("1969-12-31T23:59:59Z", -1),
    ])
    func `a time is read in whatever form a server writes it`(text: String, seconds: Int64) throws {
        let time = try #require(WireTime(text))
        #expect(time.unixSeconds == seconds && time.text == text)
        #expect(time.wallClock == text.prefix(19))
    }

    @Test(arguments: [
        "", "2026-11-22", "2026-11-22T11:45:13", "2026-13-22T11:45:13Z", "2026-02-29T11:45:13Z", "2026-11-22T24:45:13Z",
        "2026-11-22T11:45:13.Z", "2026-11-22T11:45:13+0530", "2026-11-22T11:45:13ZZ", "２026-11-22T11:45:13Z",
    ])
    func `what is no time is none`(text: String) {
        #expect(WireTime(text) == nil)
    }
}

@Suite struct WireRowTests {
    private func decode<Row: WireRow>(_ text: String, as _: Row.Type = Row.self) throws -> Row {
        let object = try #require(try JSONParser.parse(Array(text.utf8)).object)
        var reader = RowReader(object)
        return try Row(&reader)
    }

    private static let file = """
        {"id":"15","path":"C:\\\\v\\\\a.mp4","basename":"a.mp4","size":3.596168e+06,"mod_time":"2026-11-22T11:45:01Z",\
        "fingerprints":[{"type":"oshash","value":"42efb7bc77a2caf0"},{"type":"phash","value":"1f"}],\
        "zip_file_id":null,"parent_folder_id":"5","duration":4,"width":320,"height":240,"video_codec":"h264",\
        "audio_codec":"","frame_rate":0,"bit_rate":8340900000,"format":"mp4"}
        """

    @Test func `a scene is normalised`() throws {
        let scene: WireScene = try decode(
            """
            {"id":"4","updated_at":"2025-12-28T10:47:51-08:00","created_at":null,"title":"","rating100":52,\
            "organized":true,"o_counter":0,"captions":null,"files":[\(Self.file)],"urls":["a","","a","b"],\
            "groups":[{"group":{"id":"2"},"scene_index":null},{"group":{"id":"3"},"scene_index":7}],\
            "studio":{"id":"9"},"tags":[{"id":"1"},{"id":"2"},{"id":"1"}],"performers":[],"galleries":null,\
            "stash_ids":[{"endpoint":"e","stash_id":"s"},{"endpoint":"e","stash_id":"s"}],"unknown":1}
            """)
        #expect(scene.id == 4 && scene.title == nil && scene.rating100 == 52 && scene.isOrganized)
        #expect(scene.updatedAt.unixSeconds == 1_766_947_671 && scene.createdAt == nil)
        #expect(scene.captions.isEmpty && scene.urls == ["a", "b"] && scene.tagIDs == [1, 2])
        #expect(scene.groups == [WireSceneGroup(groupID: 2), WireSceneGroup(groupID: 3, index: 7)])
        #expect(scene.studioID == 9 && scene.stashIDs == [WireStashID(endpoint: "e", stashID: "s")])
        let file = try #require(scene.files.first)
        #expect(file.path == #"C:\v\a.mp4"# && file.size == 3_596_168 && file.bitRate == 8_340_900_000)
        #expect(file.oshash == "42efb7bc77a2caf0" && file.phash == "1f" && file.md5 == nil)
        #expect(file.audioCodec == nil && file.frameRate == nil && file.duration == 4 && file.isVideo)
        #expect(file.folderID == 5 && file.zipFileID == nil)
    }

    @Test func `movies are groups and one url is a list`() throws {
        let scene: WireScene = try decode(
            """
            {"id":"4","updated_at":"2026-11-22T11:45:13Z","url":"u","urls":null,"files":[],\
            "movies":[{"movie":{"id":"2"},"scene_index":1}]}
            """)
        #expect(scene.groups == [WireSceneGroup(groupID: 2, index: 1)] && scene.urls == ["u"])
    }

    @Test func `a clip among images is a video and an archive's entry knows its archive`() throws {
        let image: WireImage = try decode(
            """
            {"id":"1","updated_at":"2026-11-22T11:45:13Z","visual_files":[\
            {"__typename":"ImageFile","id":"2","path":"/z.zip/a.jpg","basename":"a.jpg","size":419,"zip_file":{"id":"1"},\
            "mod_time":null},\
            {"__typename":"VideoFile","id":"3","path":"/b.gif","basename":"b.gif","size":1,"duration":2.5}]}
            """)
        #expect(image.files.map(\.isVideo) == [false, true])
        #expect(image.files[0].zipFileID == 1 && image.files[0].modTime == nil && image.files[1].duration == 2.5)
    }

    @Test func `what people read of a performer is kept and empty things are not`() throws {
        let performer: WirePerformer = try decode(
            """
            {"id":"4","updated_at":"2026-11-22T11:45:13Z","name":"Zoë 日本","birthdate":"1990-05","height_cm":170,\
            "ethnicity":"","custom_fields":{},"twitter":"@zoe","instagram":"https://i/zoe","url":"https://zoe",\
            "tattoos":"none","favorite":true}
            """)
        #expect(performer.birthdate == "1990-05" && performer.isFavorite)
        #expect(performer.urls == ["https://zoe", "https://i/zoe"])
        #expect(performer.extra == ["height_cm": .integer(170), "tattoos": "none", "twitter": "@zoe"])
    }

    @Test(arguments: [
        (#"{"id":"0","updated_at":"2026-11-22T11:45:13Z","name":"a"}"#, "its id is not a positive number"),
        (#"{"id":"-1","updated_at":"2026-11-22T11:45:13Z","name":"a"}"#, "its id is not a positive number"),
        (#"{"id":"+1","updated_at":"2026-11-22T11:45:13Z","name":"a"}"#, "its id is not a positive number"),
        (#"{"id":"x","updated_at":"2026-11-22T11:45:13Z","name":"a"}"#, "its id is not a positive number"),
        (#"{"id":"99999999999999999999","updated_at":"2026-11-22T11:45:13Z"}"#, "its id is not a positive number"),
        (#"{"updated_at":"2026-11-22T11:45:13Z","name":"a"}"#, "its id is not a positive number"),
        (#"{"id":"1","updated_at":null,"name":"a"}"#, "updated_at is not a time"),
        (#"{"id":"1","updated_at":"2026-11-22T11:45:13Z","name":""}"#, "name is missing"),
        (
            #"{"id":"1","updated_at":"2026-11-22T11:45:13Z","name":"a","parents":[{"id":null}]}"#,
            "parents holds something without an id"
        ),
        (#"{"id":"1","updated_at":"2026-11-22T11:45:13Z","name":"a","parents":7}"#, "parents is not a list"),
    ])
    func `a row without what it needs says so`(text: String, reason: String) {
        let error = #expect(throws: RowFault.self) { try decode(text, as: WireTag.self) }
        #expect(error?.reason == reason)
    }
}

/// Rows of two real servers, which hold every field there is.
@Suite(.enabled(if: Folders.recorded != nil)) struct RecordedRowTests {
    private func rows<Row: WireRow>(_ version: String, _ query: String, as _: Row.Type) throws -> [Row] {
        let file = try Data(contentsOf: URL(filePath: "\(try #require(Folders.recorded))/v\(version).json"))
        let exchanges = try #require(try JSONParser.parse(Array(file)).array).compactMap(\.object)
        let exchange = try #require(exchanges.first { $0["name"]?.string == "\(query): every field, two levels" })
        let data = try #require(exchange["response"]?.object?["json"]?.object?["data"]?.object)
        let list = try #require(data[query]?.object?.members.first { $0.value.array != nil }?.value.array)
        return try list.map { element in
            var row = try #require(element.object)
            // Recorded without the ids in them, which is one level too deep for that recording.
            for relation in ["groups", "movies", "sub_groups"] { row[relation] = nil }
            var reader = RowReader(row)
            return try Row(&reader)
        }
    }

    @Test(arguments: ["0.22.1", "0.30.1"])
    func `every recorded row is decoded`(version: String) throws {
        #expect(try !rows(version, "findPerformers", as: WirePerformer.self).isEmpty)
        #expect(try !rows(version, "findStudios", as: WireStudio.self).isEmpty)
        #expect(try !rows(version, "findTags", as: WireTag.self).isEmpty)
        #expect(try !rows(version, "findScenes", as: WireScene.self).isEmpty)
        guard version == "0.30.1" else { return }
        #expect(try rows(version, "findScenes", as: WireScene.self).allSatisfy { ($0.files.first?.size ?? 0) > 0 })
        #expect(try !rows(version, "findGalleries", as: WireGallery.self).isEmpty)
        #expect(try !rows(version, "findGroups", as: WireGroup.self).isEmpty)
        let images = try rows(version, "findImages", as: WireImage.self)
        #expect(images.contains { $0.files.contains { $0.zipFileID != nil } })
    }
}
