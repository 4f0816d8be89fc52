/// `attic:scene:123`: how people, attributes and programs write an `EntityRef`. The one place that reads and prints it.
package enum EntityName {
    /// The name of a thing; the part before the first colon is `?` for a server that is not among `instances`.
    package static func text(_ ref: EntityRef, in instances: [Instance]) -> String {
        text(ref, instance: instances.first { $0.number == ref.instance }?.name)
    }

    static func text(_ ref: EntityRef, instance: String?) -> String {
        "\(instance ?? "?"):\(ref.kind.word):\(ref.id)"
    }

    /// The thing that a text names. A server's name holds no colon (`Instance.validate`) and is compared without case.
    ///
    /// - Throws: `EntityNameError`, which says what the form is or which part of it is wrong.
    package static func parse(_ text: String, in instances: [Instance]) throws(EntityNameError) -> EntityRef {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, let id = Int64(parts[2]), id > 0 else { throw .badForm(text) }
        guard let instance = instances.first(where: { $0.name.lowercased() == parts[0].lowercased() }) else {
            throw .noSuchInstance(String(parts[0]))
        }
        guard let kind = Kind(word: parts[1]) else { throw .noSuchKind(String(parts[1])) }
        return EntityRef(instance: instance.number, kind: kind, id: id)
    }
}

/// Why a text names no thing.
package enum EntityNameError: Error, Equatable, CustomStringConvertible {
    case badForm(String)
    case noSuchInstance(String)
    case noSuchKind(String)

    package var description: String {
        switch self {
        case .badForm(let text):
            "'\(text)' names no thing: it is written instance:kind:id, such as attic:scene:123, because ids of different servers collide"
        case .noSuchInstance(let name): InstanceError.noSuchInstance(name).description
        case .noSuchKind(let word):
            "'\(word)' is no kind of thing; there are \(Kind.allCases.map(\.word).joined(separator: ", "))"
        }
    }
}
