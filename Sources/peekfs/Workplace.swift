import Derive
import Foundation
import Library
import Stash

/// The databases that a command works on.
struct Workplace: Sendable {
    let locations: Locations
    let state: StateDatabase

    /// Opens the state. A fresh one takes its first instance from the environment.
    ///
    /// - Parameters:
    ///   - options: Where.
    ///   - adopting: Whether `STASH_URL` may become the first instance; not when a person is just about to say which is
    ///     the first one.
    /// - Throws: `CommandError` or `StoreError`.
    init(_ options: LocationOptions, adopting: Bool = true) throws {
        try self.init(options.locations(), adopting: adopting)
    }

    init(_ locations: Locations, adopting: Bool = true) throws {
        self.locations = locations
        state = try StateDatabase(directory: locations.state)
        if adopting { adoptEnvironment(ProcessInfo.processInfo.environment) }
    }

    /// The index, which is made when it is missing.
    func index() throws -> IndexDatabase {
        try IndexDatabase(directory: locations.cache, libraryID: state.libraryID)
    }

    /// A bad `STASH_URL` is worth a word but no failure: the variable may be meant for another program.
    private func adoptEnvironment(_ environment: [String: String]) {
        do {
            let adopted = try state.adoptEnvironment(environment) { try ServerAddress($0).url }
            if let adopted { Output.note("STASH_URL is now the instance '\(adopted.name)' (\(adopted.url))") }
        } catch {
            Output.note("STASH_URL is not used: \((error as? AddressError)?.description ?? "\(error)")")
        }
    }

    /// The instances of these names, or all of them.
    func instances(named names: [String]) throws -> [Instance] {
        names.isEmpty ? try state.instances() : try names.map { try state.instance(named: $0) }
    }

    /// Brings what is listed in line with the state, also of servers that are not configured any more. A daemon sees that
    /// it happened.
    func derive() throws {
        let derivation = Derivation(state: state, index: try index())
        try derivation.forgetRemoved()
        try derivation.run()
    }
}
