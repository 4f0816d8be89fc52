import Synchronization

/// A comparison of stored times with what a client sent, as raw text (Stash 3.1).
struct TimeTest {
    private let value: String
    private let second: String
    private let modifier: String
    /// The wall-clock seconds that the first 19 characters name, and what follows them, if they are a canonical time: most
    /// comparisons then need no text.
    private let wall: Int64?

    init(_ criterion: JSON) throws {
        value = criterion["value"]?.text ?? ""
        second = criterion["value2"]?.text ?? "9999"
        modifier = criterion["modifier"]?.text ?? ""
        wall = Self.wall(value)
        let known = [
            "GREATER_THAN", "LESS_THAN", "BETWEEN", "NOT_BETWEEN", "EQUALS", "NOT_EQUALS", "IS_NULL", "NOT_NULL",
        ]
        guard known.contains(modifier) else {
            throw ResolverFailure("Internal system error. Error <unsupported modifier>")
        }
    }

    private static func wall(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 19, bytes[4] == 0x2d, bytes[7] == 0x2d, bytes[10] == 0x54, bytes[13] == 0x3a,
            bytes[16] == 0x3a
        else { return nil }
        func number(_ range: Range<Int>) -> Int? { Int(String(decoding: bytes[range], as: UTF8.self)) }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16), let second = number(17..<19), (1...12).contains(month),
            (1...31).contains(day),
            hour < 24, minute < 60, second < 60
        else { return nil }
        return Int64(Calendar.day(year, month, day)) * 86400 + Int64(hour * 3600 + minute * 60 + second)
    }

    func accepts(_ stamp: Stamp) -> Bool {
        if let wall, wall != stamp.wall {
            if modifier == "GREATER_THAN" { return stamp.wall > wall }
            if modifier == "LESS_THAN" { return stamp.wall < wall }
        }
        return accepts(stamp.text)
    }

    func accepts(_ text: String?) -> Bool {
        guard let text else { return modifier == "IS_NULL" }
        switch modifier {
        case "GREATER_THAN": return text > value
        case "LESS_THAN": return text < value
        case "BETWEEN": return text >= value && text <= second
        case "NOT_BETWEEN": return text < value || text > second
        case "EQUALS": return text == value
        case "NOT_EQUALS": return text != value
        case "NOT_NULL": return true
        default: return false
        }
    }
}

/// Answers `findX(x_filter, filter)` of the seven kinds.
struct Finder {
    /// The rows of one page and how many match in all.
    struct Page {
        var ids: [Int]
        var count: Int
        /// All that match, for sums.
        var all: () -> [Int]
    }

    private typealias Test = (Int, Entity) -> Bool

    private let kind: Kind
    private let catalogue: Catalogue

    init(_ kind: Kind, _ catalogue: Catalogue) {
        self.kind = kind
        self.catalogue = catalogue
    }

    static func members(_ json: JSON) -> [(String, JSON)] {
        guard case .object(let members) = json else { return [] }
        return members.sorted { $0.key < $1.key }.filter { $0.value != .null }
    }

    func find(_ filter: JSON, _ find: JSON) throws -> Page {
        var ids = catalogue.ids(kind)
        var tests: [Test] = []
        var cheap: [(Int) -> Bool] = []
        for (name, criterion) in Self.members(filter) {
            if name == "id" {
                ids = try narrow(ids, criterion)
            } else if name == "updated_at" {
                let test = try TimeTest(criterion)
                let (kind, catalogue) = (kind, catalogue)
                cheap.append { id in catalogue.state.withLock { test.accepts(catalogue.updated(kind, id, $0)) } }
            } else if let members = joined(name, criterion) {
                ids = ids.filter { members.contains($0) }
            } else {
                tests.append(try test(name, criterion))
            }
        }
        if let words = find["q"]?.text, !words.isEmpty {
            let wanted = words.lowercased().split(separator: " ").map(String.init)
            tests.append { _, row in
                let text = (row.title + " " + row.details + " " + row.aliases.joined(separator: " ")).lowercased()
                return wanted.allSatisfy { text.contains($0) }
            }
        }
        if !cheap.isEmpty { ids = ids.filter { id in cheap.allSatisfy { $0(id) } } }
        if !tests.isEmpty {
            ids = ids.filter { id in
                guard let row = catalogue.entity(kind, id) else { return false }
                return tests.allSatisfy { $0(id, row) }
            }
        }
        let ordered = try order(ids, find)
        let size = find["per_page"]?.integer ?? 25
        let page = max(1, find["page"]?.integer ?? 1)
        let rows = size < 0 ? ordered : Array(ordered.dropFirst((page - 1) * size).prefix(size))
        return Page(ids: rows, count: ids.count, all: { ids })
    }

