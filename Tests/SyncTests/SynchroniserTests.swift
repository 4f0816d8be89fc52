import FakeStash
import Library
import Stash
import Sync
import Testing

@Suite(.serialized, .timeLimit(.minutes(5))) struct SynchroniserTests {
    private static let kinds: [Library.Kind] = [.scene, .performer, .studio, .tag, .gallery, .group, .image]

    private func ids(_ fake: FakeStash, _ kind: Library.Kind) -> Set<Int64> {
        let ids =
            switch kind {
            case .scene: fake.catalogue.ids(.scene)
            case .performer: fake.catalogue.ids(.performer)
            case .studio: fake.catalogue.ids(.studio)
            case .tag: fake.catalogue.ids(.tag)
            case .gallery: fake.catalogue.ids(.gallery)
            case .group: fake.catalogue.ids(.group)
            case .image: fake.catalogue.ids(.image)
            }
        return Set(ids.map(Int64.init))
    }

    private func start(_ generation: Generation = .v30, small: Bool = false, name: String = "fake") throws -> FakeStash
    {
        var configuration = FakeStash.Configuration()
        configuration.generation = generation
        configuration.name = name
        if small {
            configuration.scenes = 7
            configuration.performers = 2
            configuration.studios = 2
            configuration.tags = 4
            configuration.galleries = 3
            configuration.groups = 2
            configuration.images = 5
        }
        return try FakeStash.start(configuration)
    }

    // MARK: - Everything

    @Test(arguments: Generation.allCases)
    func `everything arrives`(generation: Generation) throws {
        let fake = try start(generation)
        defer { fake.stop() }
        let rig = try Rig()
        let report = try rig.sync(fake.url)
        #expect(report.error == nil)
        for kind in Self.kinds {
            #expect(try rig.ids(kind) == ids(fake, kind), "\(kind)")
            #expect(report.kinds[kind]?.rows == ids(fake, kind).count, "\(kind)")
            #expect(report.kinds[kind]?.isComplete == true, "\(kind)")
        }
        #expect(rig.derived == 2, "after the scenes and at the end")
        #expect(report.sidecarsPending == 0)
    }

    @Test(arguments: Generation.allCases)
    func `scenes are linked to what they are linked to at the server`(generation: Generation) throws {
        let fake = try start(generation)
        defer { fake.stop() }
        let rig = try Rig()
        try rig.sync(fake.url)
        var captions = 0
        for id in fake.catalogue.ids(.scene) {
            let scene = try #require(fake.catalogue.entity(.scene, id))
            var links = scene.performers.map { LinkRecord(kind: .performer, id: Int64($0)) }
            links += scene.tags.map { LinkRecord(kind: .tag, id: Int64($0)) }
            links += scene.galleries.map { LinkRecord(kind: .gallery, id: Int64($0)) }
            links += scene.studio.map { [LinkRecord(kind: .studio, id: Int64($0))] } ?? []
            links += scene.groups.map {
                LinkRecord(kind: .group, id: Int64($0.group), position: $0.index.map(Int64.init))
            }
            #expect(try rig.edges(.scene, id) == Set(links), "scene \(id)")
            captions += scene.captions.count
        }
        let dump = try rig.dump(tables: ["caption"])
        #expect(captions > 0)
        #expect(dump.count == captions)
        for id in fake.catalogue.ids(.tag) {
            let parents = try #require(fake.catalogue.entity(.tag, id)).parents
            #expect(try rig.edges(.tag, id) == Set(parents.map { LinkRecord(kind: .tag, id: Int64($0)) }), "tag \(id)")
        }
        for id in fake.catalogue.ids(.group) {
            let group = try #require(fake.catalogue.entity(.group, id))
            let found = try rig.edges(.group, id).filter { $0.kind == .group }
            let parents = generation == .v30 ? group.parents : []
            #expect(found == Set(parents.map { LinkRecord(kind: .group, id: Int64($0)) }), "group \(id)")
        }
    }

    @Test(arguments: Generation.allCases)
    func `the sizes of real pictures, captions and scripts are learnt, and placeholders are not taken for any`(
        generation: Generation
    ) throws {
        let fake = try start(generation)
        defer { fake.stop() }
        let rig = try Rig()
        try rig.sync(fake.url)
        for id in fake.catalogue.ids(.performer) {
            let size = fake.expectedPicture(.performer, id).map { Int64($0.count) }
            #expect(try rig.sidecarSizes(.performer, .picture)[Int64(id)] == size, "performer \(id)")
        }
        for id in fake.catalogue.ids(.studio) {
            let size = fake.expectedPicture(.studio, id).map { Int64($0.count) }
            #expect(try rig.sidecarSizes(.studio, .picture)[Int64(id)] == size, "studio \(id)")
        }
        for id in fake.catalogue.ids(.tag) {
            let size = fake.expectedPicture(.tag, id).map { Int64($0.count) }
            #expect(try rig.sidecarSizes(.tag, .picture)[Int64(id)] == size, "tag \(id)")
        }
        for id in fake.catalogue.ids(.group) {
            let size = fake.expectedPicture(.group, id).map { Int64($0.count) }
            #expect(try rig.sidecarSizes(.group, .picture)[Int64(id)] == size, "group \(id)")
        }
        var scripts = 0
        for id in fake.catalogue.ids(.scene) {
            let scene = try #require(fake.catalogue.entity(.scene, id))
            let caption = scene.captions.first.map { Int64(fake.expectedCaption(id, $0).count) }
            #expect(try rig.sidecarSizes(.scene, .caption)[Int64(id)] == caption, "scene \(id)")
            let script = scene.interactive ? Int64(fake.expectedFunscript(id).count) : nil
            #expect(try rig.sidecarSizes(.scene, .funscript)[Int64(id)] == script, "scene \(id)")
            if script != nil { scripts += 1 }
        }
        #expect(scripts > 0)
        #expect(!(try rig.sidecarSizes(.performer, .picture)).isEmpty)
    }

    @Test(arguments: Generation.allCases)
    func `a second pass changes nothing and derives nothing`(generation: Generation) throws {
        let fake = try start(generation)
        defer { fake.stop() }
        let rig = try Rig()
        try rig.sync(fake.url)
        let before = try rig.dump()
        let derived = rig.derived
        let report = try rig.sync(fake.url)
        #expect(report.error == nil)
        #expect(report.changed == 0)
        #expect(report.sidecars == 0)
        #expect(rig.derived == derived)
        #expect(try rig.dump() == before)
    }

    @Test func `a change at the server arrives, and nothing else`() throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        try rig.sync(fake.url)
        fake.catalogue.edit(.scene, 5) { $0.title = "Another title" }
        let report = try rig.sync(fake.url)
        #expect(report.changed == 1)
        #expect(try rig.ids(.scene, where: "title = 'Another title'") == [5])
    }

    @Test func `a title with a NUL in it is a change once`() throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        try rig.sync(fake.url)
        fake.catalogue.edit(.scene, 5) { $0.title = "Another\0title" }
        #expect(try rig.sync(fake.url).changed == 1)
        #expect(try rig.sync(fake.url).changed == 0)
    }

    @Test func `a caption that the server cannot find and a server without ranges are no obstacle`() throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        fake.faults.add(Fault(path: "/scene/1/caption", action: .body("", contentType: "text/vtt")))
        fake.faults.add(Fault(path: "/performer/", action: .ignoreRange))
        fake.faults.add(Fault(path: "/studio/1/image", action: .status(404, "404 page not found")))
        fake.faults.add(
            Fault(path: "/studio/2/image", action: .body("<svg xmlns='x'/>", contentType: "image/svg+xml")))
        fake.faults.add(Fault(path: "/tag/1/image", action: .status(500, "no")))
        let report = try rig.sync(fake.url)
        #expect(report.error == nil)
        #expect(try rig.sidecarSizes(.scene, .caption)[1] == -1)
        #expect(try rig.sidecarSizes(.studio, .picture)[1] == -1)
        #expect(try rig.sidecarSizes(.studio, .picture)[2] == -1)
        #expect(try rig.sidecarSizes(.tag, .picture)[1] == nil, "it may come back")
        #expect(report.sidecarsPending == 1)
        for (id, size) in try rig.sidecarSizes(.performer, .picture) {
            #expect(fake.expectedPicture(.performer, Int(id)).map { Int64($0.count) } == size)
        }
        fake.faults.removeAll()
        #expect(try rig.sync(fake.url).sidecars == 1)
        #expect(try rig.sidecarSizes(.tag, .picture)[1] != nil)
    }

    // MARK: - Faults

    @Test(arguments: [
        [Fault.Action.graphQLError("database is locked")], [.drop, .close(after: 30), .status(500, "oh"), .loginPage],
    ])
    func `whichever request fails, no row vanishes and the next pass makes it whole`(actions: [Fault.Action]) throws {
        let fake = try start(small: true)
        defer { fake.stop() }
        var options = SyncOptions()
        options.retry = Retry(attempts: 1, firstPause: .milliseconds(1), longestPause: .milliseconds(1))
        let full = try Rig()
        try full.sync(fake.url, options: options)
        let whole = try full.dump()
        let fresh = try Rig()
        var number = 0
        while true {
            try fresh.index.forget(InstanceNumber(1))
            for rig in [full, fresh] {
                let id = fake.faults.add(Fault(skip: number, times: 1, action: actions[number % actions.count]))
                try rig.sync(fake.url, options: options)
                let befallen = fake.faults.count(id)
                fake.faults.removeAll()
                if rig === full {
                    #expect(try rig.dump() == whole, "request \(number) failed")
                    guard befallen > 0 else {
                        #expect(number > 25)
                        return
                    }
                }
            }
            let report = try fresh.sync(fake.url, options: options)
            #expect(report.error == nil, "after request \(number) failed")
            #expect(try fresh.dump() == whole, "after request \(number) failed")
            number += 1
            try #require(number < 500, "the loop has no end")
        }
    }

    @Test func `a row that cannot be read is set aside, what is known of it stays, and the rest goes on`() throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        try rig.sync(fake.url)
        let withFile = fake.catalogue.ids(.scene).filter { fake.catalogue.entity(.scene, $0)?.files.isEmpty == false }
        let (bad, good) = (try #require(withFile.first), try #require(withFile.last))
        fake.catalogue.editSilently(.scene, bad) { $0.files[0].basename = "" }
        fake.catalogue.edit(.scene, good) { $0.title = "Another title" }
        for _ in 0..<3 {
            let report = try rig.sync(fake.url)
            #expect(report.error == nil)
            #expect(report.setAside == 1)
            #expect(try rig.ids(.scene) == ids(fake, .scene))
            let setAside = try rig.index.setAside(of: InstanceNumber(1))
            #expect(setAside.map(\.kind) == [.scene])
            #expect(setAside.map(\.id) == [Int64(bad)])
            #expect(setAside.first?.reason.contains("no name") == true)
        }
        #expect(try rig.ids(.scene, where: "title = 'Another title'") == [Int64(good)])
        fake.catalogue.editSilently(.scene, bad) { $0.files[0].basename = "found.mp4" }
        try rig.sync(fake.url)
        #expect(try rig.index.setAside(of: InstanceNumber(1)).isEmpty)
    }

    @Test func `a page too large for the server is read in smaller ones`() throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        // Page documents end with the relations; those for ids do not name them.
        fake.faults.add(
            Fault(contains: #"scene_index } } }\n}\n","variables":{"filter":{"per_page":8,"#, action: .close(after: 50))
        )
        let report = try rig.sync(fake.url)
        #expect(fake.faults.count(1) > 0)
        #expect(report.error == nil)
        #expect(try rig.ids(.scene) == ids(fake, .scene))
        #expect(report.setAside == 0)
    }

    // MARK: - Deletion

    @Test func `what is deleted at the server goes when two passes agree`() throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        try rig.sync(fake.url)
        fake.catalogue.destroy(.scene, [3, 9])
        let derived = rig.derived
        let first = try rig.sync(fake.url)
        #expect(first.kinds[.scene]?.missing == 2)
        #expect(first.removed == 0)
        #expect(try rig.ids(.scene).isSuperset(of: [3, 9]))
        let second = try rig.sync(fake.url)
        #expect(second.kinds[.scene]?.removed == 2)
        #expect(try rig.ids(.scene) == ids(fake, .scene))
        #expect(rig.derived == derived + 2, "what is missing may have been replaced already")
    }

    @Test func `more than a fifth is suspect until somebody insists`() throws {
        let fake = try start()
        defer { fake.stop() }
        let rig = try Rig()
        try rig.sync(fake.url)
        fake.catalogue.destroy(.image, Array(1...12))
        for _ in 0..<3 { try rig.sync(fake.url) }
        let report = try rig.sync(fake.url)
        #expect(report.suspects == [.image])
        #expect(try rig.ids(.image).count == 30)
        try rig.sync(fake.url, options: Rig.options(force: true))
        #expect(try rig.ids(.image) == ids(fake, .image))
    }

    @Test func `an empty answer is no news, however often it comes`() throws {
        let fake = try start(small: true)
        defer { fake.stop() }
        let rig = try Rig()
        try rig.sync(fake.url)
        let whole = try rig.dump()
        fake.faults.add(
            Fault(
                contains: "findGroups",
                action: .body(#"{"data":{"findGroups":{"count":0,"groups":[]}}}"#, contentType: "application/json")))
        for _ in 0..<3 {
            let report = try rig.sync(fake.url)
            #expect(report.error == nil)
            #expect(report.suspects == [.group])
            #expect(try rig.dump() == whole)
        }
        fake.faults.removeAll()
        #expect(try rig.sync(fake.url).changed == 0)
        #expect(try rig.dump() == whole)
    }

    // MARK: - Two servers

    @Test func `two servers with the same ids leave each other's rows alone`() throws {
        let attic = try start(name: "attic")
        defer { attic.stop() }
        let cellar = try start(.v22, name: "cellar")
        defer { cellar.stop() }
        let rig = try Rig()
        try rig.sync(attic.url, as: 1)
        let before = try rig.dump(1)
        try rig.sync(cellar.url, as: 2)
        #expect(try rig.dump(1) == before)
        #expect(try rig.ids(.scene, 2) == ids(cellar, .scene))
        cellar.catalogue.destroy(.scene, [1, 2])
        try rig.sync(cellar.url, as: 2)
        try rig.sync(cellar.url, as: 2)
        #expect(try rig.dump(1) == before)
        #expect(try rig.ids(.scene, 2) == ids(cellar, .scene))
        try rig.index.forget(InstanceNumber(2))
        #expect(try rig.dump(1) == before)
        #expect(try rig.dump(2).isEmpty)
    }
}
