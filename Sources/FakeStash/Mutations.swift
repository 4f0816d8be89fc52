import Foundation
import Synchronization

/// The fields of `Mutation`: those that a client may send, and what they change.
enum Mutations {
    static let table: Resolvers.Table = {
        var table: Resolvers.Table = [:]
        let updates: [(Kind, String)] = [
            (.scene, "sceneUpdate"), (.image, "imageUpdate"), (.gallery, "galleryUpdate"),
            (.performer, "performerUpdate"), (.studio, "studioUpdate"), (.group, "groupUpdate"),
            (.group, "movieUpdate"),
            (.tag, "tagUpdate"),
        ]
        for (kind, name) in updates { table[name] = { call in try update(kind, call) } }
        let destroys: [(Kind, String)] = [
            (.scene, "sceneDestroy"), (.image, "imageDestroy"), (.gallery, "galleryDestroy"),
            (.performer, "performerDestroy"), (.studio, "studioDestroy"), (.tag, "tagDestroy"),
            (.group, "groupDestroy"),
            (.group, "movieDestroy"),
        ]
        for (kind, name) in destroys { table[name] = { call in try destroy(kind, call) } }
        addPlays(&table)
        addSceneCounts(&table)
        for (name, change) in [("imageIncrementO", 1), ("imageDecrementO", -1), ("imageResetO", 0)] {
            table[name] = { call in
                let id = try Queries.id(call.arguments["id"])
                try touch(.image, id, call) { $0.oCount = change == 0 ? 0 : max(0, $0.oCount + change) }
                return .int(Int64(call.execution.catalogue.entity(.image, id)?.oCount ?? 0))
            }
        }
        table["tagsMerge"] = { call in
            let input = call.arguments["input"] ?? .null
            let destination = try Queries.id(input["destination"])
            call.execution.catalogue.merge(.tag, input["source"]?.items?.compactMap(\.integer) ?? [], into: destination)
            return Resolvers.related(.tag, destination, call)
        }
        return table
    }()

    /// Changes a row without a bump, or says that it does not exist.
    private static func touch(_ kind: Kind, _ id: Int, _ call: Call, _ change: (inout Entity) -> Void) throws {
        guard call.execution.catalogue.editSilently(kind, id, change) else {
            throw ResolverFailure("\(kind.rawValue) with id \(id) not found")
        }
    }

    private static func destroy(_ kind: Kind, _ call: Call) throws -> Value {
        let input = call.arguments["input"] ?? .null
        let ids = try input["ids"]?.items?.map { try Queries.id($0) } ?? [Queries.id(input["id"])]
        call.execution.catalogue.destroy(kind, ids)
        return .bool(true)
    }

    // MARK: Updates

    /// Only keys that are present change; null clears (Stash 5).
    private static func update(_ kind: Kind, _ call: Call) throws -> Value {
        let input = call.arguments["input"] ?? .null
        let id = try Queries.id(input["id"])
        guard case .object(let members) = input else { return .null }
        var unsupported: String?
        let found = call.execution.catalogue.edit(kind, id) { row in
            for (name, value) in members where !apply(name, value, &row, call.execution.configuration.generation) {
                unsupported = name
            }
        }
        guard found else { throw ResolverFailure("\(kind.rawValue) with id \(id) not found") }
        if let unsupported { throw ResolverFailure("this fake does not update \(unsupported)") }
        return Resolvers.related(kind, id, call)
    }

    private static func apply(_ name: String, _ value: JSON, _ row: inout Entity, _ generation: Generation) -> Bool {
        let ids = value.items?.compactMap(\.integer) ?? []
        switch name {
        case "id", "clientMutationId": break
        case "rating100", "rating": row.rating = value.integer
        case "favorite": row.favorite = value == .bool(true)
        case "organized": row.organized = value == .bool(true)
        case "title", "name": row.title = value.text ?? ""
        case "details", "description", "synopsis": row.details = value.text ?? ""
        case "code": row.code = value.text ?? ""
        case "director", "photographer": row.director = value.text ?? ""
        case "disambiguation": row.disambiguation = value.text ?? ""
        case "date": row.date = value.text
        case "url": row.urls = value.text.map { [$0] } ?? []
        case "urls": row.urls = value.items?.compactMap(\.text) ?? []
        case "aliases", "alias_list": row.aliases = value.items?.compactMap(\.text) ?? []
        case "studio_id": row.studio = value.integer
        case "performer_ids": row.performers = ids
        case "tag_ids": row.tags = ids
        case "gallery_ids": row.galleries = ids
        case "parent_id", "parent_ids": row.parents = ids
        case "stash_ids":
            row.stashIDs = (value.items ?? []).map {
                StashID(endpoint: $0["endpoint"]?.text ?? "", id: $0["stash_id"]?.text ?? "")
            }
        case "groups", "movies":
            row.groups = (value.items ?? []).compactMap { place in
                (place["group_id"] ?? place["movie_id"])?.integer.map {
                    GroupPlace(group: $0, index: place["scene_index"]?.integer)
                }
            }
        case "resume_time": row.resumeTime = value.number ?? 0
        case "play_duration": row.playDuration = value.number ?? 0
        case "play_count", "o_counter":
            // Ignored since v0.25 (Stash 5).
            guard generation == .v22, let count = value.integer else { break }
            let times = (0..<max(0, count)).map { row.created.seconds + Int64($0) }
            if name == "play_count" { row.playHistory = times } else { row.oHistory = times }
        default: return false
        }
        return true
    }

