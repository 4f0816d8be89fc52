import Foundation
import Testing

@testable import Stash

@Suite struct QueriesTests {
    private func row(_ kind: WireKind, _ version: String) -> String {
        Queries(for: Generations.capabilities(version)).page(of: kind, counted: false).text
    }

    @Test(arguments: [
        (WireKind.image, "urls", "0.23"), (.gallery, "urls", "0.23"), (.image, "photographer", "0.24"),
        (.gallery, "code", "0.24"), (.studio, "favorite", "0.26"), (.tag, "favorite", "0.26"),
        (.scene, "groups", "0.27"), (.group, "findGroups", "0.27"), (.group, "sub_groups", "0.27"),
        (.performer, "urls", "0.27"), (.studio, "tags", "0.27"), (.performer, "custom_fields", "0.28"),
        (.tag, "sort_name", "0.28"), (.image, "height format", "0.29"), (.tag, "stash_ids", "0.30"),
        (.studio, "urls", "0.30"),
    ])
    func `a field is asked for from its first release on and not before`(
        kind: WireKind, field: String, since: String
    ) throws {
        for version in Generations.all {
            // `height format` is the format of a picture; a clip's stands behind its bit rate.
            let text = row(kind, version).replacing("width height duration", with: "width height_ duration")
            let padded = text.replacing("width height format", with: "width height format ")
            let isAsked = padded.contains(" \(field) ") || padded.contains(" \(field)(")
            #expect(isAsked == (version >= since), "\(field) at \(version)")
        }
    }

    @Test(arguments: [
        (WireKind.scene, "movies", "0.26"), (.group, "findMovies", "0.26"), (.performer, "twitter", "0.26"),
        (.image, "url", "0.22"), (.studio, "url", "0.29"),
    ])
    func `a field that was replaced is asked for up to the last release that needs it`(
        kind: WireKind, field: String, until: String
    ) {
        for version in Generations.all {
            let text = row(kind, version)
            let isAsked = text.contains(" \(field) ") || text.contains(" \(field)(")
            #expect(isAsked == (version <= until), "\(field) at \(version)")
        }
    }

    @Test(arguments: Generations.all)
    func `nothing that is expensive in bulk or secret is ever asked for`(version: String) {
        let expensive = [
            "image_path", "front_image_path", "paths", "sceneStreams", "cover", "image_count", "scene_count",
            "filesize", "apiKey", "api_key", "latestversion",
        ]
        for document in Queries.all(for: Generations.capabilities(version)) {
            let words = Set(document.text.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init))
            for word in expensive { #expect(!words.contains(word), "\(document.name) asks for \(word)") }
        }
    }

    @Test(arguments: Generations.all)
    func `every document has a name of its own and balanced braces`(version: String) {
        let capabilities = Generations.capabilities(version)
        let documents = Queries.all(for: capabilities)
        #expect(Set(documents.map(\.name)).count == documents.count)
        #expect(documents.count == 5 + 5 * WireKind.allCases.count + (capabilities.hasFindFiles ? 2 : 0))
        for document in documents {
            #expect(document.text.contains("query \(document.name)"))
            #expect(document.text.count { $0 == "{" } == document.text.count { $0 == "}" })
        }
    }

    @Test func `plain ids of folders and archives are used until they are gone`() {
        var fields = Generations.capabilities("0.30").fields
        #expect(row(.scene, "0.30").contains("zip_file_id parent_folder_id"))
        for type in ["VideoFile", "ImageFile", "GalleryFile"] {
            fields[type]?.subtract(["zip_file_id", "parent_folder_id"])
        }
        let text = Queries(for: Capabilities(fields: fields)).page(of: .scene, counted: false).text
        #expect(text.contains("zip_file { id } parent_folder { id }"))
    }

    @Test func `the variables of a page say where it begins, how long it is and since when`() {
        let keyset = PageRequest(.afterID(41), limit: 500, updatedSince: "2026-01-02T03:04:05")
        #expect(
            JSONValue.object(keyset.variables(for: .scene)).text == """
                {"filter":{"per_page":500,"sort":"id","direction":"ASC"},\
                "where":{"id":{"value":41,"modifier":"GREATER_THAN"},\
                "updated_at":{"value":"2026-01-02T03:04:05","modifier":"GREATER_THAN"}}}
                """)
        let numbered = PageRequest(.number(3), limit: 100, missingPicture: true)
        #expect(
            JSONValue.object(numbered.variables(for: .group)).text == """
                {"filter":{"per_page":100,"sort":"id","direction":"ASC","page":3},"where":{"is_missing":"front_image"}}
                """)
    }

    @Test func `asking for everything at once is a mistake of the program`() async {
        await #expect(processExitsWith: .failure) { _ = PageRequest(.number(1), limit: -1) }
    }

    @Test func `capabilities survive being stored`() throws {
        let capabilities = Generations.capabilities("0.27")
        let stored = try JSONEncoder().encode(capabilities)
        #expect(try JSONDecoder().decode(Capabilities.self, from: stored) == capabilities)
        #expect(capabilities.hasGroups && !capabilities.hasTagStashIDs && capabilities.isSufficient)
    }
}

/// Folders outside the project.
enum Folders {
    /// What two real servers say of their schemas and what they answered.
    static let recorded = ProcessInfo.processInfo.environment["PEEKFS_RECORDED"]
    /// Where every document is to be written.
    static let dump = ProcessInfo.processInfo.environment["PEEKFS_DUMP_DOCUMENTS"]
}

@Suite(.enabled(if: Folders.recorded != nil)) struct RecordedSchemaTests {
    private func capabilities(_ version: String) throws -> Capabilities {
        let folder = try #require(Folders.recorded)
        let file = try Data(contentsOf: URL(filePath: "\(folder)/v\(version)-introspection.json"))
        let schema = try #require(try JSONParser.parse(Array(file)).object?["__schema"]?.object)
        let types = try #require(schema["types"]?.array).compactMap(\.object)
        var answer = JSONObject()
        for name in Capabilities.outputTypes + Capabilities.inputTypes {
            answer[name] = types.first { $0["name"]?.string == name }.map(JSONValue.object) ?? .null
        }
        return Capabilities(describing: answer)
    }

    @Test(arguments: [("0.22.1", "0.22"), ("0.30.1", "0.30")])
    func `the table of releases asks a real server for the same`(version: String, generation: String) throws {
        let real = Queries.all(for: try capabilities(version))
        let table = Queries.all(for: Generations.capabilities(generation))
        for (real, table) in zip(real, table) { #expect(real.text == table.text) }
    }

    @Test(.enabled(if: Folders.dump != nil), arguments: ["0.22.1", "0.30.1"])
    func `every document is written out for a check against the schema`(version: String) throws {
        let folder = try #require(Folders.dump)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for document in Queries.all(for: try capabilities(version)) {
            let path = "\(folder)/v\(version)-\(document.name).graphql"
            try document.text.write(toFile: path, atomically: true, encoding: .utf8)
        }
    }
}
