import Foundation
import Library
import Stash
import Sync

/// Which servers there are. Every change is in effect when it is answered.
extension Premises {
    var instanceRoutes: [Route] {
        [
            Route(.get, "/api/setup/stash-instances", .blocking { _ in .json(try list()) }),
            Route(.post, "/api/setup/stash-instance", .blocking { .json(try create($0.decoded()), status: 201) }),
            Route(
                .put, "/api/setup/stash-instance/{uuid}",
                .blocking { .json(try change(try $0.parameter("uuid"), $0.decoded())) }),
            Route(
                .delete, "/api/setup/stash-instance/{uuid}",
                .blocking { .json(try remove(try $0.parameter("uuid"), purge: try $0.flag("purge"))) }),
            Route(.post, "/api/setup/stash-instance/test", .blocking { .json(try test($0.decoded())) }),
        ]
    }

    private func view(_ instance: Instance) throws -> InstanceView {
        InstanceView(instance, values: try state.personalCount(of: instance.number))
    }

    private func list() throws -> [InstanceView] { try state.instances().map(view) }

    // MARK: Adding

    private func create(_ new: NewInstance) throws -> InstanceView {
        try Instance.validate(name: new.name)
        let address = try Self.address(new.url)
        let key = try Self.key(new.apiKey)
        let trust = try Self.trust(new.tls, new.caFile) ?? .system
        let isTaken = try state.instances().contains { $0.name.lowercased() == new.name.lowercased() }
        if isTaken { throw InstanceError.nameTaken(new.name) }
        var notes: [String] = []
        var found: CatalogueFingerprint?
        if new.test ?? true {
            let settings = ServerSettings(address: address, apiKey: key, trust: trust)
            let (report, reading) = try ConnectionTest.pass(settings)
            notes.append(report.sentence)
            found = reading.fingerprint
        }
        var former: InstanceNumber?
        if new.fresh != true {
            let recognition = try Recognition(of: address.url, found, in: state)
            former = recognition.former?.number
            let view = RecognitionView(recognition)
            notes += view.remarks + (view.former.map { ["\($0.sentence); it gets them back"] } ?? [])
        }
        let added = try state.addInstance(
            name: new.name, url: address.url, apiKey: key, enabled: new.enabled ?? true, priority: new.priority,
            trust: trust, adopting: former, fingerprint: found)
        try followInstances(asking: added.number)
        var view = try view(added)
        view.notes = notes
        return view
    }

    /// What adding would say: never stored, never a reason to ask another server.
    private func test(_ request: TestRequest) throws -> ConnectionView {
        if let id = request.id {
            guard request.url == nil, request.apiKey == nil else {
                throw Problem(.usage, "give either id or url")
            }
            return ConnectionView(try ConnectionTest.report(try ServerSettings(try instance(id))))
        }
        guard let url = request.url else { throw Problem(.usage, "url is missing") }
        let address: ServerAddress
        do {
            address = try ServerAddress(url)
        } catch {
            return ConnectionView(ConnectionReport(.badAddress(error), address: nil))
        }
        let settings = ServerSettings(
            address: address, apiKey: try Self.key(request.apiKey),
            trust: try Self.trust(request.tls, request.caFile) ?? .system)
        return try ConnectionTest.view(settings, isTried: request.test ?? true) { found in
            RecognitionView(try Recognition(of: address.url, found, in: state))
        }
    }

    // MARK: Changing

