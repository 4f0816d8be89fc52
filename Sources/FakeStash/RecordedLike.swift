/// A catalogue like that of the servers whose exchanges were recorded, so that these can be replayed.
enum RecordedLike {
    static func size(_ configuration: inout FakeStash.Configuration) {
        configuration.scenes = 7
        configuration.performers = 4
        configuration.studios = 2
        configuration.tags = 3
        configuration.galleries = 1
        configuration.groups = configuration.generation == .v22 ? 0 : 1
        configuration.images = 5
        configuration.overlap = nil
        configuration.utcOffset = 0
        configuration.awkwardNames = false
    }

    static func fill(_ catalogue: Catalogue) {
        let isNew = catalogue.generator.configuration.generation == .v30
        for id in 1...4 {
            catalogue.editSilently(.performer, id) { row in
                row = blank(row)
                row.title = ["Alex Shared", "Kim", "ac/dc: live?", "Zoë 日本"][id - 1]
                row.disambiguation = id == 2 ? "the other" : ""
                row.stashIDs = id == 1 ? [stashID(1)] : []
            }
        }
        for id in 1...2 {
            catalogue.editSilently(.studio, id) { row in
                row = blank(row)
                row.title = id == 1 ? "Parent Studio" : "Child Studio"
                row.parents = id == 1 ? [] : [1]
                row.stashIDs = id == 2 ? [stashID(51)] : []
            }
        }
        for id in 1...3 {
            catalogue.editSilently(.tag, id) { row in
                row = blank(row)
                row.title = ["outdoor", "4K", "Only B"][id - 1]
                row.parents = id == 3 ? [1] : []
            }
        }
        for id in 1...7 { catalogue.editSilently(.scene, id) { scene(&$0, isNew) } }
        if isNew { catalogue.editSilently(.group, 1) { $0 = blank($0) } }
        catalogue.editSilently(.gallery, 1) { row in
            var file = catalogue.newFile(.archive, basename: "set 4.zip", size: 2674, folder: FolderPlan.pictures)
            file.format = "zip"
            row = blank(row)
            row.title = isNew ? "Set of B" : ""
            row.performers = isNew ? [1] : []
            row.tags = isNew ? [2] : []
            row.files = [file]
        }
        for id in 1...5 { catalogue.editSilently(.image, id) { image(&$0) } }
    }

    /// A row without the traps of the generator.
    private static func blank(_ row: Entity) -> Entity {
        var bare = Entity(kind: row.kind, id: row.id, created: row.created)
        bare.title = row.title
        bare.files = row.files
        return bare
    }

    private static func stashID(_ number: Int) -> StashID {
        StashID(endpoint: "https://stashdb.example/graphql", id: "00000000-0000-4000-8000-" + pad(number, 12))
    }

    private static func scene(_ row: inout Entity, _ isNew: Bool) {
        let files = row.files
        row = blank(row)
        row.title = row.id == 4 ? "" : row.id == 1 ? "Shared / Scene" : "Title \(row.id - 1) of B"
        row.date = "2024-0\(row.id)-15"
        row.hasPicture = true
        row.rating = row.id == 3 ? 35 : 52
        row.studio = row.id % 2 == 0 ? 2 : 1
        row.performers = row.id == 4 ? [4] : row.id % 2 == 1 && row.id != 1 ? [3] : [1]
        row.tags = row.id % 2 == 0 ? [1] : [2, 1]
        row.stashIDs = row.id == 1 ? [stashID(100)] : []
        row.files = files
        if !row.files.isEmpty {
            row.files = [row.files[0]]
            row.files[0].clip = ""
            row.files[0].transcode = nil
            row.files[0].size = 500_000 + Int64(row.id) * 7_919
            row.files[0].basename = row.id == 7 ? "webm clip é ü.webm" : "Scene 4-\(row.id).mp4"
            row.files[0].folder = FolderPlan.videos
        }
        if row.id == 1 { row.captions = [Caption(language: "en", type: "srt")] }
        guard isNew else { return }
        if row.id <= 3 { row.groups = [GroupPlace(group: 1, index: row.id)] }
        if row.id == 1 {
            row.galleries = [1]
            row.markers = [Marker(id: 1, title: "The part", seconds: 1.5, endSeconds: nil, primaryTag: 1, tags: [])]
        }
    }

    private static func image(_ row: inout Entity) {
        var file = row.files[0]
        row = blank(row)
        row.title = ""
        row.galleries = [1]
        file.form = .image
        file.basename = "in zip pic 4 \(row.id).jpg"
        file.archive = 1
        file.format = "jpeg"
        var loose = file
        loose.id = file.id + 1000
        loose.basename = "pic 4 \(row.id).jpg"
        loose.archive = nil
        loose.folder = FolderPlan.loosePictures
        row.files = [file, loose]
    }
}
