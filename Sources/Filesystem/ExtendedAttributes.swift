import Fuse
import Library
import Synchronization

/// The extended attributes of nodes that stand for entities: what is shown, what may be set, and what is refused.
final class ExtendedAttributes: Sendable {
    private let catalogue: Catalogue
    /// What was computed last: `getfattr -d`, `cp -a` and `rsync -X` list the names of a node and then ask for them one
    /// by one, twice each. What people say is never kept here.
    private let recent = Mutex(Recent())

    private struct Recent {
        var shown: [NodeID: Shown] = [:]
        /// Counts the changes of the index: what was read before one is not kept after it.
        var epoch = 0
    }

    /// The subject of a node, and the values that do not depend on who asks.
    private struct Shown: Sendable {
        let subject: Subject
        let values: [AttributeName: String]
    }

    private static let recentNodes = 64

    init(catalogue: Catalogue) { self.catalogue = catalogue }

    /// Forgets what was computed; to be called when the index changed.
    func forget() { recent.withLock { $0 = Recent(epoch: $0.epoch + 1) } }

    /// All listed attributes of one node with their names: ext4 has room for about 4 KiB, of which each attribute takes
    /// 16 bytes more than its name and value.
    private static let listedBytes = 3500
    /// Set aside for what a person may add, so that adding it changes nothing else: six names and short values.
    private static let personalBytes = 250
    private static let commentBytes = 1000
    private static let markersBytes = 300

    /// An entity as one of its nodes shows it.
    struct Subject: Sendable {
        /// The one that this node is; `user.peekfs.id`.
        let shown: EntityRef
        /// Whose values count, best first.
        let ranked: [EntityRef]
        /// All members, in priority order.
        let sources: [EntityRef]
        /// What people's values are stored for: also members whose servers are switched off or gone. Never empty.
        let rated: [EntityRef]
        /// Where related names are looked up.
        let scope: Scope
        let number: NodeNumber
    }

    /// What a node stands for; nil when it stands for nothing that can be rated.
    func subject(of node: NodeID) throws -> Subject? {
        switch node {
        case .media(let member):
            guard let shown = try catalogue.ref(of: member), let entity = try catalogue.entity(of: member) else {
                return nil
            }
            let sources = try catalogue.members(ofEntity: entity)
            // A file shows what its own server says of it before what others say.
            return Subject(
                shown: shown, ranked: [shown] + sources.filter { $0 != shown }, sources: sources,
                rated: try rated(shown), scope: .merged, number: entity)
        case .entity(.merged, let number):
            guard let entity = try catalogue.node(.merged, number)?.number else { return nil }
            let sources = try catalogue.members(ofEntity: entity)
            return try sources.first.map {
                Subject(
                    shown: $0, ranked: sources, sources: sources, rated: try rated($0), scope: .merged,
                    number: entity)
            }
        case .entity(let scope, let member):
            guard let shown = try catalogue.ref(of: member), let entity = try catalogue.entity(of: member) else {
                return nil
            }
            return Subject(
                shown: shown, ranked: [shown], sources: try catalogue.members(ofEntity: entity),
                rated: try rated(shown), scope: scope, number: member)
        default: return nil
        }
    }

    private func rated(_ shown: EntityRef) throws -> [EntityRef] {
        let known = try catalogue.state.members(togetherWith: shown)
        return known.isEmpty ? [shown] : known
    }

    // MARK: Reading

    /// The value of one attribute; nil when it is not set or foreign.
    func value(_ name: AttributeName, of node: NodeID, uid: UInt32) throws -> String? {
        guard let shown = try shown(node) else { return nil }
        let subject = shown.subject
        if let field = name.personal ?? (name == .lastPlayedAt ? .lastPlayedAt : nil) {
            return try catalogue.state.personal(field, of: subject.rated, uid: uid).map {
                PersonalText.format($0, as: name)
            }
        }
        if name == .json { return json(try facts(subject)) }
        return shown.values[name]
    }

