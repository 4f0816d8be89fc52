/// Where the files of a generated catalogue lie, and which ids files and folders have.
struct FolderPlan: Sendable {
    /// How a gallery came to be (Stash 2.3): from an archive, from a folder, or by hand.
    enum Shape: Sendable {
        case archive
        case folder
        case handMade
    }

    static let videos = 1
    static let pictures = 2
    static let moreVideos = 3
    static let loosePictures = 4
    private static let firstShelf = 5
    private static let foldersOfShelf = 4

    private let configuration: FakeStash.Configuration
    private let shelves: Int

    init(_ configuration: FakeStash.Configuration) {
        self.configuration = configuration
        shelves = max(2, min(60, configuration.scenes / 50))
    }

    static func shape(ofGallery id: Int) -> Shape {
        switch id % 3 {
        case 0: .archive
        case 1: .folder
        default: .handMade
        }
    }

    /// Server paths of the library roots (`configuration.general.stashes`).
    var roots: [String] {
        configuration.windowsPaths
            ? ["D:\\Media\\Videos", "D:\\Media\\Pictures", "E:\\More"]
            : ["/data/videos", "/data/pictures", "/mnt/more videos"]
    }

    private var firstGalleryFolder: Int { Self.firstShelf + shelves * Self.foldersOfShelf }

    /// All folders, with ids from 1 on without gaps.
    func folders(created: Stamp) -> [Folder] {
        var list: [Folder] = []
        func add(_ name: String, _ parent: Int?, _ archive: Int? = nil) {
            list.append(
                Folder(
                    id: list.count + 1, parent: parent, name: name, archive: archive, modified: created,
                    created: created,
                    updated: created))
        }
        add(roots[0], nil)
        add(roots[1], nil)
        add(roots[2], nil)
        add("Loose & unsorted", Self.pictures)
        for shelf in 0..<shelves {
            let first = Self.firstShelf + shelf * Self.foldersOfShelf
            add("Shelf \(shelf + 1)", shelf % 3 == 2 ? Self.moreVideos : Self.videos)
            add("Box A", first)
            add("Box B", first)
            add("Deep down", first + 2)
        }
        for gallery in 0..<configuration.galleries { add("folder set \(gallery + 1)", Self.pictures) }
        for gallery in 0..<configuration.galleries {
            add("set \(gallery + 1).zip", Self.pictures, file(.gallery, gallery + 1, 0))
        }
        return list
    }

    /// The folder of a scene's file.
    func video(for id: Int) -> Int {
        guard id % 6 != 0 else { return Self.videos }
        return Self.firstShelf + (id % shelves) * Self.foldersOfShelf + (id / shelves) % Self.foldersOfShelf
    }

    /// The folder that a folder gallery stands for.
    func gallery(_ id: Int) -> Int { firstGalleryFolder + id - 1 }

    /// The gallery that an image was found in, if any.
    func gallery(ofImage id: Int) -> Int? {
        guard configuration.galleries > 0, id % 7 != 0 else { return nil }
        return (id - 1) % configuration.galleries + 1
    }

    func folder(ofImageIn gallery: Int?) -> Int {
        guard let gallery else { return Self.loosePictures }
        switch Self.shape(ofGallery: gallery) {
        case .archive: return firstGalleryFolder + configuration.galleries + gallery - 1
        case .folder: return self.gallery(gallery)
        case .handMade: return Self.loosePictures
        }
    }

    /// The id of a generated file: scenes have room for two each, images and galleries for one.
    func file(_ kind: Kind, _ id: Int, _ slot: Int) -> Int {
        switch kind {
        case .scene: id * 2 - 1 + slot
        case .image: configuration.scenes * 2 + id
        default: configuration.scenes * 2 + configuration.images + id
        }
    }

    /// Whose generated file an id is.
    func owner(ofFile file: Int) -> (kind: Kind, id: Int)? {
        let scenes = configuration.scenes * 2
        if file < 1 { return nil }
        if file <= scenes { return (.scene, (file + 1) / 2) }
        if file <= scenes + configuration.images { return (.image, file - scenes) }
        if file <= scenes + configuration.images + configuration.galleries {
            return (.gallery, file - scenes - configuration.images)
        }
        return nil
    }

    /// The first id that generated files never have.
    var firstFreeFile: Int { configuration.scenes * 2 + configuration.images + configuration.galleries + 1 }
}