    // MARK: Plays and counts, which never bump `updated_at`

    private static func addPlays(_ table: inout Resolvers.Table) {
        table["sceneSaveActivity"] = { call in
            try touch(.scene, Queries.id(call.arguments["id"]), call) { row in
                // The position is absolute, the duration is added (Stash 5).
                if let position = call.arguments["resume_time"]?.number { row.resumeTime = position }
                row.playDuration += call.arguments["playDuration"]?.number ?? 0
            }
            return .bool(true)
        }
        table["sceneResetActivity"] = { call in
            try touch(.scene, Queries.id(call.arguments["id"]), call) { row in
                if call.arguments["reset_resume"] == .bool(true) { row.resumeTime = 0 }
                if call.arguments["reset_duration"] == .bool(true) { row.playDuration = 0 }
            }
            return .bool(true)
        }
        table["sceneIncrementPlayCount"] = { call in
            let id = try Queries.id(call.arguments["id"])
            let now = now(call)
            try touch(.scene, id, call) { $0.playHistory.append(now) }
            return .int(Int64(call.execution.catalogue.entity(.scene, id)?.playHistory.count ?? 0))
        }
        table["sceneResetPlayCount"] = { call in
            try touch(.scene, Queries.id(call.arguments["id"]), call) { $0.playHistory = [] }
            return .int(0)
        }
        table["sceneAddPlay"] = history(\.playHistory, adding: true)
        table["sceneDeletePlay"] = history(\.playHistory, adding: false)
    }

    private static func addSceneCounts(_ table: inout Resolvers.Table) {
        table["sceneAddO"] = history(\.oHistory, adding: true)
        table["sceneDeleteO"] = history(\.oHistory, adding: false)
        for (name, change) in [("sceneIncrementO", 1), ("sceneDecrementO", -1), ("sceneResetO", 0)] {
            table[name] = { call in
                let id = try Queries.id(call.arguments["id"])
                let now = now(call)
                try touch(.scene, id, call) { row in
                    if change > 0 {
                        row.oHistory.append(now)
                    } else if change == 0 {
                        row.oHistory = []
                    } else {
                        _ = row.oHistory.popLast()
                    }
                }
                return .int(Int64(call.execution.catalogue.entity(.scene, id)?.oHistory.count ?? 0))
            }
        }
    }

    private static func now(_ call: Call) -> Int64 {
        let catalogue = call.execution.catalogue
        return catalogue.state.withLock { catalogue.now($0).seconds }
    }

    private static func history(
        _ column: any WritableKeyPath<Entity, [Int64]> & Sendable, adding: Bool
    ) -> Resolver {
        { call in
            let id = try Queries.id(call.arguments["id"])
            let given = (call.arguments["times"]?.items ?? []).compactMap { $0.text.flatMap(TimeText.seconds) }
            let now = now(call)
            try touch(.scene, id, call) { row in
                if adding {
                    row[keyPath: column] += given.isEmpty ? [now] : given
                } else if given.isEmpty {
                    _ = row[keyPath: column].popLast()
                } else {
                    row[keyPath: column].removeAll { given.contains($0) }
                }
            }
            let times = (call.execution.catalogue.entity(.scene, id)?[keyPath: column] ?? []).sorted(by: >)
            return .node(
                .record(
                    "HistoryMutationResult",
                    [
                        "count": .int(Int64(times.count)),
                        "history": .list(times.map { .text(Stamp(seconds: $0).text) }),
                    ]))
        }
    }
}

/// Times as clients send them.
private enum TimeText {
    /// Seconds since 1970 of an RFC 3339 time, with or without a fraction.
    static func seconds(_ text: String) -> Int64? {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: text.contains("."))
        return (try? Date(text, strategy: style)).map { Int64($0.timeIntervalSince1970) }
    }
}
