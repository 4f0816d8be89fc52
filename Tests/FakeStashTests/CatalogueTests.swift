import FakeStash
import Testing

@Suite struct CatalogueTests {
    @Test func `equal configurations make equal catalogues`() throws {
        let first = try Served()
        let second = try Served()
        let query = "{findScenes(filter:{per_page:-1,sort:\"id\"}){scenes{id title files{path size} tags{id name}}}}"
        #expect(try Bytes(first.graphQL(query).body) == Bytes(second.graphQL(query).body))
        #expect(
            Bytes(first.server.expectedBytes(.scene, 1, offset: 0, count: 99))
                == Bytes(second.server.expectedBytes(.scene, 1, offset: 0, count: 99)))
    }

    @Test func `ids collide between servers and name different things`() throws {
        let first = try Served { $0.name = "attic" }
        let second = try Served { $0.name = "cellar" }
        for kind in Kind.allCases {
            #expect(first.server.catalogue.ids(kind).first == 1)
            #expect(second.server.catalogue.ids(kind).first == 1)
        }
        for id in 1...8 {
            let bytes = first.server.expectedBytes(.scene, id, offset: 0, count: 64)
            #expect(bytes.isEmpty || bytes != second.server.expectedBytes(.scene, id, offset: 0, count: 64))
        }
    }

    @Test(arguments: [Kind.scene, .performer, .studio, .tag])
    func `servers of one overlap share rows by stash id`(kind: Kind) throws {
        let first = try Served { $0.name = "attic" }.server.catalogue
        let second = try Served { $0.name = "cellar" }.server.catalogue
        var pairs = 0
        for id in first.ids(kind) {
            guard let number = first.sharedNumber(kind, id), let other = second.id(kind, shared: number),
                let mine = first.entity(kind, id), let theirs = second.entity(kind, other)
            else { continue }
            #expect(second.sharedNumber(kind, other) == number)
            #expect(Set(mine.stashIDs.map(\.id)) == Set(theirs.stashIDs.map(\.id)))
            #expect(kind == .scene || !mine.stashIDs.isEmpty)
            pairs += 1
        }
        #expect(pairs >= 2)
        let apart = try Served { $0.overlap = nil }.server.catalogue
        #expect(apart.ids(kind).allSatisfy { apart.sharedNumber(kind, $0) == nil })
    }

    @Test func `half of the shared scenes are the same file on both servers`() throws {
        let first = try Served { $0.name = "attic" }
        let second = try Served { $0.name = "cellar" }
        var same = 0
        for id in first.server.catalogue.ids(.scene) {
            guard let number = first.server.catalogue.sharedNumber(.scene, id), number % 2 == 0,
                let other = second.server.catalogue.id(.scene, shared: number),
                let mine = first.server.catalogue.entity(.scene, id)?.files.first,
                let theirs = second.server.catalogue.entity(.scene, other)?.files.first
            else { continue }
            #expect(mine.oshash == theirs.oshash && mine.size == theirs.size)
            if mine.transcode == nil, theirs.transcode == nil {
                let bytes = first.server.expectedBytes(.scene, id, offset: 1000, count: 5000)
                #expect(Bytes(bytes) == Bytes(second.server.expectedBytes(.scene, other, offset: 1000, count: 5000)))
            }
            same += 1
        }
        #expect(same >= 2)
    }

    @Test func `a small catalogue has every kind of trap`() throws {
        let catalogue = try Served().server.catalogue
        let scenes = catalogue.ids(.scene).compactMap { catalogue.entity(.scene, $0) }
        #expect(scenes.contains { $0.files.isEmpty })
        #expect(scenes.contains { $0.files.count > 1 && $0.files[0].id > $0.files[1].id })
        #expect(scenes.contains { $0.files.first?.transcode != nil })
        #expect(scenes.contains { $0.title.isEmpty })
        #expect(scenes.contains { $0.interactive } && scenes.contains { !$0.markers.isEmpty })
        #expect(scenes.contains { $0.captions.contains { $0.language == "00" } })
        #expect(scenes.contains { $0.performers.count > 1 } && scenes.contains { $0.studio == nil })
        #expect(scenes.contains { $0.groups.contains { $0.index == nil } })
        let images = catalogue.ids(.image).compactMap { catalogue.entity(.image, $0) }
        #expect(images.contains { $0.files[0].archive != nil } && images.contains { $0.files[0].form == .video })
        #expect(images.contains { $0.galleries.isEmpty })
        let galleries = catalogue.ids(.gallery).compactMap { catalogue.entity(.gallery, $0) }
        #expect(galleries.contains { !$0.files.isEmpty } && galleries.contains { $0.folder != nil })
        #expect(galleries.contains { $0.files.isEmpty && $0.folder == nil })
        let tags = catalogue.ids(.tag).compactMap { catalogue.entity(.tag, $0) }
        #expect(tags.contains { $0.parents.count > 1 })
    }

    @Test func `merging tags moves joins and bumps nothing`() throws {
        let catalogue = try Served { $0.scenes = 60 }.server.catalogue
        let id = try #require(catalogue.ids(.scene).first { catalogue.entity(.scene, $0)?.tags.contains(4) == true })
        let before = try #require(catalogue.entity(.scene, id))
        let destination = try #require(catalogue.entity(.tag, 5))
        catalogue.merge(.tag, [4], into: 5)
        let after = try #require(catalogue.entity(.scene, id))
        #expect(after.tags.contains(5) && !after.tags.contains(4))
        #expect(after.updated == before.updated)
        #expect(catalogue.entity(.tag, 5)?.updated == destination.updated)
        #expect(catalogue.entity(.tag, 4) == nil)
    }

    @Test func `deleting a performer leaves scenes as they were, but for the join`() throws {
        let catalogue = try Served().server.catalogue
        let id = try #require(catalogue.ids(.scene).first { catalogue.entity(.scene, $0)?.performers.isEmpty == false })
        let before = try #require(catalogue.entity(.scene, id))
        catalogue.destroy(.performer, [before.performers[0]])
        let after = try #require(catalogue.entity(.scene, id))
        #expect(after.performers == Array(before.performers.dropFirst()))
        #expect(after.updated == before.updated)
    }

    @Test func `moving a file or renaming a folder changes paths and only the file's time`() throws {
        let served = try Served()
        let catalogue = served.server.catalogue
        let before = try #require(catalogue.entity(.scene, 1))
        catalogue.moveFile(.scene, 1, basename: "moved.mp4", folder: 1)
        let moved = try #require(catalogue.entity(.scene, 1))
        #expect(moved.updated == before.updated)
        #expect(moved.files[0].updated.seconds > before.files[0].updated.seconds)
        #expect(catalogue.path(of: moved.files[0]) == "/data/videos/moved.mp4")
        catalogue.renameFolder(1, to: "/data/films")
        #expect(catalogue.path(of: moved.files[0]) == "/data/films/moved.mp4")
        #expect(catalogue.entity(.scene, 1)?.files[0].updated == moved.files[0].updated)
        let found = try served.data(
            "query($v:TimestampCriterionInput!){findFiles(file_filter:{updated_at:$v}){count files{id path}}}",
            "findFiles", "files", "0", "path",
            variables: ["v": ["value": "2026-01-01T00:00:00", "modifier": "GREATER_THAN"]])
        #expect(found as? String == "/data/films/moved.mp4")
    }

    @Test func `new rows and files are served at once`() throws {
        let served = try Served()
        let catalogue = served.server.catalogue
        let file = catalogue.newFile(.video, basename: "new.mp4", size: 5000)
        let id = catalogue.create(.scene) { row in
            row.title = "New"
            row.files = [file]
        }
        #expect(try served.data("{findScene(id:\(id)){title}}", "findScene", "title") as? String == "New")
        #expect(
            try Bytes(served.get("/scene/\(id)/stream").body)
                == Bytes(served.server.expectedBytes(.scene, id, offset: 0, count: 5000)))
    }

    @Test func `paths can be those of Windows`() throws {
        let catalogue = try Served { $0.windowsPaths = true }.server.catalogue
        let file = try #require(catalogue.entity(.scene, 1)?.files.first)
        #expect(catalogue.path(of: file).contains(":\\"))
    }
}
