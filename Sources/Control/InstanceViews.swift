package import Foundation
package import Library

/// What is shown of an instance; the key is not among it.
package struct InstanceView: Codable, Sendable {
    package let id: String
    package let name: String
    package let url: String
    package let enabled: Bool
    package let priority: Int64
    package let hasApiKey: Bool
    /// `system`, `insecure` or `file`.
    package let tls: String
    package let caFile: String?
    package let createdAt: Date
    /// How many values people gave to its things: what a removal keeps, or deletes.
    package let values: Int
    /// What there is to say about a change that was just made.
    package var notes: [String]?

    package init(_ instance: Instance, values: Int) {
        id = instance.id.uuidString.lowercased()
        name = instance.name
        url = instance.url
        enabled = instance.enabled
        priority = instance.priority
        hasApiKey = instance.apiKey != nil
        createdAt = Date(timeIntervalSince1970: TimeInterval(instance.createdAt))
        self.values = values
        switch instance.trust {
        case .system: (tls, caFile) = ("system", nil)
        case .insecure: (tls, caFile) = ("insecure", nil)
        case .file(let path): (tls, caFile) = ("file", path)
        }
    }
}

/// How the certificate of a server is judged.
package enum TLSWord: String, Codable, Sendable {
    case system
    case insecure
    case file
}

/// What has to be said of a new instance.
package struct NewInstance: RequestBody {
    package var name: String
    package var url: String
    package var apiKey: String?
    package var enabled: Bool?
    package var priority: Int64?
    package var tls: TLSWord?
    package var caFile: String?
    /// Make it a new server also when it is recognised as one that was removed.
    package var fresh: Bool?
    /// False: do not test the connection first.
    package var test: Bool?

    package init(name: String, url: String) {
        self.name = name
        self.url = url
    }

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case name, url, apiKey, enabled, priority, tls, caFile, fresh, test
    }

    package static var fields: [String] { CodingKeys.allCases.map(\.rawValue) }
}

/// A change of an instance: what is not given stays.
package struct InstancePatch: RequestBody {
    package var name: String?
    package var url: String?
    /// `.some(nil)`, in JSON null, takes the key away.
    package var apiKey: String??
    package var enabled: Bool?
    package var priority: Int64?
    package var tls: TLSWord?
    package var caFile: String?
    /// The stored key may go to the new address, although that is another scheme, host or port.
    package var keepApiKey: Bool?
    /// What is found there is this instance's content also when it is another than before.
    package var force: Bool?
    /// False: do not test the connection first.
    package var test: Bool?

    package init() {}

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case name, url, apiKey, enabled, priority, tls, caFile, keepApiKey, force, test
    }

    package static var fields: [String] { CodingKeys.allCases.map(\.rawValue) }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decodeIfPresent(String.self, forKey: .name)
        url = try container.decodeIfPresent(String.self, forKey: .url)
        if container.contains(.apiKey) { apiKey = .some(try container.decode(String?.self, forKey: .apiKey)) }
        enabled = try container.decodeIfPresent(Bool.self, forKey: .enabled)
        priority = try container.decodeIfPresent(Int64.self, forKey: .priority)
        tls = try container.decodeIfPresent(TLSWord.self, forKey: .tls)
        caFile = try container.decodeIfPresent(String.self, forKey: .caFile)
        keepApiKey = try container.decodeIfPresent(Bool.self, forKey: .keepApiKey)
        force = try container.decodeIfPresent(Bool.self, forKey: .force)
        test = try container.decodeIfPresent(Bool.self, forKey: .test)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(name, forKey: .name)
        try container.encodeIfPresent(url, forKey: .url)
        if let apiKey { try container.encode(apiKey, forKey: .apiKey) }
        try container.encodeIfPresent(enabled, forKey: .enabled)
        try container.encodeIfPresent(priority, forKey: .priority)
        try container.encodeIfPresent(tls, forKey: .tls)
        try container.encodeIfPresent(caFile, forKey: .caFile)
        try container.encodeIfPresent(keepApiKey, forKey: .keepApiKey)
        try container.encodeIfPresent(force, forKey: .force)
        try container.encodeIfPresent(test, forKey: .test)
    }
}

/// Which connection is to be tested: that of an instance by its identity, or one to be.
package struct TestRequest: RequestBody {
    package var id: String?
    package var url: String?
    package var apiKey: String?
    package var tls: TLSWord?
    package var caFile: String?
    /// False: only what the address tells is told.
    package var test: Bool?

    package init() {}

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case id, url, apiKey, tls, caFile, test
    }

    package static var fields: [String] { CodingKeys.allCases.map(\.rawValue) }
}

/// What is left of a removed instance.
package struct RemovalView: Codable, Sendable {
    package let id: String
    package let name: String
    /// That people gave to its things.
    package let values: Int
    package let purged: Bool
}

/// A body of which every field is known: a field that is spelled wrongly is no field that is left out.
package protocol RequestBody: Codable, Sendable {
    static var fields: [String] { get }
}
