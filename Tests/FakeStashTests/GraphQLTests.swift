import FakeStash
import Foundation
import Testing

@Suite struct GraphQLTests {
    @Test(
        arguments: [
            ("{findScenes{count nope}}", 422, "Cannot query field \"nope\" on type \"FindScenesResultType\"."),
            ("{findScenes(nope:1){count}}", 422, "Unknown argument \"nope\" on field \"Query.findScenes\"."),
            ("{findScenes(filter:{nope:1}){count}}", 422, "Field \"nope\" is not defined by type \"FindFilterType\"."),
            (
                "{findScenes}", 422,
                "Field \"findScenes\" of type \"FindScenesResultType!\" must have a selection of subfields."
            ),
            (
                "{findTag{id}}", 422,
                "Field \"findTag\" argument \"id\" of type \"ID!\" is required, but it was not provided."
            ),
            (
                "{findScenes(filter:{direction:UP}){count}}", 422,
                "Value \"UP\" does not exist in \"SortDirectionEnum\" enum."
            ),
            ("{findScenes{count}", 422, "Expected Name, found <EOF>"),
            ("query($a:Int!){findScenes(filter:{page:$a}){count}}", 422, "must be defined"),
            ("query($f:FindFilterType){findScenes(filter:$f){count}}", 200, nil),
            ("{findScene(id:\"abc\"){id}}", 200, "strconv.Atoi: parsing \"abc\": invalid syntax"),
            ("{findScenes(filter:{sort:\"nope\"}){count}}", 200, "invalid sort: nope"),
            ("{findScenes(ids:[1,999999]){count}}", 200, "scene with id 999999 not found"),
            ("{findScenes(ids:[1,1]){count}}", 200, "duplicate ids found: 1"),
        ] as [(String, Int, String?)])
    func `documents are checked as gqlgen checks them`(query: String, status: Int, message: String?) throws {
        let answer = try Served().graphQL(query)
        #expect(answer.status == status)
        let errors = answer.json?["errors"] as? [[String: Any]]
        #expect(errors?.first?["message"] as? String == message)
        if status == 422 {
            #expect((errors?.first?["extensions"] as? [String: Any])?["code"] != nil)
            #expect(answer.json?["data"] is NSNull)
        }
    }

    @Test func `aliases, fragments, unions, variables and directives are understood`() throws {
        let served = try Served()
        let query = """
            query A { a: findTag(id: "1") { id } }
            # a comment
            query B($id: ID!, $deep: Boolean = true, $no: Boolean!) {
              one: findScene(id: $id) { ...S kind: __typename title @skip(if: $no) }
              two: findImages(filter: {per_page: -1}) {
                images { visual_files { __typename ... on ImageFile { width } ...V } tags @include(if: $deep) { id } }
              }
            }
            fragment S on Scene { id studio { id ...N } }
            fragment N on Studio { name }
            fragment V on VideoFile { duration }
            """
        let body: [String: Any] = ["query": query, "operationName": "B", "variables": ["id": "2", "no": true]]
        let data = try JSONSerialization.data(withJSONObject: body)
        let answer = try served.ask(
            "POST", "/graphql", ["Content-Type": "application/json", "Accept": "application/json"],
            body: String(decoding: data, as: UTF8.self))
        let result = try #require(answer.json?["data"] as? [String: Any])
        let one = try #require(result["one"] as? [String: Any])
        #expect(Set(one.keys) == ["id", "studio", "kind"])
        #expect(one["kind"] as? String == "Scene")
        let images = try #require((result["two"] as? [String: Any])?["images"] as? [[String: Any]])
        let files = images.flatMap { $0["visual_files"] as? [[String: Any]] ?? [] }
        #expect(Set(files.compactMap { $0["__typename"] as? String }) == ["ImageFile", "VideoFile"])
        #expect(files.allSatisfy { ($0["__typename"] as? String == "VideoFile") == ($0["duration"] != nil) })
    }