    /// The rows that `INCLUDES` on a join is about, from the index of joins: a large table is not walked for each gallery.
    private func joined(_ name: String, _ criterion: JSON) -> Set<Int>? {
        let targets: [String: Kind] = [
            "performers": .performer, "tags": .tag, "galleries": .gallery, "groups": .group, "movies": .group,
            "studios": .studio,
        ]
        guard let target = targets[name], criterion["modifier"]?.text == "INCLUDES", criterion["excludes"] == nil else {
            return nil
        }
        let wanted = criterion["value"]?.items?.compactMap(\.integer) ?? []
        return catalogue.state.withLock { state in
            Set(wanted.flatMap { catalogue.members(kind, having: target, $0, &state) })
        }
    }

    /// `id` criteria by binary search, so that keyset paging costs nothing.
    private func narrow(_ ids: [Int], _ criterion: JSON) throws -> [Int] {
        let value = criterion["value"]?.integer ?? 0
        func first(after id: Int) -> Int {
            var low = 0
            var high = ids.count
            while low < high {
                let middle = (low + high) / 2
                if ids[middle] <= id { low = middle + 1 } else { high = middle }
            }
            return low
        }
        switch criterion["modifier"]?.text {
        case "GREATER_THAN": return Array(ids[first(after: value)...])
        case "LESS_THAN": return Array(ids[..<first(after: value - 1)])
        case "EQUALS": return ids.filter { $0 == value }
        case "NOT_EQUALS": return ids.filter { $0 != value }
        case "BETWEEN":
            return Array(
                ids[
                    first(
                        after: value - 1)..<max(
                            first(after: value - 1), first(after: criterion["value2"]?.integer ?? value))])
        default: throw ResolverFailure("this fake does not know that modifier of id")
        }
    }

    // MARK: Criteria

    private func test(_ name: String, _ criterion: JSON) throws -> Test {
        switch name {
        case "AND", "OR", "NOT": return try combined(name, criterion)
        case "created_at":
            let test = try TimeTest(criterion)
            return { _, row in test.accepts(row.created) }
        case "last_played_at":
            let test = try TimeTest(criterion)
            // Unlike the others this column is UTC (Stash 3.1).
            return { _, row in test.accepts(row.playHistory.max().map { Stamp(seconds: $0).text }) }
        case "files_filter":
            guard let inner = criterion["updated_at"] else {
                throw ResolverFailure("this fake filters files by updated_at")
            }
            let test = try TimeTest(inner)
            return { _, row in row.files.contains { test.accepts($0.updated) } }
        case "is_missing": return missing(criterion.text ?? "")
        case "organized": return { _, row in .bool(row.organized) == criterion }
        case "interactive": return { _, row in .bool(row.interactive) == criterion }
        case "favorite", "filter_favorites": return { _, row in .bool(row.favorite) == criterion }
        case "rating100": return number(criterion) { $0.rating }
        case "play_count": return number(criterion) { $0.playHistory.count }
        case "file_count": return number(criterion) { $0.files.count }
        case "title", "name": return text(criterion) { $0.title }
        case "path":
            let catalogue = catalogue
            return text(criterion) { row in row.files.first.map { catalogue.path(of: $0) } ?? "" }
        case "stash_id_endpoint":
            let id = criterion["stash_id"]?.text
            let endpoint = criterion["endpoint"]?.text
            return { _, row in
                row.stashIDs.contains { (id ?? $0.id) == $0.id && (endpoint ?? $0.endpoint) == $0.endpoint }
            }
        default: return try join(name, criterion)
        }
    }

    private func combined(_ name: String, _ criterion: JSON) throws -> Test {
        let inner = Set(try Finder(kind, catalogue).find(criterion, .object(["per_page": .int(-1)])).ids)
        return { id, _ in (name == "NOT") != inner.contains(id) }
    }

    private func missing(_ what: String) -> Test {
        let generation = catalogue.generator.configuration.generation
        return { _, row in
            switch what {
            case "cover", "image", "front_image": !row.hasPicture
            case "stash_id": row.stashIDs.isEmpty
            case "tags": row.tags.isEmpty
            case "performers": row.performers.isEmpty
            case "studio": row.studio == nil
            case "galleries": row.galleries.isEmpty
            case "title": row.title.isEmpty
            case "date": row.date == nil
            case "rating": row.rating == nil
            case "back_image": !row.hasPicture || row.id % 2 == 0
            case "url": row.urls.isEmpty && generation == .v30
            default: false
            }
        }
    }

    private func number(_ criterion: JSON, _ of: @escaping (Entity) -> Int?) -> Test {
        let value = criterion["value"]?.integer ?? 0
        let second = criterion["value2"]?.integer ?? value
        let modifier = criterion["modifier"]?.text
        return { _, row in
            guard let found = of(row) else { return modifier == "IS_NULL" }
            switch modifier {
            case "EQUALS": return found == value
            case "NOT_EQUALS": return found != value
            case "GREATER_THAN": return found > value
            case "LESS_THAN": return found < value
            case "BETWEEN": return found >= value && found <= second
            case "NOT_NULL": return true
            default: return false
            }
        }
    }

