/// Makes every row of a catalogue from its id alone, so that a hundred thousand scenes cost nothing until they are asked for.
///
/// The traps of real libraries are spread by id: remainders are chosen so that small catalogues have each of them.
struct Generator: Sendable {
    let configuration: FakeStash.Configuration
    /// What makes this server different from others.
    let key: UInt64
    let folders: FolderPlan
    private let clips: [String: Clips.Clip]

    init(_ configuration: FakeStash.Configuration, clips: [String: Clips.Clip]) {
        self.configuration = configuration
        self.clips = configuration.clips ? clips : [:]
        key = mix(stableHash(configuration.name), configuration.seed)
        folders = FolderPlan(configuration)
    }

    func count(of kind: Kind) -> Int {
        switch kind {
        case .scene: configuration.scenes
        case .performer: configuration.performers
        case .studio: configuration.studios
        case .tag: configuration.tags
        case .gallery: configuration.galleries
        case .group: configuration.groups
        case .image: configuration.images
        }
    }

    /// The number that an entity has in what servers of the same `overlap` share, if it is part of that.
    ///
    /// Every third row is; each server rotates the numbers by its own key, so that the ids differ.
    func sharedNumber(_ kind: Kind, _ id: Int) -> Int? {
        guard configuration.overlap != nil, id % 3 == 0, id <= count(of: kind) else { return nil }
        switch kind {
        case .scene, .performer, .studio, .tag:
            let slots = count(of: kind) / 3
            return (id / 3 - 1 + Int(key % UInt64(slots))) % slots
        case .gallery, .group, .image: return nil
        }
    }

    /// The id here of what is shared under a number.
    func id(_ kind: Kind, shared number: Int) -> Int? {
        let slots = count(of: kind) / 3
        guard configuration.overlap != nil, slots > 0, number >= 0, number < slots else { return nil }
        let place = (number - Int(key % UInt64(slots)) + slots) % slots
        return (place + 1) * 3
    }

    /// A number that servers of the same overlap compute equally for one shared thing.
    private func sharedKey(_ kind: Kind, _ number: Int) -> UInt64 {
        mix(mix(configuration.overlap ?? 0, stableHash(kind.rawValue)), UInt64(number))
    }

    private func own(_ kind: Kind, _ id: Int) -> UInt64 {
        mix(mix(key, stableHash(kind.rawValue)), UInt64(id))
    }

    // MARK: Times

    private static let epoch = Int64(Calendar.day(2024, 1, 1)) * 86400

    /// When this server's first row was made, within the first 30 days: no two servers agree on their rows' creation.
    private var start: Int64 { Self.epoch + Int64(mix(key, 0xc7ea) % (30 * 86400)) }

    func created(_ kind: Kind, _ id: Int) -> Stamp {
        Stamp(seconds: start + Int64(id) * 37, offset: configuration.utcOffset)
    }

    /// Half of all rows were edited later; a tenth of those in the very same second.
    func updated(_ kind: Kind, _ id: Int) -> Stamp {
        let dice = own(kind, id) >> 8
        guard dice & 1 == 1 else { return created(kind, id) }
        let span: UInt64 = 300 * 86400
        let later = dice % 10 == 1 ? Int64(span) : Int64((dice >> 4) % span)
        return Stamp(
            seconds: start + Int64(id) * (dice % 10 == 1 ? 0 : 37) + later + 8_000_000,
            offset: configuration.utcOffset)
    }

    // MARK: Rows

    func entity(_ kind: Kind, _ id: Int) -> Entity {
        var row = Entity(kind: kind, id: id, created: created(kind, id))
        row.updated = updated(kind, id)
        let dice = own(kind, id)
        let shared = sharedNumber(kind, id)
        row.stashIDs = stashIDs(kind, shared: shared, dice: dice)
        row.favorite = id % 5 == 1
        row.rating = dice % 5 < 2 ? nil : Int(dice % 100) + 1
        row.hasPicture = id % 4 != 0
        switch kind {
        case .scene: fillScene(&row, shared, dice)
        case .performer: fillPerformer(&row, shared, dice)
        case .studio: fillStudio(&row, shared, dice)
        case .tag: fillTag(&row, shared, dice)
        case .gallery: fillGallery(&row, dice)
        case .group: fillGroup(&row, dice)
        case .image: fillImage(&row, dice)
        }
        return row
    }

