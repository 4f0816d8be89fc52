package import Library
package import Stash

/// From what a server said to what the index stores: the one place where both vocabularies meet. Pure.
///
/// Sets that servers answer in no particular order (relations, stash ids) are sorted, so that equal content makes equal
/// records and an idle pass changes nothing.
package enum Ingest {
    package static func record(_ scene: WireScene, of instance: InstanceNumber) -> MemberRecord {
        var record = start(scene, instance, title: scene.title, json: IngestJSON.text(scene))
        record.date = scene.date
        record.details = scene.details
        record.rating = rating(scene.rating100)
        record.interactive = scene.isInteractive
        record.files = scene.files.map(file)
        record.stashIDs = stashIDs(scene.stashIDs)
        record.captions = scene.captions.map { CaptionRecord(language: $0.language, type: $0.type) }
        record.links = sorted(
            links(.performer, scene.performerIDs) + links(.tag, scene.tagIDs) + links(.studio, scene.studioID)
                + links(.gallery, scene.galleryIDs)
                + scene.groups.map { LinkRecord(kind: .group, id: $0.groupID, position: $0.index) })
        return record
    }

    package static func record(_ image: WireImage, of instance: InstanceNumber) -> MemberRecord {
        // 0.22 answers the file's name for an empty title (Stash 2.2); that is no title.
        let title = image.title == image.files.first?.basename ? nil : image.title
        var record = start(image, instance, title: title, json: IngestJSON.text(image))
        record.date = image.date
        record.details = image.details
        record.rating = rating(image.rating100)
        record.files = image.files.map(file)
        record.links = sorted(
            links(.performer, image.performerIDs) + links(.tag, image.tagIDs) + links(.studio, image.studioID)
                + links(.gallery, image.galleryIDs))
        return record
    }

    package static func record(_ gallery: WireGallery, of instance: InstanceNumber) -> MemberRecord {
        var record = start(gallery, instance, title: gallery.title, json: IngestJSON.text(gallery))
        record.date = gallery.date
        record.details = gallery.details
        record.rating = rating(gallery.rating100)
        record.files = gallery.files.map(file)
        record.links = sorted(
            links(.performer, gallery.performerIDs) + links(.tag, gallery.tagIDs) + links(.studio, gallery.studioID))
        // A gallery of a folder has no file, and mostly no title: people know it by the folder's name.
        if record.title == nil, record.files.isEmpty { record.title = gallery.folderPath.flatMap(lastComponent) }
        return record
    }

    package static func record(_ performer: WirePerformer, of instance: InstanceNumber) -> MemberRecord {
        // Names are unique only together with the disambiguation (Stash 6): two Janes must differ.
        let title = performer.disambiguation.map { "\(performer.name) (\($0))" } ?? performer.name
        var record = start(performer, instance, title: title, json: IngestJSON.text(performer))
        record.date = performer.birthdate
        record.details = performer.details
        record.rating = rating(performer.rating100)
        record.favorite = performer.isFavorite
        record.stashIDs = stashIDs(performer.stashIDs)
        record.links = sorted(links(.tag, performer.tagIDs))
        return record
    }

    package static func record(_ studio: WireStudio, of instance: InstanceNumber) -> MemberRecord {
        var record = start(studio, instance, title: studio.name, json: IngestJSON.text(studio))
        record.details = studio.details
        record.rating = rating(studio.rating100)
        record.favorite = studio.isFavorite
        record.stashIDs = stashIDs(studio.stashIDs)
        record.links = sorted(links(.studio, studio.parentID) + links(.tag, studio.tagIDs))
        return record
    }

    package static func record(_ tag: WireTag, of instance: InstanceNumber) -> MemberRecord {
        var record = start(tag, instance, title: tag.name, json: IngestJSON.text(tag))
        record.details = tag.details
        record.favorite = tag.isFavorite
        record.stashIDs = stashIDs(tag.stashIDs)
        record.links = sorted(links(.tag, tag.parentIDs))
        return record
    }

    /// A group together with the groups that have it among their sub-groups: the wire says that only from above, the
    /// index keeps it from below (see `containingGroups`).
    package static func record(_ group: WireGroup, of instance: InstanceNumber, containing: [Int64]) -> MemberRecord {
        var record = start(group, instance, title: group.name, json: IngestJSON.text(group))
        record.date = group.date
        record.details = group.synopsis
        record.rating = rating(group.rating100)
        record.links = sorted(
            links(.studio, group.studioID) + links(.tag, group.tagIDs) + links(.group, containing))
        return record
    }

    /// For every group that is inside others: those others.
    package static func containingGroups(_ groups: [WireGroup]) -> [Int64: [Int64]] {
        var containing: [Int64: [Int64]] = [:]
        for group in groups {
            for sub in group.subGroups { containing[sub.groupID, default: []].append(group.id) }
        }
        return containing
    }

    private static func start(
        _ row: some WireRow, _ instance: InstanceNumber, title: String?, json: String
    ) -> MemberRecord {
        MemberRecord(
            ref: EntityRef(instance: instance, kind: Kind(type(of: row).kind), id: row.id), title: title,
            updatedAt: row.updatedAt.text, modified: row.updatedAt.unixSeconds, json: json)
    }

    /// No server checks ratings (Stash 5); here they are 0 to 100. What was said stays in the JSON.
    private static func rating(_ value: Int64?) -> Int64? {
        value.map { min(max($0, 0), 100) }
    }

    private static func file(_ file: WireFile) -> FileRecord {
        FileRecord(
            path: file.path, basename: file.basename, size: file.size, modified: file.modTime?.unixSeconds ?? 0,
            duration: file.duration, width: file.width, height: file.height, oshash: file.oshash, md5: file.md5,
            phash: file.phash, isInArchive: file.zipFileID != nil, id: file.id, updatedAt: file.updatedAt)
    }

    private static func stashIDs(_ ids: [WireStashID]) -> [StashIDRecord] {
        ids.sorted { ($0.endpoint, $0.stashID) < ($1.endpoint, $1.stashID) }
            .map { StashIDRecord(endpoint: $0.endpoint, stashID: $0.stashID) }
    }

    private static func links(_ kind: Kind, _ ids: [Int64]) -> [LinkRecord] {
        ids.map { LinkRecord(kind: kind, id: $0) }
    }

    private static func links(_ kind: Kind, _ id: Int64?) -> [LinkRecord] {
        id.map { [LinkRecord(kind: kind, id: $0)] } ?? []
    }

    private static func sorted(_ links: [LinkRecord]) -> [LinkRecord] {
        Set(links).sorted {
            ($0.kind.rawValue, $0.id, $0.position ?? -1) < ($1.kind.rawValue, $1.id, $1.position ?? -1)
        }
    }

    /// The last part of a server's path, whichever separator it has (Stash 2.3). Only for a title.
    private static func lastComponent(_ path: String) -> String? {
        let separator: Character = path.contains("/") ? "/" : "\\"
        return path.split(separator: separator).last.map(String.init)
    }
}

extension Kind {
    /// The same kind in the index's words.
    package init(_ kind: WireKind) {
        self =
            switch kind {
            case .scene: .scene
            case .performer: .performer
            case .studio: .studio
            case .tag: .tag
            case .gallery: .gallery
            case .group: .group
            case .image: .image
            }
    }
}