    private func change(_ id: String, _ patch: InstancePatch) throws -> InstanceView {
        let instance = try instance(id)
        var change = InstanceChange(
            name: patch.name, url: try patch.url.map { try Self.address($0).url },
            apiKey: try patch.apiKey.map { try Self.key($0) }, enabled: patch.enabled, priority: patch.priority,
            trust: try Self.trust(patch.tls, patch.caFile))
        var notes: [String] = []
        let isOtherConnection = change.url != nil || change.apiKey != nil || change.trust != nil
        if isOtherConnection {
            let address = try Self.address(change.url ?? instance.url)
            let key = change.apiKey ?? instance.apiKey
            if change.apiKey == nil, key != nil, patch.keepApiKey != true {
                try Self.refuseKey(of: instance, at: address)
            }
            if patch.test ?? true {
                let settings = ServerSettings(address: address, apiKey: key, trust: change.trust ?? instance.trust)
                let (report, reading) = try ConnectionTest.pass(settings)
                notes.append(report.sentence)
                try recognise(reading, at: address, as: instance, isForced: patch.force ?? false)
                change.fingerprint = reading.fingerprint
            }
        }
        let changed = try state.changeInstance(
            instance.number, change, seen: isOtherConnection ? instance : nil)
        let isShown = changed.priority != instance.priority || changed.enabled != instance.enabled
        if running != nil || isShown { try followInstances(asking: changed.number) }
        var view = try view(changed)
        view.notes = notes
        return view
    }

    /// A key goes to the server that it was given for. Throws when the address is another origin.
    private static func refuseKey(of instance: Instance, at address: ServerAddress) throws(Problem) {
        if let old = try? ServerAddress(instance.url), old.hasSameOrigin(as: address) { return }
        throw Problem(
            .usage, "the API key of '\(instance.name)' was given for \(instance.url); it is not sent to \(address)",
            hint: "give one with --api-key-file or --api-key-stdin, or say --keep-api-key or --no-api-key")
    }

    /// Makes sure that the address leads to the same catalogue as before, where ids mean the same.
    private func recognise(
        _ reading: CatalogueReading, at address: ServerAddress, as instance: Instance, isForced: Bool
    ) throws {
        let verdict = try reading.verdict(against: state.fingerprint(of: instance.number), at: address)
        guard verdict == .other, !isForced else { return }
        throw Problem(
            .configuration,
            "\(address) has another catalogue than '\(instance.name)', or it was reset or restored; nothing was changed",
            hint: "add another server with `peekfs instance add`; --force if its things have the ids that they had")
    }

    private func remove(_ id: String, purge: Bool) throws -> RemovalView {
        let instance = try instance(id)
        let values = try state.personalCount(of: instance.number)
        try state.removeInstance(instance.number, purge: purge)
        try followInstances(asking: nil)
        return RemovalView(
            id: instance.id.uuidString.lowercased(), name: instance.name, values: values, purged: purge)
    }

    private func followInstances(asking number: InstanceNumber?) throws {
        try follow.instances()
        if let number { running?.scheduler.request(number) }
    }

    // MARK: What was typed

    /// An address as it was typed, brought into the form that is stored.
    private static func address(_ text: String) throws(Problem) -> ServerAddress {
        do {
            return try ServerAddress(text)
        } catch {
            let hint =
                error == .keyInURL
                ? "leave the key out of the address and give it with --api-key-file or --api-key-stdin" : error.hint
            throw Problem(.usage, error.description, hint: hint, diagnosis: "bad-address")
        }
    }

    /// A key as it was typed, checked; nothing of it is repeated.
    private static func key(_ text: String?) throws(Problem) -> String? {
        guard let text else { return nil }
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !trimmed.isEmpty else {
            throw Problem(.usage, "the API key is empty", hint: "leave it out for a server without a key")
        }
        guard APIKey(trimmed) != nil else {
            throw Problem(
                .usage, "this is no API key: it holds blanks or characters that cannot stand in a header",
                hint: "copy it from Stash's Settings, Security, API key")
        }
        return trimmed
    }

    private static func trust(_ word: TLSWord?, _ path: String?) throws(Problem) -> InstanceTrust? {
        switch (word, path) {
        case (nil, nil): return nil
        case (.system, nil): return .system
        case (.insecure, nil): return .insecure
        case (nil, let path?), (.file, let path?):
            guard path.hasPrefix("/"), access(path, R_OK) == 0 else {
                throw Problem(
                    .notFound, "the CA file \(path): \(String(cString: strerror(errno)).lowercased())", status: 422)
            }
            return .file(path)
        case (.file, nil): throw Problem(.usage, "caFile is missing")
        case (_, .some): throw Problem(.usage, "caFile and tls contradict each other")
        }
    }
}