    /// The same id is spelled with and without a trailing slash and in other cases on different servers (Stash 6).
    private func stashIDs(_ kind: Kind, shared: Int?, dice: UInt64) -> [StashID] {
        guard let shared else {
            guard dice % 4 == 0, kind == .scene || kind == .performer || kind == .studio else { return [] }
            return [StashID(endpoint: "https://fansdb.example/graphql", id: Self.uuid(mix(dice, 3)))]
        }
        // Some scenes are shared as files only: their equality has to be found by hash.
        if kind == .scene, shared % 8 == 6 { return [] }
        let endpoints = [
            "https://stashdb.example/graphql", "https://stashdb.example/graphql/", "https://StashDB.example/graphql",
        ]
        let identity = sharedKey(kind, shared)
        var ids = [StashID(endpoint: endpoints[Int(mix(key, identity) % 3)], id: Self.uuid(identity))]
        if shared % 4 == 0 {
            ids.append(StashID(endpoint: "https://pmvstash.example/graphql", id: Self.uuid(mix(identity, 2))))
        }
        return ids
    }

    private static func uuid(_ value: UInt64) -> String {
        let high = hexadecimal(value, width: 16)
        let low = hexadecimal(mix(value, 77), width: 16)
        return "\(high.prefix(8))-\(high.dropFirst(8).prefix(4))-4\(high.suffix(3))-a\(low.prefix(3))-\(low.suffix(12))"
    }

    private func fillScene(_ row: inout Entity, _ shared: Int?, _ dice: UInt64) {
        let id = row.id
        if let shared {
            row.title = Words.pair(Int(sharedKey(.scene, shared) % 100_000), Words.adjectives, Words.sharedLast)
            if dice % 4 == 1 { row.title = row.title.uppercased() }
        } else if id % 9 != 2 {
            row.title = Words.pair(Int(dice % 552), Words.adjectives, Words.nouns) + " \(id)"
        }
        row.details = id % 4 == 1 ? "Filmed by \(configuration.name). <b>\(row.title)</b> & more" : ""
        row.code = id % 6 == 1 ? "S-\(id)" : ""
        row.director = id % 7 == 1 ? "Director \(id % 3)" : ""
        row.date = date(dice)
        row.urls = id % 4 == 2 ? ["https://site.example/scene/\(id)"] : []
        row.organized = id % 2 == 0
        row.favorite = false
        row.studio = dice % 6 == 0 ? nil : pick(.studio, mix(dice, 11))
        row.performers = picks(.performer, mix(dice, 12), upTo: 4)
        row.tags = picks(.tag, mix(dice, 13), upTo: 6)
        if id % 4 == 0, let group = pick(.group, UInt64(id / 4)) {
            row.groups = [GroupPlace(group: group, index: id % 12 == 0 ? nil : id / 4)]
        }
        if id % 10 == 5, let gallery = pick(.gallery, UInt64(id)) { row.galleries = [gallery] }
        if id % 6 == 1 { row.captions.append(Caption(language: id % 18 == 7 ? "00" : "en", type: "srt")) }
        if id % 12 == 1 { row.captions.append(Caption(language: "de", type: "vtt")) }
        row.interactive = id % 10 == 3
        if id % 3 == 1 {
            let first = row.created.seconds + 90_000
            for play in 0...Int64(dice % 3) { row.playHistory.append(first + play * 7_777) }
            row.playDuration = Double(dice % 900) + 0.5
        }
        if id % 5 == 1 { row.oHistory = [row.created.seconds + 100_000] }
        row.resumeTime = id % 7 == 1 ? 2.25 : 0
        if id % 8 == 1, let tag = pick(.tag, dice) {
            for number in 0...Int(dice % 3) {
                row.markers.append(
                    Marker(
                        id: id * 4 + number, title: number == 1 ? "" : "Part \(number + 1)",
                        seconds: 1.5 + Double(number),
                        endSeconds: number == 0 ? nil : 2 + Double(number), primaryTag: tag,
                        tags: picks(.tag, mix(dice, UInt64(number)), upTo: 2)))
            }
        }
        fillSceneFiles(&row, shared, dice)
    }

