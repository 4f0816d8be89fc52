import Library
import Stash
import Sync
import Testing

@Suite struct IngestTests {
    private let attic = InstanceNumber(7)

    private func row<Row: WireRow>(_ json: String) throws -> Row {
        let object = try #require(JSONParser.parse(Array(json.utf8)).object)
        var reader = RowReader(object)
        return try Row(&reader)
    }

    private func scene(_ members: String) throws -> MemberRecord {
        let scene: WireScene = try row(#"{"id":"3","updated_at":"2025-12-28T10:47:51-08:00",\#(members)}"#)
        return Ingest.record(scene, of: attic)
    }

    @Test func `a scene brings its files, ids, captions and everything it is linked to`() throws {
        let record = try scene(
            #"""
            "title":"Fog","details":"Long.","date":"2024-05","rating100":80,"interactive":true,
            "files":[
              {"id":"9","path":"/a/fog.mp4","basename":"fog.mp4","size":5000000000,"mod_time":"2024-01-01T00:00:00Z",
               "duration":61.5,"width":1920,"height":1080,
               "fingerprints":[{"type":"oshash","value":"00ff"},{"type":"phash","value":"abc"}]},
              {"id":"8","path":"/b/fog.mkv","basename":"fog.mkv","size":7,"mod_time":"2024-01-01T00:00:00Z",
               "fingerprints":[{"type":"md5","value":"11"}]}],
            "captions":[{"language_code":"en","caption_type":"srt"},{"language_code":"de","caption_type":"vtt"}],
            "stash_ids":[{"endpoint":"https://b/graphql","stash_id":"2"},{"endpoint":"https://a/graphql","stash_id":"1"}],
            "studio":{"id":"4"},"performers":[{"id":"6"},{"id":"5"}],"tags":[{"id":"2"}],"galleries":[{"id":"1"}],
            "groups":[{"group":{"id":"11"},"scene_index":2},{"group":{"id":"10"},"scene_index":null}]
            """#)
        #expect(record.ref == EntityRef(instance: attic, kind: .scene, id: 3))
        #expect(record.title == "Fog")
        #expect(record.details == "Long.")
        #expect(record.date == "2024-05")
        #expect(record.rating == 80)
        #expect(record.interactive)
        #expect(record.updatedAt == "2025-12-28T10:47:51-08:00")
        #expect(record.modified == 1_766_947_671)
        #expect(record.files.map(\.path) == ["/a/fog.mp4", "/b/fog.mkv"], "the primary file stays first")
        #expect(record.files[0].size == 5_000_000_000)
        #expect(record.files[0].modified == 1_704_067_200)
        #expect(record.files[0].duration == 61.5)
        #expect((record.files[0].oshash, record.files[0].phash) == ("00ff", "abc"))
        #expect(record.files[1].md5 == "11")
        #expect(record.stashIDs.map(\.endpoint) == ["https://a/graphql", "https://b/graphql"])
        #expect(record.captions.map(\.language) == ["en", "de"])
        #expect(
            record.links == [
                LinkRecord(kind: .performer, id: 5), LinkRecord(kind: .performer, id: 6),
                LinkRecord(kind: .studio, id: 4), LinkRecord(kind: .tag, id: 2), LinkRecord(kind: .gallery, id: 1),
                LinkRecord(kind: .group, id: 10), LinkRecord(kind: .group, id: 11, position: 2),
            ])
    }

    @Test func `markers are kept with their scene in the order of their times`() throws {
        let later = #"{"id":"2","title":"End","seconds":61.5,"primary_tag":{"id":"9"}}"#
        let sooner = #"{"id":"7","title":"","seconds":3,"primary_tag":{"id":"4"}}"#
        let record = try scene(#""scene_markers":[\#(later),\#(sooner),{"id":"8","title":"nowhere"}]"#)
        let markers = try #require(JSONParser.parse(Array(record.json.utf8)).object?["scene_markers"]?.array)
        #expect(markers.map { $0.object?["id"]?.int64 } == [7, 2])
        #expect(markers.map { $0.object?["primary_tag"]?.int64 } == [4, 9])
        #expect(
            try scene(#""scene_markers":[\#(sooner),\#(later)]"#).json == record.json, "in whichever order they came")
    }

    @Test func `what an older server calls movies are groups`() throws {
        let record = try scene(#""movies":[{"movie":{"id":"10"},"scene_index":3}]"#)
        #expect(record.links == [LinkRecord(kind: .group, id: 10, position: 3)])
    }

    @Test(arguments: [#""title":"""#, #""title":null"#, #""code":"x""#])
    func `an empty, null or missing title is no title`(members: String) throws {
        #expect(try scene(members).title == nil)
    }

    @Test func `a path of a Windows server is kept as it is, inside an archive too`() throws {
        let image: WireImage = try row(
            #"""
            {"id":"1","updated_at":"2024-01-01T00:00:00Z","title":"","visual_files":[{"__typename":"ImageFile","id":"5",
             "path":"D:\\sets\\a.zip\\b\\c.jpg","basename":"c.jpg","size":12,"mod_time":null,"zip_file_id":"4"}]}
            """#)
        let record = Ingest.record(image, of: attic)
        #expect(record.files[0].path == #"D:\sets\a.zip\b\c.jpg"#)
        #expect(record.files[0].isInArchive)
        #expect(record.files[0].modified == 0, "a file in an archive may have no time")
    }

    @Test(arguments: [("c.jpg", nil), ("Harbour", "Harbour"), ("", nil)] as [(String, String?)])
    func `an image whose title is its file's name has no title`(title: String, expected: String?) throws {
        let image: WireImage = try row(
            #"""
            {"id":"1","updated_at":"2024-01-01T00:00:00Z","title":"\#(title)",
             "visual_files":[{"id":"5","path":"/x/c.jpg","basename":"c.jpg","size":12}]}
            """#)
        #expect(Ingest.record(image, of: attic).title == expected)
    }

    @Test(
        arguments: [
            (#""title":"Set","files":[],"folder":{"id":"1","path":"/x/y"}"#, "Set"),
            (#""title":"","files":[],"folder":{"id":"1","path":"/x/y z"}"#, "y z"),
            (#""title":"","files":[],"folder":{"id":"1","path":"C:\\x\\y"}"#, "y"),
            (#""title":"","files":[{"id":"5","path":"/x/c.zip","basename":"c.zip","size":12}],"folder":null"#, nil),
            (#""title":"","files":[],"folder":null"#, nil),
        ] as [(String, String?)])
    func `a gallery of a folder is called like the folder`(members: String, expected: String?) throws {
        let gallery: WireGallery = try row(#"{"id":"1","updated_at":"2024-01-01T00:00:00Z",\#(members)}"#)
        let record = Ingest.record(gallery, of: attic)
        #expect(record.title == expected)
        #expect(record.files.allSatisfy { !$0.isInArchive }, "the archive itself is in none")
    }

    @Test(arguments: [
        (#""disambiguation":"2""#, "Jane (2)"), (#""disambiguation":"""#, "Jane"), (#""gender":null"#, "Jane"),
    ])
    func `two Janes differ`(members: String, title: String) throws {
        let performer: WirePerformer = try row(
            #"{"id":"1","updated_at":"2024-01-01T00:00:00Z","name":"Jane","favorite":true,\#(members)}"#)
        let record = Ingest.record(performer, of: attic)
        #expect(record.title == title)
        #expect(record.favorite == true)
    }

    @Test(arguments: [("101", 100), ("-3", 0), ("55", 55), ("null", nil)] as [(String, Int64?)])
    func `a rating is between 0 and 100`(text: String, rating: Int64?) throws {
        #expect(try scene(#""rating100":\#(text)"#).rating == rating)
    }

    @Test func `studios, tags and groups know what they are in`() throws {
        let studio: WireStudio = try row(
            #"{"id":"2","updated_at":"2024-01-01T00:00:00Z","name":"S","parent_studio":{"id":"1"},"tags":[{"id":"9"}]}"#
        )
        #expect(
            Ingest.record(studio, of: attic).links == [
                LinkRecord(kind: .studio, id: 1), LinkRecord(kind: .tag, id: 9),
            ])
        let tag: WireTag = try row(
            #"{"id":"3","updated_at":"2024-01-01T00:00:00Z","name":"T","parents":[{"id":"2"},{"id":"1"}]}"#)
        #expect(
            Ingest.record(tag, of: attic).links == [LinkRecord(kind: .tag, id: 1), LinkRecord(kind: .tag, id: 2)])
        let groups: [WireGroup] = try ["4", "5", "6"].map { id in
            let sub = id == "6" ? "" : #"{"group":{"id":"6"},"description":""}"#
            return try row(#"{"id":"\#(id)","updated_at":"2024-01-01T00:00:00Z","name":"G","sub_groups":[\#(sub)]}"#)
        }
        let containing = Ingest.containingGroups(groups)
        #expect(containing == [6: [4, 5]])
        #expect(
            Ingest.record(groups[2], of: attic, containing: [4, 5]).links == [
                LinkRecord(kind: .group, id: 4), LinkRecord(kind: .group, id: 5),
            ])
    }

    @Test func `sets in another order make the same record`() throws {
        let one = try scene(
            #"""
            "tags":[{"id":"2"},{"id":"1"}],"performers":[{"id":"8"},{"id":"9"}],
            "stash_ids":[{"endpoint":"a","stash_id":"2"},{"endpoint":"a","stash_id":"1"}]
            """#)
        let other = try scene(
            #"""
            "performers":[{"id":"9"},{"id":"8"}],
            "stash_ids":[{"endpoint":"a","stash_id":"1"},{"endpoint":"a","stash_id":"2"}],"tags":[{"id":"1"},{"id":"2"}]
            """#)
        #expect(one == other)
        #expect(one.json == other.json)
    }

    @Test func `the JSON is sorted, leaves out what is empty, and has no link with a key`() throws {
        let performer: WirePerformer = try row(
            #"""
            {"id":"1","updated_at":"2024-01-01T00:00:00Z","name":"J","details":"","urls":["https://x/y?ApiKey=secret",
             "https://x/z"],"custom_fields":{"b":1,"a":"http://me/?apikey=secret","image_path":"/p"},"height_cm":170}
            """#)
        let json = Ingest.record(performer, of: attic).json
        #expect(
            json == #"{"custom_fields":{"b":1},"favorite":false,"height_cm":170,"id":1,"name":"J","#
                + #""updated_at":"2024-01-01T00:00:00Z","urls":["https://x/z"]}"#)
    }
}