    @Test func `keyset pages visit every scene once, in order`() throws {
        let served = try Served { $0.scenes = 103 }
        served.server.catalogue.destroy(.scene, [1, 50, 103])
        var seen: [Int] = []
        var last = 0
        let query = """
            query($v:Int!){findScenes(scene_filter:{id:{value:$v,modifier:GREATER_THAN}},
            filter:{per_page:10,sort:"id",direction:ASC}){scenes{id}}}
            """
        while true {
            let rows = try served.data(query, "findScenes", "scenes", variables: ["v": last]) as? [[String: Any]] ?? []
            let ids = rows.compactMap { ($0["id"] as? String).flatMap { Int($0) } }
            seen += ids
            guard let end = ids.last else { break }
            last = end
        }
        #expect(seen == Array(2...49) + Array(51...102))
    }

    @Test(arguments: [(nil, 25), (-1, 40), (0, 0), (7, 7)] as [(Int?, Int)])
    func `per_page is 25 by default, all when negative, none when 0`(size: Int?, expected: Int) throws {
        let served = try Served { $0.scenes = 40 }
        let filter = size.map { "(filter:{per_page:\($0)})" } ?? ""
        let rows = try served.data("{findScenes\(filter){count scenes{id}}}", "findScenes", "scenes") as? [Any]
        #expect(rows?.count == expected)
    }