    private func fillSceneFiles(_ row: inout Entity, _ shared: Int?, _ dice: UInt64) {
        let id = row.id
        guard id % 17 != 5 else { return }
        // Half of what is shared is the same file, byte for byte; the rest is another encoding of the same scene.
        let common = shared.flatMap { $0 % 2 == 0 ? mix(sharedKey(.scene, $0), 0xf11e) : nil }
        let identity = common ?? mix(dice, 0xf11e)
        let stem = row.title.isEmpty ? "untitled \(id)" : row.title
        var primary = video(
            id: folders.file(.scene, id, 0), stem: stem, identity: identity, folder: folders.video(for: id),
            stamp: row.created)
        if configuration.transcodes, id % 19 == 7 {
            let other = mix(identity, 0x7472)
            primary.transcode = MediaFile.Transcode(
                size: clips[Clips.transcode]?.size(other) ?? primary.size / 2 + 1001, identity: other)
        }
        row.files = [primary]
        if id % 11 == 4 {
            // The primary file is listed first although the other one has the lower id.
            primary.id = folders.file(.scene, id, 1)
            let second = video(
                id: folders.file(.scene, id, 0), stem: stem + " (other cut)", identity: mix(identity, 0x5ec0),
                folder: folders.video(for: id + 1), stamp: row.created)
            row.files = [primary, second]
        }
        if row.interactive, row.files.isEmpty { row.interactive = false }
    }

    private func video(id: Int, stem: String, identity: UInt64, folder: Int, stamp: Stamp) -> MediaFile {
        let names = ["pattern.mp4", "zoom.mp4", "cells.mp4", "bars.webm", "colours.mkv", "zoom.mp4", "cells.mp4"]
        let clip = names[Int(identity % UInt64(names.count))]
        let suffix = clip.hasSuffix("webm") ? "webm" : clip.hasSuffix("mkv") ? "mkv" : "mp4"
        var file = MediaFile(
            id: id, form: .video, basename: stem + "." + suffix, folder: folder, archive: nil,
            size: size(identity, configuration.mediaSize, clip), modified: stamp, created: stamp, updated: stamp,
            identity: identity)
        file.modified.seconds -= 86400
        file.clip = clip
        file.width = [320, 1280, 1920, 3840][Int(identity >> 3) & 3]
        file.height = file.width * 9 / 16
        file.duration = clips[clip]?.duration ?? Double(identity % 3000) + 0.04
        file.format = suffix == "mkv" ? "matroska" : suffix
        file.videoCodec = suffix == "webm" ? "vp9" : "h264"
        file.audioCodec = suffix == "webm" ? "opus" : "aac"
        file.frameRate = identity & 1 == 0 ? 25 : 29.97
        file.bitRate = Int(Double(file.size) * 8 / max(file.duration, 1))
        return file
    }

    private func size(_ identity: UInt64, _ range: ClosedRange<Int64>, _ clip: String) -> Int64 {
        if let known = clips[clip] { return known.size(identity) }
        return range.lowerBound + Int64(mix(identity, 0x512e) % UInt64(range.upperBound - range.lowerBound + 1))
    }

    private func fillPerformer(_ row: inout Entity, _ shared: Int?, _ dice: UInt64) {
        if let shared {
            row.title = Words.pair(shared, Words.first, Words.sharedLast)
            if mix(key, UInt64(shared)) % 5 == 1 { row.title = row.title.lowercased() }
            row.aliases = [
                "The \(Words.sharedLast[shared % Words.sharedLast.count])", "alias of \(configuration.name)",
            ]
            row.birthdate = "19\(pad(70 + shared % 30))-0\(shared % 9 + 1)-11"
        } else {
            row.title = Words.pair(row.id + Int(key % 960), Words.first, Words.localLast)
            row.disambiguation = row.id % 7 == 1 ? configuration.name : ""
            row.aliases = row.id % 3 == 1 ? ["Alias \(row.id)"] : []
            row.birthdate = row.id % 4 == 1 ? nil : date(dice)
        }
        row.details = row.id % 2 == 0 ? "bio on \(configuration.name)" : ""
        row.gender = [nil, "FEMALE", "MALE", "NON_BINARY"][Int(dice % 4)]
        row.country = row.id % 3 == 0 ? "DK" : ""
        row.heightCentimetres = row.id % 2 == 0 ? 150 + Int(dice % 50) : nil
        row.urls = row.id % 3 == 1 ? ["https://people.example/\(row.id)"] : []
        row.tags = picks(.tag, mix(dice, 21), upTo: 2)
    }

