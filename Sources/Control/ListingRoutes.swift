import Foundation
import Library

/// An entity of the merged library.
package struct EntityView: Codable, Sendable {
    /// A thing on one server.
    package struct Source: Codable, Sendable {
        package let id: String
        package let instance: String?
        package let instanceId: String?
        package let localId: Int64
    }

    package struct Related: Codable, Sendable {
        package let id: String
        package let title: String
    }

    /// `attic:scene:123`, of the member that leads.
    package let id: String
    package let instance: String?
    package let instanceId: String?
    package let kind: String
    /// What that server itself calls `id`.
    package let localId: Int64
    /// All members in priority order; the first is the one above.
    package let sources: [Source]
    package let title: String
    /// Where it is on the mount.
    package let path: String
    package let date: String?
    package let details: String?
    package let studio: Related?
    package let performers: [Related]
    package let tags: [Related]
    package let groups: [Related]
    package let galleries: [Related]
    /// Seconds.
    package let duration: Double?
    package let width: Int64?
    package let height: Int64?
    /// Bytes of a scene's or an image's file.
    package let size: Int64?
    /// Whether `media` gives a picture or a file.
    package let hasMedia: Bool
    /// The caller's, 0–100.
    package let rating: Int64?
    package let favorite: Bool
    /// What the servers say, 0–100.
    package let stashRating: Int64?
    /// `endpoint id`.
    package let stashIds: [String]
    package let updatedAt: String
}

/// Entities in the order of their names.
package struct PageView: Codable, Sendable {
    package let items: [EntityView]
    /// To be sent as `cursor` for what is behind them; missing on the last page.
    package let next: String?
    /// On all pages; told when it is asked for.
    package let total: Int?
}

extension Premises {
    var listingRoutes: [Route] {
        Kind.allCases.map { kind in
            Route(.get, "/api/\(kind.directoryName)", .blocking { .json(try page(kind, $0)) })
        }
    }

    private func page(_ kind: Kind, _ call: Call) throws -> PageView {
        let catalogue = try catalogue()
        var query = PageQuery(kind, limit: try call.integer("limit", in: 1...200) ?? 50)
        query.instance = try call.query["instance"].map { try instance($0).number }
        for other in [Kind.performer, .studio, .tag, .group, .gallery] {
            guard let text = call.query[other.word] else { continue }
            query.related.append(try entity(text, other, catalogue))
        }
        let (low, high) = (try call.integer("ratingMin", in: 0...100), try call.integer("ratingMax", in: 0...100))
        if low != nil || high != nil {
            let (low, high) = (low ?? 0, high ?? 100)
            guard low <= high else { throw Problem(.usage, "ratingMin is above ratingMax", status: 400) }
            query.rating = (call.uid, Int64(low)...Int64(high))
        }
        query.words = (call.query["text"] ?? "").split(whereSeparator: \.isWhitespace).map(String.init)
        query.after = try call.query["cursor"].map(Self.key)
        let page = try catalogue.page(query, uid: call.uid)
        return PageView(
            items: page.entities.map { EntityView($0, catalogue.instances) }, next: page.next.map(Self.cursor),
            total: try call.flag("total") ? try catalogue.count(query) : nil)
    }

    /// The entity of a thing that is written `instance:kind:id`.
    private func entity(_ text: String, _ kind: Kind, _ catalogue: Catalogue) throws -> NodeNumber {
        let ref: EntityRef
        do {
            ref = try EntityName.parse(text, in: catalogue.instances)
        } catch {
            throw Problem(.usage, "\(error)", status: 400)
        }
        guard ref.kind == kind else { throw Problem(.usage, "'\(text)' is no \(kind.word)", status: 400) }
        guard let entity = try catalogue.entity(of: ref) else {
            throw Problem(.notFound, "there is no \(text) in the index", status: 400)
        }
        return entity
    }

    /// Opaque to others: the key of a name in URL-safe base 64.
    static func cursor(_ key: String) -> String {
        Data(key.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
            "=", with: "")
    }

    static func key(_ cursor: String) throws(Problem) -> String {
        let padding = String(repeating: "=", count: (4 - cursor.count % 4) % 4)
        let text = cursor.replacing("-", with: "+").replacing("_", with: "/") + padding
        guard let data = Data(base64Encoded: text), let key = String(data: data, encoding: .utf8), !key.contains("\0")
        else { throw Problem(.usage, "cursor is none that was given", status: 400) }
        return key
    }
}

extension EntityView {
    init(_ entity: ListedEntity, _ instances: [Instance]) {
        func source(_ ref: EntityRef) -> Source {
            let instance = instances.first { $0.number == ref.instance }
            return Source(
                id: EntityName.text(ref, in: instances), instance: instance?.name,
                instanceId: instance?.id.uuidString.lowercased(), localId: ref.id)
        }
        func related(_ kind: Kind) -> [Related] {
            entity.related.filter { $0.kind == kind }.map {
                Related(id: EntityName.text($0.ref, in: instances), title: $0.title)
            }
        }
        let (node, facts) = (entity.node, entity.facts)
        sources = entity.members.map(source)
        let lead = sources.first
        (id, instance, instanceId) = (lead?.id ?? "?", lead?.instance, lead?.instanceId)
        (kind, localId) = (node.kind.word, lead?.localId ?? 0)
        title = node.title.isEmpty ? facts.title : node.title
        path = "/\(node.kind.directoryName)/\(node.name)"
        (date, details) = (facts.date, facts.details)
        studio = related(.studio).first
        (performers, tags) = (related(.performer), related(.tag))
        (groups, galleries) = (related(.group), related(.gallery))
        (duration, width, height) = (facts.duration, facts.width, facts.height)
        size = node.kind.isFile ? node.size : nil
        hasMedia = node.kind.isFile || node.picture != nil
        var given: Int64?
        if case .integer(let value) = entity.personal[.rating] { given = value }
        rating = given
        favorite = entity.personal[.favorite] == .integer(1)
        stashRating = facts.rating
        stashIds = facts.stashIDs
        updatedAt = facts.updatedAt
    }
}
