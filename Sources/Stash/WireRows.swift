/// From a server's row to its struct, one initialiser for each kind.

extension WireScene {
    package init(_ row: inout RowReader) throws(RowFault) {
        id = try row.rowID()
        updatedAt = try row.updatedAt()
        createdAt = row.time("created_at")
        title = row.text("title")
        code = row.text("code")
        details = row.text("details")
        director = row.text("director")
        date = row.text("date")
        rating100 = row.integer("rating100")
        isOrganized = row.flag("organized")
        isInteractive = row.flag("interactive")
        interactiveSpeed = row.integer("interactive_speed")
        oCounter = row.integer("o_counter") ?? 0
        playCount = row.integer("play_count") ?? 0
        lastPlayedAt = row.time("last_played_at")
        resumeTime = row.number("resume_time")
        playDuration = row.number("play_duration")
        urls = row.urls()
        files = try row.files("files", areVideos: true)
        captions = try row.objects("captions").compactMap { caption in
            guard let type = caption["caption_type"]?.string, !type.isEmpty else { return nil }
            return WireCaption(language: caption["language_code"]?.string ?? "00", type: type)
        }
        markers = try row.objects("scene_markers").compactMap { marker in
            guard let id = RowReader.id(marker["id"]), let seconds = marker["seconds"]?.double else { return nil }
            return WireMarker(
                id: id, title: marker["title"]?.string, seconds: seconds,
                primaryTagID: RowReader.id(marker["primary_tag"]?.object?["id"]),
                updatedAt: marker["updated_at"]?.string ?? "")
        }
        stashIDs = try row.stashIDs()
        studioID = row.reference("studio")
        performerIDs = try row.references("performers")
        tagIDs = try row.references("tags")
        galleryIDs = try row.references("galleries")
        groups = []
        for (list, member) in [("groups", "group"), ("movies", "movie")] {
            for entry in try row.objects(list) {
                guard let id = RowReader.id(entry[member]?.object?["id"]) else {
                    throw RowFault(reason: "\(list) holds something without an id")
                }
                groups.append(WireSceneGroup(groupID: id, index: entry["scene_index"]?.int64))
            }
        }
        extra = JSONObject()
    }
}

extension WireImage {
    package init(_ row: inout RowReader) throws(RowFault) {
        id = try row.rowID()
        updatedAt = try row.updatedAt()
        createdAt = row.time("created_at")
        title = row.text("title")
        code = row.text("code")
        details = row.text("details")
        photographer = row.text("photographer")
        date = row.text("date")
        rating100 = row.integer("rating100")
        isOrganized = row.flag("organized")
        oCounter = row.integer("o_counter") ?? 0
        urls = row.urls()
        files = try row.files("visual_files")
        studioID = row.reference("studio")
        performerIDs = try row.references("performers")
        tagIDs = try row.references("tags")
        galleryIDs = try row.references("galleries")
        extra = JSONObject()
    }
}

extension WireGallery {
    package init(_ row: inout RowReader) throws(RowFault) {
        id = try row.rowID()
        updatedAt = try row.updatedAt()
        createdAt = row.time("created_at")
        title = row.text("title")
        code = row.text("code")
        details = row.text("details")
        photographer = row.text("photographer")
        date = row.text("date")
        rating100 = row.integer("rating100")
        isOrganized = row.flag("organized")
        urls = row.urls()
        files = try row.files("files", areVideos: false)
        let folder = try row.objectOrNil("folder")
        folderPath = folder?["path"]?.string
        folderID = RowReader.id(folder?["id"])
        chapters = try row.objects("chapters").compactMap { chapter in
            guard let index = chapter["image_index"]?.int64 else { return nil }
            let title = chapter["title"]?.string
            return WireChapter(title: title?.isEmpty == true ? nil : title, imageIndex: index)
        }
        studioID = row.reference("studio")
        performerIDs = try row.references("performers")
        tagIDs = try row.references("tags")
        sceneIDs = try row.references("scenes")
        extra = JSONObject()
    }
}

extension WirePerformer {
    /// What people read and nothing here computes with, in the order of the document.
    static let extraFields = [
        "ethnicity", "eye_color", "hair_color", "height_cm", "weight", "measurements", "fake_tits", "penis_length",
        "circumcised", "career_length", "tattoos", "piercings", "custom_fields",
    ]

    package init(_ row: inout RowReader) throws(RowFault) {
        id = try row.rowID()
        updatedAt = try row.updatedAt()
        createdAt = row.time("created_at")
        name = try row.requiredText("name")
        disambiguation = row.text("disambiguation")
        aliases = row.texts("alias_list")
        gender = row.text("gender")
        birthdate = row.text("birthdate")
        deathDate = row.text("death_date")
        country = row.text("country")
        details = row.text("details")
        rating100 = row.integer("rating100")
        isFavorite = row.flag("favorite")
        urls = row.urls()
        stashIDs = try row.stashIDs()
        tagIDs = try row.references("tags")
        extra = row.extra(Self.extraFields)
        // Before 0.27 these two were fields of their own, which held a URL or a bare name.
        for field in ["twitter", "instagram"] {
            guard let text = row.text(field) else { continue }
            if text.contains("://") {
                if !urls.contains(text) { urls.append(text) }
            } else {
                extra[field] = .string(text)
            }
        }
    }
}

extension WireStudio {
    package init(_ row: inout RowReader) throws(RowFault) {
        id = try row.rowID()
        updatedAt = try row.updatedAt()
        createdAt = row.time("created_at")
        name = try row.requiredText("name")
        aliases = row.texts("aliases")
        details = row.text("details")
        rating100 = row.integer("rating100")
        isFavorite = row.flag("favorite")
        urls = row.urls()
        stashIDs = try row.stashIDs()
        parentID = row.reference("parent_studio")
        tagIDs = try row.references("tags")
        extra = JSONObject()
    }
}

extension WireTag {
    package init(_ row: inout RowReader) throws(RowFault) {
        id = try row.rowID()
        updatedAt = try row.updatedAt()
        createdAt = row.time("created_at")
        name = try row.requiredText("name")
        sortName = row.text("sort_name")
        aliases = row.texts("aliases")
        details = row.text("description")
        isFavorite = row.flag("favorite")
        stashIDs = try row.stashIDs()
        parentIDs = try row.references("parents")
        extra = JSONObject()
    }
}

extension WireGroup {
    package init(_ row: inout RowReader) throws(RowFault) {
        id = try row.rowID()
        updatedAt = try row.updatedAt()
        createdAt = row.time("created_at")
        name = try row.requiredText("name")
        aliases = row.text("aliases")
        duration = row.integer("duration")
        date = row.text("date")
        rating100 = row.integer("rating100")
        director = row.text("director")
        synopsis = row.text("synopsis")
        urls = row.urls()
        studioID = row.reference("studio")
        tagIDs = try row.references("tags")
        subGroups = []
        for entry in try row.objects("sub_groups") {
            guard let id = RowReader.id(entry["group"]?.object?["id"]) else {
                throw RowFault(reason: "sub_groups holds something without an id")
            }
            let note = entry["description"]?.string
            subGroups.append(WireSubGroup(groupID: id, note: note?.isEmpty == true ? nil : note))
        }
        extra = JSONObject()
    }
}