    private func fillStudio(_ row: inout Entity, _ shared: Int?, _ dice: UInt64) {
        if let shared {
            row.title = Words.pair(shared, Words.adjectives, Words.sharedLast) + " Studio"
        } else {
            row.title = Words.pair(row.id + Int(key % 500), Words.adjectives, Words.nouns) + " Films"
        }
        row.details = row.id % 2 == 0 ? "of \(configuration.name)" : ""
        row.aliases = row.id % 4 == 1 ? ["studio alias \(row.id)"] : []
        row.urls = row.id % 3 == 0 ? ["https://studio.example/\(row.id)"] : []
        row.tags = picks(.tag, mix(dice, 22), upTo: 1)
        if row.id % 2 == 0, row.id > 2 { row.parents = [max(1, row.id / 3)] }
    }

    private func fillTag(_ row: inout Entity, _ shared: Int?, _ dice: UInt64) {
        if let shared {
            row.title = shared < Words.tags.count ? Words.tags[shared] : "shared \(shared)"
            if mix(key, UInt64(shared)) % 3 == 1 { row.title = row.title.uppercased() }
        } else {
            row.title = "\(Words.nouns[row.id % Words.nouns.count].lowercased()) \(configuration.name) \(row.id)"
        }
        row.details = row.id % 2 == 0 ? "tag of \(configuration.name)" : ""
        row.aliases = row.id % 6 == 1 ? ["tag alias \(row.id)"] : []
        row.rating = nil
        if row.id > 2, row.id % 3 != 0 { row.parents = [row.id / 2] }
        if row.id > 9, row.id % 5 == 0 { row.parents.append(row.id / 5) }
    }

    private func fillGroup(_ row: inout Entity, _ dice: UInt64) {
        row.title = Words.pair(Int(dice % 552), Words.adjectives, Words.nouns) + " Series \(row.id)"
        row.aliases = row.id % 2 == 0 ? ["group alias"] : []
        row.details = "synopsis of \(configuration.name)"
        row.director = row.id % 3 == 1 ? "Director \(row.id)" : ""
        row.date = date(dice)
        row.favorite = false
        row.duration = row.id % 2 == 1 ? 3600 : nil
        row.studio = pick(.studio, dice)
        row.urls = row.id % 2 == 0 ? ["https://group.example/\(row.id)"] : []
        row.tags = picks(.tag, mix(dice, 23), upTo: 2)
        if row.id % 4 == 2 { row.parents = [row.id - 1] }
    }

    private func fillGallery(_ row: inout Entity, _ dice: UInt64) {
        let id = row.id
        row.favorite = false
        row.stashIDs = []
        row.title = id % 4 == 3 ? "" : Words.pair(Int(dice % 552), Words.adjectives, Words.nouns) + " Set \(id)"
        row.date = date(dice)
        row.director = id % 3 == 1 ? "Photographer \(id)" : ""
        row.studio = dice % 2 == 0 ? pick(.studio, mix(dice, 31)) : nil
        row.performers = picks(.performer, mix(dice, 32), upTo: 2)
        row.tags = picks(.tag, mix(dice, 33), upTo: 3)
        switch FolderPlan.shape(ofGallery: id) {
        case .archive:
            let identity = mix(dice, 0x21b)
            var file = MediaFile(
                id: folders.file(.gallery, id, 0), form: .archive, basename: "set \(id).zip",
                folder: FolderPlan.pictures,
                archive: nil, size: 50_000 + Int64(identity % 900_000), modified: row.created, created: row.created,
                updated: row.created, identity: identity)
            file.format = "zip"
            row.files = [file]
        case .folder: row.folder = folders.gallery(id)
        case .handMade: break
        }
    }