    private func text(_ criterion: JSON, _ of: @escaping (Entity) -> String) -> Test {
        let value = criterion["value"]?.text?.lowercased() ?? ""
        let modifier = criterion["modifier"]?.text
        return { _, row in
            let found = of(row).lowercased()
            switch modifier {
            case "EQUALS": return found == value
            case "NOT_EQUALS": return found != value
            case "INCLUDES": return found.contains(value)
            case "EXCLUDES": return !found.contains(value)
            case "IS_NULL": return found.isEmpty
            case "NOT_NULL": return !found.isEmpty
            default: return false
            }
        }
    }

    /// Criteria on joins: `value` is a list of ids.
    private func join(_ name: String, _ criterion: JSON) throws -> Test {
        let of: (Entity) -> [Int]
        switch name {
        case "performers": of = { $0.performers }
        case "tags": of = { $0.tags }
        case "galleries": of = { $0.galleries }
        case "groups", "movies": of = { $0.groups.map(\.group) }
        case "studios": of = { $0.studio.map { [$0] } ?? [] }
        case "parents": of = { $0.parents }
        default: throw ResolverFailure("this fake does not filter by \(name)")
        }
        let wanted = Set(criterion["value"]?.items?.compactMap(\.integer) ?? [])
        let excluded = Set(criterion["excludes"]?.items?.compactMap(\.integer) ?? [])
        let modifier = criterion["modifier"]?.text
        return { _, row in
            let found = Set(of(row))
            guard found.isDisjoint(with: excluded) else { return false }
            switch modifier {
            case "INCLUDES": return !found.isDisjoint(with: wanted)
            case "INCLUDES_ALL": return wanted.isSubset(of: found)
            case "EXCLUDES": return found.isDisjoint(with: wanted)
            case "EQUALS": return found == wanted
            case "IS_NULL": return found.isEmpty
            case "NOT_NULL": return !found.isEmpty
            default: return false
            }
        }
    }

    // MARK: Order

    private func order(_ ids: [Int], _ find: JSON) throws -> [Int] {
        let isDescending = find["direction"]?.text == "DESC"
        let sort = find["sort"]?.text ?? (kind == .scene || kind == .image || kind == .gallery ? "" : "name")
        if sort == "id" { return isDescending ? ids.reversed() : ids }
        // No sort is no ORDER BY: an order that nobody may rely on (Stash 2.1).
        if sort.isEmpty { return ids.filter { $0 % 2 == 1 } + ids.filter { $0 % 2 == 0 } }
        guard Self.sorts.contains(sort) else {
            if catalogue.generator.configuration.generation == .v22 { return ids }
            throw ResolverFailure("invalid sort: \(sort)")
        }
        if sort == "updated_at" { return byUpdate(ids, isDescending) }
        let keyed = ids.map { id in (key: Self.key(sort, catalogue.entity(kind, id), catalogue), id: id) }
        // Ties are broken by title in Stash, never by id: a scramble keeps clients from relying on it.
        let sorted = keyed.sorted { first, second in
            first.key == second.key
                ? mix(UInt64(first.id), 7) < mix(UInt64(second.id), 7)
                : isDescending ? first.key > second.key : first.key < second.key
        }
        return sorted.map(\.id)
    }

    /// The order that clients probe for changes with: numbers only, because it is asked of whole libraries.
    private func byUpdate(_ ids: [Int], _ isDescending: Bool) -> [Int] {
        let size = ids.count
        var keys: [Int] = []
        keys.reserveCapacity(size)
        catalogue.state.withLock { state in
            // Among equals the later id comes first, so that nobody relies on the order of ids.
            for (place, id) in ids.enumerated() {
                keys.append(Int(catalogue.updated(kind, id, state).wall) * size + (size - 1 - place))
            }
        }
        keys.sort()
        if isDescending { keys.reverse() }
        return keys.map { ids[size - 1 - $0 % size] }
    }

    private static let sorts: Set<String> = [
        "id", "created_at", "updated_at", "title", "name", "date", "rating", "path", "last_played_at", "play_count",
        "file_mod_time",
    ]

    private static func sortable(_ stamp: Stamp) -> String { pad(Int(stamp.wall), 12) }

    private static func key(_ sort: String, _ row: Entity?, _ catalogue: Catalogue) -> String {
        guard let row else { return "" }
        switch sort {
        case "created_at": return sortable(row.created)
        case "title", "name": return row.title.lowercased()
        case "date": return row.date ?? ""
        case "rating": return pad(row.rating ?? 0, 4)
        case "path": return row.files.first.map { catalogue.path(of: $0) } ?? ""
        case "last_played_at": return pad(Int(row.playHistory.max() ?? 0), 12)
        case "play_count": return pad(row.playHistory.count, 6)
        case "file_mod_time": return row.files.first.map { sortable($0.modified) } ?? ""
        default: return pad(row.id, 9)
        }
    }
}
