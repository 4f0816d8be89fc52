package import Library
package import Stash

/// What it takes to talk to a server: the stored or typed settings in the words of the Stash module.
package struct ServerSettings: Sendable {
    package let access: ServerAccess

    package init(address: ServerAddress, apiKey: String?, trust: InstanceTrust) {
        access = ServerAccess(address: address, apiKey: apiKey.flatMap(APIKey.init), trust: TLSTrust(trust))
    }

    /// - Throws: `Problem` when the stored address cannot be used, which only a damaged database can cause.
    package init(_ instance: Instance) throws(Problem) {
        do {
            self.init(address: try ServerAddress(instance.url), apiKey: instance.apiKey, trust: instance.trust)
        } catch {
            throw Problem(
                .configuration, "the address of '\(instance.name)' cannot be used: \(error.description)",
                hint: "give it another one with `peekfs instance set \(instance.name) --url URL`")
        }
    }
}

extension TLSTrust {
    fileprivate init(_ trust: InstanceTrust) {
        self =
            switch trust {
            case .system: .system
            case .insecure: .insecure
            case .file(let path): .file(path)
            }
    }
}