    /// The names that can be read now, in a fixed order. `user.peekfs.json` is not listed: it would be copied along.
    func names(of node: NodeID, uid: UInt32) throws -> [AttributeName] {
        guard let shown = try shown(node) else { return [] }
        let personal = try catalogue.state.personal(of: shown.subject.rated, uid: uid)
        return AttributeName.allCases.filter { name in
            if let field = name.personal ?? (name == .lastPlayedAt ? .lastPlayedAt : nil) {
                return personal[field] != nil
            }
            return shown.values[name] != nil
        }
    }

    private func facts(_ subject: Subject) throws -> EntityFacts {
        try catalogue.facts(subject.ranked, subject.scope, subject.number)
    }

    private func shown(_ node: NodeID) throws -> Shown? {
        let (known, epoch) = recent.withLock { ($0.shown[node], $0.epoch) }
        if let known { return known }
        guard let subject = try subject(of: node) else { return nil }
        let shown = Shown(subject: subject, values: try values(subject, node))
        recent.withLock { recent in
            guard recent.epoch == epoch else { return }
            if recent.shown.count >= Self.recentNodes { recent.shown = [:] }
            recent.shown[node] = shown
        }
        return shown
    }

    private func values(_ subject: Subject, _ node: NodeID) throws -> [AttributeName: String] {
        let facts = try facts(subject)
        var values: [AttributeName: String] = [:]
        func set(_ name: AttributeName, _ value: String?, bytes: Int = 250) {
            // A value ends at NUL for most programs, and an empty one cannot be told from none.
            guard let value, !value.isEmpty else { return }
            values[name] = NameRules.cut(value, toBytes: bytes)
        }
        func list(_ name: AttributeName, _ entries: [String], _ separator: String, bytes: Int) {
            var text = ""
            for entry in entries {
                let next = text.isEmpty ? entry : text + separator + entry
                guard next.utf8.count <= bytes else { break }
                text = next
            }
            if !text.isEmpty { values[name] = text }
        }
        set(.id, name(of: subject.shown))
        set(.instance, catalogue.instance(subject.shown.instance)?.name)
        list(.sources, subject.sources.map(name), "\n", bytes: 240)
        set(.kind, subject.shown.kind.word)
        set(.title, facts.title)
        set(.date, facts.date)
        set(.studio, facts.studio, bytes: 120)
        list(.performers, facts.performers, "\n", bytes: 250)
        list(.tags, facts.tags, "\n", bytes: 300)
        list(.groups, facts.groups, "\n", bytes: 150)
        set(.duration, facts.duration.map(PersonalText.decimal))
        if let width = facts.width, let height = facts.height, width > 0 { set(.resolution, "\(width)x\(height)") }
        list(.stashIDs, facts.stashIDs, "\n", bytes: 200)
        set(.stashRating, facts.rating.map { String($0) })
        set(.updatedAt, facts.updatedAt, bytes: 40)
        list(.xdgTags, facts.tags.map { $0.replacing(",", with: " ") }, ",", bytes: 300)
        set(.xdgOrigin, origin(of: subject.shown), bytes: 200)
        if case .media = node { set(.mimeType, MIMEType.of(facts.basename ?? "")) }
        func left(for name: AttributeName) -> Int {
            let used = values.reduce(Self.personalBytes + name.rawValue.utf8.count + 1) {
                $0 + $1.key.rawValue.utf8.count + 1 + $1.value.utf8.count
            }
            return max(0, Self.listedBytes - used)
        }
        list(.markers, facts.markers.map(Self.line), "\n", bytes: min(Self.markersBytes, left(for: .markers)))
        set(.xdgComment, facts.details, bytes: min(Self.commentBytes, left(for: .xdgComment)))
        return values
    }

