import Library
import Stash

/// What it takes to talk to a server: the stored or typed settings in the words of the Stash module.
struct ServerSettings {
    let access: ServerAccess

    init(address: ServerAddress, apiKey: String?, trust: InstanceTrust) {
        access = ServerAccess(address: address, apiKey: apiKey.flatMap(APIKey.init), trust: TLSTrust(trust))
    }

    /// - Throws: `CommandError` when the stored address cannot be used, which only a damaged database can cause.
    init(_ instance: Instance) throws(CommandError) {
        do {
            self.init(address: try ServerAddress(instance.url), apiKey: instance.apiKey, trust: instance.trust)
        } catch {
            throw CommandError(
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