    @Test func `updated_at is compared as text, offset and all`() throws {
        let served = try Served { $0.utcOffset = -8 * 3600 }
        let catalogue = served.server.catalogue
        for id in catalogue.ids(.tag) {
            catalogue.editSilently(.tag, id) { $0.updated = Stamp(seconds: 1_600_000_000) }
        }
        // 2021-01-01T00:00:00 in Greenwich is the evening before on this server.
        catalogue.setClock(1_609_459_200)
        catalogue.edit(.tag, 3) { $0.title = "renamed" }
        func count(_ value: String, _ modifier: String) throws -> Int? {
            try served.data(
                "query($v:TimestampCriterionInput!){findTags(tag_filter:{updated_at:$v}){count}}", "findTags", "count",
                variables: ["v": ["value": value, "modifier": modifier]]) as? Int
        }
        #expect(try count("2020-12-31T23:00:00Z", "GREATER_THAN") == 0)
        #expect(try count("2020-12-31T16:00:00", "GREATER_THAN") == 1)
        #expect(try count("2020-12-31T16:00:00-08:00", "GREATER_THAN") == 0)
        #expect(try count("2020-12-31 23:59:59", "GREATER_THAN") == 1)
        #expect(try count("garbage", "LESS_THAN") == 12)
        #expect(
            try served.data("{findTag(id:3){updated_at}}", "findTag", "updated_at") as? String
                == "2020-12-31T16:00:00-08:00")
    }

    @Test func `last_played_at is UTC and does not move updated_at`() throws {
        let served = try Served()
        let before = served.server.catalogue.entity(.scene, 2)?.updated
        served.server.catalogue.setClock(1_900_000_000)
        let answer = try served.graphQL("mutation{sceneAddPlay(id:2){count history}}")
        #expect(answer.text == "{\"data\":{\"sceneAddPlay\":{\"count\":1,\"history\":[\"2030-03-17T17:46:40Z\"]}}}")
        #expect(served.server.catalogue.entity(.scene, 2)?.updated == before)
        let found =
            try served.data(
                "{findScenes(scene_filter:{last_played_at:{value:\"2030-01-01T00:00:00\",modifier:GREATER_THAN}}){count}}",
                "findScenes", "count") as? Int
        #expect(found == 1)
    }

    @Test func `a mutation changes only what it names, and null clears`() throws {
        let served = try Served()
        let before = try #require(served.server.catalogue.entity(.scene, 1))
        _ = try served.graphQL("mutation{sceneUpdate(input:{id:1,rating100:101}){id}}")
        #expect(served.server.catalogue.entity(.scene, 1)?.rating == 101)
        _ = try served.graphQL(
            "mutation($i:SceneUpdateInput!){sceneUpdate(input:$i){id}}", ["i": ["id": "1", "rating100": NSNull()]])
        let after = try #require(served.server.catalogue.entity(.scene, 1))
        #expect(after.rating == nil)
        #expect(after.title == before.title && after.tags == before.tags)
        #expect(after.updated.seconds > before.updated.seconds)
    }

    @Test(arguments: [
        (0.0, "0"), (38, "38"), (1.5, "1.5"), (999_999, "999999"), (1_000_000, "1e+06"), (3_596_168, "3.596168e+06"),
        (0.0001, "0.0001"), (0.00001, "1e-05"), (1234.25, "1234.25"), (12_345_678.5, "1.23456785e+07"),
        (29.97, "29.97"),
    ])
    func `floats are printed as Go prints them`(value: Double, text: String) throws {
        let served = try Served()
        served.server.catalogue.edit(.scene, 1) { $0.playDuration = value }
        #expect(try served.graphQL("{findScene(id:1){play_duration}}").text.hasSuffix("\"play_duration\":\(text)}}}"))
    }

    @Test func `ampersands are escaped and text comes back whole`() throws {
        let served = try Served { $0.awkwardNames = true }
        #expect(try served.graphQL("{findScene(id:1){details}}").text.contains("\\u003cb\\u003e"))
        let answer = try served.data(
            "{findScenes(filter:{per_page:-1,sort:\"id\"}){scenes{title}}}", "findScenes", "scenes")
        let titles = (answer as? [[String: Any]])?.compactMap { $0["title"] as? String }
        #expect(titles?.suffix(AwkwardNames.all.count).elementsEqual(AwkwardNames.all) == true)
    }

    @Test func `capabilities differ between generations`() throws {
        let query = "{s:__type(name:\"Scene\"){fields(includeDeprecated:true){name}} g:__type(name:\"Group\"){name}}"
        func names(_ generation: Generation) throws -> (Set<String>, Any?) {
            let served = try Served { $0.generation = generation }
            let fields = try served.data(query, "s", "fields") as? [[String: Any]]
            return (Set(fields?.compactMap { $0["name"] as? String } ?? []), try served.data(query, "g", "name"))
        }
        let old = try names(.v22)
        let new = try names(.v30)
        #expect(old.0.contains("rating") && !old.0.contains("groups") && old.1 == nil)
        #expect(!new.0.contains("rating") && new.0.contains("play_history") && new.1 as? String == "Group")
    }

    @Test func `one null where none may be makes the whole answer null`() throws {
        let served = try Served { $0.generation = .v22 }
        let answer = try served.graphQL("{findImages(filter:{per_page:-1}){images{id file{mod_time}}}}")
        #expect(answer.status == 200)
        #expect(answer.json?["data"] is NSNull)
        #expect(((answer.json?["errors"] as? [[String: Any]])?.first?["message"] as? String) == "must not be null")
    }

    @Test func `a closed database fails every query but the status`() throws {
        let served = try Served { $0.status = "NEEDS_MIGRATION" }
        #expect(try served.data("{systemStatus{status}}", "systemStatus", "status") as? String == "NEEDS_MIGRATION")
        #expect(try served.graphQL("{findTags{count}}").text.contains("Internal system error"))
        #expect(try served.get("/scene/1/stream").status == 500)
    }

    @Test func `JSON is compressed when that is asked for`() throws {
        let served = try Served()
        let body = "{\"query\":\"{findScenes(filter:{per_page:-1}){scenes{id title details files{path}}}}\"}"
        let headers = ["Content-Type": "application/json", "Accept": "application/json"]
        let plain = try served.ask("POST", "/graphql", headers, body: body)
        let packed = try served.ask("POST", "/graphql", headers.merging(["Accept-Encoding": "gzip"]) { $1 }, body: body)
        #expect(packed.headers["content-encoding"] == "gzip")
        #expect(packed.headers["transfer-encoding"] == "chunked")
        // Ten bytes of header, five of a stored block, the text, eight of checksum and length.
        #expect(Bytes(Array(packed.body.dropFirst(15).dropLast(8))) == Bytes(plain.body))
    }

    @Test func `clients that do not ask for plain JSON get another media type from v0.30`() throws {
        let served = try Served()
        let answer = try served.ask(
            "POST", "/graphql", ["Content-Type": "application/json", "Accept": "*/*"], body: "{\"query\":\"{nope}\"}")
        #expect(answer.status == 400)
        #expect(answer.headers["content-type"] == "application/graphql-response+json")
    }
}
