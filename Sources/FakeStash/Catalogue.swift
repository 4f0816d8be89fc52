import Foundation
import Synchronization

/// What a fake server holds. Tests change it as people and scans change a real one; what that does to `updated_at` follows
/// Stash 3.2.
package final class Catalogue: Sendable {
    /// One table: the ids that exist, in order, and the rows that are not as they were generated.
    struct Table {
        var ids: [Int]
        var edited: [Int: Entity] = [:]
        var nextID: Int

        func contains(_ id: Int) -> Bool {
            let place = firstIndex(after: id - 1)
            return place < ids.count && ids[place] == id
        }

        /// The place of the first id greater than `id`.
        func firstIndex(after id: Int) -> Int {
            var low = 0
            var high = ids.count
            while low < high {
                let middle = (low + high) / 2
                if ids[middle] <= id { low = middle + 1 } else { high = middle }
            }
            return low
        }
    }

    struct State {
        var tables: [Kind: Table] = [:]
        var folders: [Folder]
        /// Merged away: what joins named now names the destination.
        var redirects: [Kind: [Int: Int]] = [:]
        /// Owners of files that were not generated.
        var fileOwners: [Int: (kind: Kind, id: Int)] = [:]
        var nextFile: Int
        var nextMarker = 1_000_000
        var utcOffset: Int
        var clock: Int64?
        /// Grows with every change.
        var version = 0
        var orders: [String: [Int]] = [:]
        var relations: Relations?
        var files: Files?
    }

    /// All files in the order of their ids.
    struct Files {
        var version: Int
        var all: [MediaFile]
    }

    /// A copy of the database.
    package struct Backup: Sendable {
        fileprivate let state: State
    }

    /// Joins turned round: who has this tag, performer, …
    struct Relations {
        var version: Int
        var members: [Kind: [Kind: [Int: [Int]]]] = [:]
    }

    let generator: Generator
    let state: Mutex<State>
    private let edits = Mutex(())

    init(_ generator: Generator) {
        self.generator = generator
        var first = State(
            folders: generator.folders.folders(created: generator.created(.gallery, 0)),
            nextFile: generator.folders.firstFreeFile, utcOffset: generator.configuration.utcOffset)
        for kind in Kind.allCases {
            let count = generator.count(of: kind)
            first.tables[kind] = Table(ids: count == 0 ? [] : Array(1...count), nextID: count + 1)
        }
        state = Mutex(first)
        if generator.configuration.awkwardNames { addAwkwardNames() }
    }

    private func addAwkwardNames() {
        for (number, name) in AwkwardNames.all.enumerated() {
            create(.scene) { row in
                row.title = name
                row.files = [self.newFile(.video, basename: name.isEmpty ? "unnamed.mp4" : "awkward \(number).mp4")]
                row.performers = [1]
            }
            create(.performer) { $0.title = name.isEmpty ? "?" : name }
            create(.tag) { $0.title = name.isEmpty ? "?" : name }
        }
    }

    // MARK: Reading

    /// The row, as the server would answer it now; `nil` if there is none.
    package func entity(_ kind: Kind, _ id: Int) -> Entity? {
        state.withLock { load(kind, id, &$0) }
    }

    /// All ids of a kind in ascending order.
    package func ids(_ kind: Kind) -> [Int] {
        state.withLock { $0.tables[kind]?.ids ?? [] }
    }

    /// All files in the order of their ids; made once for each state of the catalogue.
    func files() -> [MediaFile] {
        state.withLock { state in
            if let known = state.files, known.version == state.version { return known.all }
            var all: [MediaFile] = []
            for kind in [Kind.scene, .image, .gallery] {
                for id in state.tables[kind]?.ids ?? [] { all.append(contentsOf: load(kind, id, &state)?.files ?? []) }
            }
            all.sort { $0.id < $1.id }
            state.files = Files(version: state.version, all: all)
            return all
        }
    }

    /// The number under which servers of the same `overlap` share this row; `nil` if it is this server's own.
    package func sharedNumber(_ kind: Kind, _ id: Int) -> Int? { generator.sharedNumber(kind, id) }

    /// The id here of what is shared under a number.
    package func id(_ kind: Kind, shared number: Int) -> Int? { generator.id(kind, shared: number) }

    func load(_ kind: Kind, _ id: Int, _ state: inout State) -> Entity? {
        guard let table = state.tables[kind], table.contains(id) else { return nil }
        var row = table.edited[id] ?? generator.entity(kind, id)
        // Join rows go with what they point to, and the row itself is not touched (Stash 3.2).
        row.performers = resolve(.performer, row.performers, state)
        row.tags = resolve(.tag, row.tags, state)
        row.galleries = resolve(.gallery, row.galleries, state)
        row.groups = row.groups.filter { state.tables[.group]?.contains($0.group) ?? false }
        if let studio = row.studio { row.studio = resolve(.studio, [studio], state).first }
        if !row.parents.isEmpty { row.parents = resolve(kind, row.parents, state) }
        if !row.markers.isEmpty {
            row.markers = row.markers.compactMap { marker in
                guard let primary = resolve(.tag, [marker.primaryTag], state).first else { return nil }
                var marker = marker
                marker.primaryTag = primary
                marker.tags = resolve(.tag, marker.tags, state)
                return marker
            }
        }
        return row
    }

    private func resolve(_ kind: Kind, _ ids: [Int], _ state: State) -> [Int] {
        guard !ids.isEmpty, let table = state.tables[kind] else { return [] }
        guard let redirects = state.redirects[kind] else { return ids.filter { table.contains($0) } }
        var seen: [Int] = []
        for id in ids {
            let target = redirects[id] ?? id
            if table.contains(target), !seen.contains(target) { seen.append(target) }
        }
        return seen
    }

    /// `updated_at` without making the whole row.
    func updated(_ kind: Kind, _ id: Int, _ state: State) -> Stamp {
        state.tables[kind]?.edited[id]?.updated ?? generator.updated(kind, id)
    }

    /// The full server path of a folder.
    func path(ofFolder id: Int, _ state: State) -> String {
        let separator = generator.configuration.windowsPaths ? "\\" : "/"
        var parts: [String] = []
        var next: Int? = id
        while let current = next, current >= 1, current <= state.folders.count {
            parts.append(state.folders[current - 1].name)
            next = state.folders[current - 1].parent
        }
        return parts.reversed().joined(separator: separator)
    }

    /// The full server path of a file, with the server's own separator (Stash 2.3).
    package func path(of file: MediaFile) -> String {
        state.withLock {
            path(ofFolder: file.folder, $0) + (generator.configuration.windowsPaths ? "\\" : "/") + file.basename
        }
    }

    /// The file of an id with the row that it belongs to.
    func file(_ id: Int, _ state: inout State) -> MediaFile? {
        guard let owner = state.fileOwners[id] ?? generator.folders.owner(ofFile: id) else { return nil }
        return load(owner.kind, owner.id, &state)?.files.first { $0.id == id }
    }

    // MARK: Changing

    /// The time that changes are stamped with: the real one unless tests set a clock.
    func now(_ state: State) -> Stamp {
        Stamp(seconds: state.clock ?? Int64(Date().timeIntervalSince1970), offset: state.utcOffset)
    }

    /// Fixes the clock that stamps changes, in seconds since 1970; `nil` is real time.
    package func setClock(_ seconds: Int64?) {
        state.withLock { $0.clock = seconds }
    }

    /// Changes the UTC offset that later changes are stamped with, as daylight saving does.
    package func setUTCOffset(_ seconds: Int) {
        state.withLock { $0.utcOffset = seconds }
    }

    /// Changes a row as an update mutation does: `updated_at` becomes now. `false` if there is no such row.
    @discardableResult
    package func edit(_ kind: Kind, _ id: Int, _ change: (inout Entity) -> Void) -> Bool {
        apply(kind, id, bump: true, change)
    }

    /// Changes a row as plays, O counts, captions, file scans and renames do: `updated_at` stays (Stash 3.2).
    @discardableResult
    package func editSilently(_ kind: Kind, _ id: Int, _ change: (inout Entity) -> Void) -> Bool {
        apply(kind, id, bump: false, change)
    }

    /// Adds a marker to a scene, which is not touched. Returns its id.
    @discardableResult
    package func addMarker(scene: Int, title: String, seconds: Double, primaryTag: Int) -> Int {
        let (id, stamp): (Int, Stamp) = state.withLock { state in
            state.nextMarker += 1
            return (state.nextMarker, now(state))
        }
        let marker = Marker(
            id: id, title: title, seconds: seconds, endSeconds: nil, primaryTag: primaryTag, tags: [], updated: stamp)
        _ = editSilently(.scene, scene) { $0.markers.append(marker) }
        return id
    }

    /// Changes the title of a scene's first marker; the scene is not touched.
    package func renameMarker(scene: Int, title: String) {
        let stamp: Stamp = state.withLock { now($0) }
        _ = editSilently(.scene, scene) { row in
            guard !row.markers.isEmpty else { return }
            row.markers[0].title = title
            row.markers[0].updated = stamp
        }
    }

    private func apply(_ kind: Kind, _ id: Int, bump: Bool, _ change: (inout Entity) -> Void) -> Bool {
        // The closure runs outside the lock of the state, for it may ask for new files; edits still go one after another.
        edits.withLock { _ in
            guard var row = entity(kind, id) else { return false }
            change(&row)
            let changed = row
            state.withLock { state in
                var row = changed
                if bump { row.updated = now(state) }
                store(row, &state)
            }
            return true
        }
    }

    private func store(_ row: Entity, _ state: inout State) {
        for file in row.files { state.fileOwners[file.id] = (row.kind, row.id) }
        state.tables[row.kind]?.edited[row.id] = row
        state.version += 1
        state.orders = [:]
    }

    /// Adds a row and returns its id.
    @discardableResult
    package func create(_ kind: Kind, _ fill: (inout Entity) -> Void) -> Int {
        // Filled outside the lock: the closure may ask for new files.
        let (id, stamp) = state.withLock { state in
            let id = state.tables[kind]?.nextID ?? 1
            state.tables[kind]?.nextID = id + 1
            return (id, now(state))
        }
        var row = Entity(kind: kind, id: id, created: stamp)
        fill(&row)
        state.withLock { state in
            state.tables[kind]?.ids.append(id)
            store(row, &state)
        }
        return id
    }

    /// A file that no row has yet, with bytes of its own.
    package func newFile(_ form: MediaFile.Form, basename: String, size: Int64 = 123_456, folder: Int = 1) -> MediaFile
    {
        state.withLock { state in
            let stamp = now(state)
            let id = state.nextFile
            state.nextFile += 1
            var file = MediaFile(
                id: id, form: form, basename: basename, folder: folder, archive: nil, size: size, modified: stamp,
                created: stamp, updated: stamp, identity: mix(generator.key, UInt64(id) + 0xadd))
            file.width = 1920
            file.height = 1080
            file.format = basename.split(separator: ".").last.map(String.init) ?? ""
            if form == .video {
                file.duration = 60.5
                file.videoCodec = "h264"
                file.audioCodec = "aac"
                file.frameRate = 25
                file.bitRate = Int(size) / 8
            }
            return file
        }
    }

    /// Makes every row anew, as when the database is deleted and the same files are scanned again in the same order: the
    /// same ids, made now.
    package func reset() {
        let stamp = state.withLock { now($0) }
        for kind in Kind.allCases {
            for id in ids(kind) {
                editSilently(kind, id) { row in
                    row.created = stamp
                    row.updated = stamp
                }
            }
        }
    }

    /// The database as it is now.
    package func backup() -> Backup { state.withLock { Backup(state: $0) } }

    /// Brings back the database as it was: what was made since is gone, and its ids are given again.
    package func restore(_ backup: Backup) {
        state.withLock { state in
            let version = state.version
            state = backup.state
            state.version = version + 1
            state.orders = [:]
        }
    }

    /// Deletes rows. What referred to them just no longer does, and is not bumped.
    package func destroy(_ kind: Kind, _ ids: [Int]) {
        state.withLock { state in
            for id in ids {
                guard let place = state.tables[kind]?.firstIndex(after: id - 1),
                    state.tables[kind]?.contains(id) ?? false
                else { continue }
                state.tables[kind]?.ids.remove(at: place)
                state.tables[kind]?.edited[id] = nil
            }
            state.version += 1
            state.orders = [:]
        }
    }

    /// Deletes everything.
    package func destroyAll() {
        for kind in Kind.allCases { destroy(kind, ids(kind)) }
    }

    /// Merges tags or performers: sources vanish, and what had them has the destination. For tags nothing is bumped; for
    /// scenes, which are no join targets, use `mergeScenes`.
    package func merge(_ kind: Kind, _ sources: [Int], into destination: Int) {
        state.withLock { state in
            for source in sources {
                for (old, target) in state.redirects[kind] ?? [:] where target == source {
                    state.redirects[kind]?[old] = destination
                }
                state.redirects[kind, default: [:]][source] = destination
            }
        }
        destroy(kind, sources)
        if kind != .tag { edit(kind, destination) { _ in } }
    }

    /// Merges scenes: the destination gets the files and is bumped, the sources vanish.
    package func mergeScenes(_ sources: [Int], into destination: Int) {
        let files = sources.compactMap { entity(.scene, $0)?.files }.flatMap { $0 }
        destroy(.scene, sources)
        edit(.scene, destination) { $0.files += files }
    }

    /// Replaces the content of the primary file as a scan that finds it rewritten: only the file's times move.
    package func rewriteFile(_ kind: Kind, _ id: Int, size: Int64? = nil) {
        let stamp = state.withLock { now($0) }
        editSilently(kind, id) { row in
            guard !row.files.isEmpty else { return }
            row.files[0].identity = mix(row.files[0].identity, 0x4e37)
            row.files[0].size = size ?? row.files[0].size
            row.files[0].modified = stamp
            row.files[0].updated = stamp
        }
    }

    /// Renames or moves the primary file: only the file's `updated_at` moves.
    package func moveFile(_ kind: Kind, _ id: Int, basename: String? = nil, folder: Int? = nil) {
        let stamp = state.withLock { now($0) }
        editSilently(kind, id) { row in
            guard !row.files.isEmpty else { return }
            row.files[0].basename = basename ?? row.files[0].basename
            row.files[0].folder = folder ?? row.files[0].folder
            row.files[0].updated = stamp
        }
    }

    /// Renames a folder: the paths of everything below change, and no time does.
    package func renameFolder(_ id: Int, to name: String) {
        state.withLock { state in
            guard id >= 1, id <= state.folders.count else { return }
            state.folders[id - 1].name = name
            state.version += 1
            state.orders = [:]
        }
    }

    // MARK: Joins turned round

    /// The rows of `kind` that have `id` of `target` in a join: scenes of a performer, images of a gallery, …
    func members(_ kind: Kind, having target: Kind, _ id: Int, _ state: inout State) -> [Int] {
        if state.relations?.version != state.version { state.relations = Relations(version: state.version) }
        if state.relations?.members[kind] == nil { index(kind, &state) }
        return state.relations?.members[kind]?[target]?[id] ?? []
    }

    private func index(_ kind: Kind, _ state: inout State) {
        var found: [Kind: [Int: [Int]]] = [:]
        for id in state.tables[kind]?.ids ?? [] {
            guard let row = load(kind, id, &state) else { continue }
            for performer in row.performers { found[.performer, default: [:]][performer, default: []].append(id) }
            for tag in row.tags { found[.tag, default: [:]][tag, default: []].append(id) }
            for gallery in row.galleries { found[.gallery, default: [:]][gallery, default: []].append(id) }
            for place in row.groups { found[.group, default: [:]][place.group, default: []].append(id) }
            for parent in row.parents { found[kind, default: [:]][parent, default: []].append(id) }
            if let studio = row.studio { found[.studio, default: [:]][studio, default: []].append(id) }
        }
        state.relations?.members[kind] = found
    }
}
