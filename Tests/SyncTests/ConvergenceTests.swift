import Dispatch
import Foundation
import Library
import Stash
import Sync
import Synchronization
import Testing

import class FakeStash.Catalogue
import class FakeStash.FakeStash
import struct FakeStash.Fault
import struct FakeStash.GroupPlace
import enum FakeStash.Kind

/// Whatever happens at a server, and however its answers fail meanwhile: in the end the index has what a fresh one has.
@Suite(.serialized, .timeLimit(.minutes(60))) struct ConvergenceTests {
    /// How many histories; a longer run is asked for by the environment.
    private static let histories =
        ProcessInfo.processInfo.environment["PEEKFS_HISTORIES"].flatMap { UInt64($0) } ?? 20
    private static let firstSeed =
        ProcessInfo.processInfo.environment["PEEKFS_SEED"].flatMap { UInt64($0) } ?? 1
    /// One more than there are cores: a history often waits, for its server or the disk.
    private static let sideBySide = ProcessInfo.processInfo.activeProcessorCount + 1

    @Test func `after any history a chain of small passes and a full pass into a fresh index end equal`() {
        let trial = Trial(seeds: Self.firstSeed..<(Self.firstSeed + Self.histories))
        let threads = DispatchGroup()
        // Not those that tests run on, which are as few as the cores.
        for _ in 0..<Self.sideBySide {
            threads.enter()
            let thread = Thread {
                trial.work()
                threads.leave()
            }
            thread.name = "histories"
            thread.start()
        }
        threads.wait()
        for failure in trial.failures { Issue.record("\(failure)") }
    }
}

/// Histories for several threads; there are no more after one that failed.
private final class Trial: Sendable {
    private struct State {
        var seeds: Range<UInt64>
        var failures: [String] = []
    }

    private let state: Mutex<State>

    init(seeds: Range<UInt64>) { state = Mutex(State(seeds: seeds)) }

    /// What failed, with the seed that repeats it.
    var failures: [String] { state.withLock { $0.failures } }

    func work() {
        while let seed = next() {
            let difference: [String]
            do {
                var history = try History(seed: seed)
                difference = try history.difference()
            } catch {
                difference = ["\(error)"]
            }
            guard !difference.isEmpty else { continue }
            let failure = "PEEKFS_SEED=\(seed) PEEKFS_HISTORIES=1:\n\(difference.joined(separator: "\n"))"
            state.withLock { $0.failures.append(failure) }
        }
    }

    private func next() -> UInt64? {
        state.withLock { $0.failures.isEmpty ? $0.seeds.popFirst() : nil }
    }
}

/// One random history of one server.
private struct History {
    private let fake: FakeStash
    private var random: Seeded
    private let seed: UInt64
    private var clock: Int64
    private var backup: Catalogue.Backup?
    private var log: [String] = []
    /// How many ids are asked for at once: where pages end differs, and often there is one only.
    private let idPageSize: Int
    /// Something happened that only a full pass can see.
    private var isHidden = false

    init(seed: UInt64) throws {
        var random = Seeded(seed)
        var configuration = FakeStash.Configuration()
        configuration.generation = seed % 3 == 0 ? .v22 : .v30
        configuration.seed = seed
        configuration.scenes = Int.random(in: 0...7, using: &random)
        configuration.performers = Int.random(in: 0...4, using: &random)
        configuration.studios = Int.random(in: 0...4, using: &random)
        configuration.tags = Int.random(in: 0...8, using: &random)
        configuration.galleries = Int.random(in: 0...3, using: &random)
        configuration.groups = Int.random(in: 0...3, using: &random)
        configuration.images = Int.random(in: 0...7, using: &random)
        configuration.utcOffset = [-8, 0, 2, 13].randomElement(using: &random).map { $0 * 3600 } ?? 0
        idPageSize = [2, 3, 5, 100].randomElement(using: &random) ?? 3
        fake = try FakeStash.start(configuration)
        // The last hour of daylight saving in 2025, or any time after the generated rows.
        clock = Bool.random(using: &random) ? 1_762_070_000 : 1_764_000_000
        self.random = random
        self.seed = seed
        fake.catalogue.setClock(clock)
    }

    /// What the two indexes do not have in common.
    mutating func difference() throws -> [String] {
        defer { fake.stop() }
        let rig = try Rig()
        try rig.sync(fake.url, options: options(.full))
        for _ in 0..<Int.random(in: 3...14, using: &random) {
            if Int.random(in: 0..<3, using: &random) == 0 { try pass(rig) } else { edit() }
        }
        fake.faults.removeAll()
        try settle(rig)
        let fresh = try Rig()
        let report = try fresh.sync(fake.url, options: options(.full))
        guard report.error == nil else { return ["the fresh pass failed: \(report.error.map { "\($0)" } ?? "")"] }
        let (have, want) = (Set(try rig.dump()), Set(try fresh.dump()))
        guard have != want else { return [] }
        return log + have.subtracting(want).sorted().map { "has   " + $0 }
            + want.subtracting(have).sorted().map { "lacks " + $0 }
    }

    /// Syncs until nothing is found any more. The first pass finds and doubts, the second is sure, and a third finds what the
    /// removed ones were linked to; there is no need of more.
    private mutating func settle(_ rig: Rig) throws {
        for _ in 0..<3 {
            var report = try rig.sync(fake.url, options: options(isHidden ? .full : .sweep))
            log.append(
                "at last \(report.error.map { "\($0)" } ?? "\(report.changed) changed, \(report.removed) removed")")
            let news = [report.changed, report.removed, report.sidecars, report.sidecarsPending]
            let hasNews = news.contains { $0 > 0 } || report.kinds.values.contains { $0.missing > 0 }
            if report.error == nil, !hasNews { return }
            if report.error != nil || !report.suspects.isEmpty {
                report = try rig.sync(fake.url, options: options(.full, force: true))
                log.append("forced \(report.error.map { "\($0)" } ?? "")")
            }
        }
    }