    private func fillImage(_ row: inout Entity, _ dice: UInt64) {
        let id = row.id
        row.favorite = false
        row.stashIDs = []
        row.title = id % 3 == 0 ? "" : "Picture \(id) of \(configuration.name)"
        row.date = id % 4 == 0 ? date(dice) : nil
        row.director = id % 5 == 1 ? "Photographer \(id)" : ""
        row.studio = dice % 4 == 0 ? pick(.studio, mix(dice, 41)) : nil
        row.performers = picks(.performer, mix(dice, 42), upTo: 2)
        row.tags = picks(.tag, mix(dice, 43), upTo: 3)
        row.oCount = id % 6 == 1 ? 2 : 0
        let home = folders.gallery(ofImage: id)
        row.galleries = home.map { [$0] } ?? []
        if id % 11 == 0, configuration.galleries > 1, home != 2 { row.galleries.append(2) }
        let common = configuration.overlap.map { mix(mix($0, 0x1111), UInt64(id / 5)) }
        let identity = id % 5 == 0 ? common ?? dice : mix(dice, 0x1a6e)
        row.files = [image(id, identity: identity, home: home, stamp: row.created)]
    }

    private func image(_ id: Int, identity: UInt64, home: Int?, stamp: Stamp) -> MediaFile {
        let shape = home.map { FolderPlan.shape(ofGallery: $0) }
        let isClip = id % 13 == 0 && shape != .archive
        let names = ["fractal.jpg", "pattern.png", "gradient.webp", "blink.gif", "portrait.jpg", "fractal.jpg"]
        let clip = isClip ? "bars.webm" : names[Int(identity % UInt64(names.count))]
        let suffix = String(clip.split(separator: ".").last ?? "jpg")
        var file = MediaFile(
            id: folders.file(.image, id, 0), form: isClip ? .video : .image,
            basename: "\(pad(id, 4)) \(Words.nouns[id % Words.nouns.count]).\(suffix)",
            folder: folders.folder(ofImageIn: home), archive: nil, size: size(identity, configuration.imageSize, clip),
            modified: stamp, created: stamp, updated: stamp, identity: identity)
        file.modified.seconds -= 3600
        file.clip = clip
        file.width = isClip ? 320 : 640
        file.height = isClip ? 180 : 480
        if shape == .archive, let home { file.archive = folders.file(.gallery, home, 0) }
        file.format = suffix == "jpg" ? "jpeg" : suffix
        if isClip {
            file.duration = clips[clip]?.duration ?? 10
            file.videoCodec = "vp9"
            file.frameRate = 12
            file.bitRate = Int(file.size)
        }
        return file
    }

    // MARK: Choices

    /// A date; from v0.30 on some have no day or no month (Stash 2.2).
    private func date(_ dice: UInt64) -> String? {
        guard dice % 5 != 0 else { return nil }
        let year = 1995 + Int(dice >> 8) % 30
        let month = 1 + Int(dice >> 16) % 12
        if configuration.generation == .v30, dice % 10 == 1 { return "\(year)" }
        if configuration.generation == .v30, dice % 10 == 2 { return "\(year)-\(pad(month))" }
        return "\(year)-\(pad(month))-\(pad(1 + Int(dice >> 24) % 28))"
    }

    private func pick(_ kind: Kind, _ dice: UInt64) -> Int? {
        let count = count(of: kind)
        return count == 0 ? nil : 1 + Int(dice % UInt64(count))
    }

    private func picks(_ kind: Kind, _ dice: UInt64, upTo limit: Int) -> [Int] {
        let count = count(of: kind)
        let wanted = min(Int(dice % UInt64(limit + 1)), count)
        guard wanted > 0 else { return [] }
        let start = Int((dice >> 8) % UInt64(count))
        let step = 1 + Int((dice >> 40) % UInt64(max(1, count / limit)))
        var chosen: [Int] = []
        for number in 0..<wanted {
            let id = 1 + (start + number * step) % count
            if !chosen.contains(id) { chosen.append(id) }
        }
        return chosen
    }
}
