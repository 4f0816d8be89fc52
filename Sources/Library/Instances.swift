package import Foundation

/// How a server's certificate is checked.
package enum InstanceTrust: Hashable, Sendable {
    case system
    case insecure
    /// A PEM file with the authority's certificates.
    case file(String)
}

/// A configured server. The key is here because it must be stored; nothing that prints an instance may print it.
package struct Instance: Sendable, Identifiable, Equatable {
    package let number: InstanceNumber
    /// The identity for other programs; it never changes.
    package let id: UUID
    package var name: String
    package var url: String
    package var apiKey: String?
    package var enabled: Bool
    /// Lower wins; ties are broken by creation, that is by number.
    package var priority: Int64
    package var trust: InstanceTrust
    /// Unix seconds.
    package let createdAt: Int64
    /// Whether nothing speaks against its address leading to its catalogue: false after a sync has found another one there,
    /// and under a new address until a sync has recognised it.
    package var isRecognised = true

    package init(
        number: InstanceNumber, id: UUID, name: String, url: String, apiKey: String?, enabled: Bool, priority: Int64,
        trust: InstanceTrust, createdAt: Int64
    ) {
        self.number = number
        self.id = id
        self.name = name
        self.url = url
        self.apiKey = apiKey
        self.enabled = enabled
        self.priority = priority
        self.trust = trust
        self.createdAt = createdAt
    }
}

extension Instance: CustomStringConvertible, CustomReflectable {
    package var description: String { "\(name) (\(url))" }

    package var customMirror: Mirror {
        Mirror(self, children: ["name": name, "url": url, "hasApiKey": apiKey != nil])
    }
}

/// Why a change of the instances was refused; nothing was changed.
package enum InstanceError: Error, Equatable, CustomStringConvertible {
    case noSuchInstance(String)
    case nameTaken(String)
    case badName(String, reason: String)
    case changedMeanwhile(String)
    /// Somebody else added the removed instance again meanwhile.
    case nothingToAdopt(String)

    package var description: String {
        switch self {
        case .noSuchInstance(let name): "there is no instance named '\(name)'; see `peekfs instance list`"
        case .nameTaken(let name): "an instance named '\(name)' exists already"
        case .changedMeanwhile(let name): "'\(name)' was changed meanwhile by somebody else; nothing was changed"
        case .badName(let name, let reason): "'\(name)' cannot be the name of an instance: \(reason)"
        case .nothingToAdopt(let name): "'\(name)' was added by another command at the same time"
        }
    }
}

extension Instance {
    /// Checks that a name can be a directory below `/instances` and the first part of `attic:scene:123`.
    ///
    /// - Throws: `InstanceError.badName` with the reason.
    package static func validate(name: String) throws(InstanceError) {
        let reason: String? =
            if name.isEmpty { "it is empty" } else if name.utf8.count > 64 {
                "it is longer than 64 bytes"
            } else if name.hasPrefix(".") { "it starts with a dot" } else if name != NameRules.clean(name) {
                "it holds a slash, a control character, a trailing dot or space, or text that is not in Unicode's composed form"
            } else if name.contains(":") { "it holds a colon, which separates the parts of an id" } else { nil }
        if let reason { throw .badName(name, reason: reason) }
    }
}