    private func options(_ scope: SyncScope, force: Bool = false) -> SyncOptions {
        var options = Rig.options(force: force)
        options.scope = scope
        options.idPageSize = idPageSize
        return options
    }

    private mutating func pass(_ rig: Rig) throws {
        if Int.random(in: 0..<3, using: &random) == 0 {
            let actions: [Fault.Action] = [
                .graphQLError("database is locked"), .drop, .close(after: 40), .status(500, "oh"), .loginPage,
            ]
            fake.faults.add(
                Fault(
                    skip: Int.random(in: 0..<40, using: &random), times: Int.random(in: 1...4, using: &random),
                    action: actions.randomElement(using: &random) ?? .drop))
        }
        let scope: SyncScope =
            [.incremental, .incremental, .incremental, .sweep, .full].randomElement(using: &random) ?? .full
        let report = try rig.sync(fake.url, options: options(scope))
        log.append(
            "\(scope): \(report.error.map { "\($0)" } ?? "\(report.changed) changed, \(report.removed) removed")")
        fake.faults.removeAll()
    }

    private mutating func pick(_ kind: Kind) -> Int? { fake.catalogue.ids(kind).randomElement(using: &random) }

    /// Something that a person or a scan does.
    private mutating func edit() {
        // Often within the same second, and sometimes long after.
        clock += [0, 0, 1, 30, 4000, 200_000].randomElement(using: &random) ?? 0
        fake.catalogue.setClock(clock)
        let catalogue = fake.catalogue
        let kind = Kind.allCases.randomElement(using: &random) ?? .tag
        let name = "name \(Int.random(in: 0..<1000, using: &random))"
        let (tag, performer, studio) = (pick(.tag), pick(.performer), pick(.studio))
        let (gallery, group) = (pick(.gallery), pick(.group))
        switch Int.random(in: 0..<15, using: &random) {
        case 0, 1:
            let file =
                kind == .scene || kind == .image
                ? [catalogue.newFile(kind == .scene ? .video : .image, basename: name)] : []
            let id = catalogue.create(kind) { row in
                row.title = name
                row.files = file
                row.hasPicture = kind != .image && kind != .gallery && kind != .scene
                if kind == .scene || kind == .image { row.tags = [tag].compactMap(\.self) }
            }
            log.append("create \(kind) \(id) '\(name)'")
        case 2, 3:
            guard let id = pick(kind) else { return }
            catalogue.edit(kind, id) { $0.title = name }
            log.append("rename \(kind) \(id) '\(name)'")
        case 4:
            guard let id = pick(.scene) else { return }
            catalogue.edit(.scene, id) { row in
                row.tags = [tag].compactMap(\.self)
                row.performers = [performer].compactMap(\.self)
                row.studio = studio
                row.groups = group.map { [GroupPlace(group: $0, index: 2)] } ?? []
            }
            log.append("relate scene \(id) to tag \(tag ?? 0), performer \(performer ?? 0)")
        case 5:
            guard let other = pick(.tag), let tag, other != tag else { return }
            catalogue.merge(.tag, [tag], into: other)
            log.append("merge tag \(tag) into \(other)")
        case 6:
            guard let other = pick(.performer), let performer, other != performer else { return }
            catalogue.merge(.performer, [performer], into: other)
            log.append("merge performer \(performer) into \(other)")
        case 7, 8:
            guard let id = pick(kind) else { return }
            catalogue.destroy(kind, [id])
            log.append("destroy \(kind) \(id)")
        case 9:
            let kind: Kind = Bool.random(using: &random) ? .scene : .image
            guard let id = pick(kind) else { return }
            if Bool.random(using: &random) {
                catalogue.moveFile(kind, id, basename: name)
            } else {
                catalogue.rewriteFile(kind, id, size: Int64.random(in: 1...9999, using: &random))
            }
            isHidden = isHidden || seed % 3 == 0
            log.append("change the file of \(kind) \(id)")
        case 10:
            guard let id = pick(.scene) else { return }
            let now = clock
            catalogue.editSilently(.scene, id) { $0.playHistory.append(now) }
            // 0.22 cannot be asked for plays, and what is gone again cannot either.
            isHidden = isHidden || seed % 3 == 0
            log.append("play scene \(id)")
        case 11:
            guard let gallery, let image = pick(.image), let scene = pick(.scene) else { return }
            catalogue.editSilently(.image, image) { $0.galleries = $0.galleries == [gallery] ? [] : [gallery] }
            catalogue.editSilently(.scene, scene) { $0.galleries = $0.galleries == [gallery] ? [] : [gallery] }
            catalogue.edit(.gallery, gallery) { _ in }
            log.append("change what is in gallery \(gallery): image \(image), scene \(scene)")
        case 12:
            guard let scene = pick(.scene), let tag else { return }
            switch Int.random(in: 0..<3, using: &random) {
            case 0: catalogue.addMarker(scene: scene, title: name, seconds: 3, primaryTag: tag)
            case 1: catalogue.renameMarker(scene: scene, title: name)
            default: catalogue.editSilently(.scene, scene) { $0.markers = [] }
            }
            log.append("change the markers of scene \(scene)")
        case 13:
            let offset = [-8, -7, 0, 2].randomElement(using: &random) ?? 0
            catalogue.setUTCOffset(offset * 3600)
            log.append("offset \(offset) h")
        default:
            if let backup, Bool.random(using: &random) {
                catalogue.restore(backup)
                log.append("restore")
                isHidden = true
            } else {
                backup = catalogue.backup()
                log.append("back up")
            }
        }
    }
}
