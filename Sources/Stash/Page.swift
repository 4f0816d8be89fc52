/// Which rows are asked for.
package struct PageRequest: Sendable, Hashable {
    /// Where a page begins.
    package enum Position: Sendable, Hashable {
        /// Behind this id, in the order of ids; 0 for the first page. Scenes, images and galleries only.
        case afterID(Int64)
        /// The n-th page of `limit` rows in the order of ids; 1 for the first. Every kind, but rows shift between
        /// pages when something is deleted meanwhile (Stash 2.1).
        case number(Int)

        /// The first page in the better way that the kind has.
        package static func first(of kind: WireKind) -> Position {
            kind.hasKeysetPages ? .afterID(0) : .number(1)
        }
    }

    package var position: Position
    /// Rows at most; a server sets no limit of its own and takes quadratic time, so 250 to 1000 (Stash 7).
    package var limit: Int
    /// Only what was changed since this moment of the server's wall clock, without an offset: take it from
    /// `WireTime.wallClock` and subtract the overlap of 26 h (Stash 3.1).
    package var updatedSince: String?
    /// Only scenes that were played since this moment, in UTC and without an offset (Stash 3.1).
    package var playedSince: String?
    /// Only images of this gallery.
    package var gallery: Int64?
    /// Only entities without a picture of their own.
    package var missingPicture: Bool
    /// Whether the number of all matching rows is wanted; it costs the server a query of its own. Behind an id, only
    /// the rows behind it match: ask for it with the first page.
    package var isCounted: Bool

    package init(
        _ position: Position, limit: Int, updatedSince: String? = nil, playedSince: String? = nil,
        gallery: Int64? = nil, missingPicture: Bool = false, isCounted: Bool = false
    ) {
        precondition(limit > 0, "-1 would ask for everything at once, which takes a server minutes")
        self.position = position
        self.limit = limit
        self.updatedSince = updatedSince
        self.playedSince = playedSince
        self.gallery = gallery
        self.missingPicture = missingPicture
        self.isCounted = isCounted
    }

    /// The variables of every find document; `kind` is nil for files.
    func variables(for kind: WireKind?) -> JSONObject {
        var filter: JSONObject = ["per_page": .integer(Int64(limit)), "sort": "id", "direction": "ASC"]
        var matching: JSONObject = [:]
        switch position {
        case .afterID(let id):
            precondition(kind?.hasKeysetPages ?? false, "the filters of other kinds have no id")
            matching["id"] = .object(["value": .integer(id), "modifier": "GREATER_THAN"])
        case .number(let number):
            filter["page"] = .integer(Int64(number))
        }
        if let updatedSince {
            matching["updated_at"] = .object(["value": .string(updatedSince), "modifier": "GREATER_THAN"])
        }
        if let playedSince {
            matching["last_played_at"] = .object(["value": .string(playedSince), "modifier": "GREATER_THAN"])
        }
        if let gallery {
            matching["galleries"] = .object(["value": .array([.string("\(gallery)")]), "modifier": "INCLUDES"])
        }
        if missingPicture, let kind {
            matching["is_missing"] = .string(Self.pictureFilter(of: kind))
        }
        return ["filter": .object(filter), "where": .object(matching)]
    }

    /// What `is_missing` calls the picture (Stash 4.4).
    private static func pictureFilter(of kind: WireKind) -> String {
        switch kind {
        case .scene: "cover"
        case .group: "front_image"
        case .performer, .studio, .tag: "image"
        case .gallery, .image: preconditionFailure("\(kind) has no picture of its own")
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral {
    package init(stringLiteral value: String) {
        self = .string(value)
    }
}

/// The rows of one answer.
package struct Page<Row: Sendable>: Sendable {
    /// In the order of ids.
    package var rows: [Row]
    /// Rows that came but cannot be used.
    package var setAside: [RowFault]
    /// How many rows came, those set aside included: fewer than the limit means that this was the last page.
    package var received: Int
    /// The largest id of this page, of a row set aside too: where the next page begins.
    package var lastID: Int64?
    /// The number of all matching rows, when it was asked for.
    package var count: Int64?
}

/// A row of a sweep over ids.
package struct IDRow: Sendable, Hashable {
    package var id: Int64
    /// The server's text: equal texts mean an unchanged row.
    package var updatedAt: String
}

/// A marker, which changes without its scene (Stash 3.2).
package struct MarkerRow: Sendable, Hashable {
    package var id: Int64
    package var scene: Int64
    /// The server's text.
    package var updatedAt: String
}

/// When a row was made.
package struct CreationRow: Sendable, Hashable {
    package var id: Int64
    package var createdAt: WireTime
}

/// How many entities of a kind there are and when the last one was changed.
package struct KindState: Sendable, Hashable {
    package var count: Int64
    package var newest: IDRow?
}

/// What one small question tells of everything that a server has.
package struct CatalogueState: Sendable, Hashable {
    package var kinds: [WireKind: KindState] = [:]
    /// Markers change without their scenes (Stash 3.2).
    package var marker: IDRow?
}