    /// Seconds, title and tag of a marker, with tabs between them, as other programs take them apart.
    private static func line(_ marker: MarkerFacts) -> String {
        func cell(_ text: String) -> String {
            String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
        }
        return "\(PersonalText.decimal(marker.seconds))\t\(cell(marker.title))\t\(cell(marker.tag))"
    }

    /// `attic:scene:123`
    private func name(of ref: EntityRef) -> String { EntityName.text(ref, in: catalogue.instances) }

    /// The page of the Stash server's own site.
    private func origin(of ref: EntityRef) -> String? {
        catalogue.instance(ref.instance).map { "\($0.url)/\(ref.kind.directoryName)/\(ref.id)" }
    }

    /// One object: what is shown, each field with the member that it comes from, and the members in the order of their
    /// right to be shown, each as its server said it.
    private func json(_ facts: EntityFacts) -> String {
        let shown = facts.fields.map { field in
            "\(JSONText.quoted(field.name)):{\"value\":\(Self.json(field.shown.value)),"
                + "\"from\":\(JSONText.quoted(name(of: field.shown.from)))}"
        }
        let members = zip(facts.members, facts.json).map { ref, json in
            "{\"id\":\(JSONText.quoted(name(of: ref))),\"said\":\(json)}"
        }
        return "{\"title\":\(JSONText.quoted(facts.title)),\"shown\":{\(shown.joined(separator: ","))},"
            + "\"members\":[\(members.joined(separator: ","))]}"
    }

    private static func json(_ value: FieldValue) -> String {
        switch value {
        case .text(let text), .thing(_, let text): JSONText.quoted(text)
        case .flag(let value): value ? "true" : "false"
        case .integer(let value): "\(value)"
        // JSON has no word for what is no number; none of it comes out of a JSON text.
        case .number(let value): value.isFinite ? "\(value)" : "null"
        }
    }

    // MARK: Setting

    /// Sets a personal value for every member of the entity.
    ///
    /// - Throws: `Errno`, as the contract has it.
    func set(
        _ name: FileName, _ value: [UInt8], _ flags: SetExtendedAttributeRequest.Flags, of node: NodeID, uid: UInt32
    ) throws {
        guard let known = name.string.flatMap(AttributeName.init(rawValue:)), let subject = try subject(of: node)
        else { throw Errno.notSupported }
        let text = String(validating: value, as: UTF8.self)
        guard let field = known.personal else {
            let present = try self.value(known, of: node, uid: uid)
            if flags.contains(.create), present != nil { throw Errno.exists }
            // What rsync -X writes back is what is there.
            if let present, text == present { return }
            throw Errno.notPermitted
        }
        guard let text, let parsed = PersonalText.parse(text, as: known) else { throw Errno.invalid }
        do {
            try catalogue.state.setPersonal(field, parsed, of: subject.rated, uid: uid) { present in
                if flags.contains(.create), present != nil { throw Errno.exists }
                if flags.contains(.replace), present == nil { throw Errno.noData }
                // Ten steps cannot say what a hundred do: the shown step written back leaves the finer value alone.
                if known == .balooRating, let present, PersonalText.format(present, as: known) == text {
                    throw Unchanged()
                }
            }
        } catch is Unchanged {}
    }

    /// The value is what was asked for already.
    private struct Unchanged: Error {}

    /// Takes a personal value back.
    ///
    /// - Throws: `Errno`, as the contract has it.
    func remove(_ name: FileName, of node: NodeID, uid: UInt32) throws {
        guard let known = name.string.flatMap(AttributeName.init(rawValue:)), let subject = try subject(of: node)
        else { throw Errno.noData }
        guard let field = known.personal else { throw Errno.notPermitted }
        try catalogue.state.setPersonal(field, nil, of: subject.rated, uid: uid) { present in
            if present == nil { throw Errno.noData }
        }
    }
}

/// Strings as JSON (RFC 8259, section 7).
enum JSONText {
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\u{0}"..."\u{1F}":
                let code = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - code.count) + code
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
