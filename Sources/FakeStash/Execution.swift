/// What a field resolves to, before it is written as its type asks.
indirect enum Value {
    case null
    case bool(Bool)
    case int(Int64)
    case float(Double)
    case text(String)
    case json(JSON)
    case node(Node)
    case list([Value])
    /// Rows that are loaded one at a time, while they are written.
    case rows(Kind, [Int])

    static func text(orNull text: String?) -> Value { text.map { .text($0) } ?? .null }
    static func int(orNull number: Int?) -> Value { number.map { .int(Int64($0)) } ?? .null }
    static func texts(_ list: [String]) -> Value { .list(list.map { .text($0) }) }
}

/// An object of the answer.
enum Node {
    case row(Row)
    case file(MediaFile, archive: Bool)
    case folder(Folder)
    case record(String, [String: Value])
}

/// A row that is made when something other than its id is asked.
final class Row {
    let kind: Kind
    let id: Int
    private let catalogue: Catalogue
    private var loaded: Entity?

    init(_ kind: Kind, _ id: Int, _ catalogue: Catalogue, loaded: Entity? = nil) {
        self.kind = kind
        self.id = id
        self.catalogue = catalogue
        self.loaded = loaded
    }

    /// The row; an empty one if it was deleted between the page and this field.
    var entity: Entity {
        if let loaded { return loaded }
        let row = catalogue.entity(kind, id) ?? Entity(kind: kind, id: id, created: Stamp(seconds: 0))
        loaded = row
        return row
    }
}

/// An error of a resolver: it nulls its field, and the answer stays 200.
struct ResolverFailure: Error {
    var message: String

    init(_ message: String) { self.message = message }
}

/// What a resolver is given.
struct Call {
    let execution: Execution
    let node: Node
    let arguments: [String: JSON]
    /// Names of the fields that are selected below.
    let selected: Set<String>
}

typealias Resolver = @Sendable (Call) throws -> Value

/// One field of a document, ready to run: variables are substituted, fragments spread, types known.
final class PlannedField {
    let key: String
    let encodedKey: [UInt8]
    let type: Schema.Reference
    let resolver: Resolver
    let arguments: [String: JSON]
    /// By type name; abstract types have several.
    let children: [String: [PlannedField]]
    let selected: Set<String>

    init(
        key: String, type: Schema.Reference, resolver: @escaping Resolver, arguments: [String: JSON],
        children: [String: [PlannedField]], selected: Set<String>
    ) {
        self.key = key
        encodedKey = Array("\"\(key)\":".utf8)
        self.type = type
        self.resolver = resolver
        self.arguments = arguments
        self.children = children
        self.selected = selected
    }
}

/// Runs one planned operation and writes the answer as it goes.
final class Execution {
    enum PathPart {
        case key(String)
        case index(Int)
    }

    struct Failure {
        var message: String
        var path: [PathPart]
    }

    let catalogue: Catalogue
    let configuration: FakeStash.Configuration
    private var writer = JSONWriter()
    private var path: [PathPart] = []
    private(set) var failures: [Failure] = []

    init(_ catalogue: Catalogue) {
        self.catalogue = catalogue
        configuration = catalogue.generator.configuration
    }

    /// The whole response body.
    func run(_ fields: [PlannedField], root: String) -> [UInt8] {
        let isNull = write(.record(root, [:]), fields)
        let data = isNull ? Array("null".utf8) : writer.bytes
        guard !failures.isEmpty else { return Array("{\"data\":".utf8) + data + [0x7d] }
        var output = JSONWriter()
        output.raw("{\"errors\":[")
        for (number, failure) in failures.enumerated() {
            if number > 0 { output.raw(",") }
            output.raw("{\"message\":")
            output.string(failure.message)
            output.raw(",\"path\":[")
            for (place, part) in failure.path.enumerated() {
                if place > 0 { output.raw(",") }
                switch part {
                case .key(let key): output.string(key)
                case .index(let index): output.integer(Int64(index))
                }
            }
            output.raw("]}")
        }
        output.raw("],\"data\":")
        output.raw(data)
        output.raw("}")
        return output.bytes
    }

    /// Writes an object. True if a required field was null, which makes the object null (GraphQL 6.4.4).
    private func write(_ node: Node, _ fields: [PlannedField]) -> Bool {
        var isNull = false
        writer.bytes.append(0x7b)
        var isFirst = true
        for field in fields {
            if !isFirst { writer.bytes.append(0x2c) }
            isFirst = false
            writer.raw(field.encodedKey)
            path.append(.key(field.key))
            do {
                let value = try field.resolver(
                    Call(execution: self, node: node, arguments: field.arguments, selected: field.selected))
                if complete(value, field.type, field) { isNull = true }
            } catch {
                failures.append(Failure(message: (error as? ResolverFailure)?.message ?? "\(error)", path: path))
                writer.raw("null")
                if field.type.isRequired { isNull = true }
            }
            path.removeLast()
        }
        writer.bytes.append(0x7d)
        return isNull
    }

    /// Writes a value as a type. True if null must spread to the parent.
    private func complete(_ value: Value, _ type: Schema.Reference, _ field: PlannedField) -> Bool {
        let start = writer.bytes.count
        let failuresBefore = failures.count
        if writeNullable(value, type.nullable, field) {
            writer.bytes.removeSubrange(start...)
            writer.raw("null")
            guard type.isRequired else { return false }
            if failures.count == failuresBefore { failures.append(Failure(message: "must not be null", path: path)) }
            return true
        }
        return false
    }

    /// True if the value is null; what was written then has to go.
    private func writeNullable(_ value: Value, _ type: Schema.Reference, _ field: PlannedField) -> Bool {
        switch value {
        case .null: return true
        case .bool(let flag): flag ? writer.raw("true") : writer.raw("false")
        case .int(let number): writer.integer(number)
        case .float(let number): writer.float(number)
        case .text(let text): writer.string(text)
        case .json(let json): writer.value(json)
        case .node(let node): return write(node, field.children[name(of: node, type.base, field)] ?? [])
        case .list(let items):
            return writeList(items.count, type, field) { items[$0] }
        case .rows(let kind, let ids):
            let catalogue = catalogue
            return writeList(ids.count, type, field) { .node(.row(Row(kind, ids[$0], catalogue))) }
        }
        return false
    }

    private func writeList(
        _ count: Int, _ type: Schema.Reference, _ field: PlannedField, _ item: (Int) -> Value
    ) -> Bool {
        guard case .list(let itemType) = type else { return true }
        var isNull = false
        writer.bytes.append(0x5b)
        for index in 0..<count {
            if index > 0 { writer.bytes.append(0x2c) }
            path.append(.index(index))
            if complete(item(index), itemType, field) { isNull = true }
            path.removeLast()
        }
        writer.bytes.append(0x5d)
        return isNull
    }

    /// The object type that a node is written as: the declared one, or what it is where the declared one is abstract.
    private func name(of node: Node, _ declared: String, _ field: PlannedField) -> String {
        guard field.children[declared] == nil else { return declared }
        switch node {
        case .file(let file, _):
            switch file.form {
            case .video: return "VideoFile"
            case .image: return "ImageFile"
            case .archive: return "GalleryFile"
            }
        case .record(let name, _): return name
        case .row, .folder: return declared
        }
    }
}
