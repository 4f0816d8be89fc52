package import Foundation
import GRDB

/// What people said and decided: instances, ratings, numbers and names once given. Precious: nothing here can be
/// fetched again, so every commit is on disk before it is acknowledged (`synchronous=FULL` in WAL mode).
///
/// Several processes may have it open: the daemon and commands. SQLite's own locks keep them apart.
package final class StateDatabase: Sendable {
    let pool: DatabasePool
    /// What people wait for is written through this.
    let commits: GroupCommit
    /// The identity of this library; the index that belongs to it carries the same. Read once: a restore of another
    /// library's backup wants the database to be opened again.
    package let libraryID: UUID
    package let path: String
    /// How many changes wait for a transaction now.
    package var waitingChanges: Int { commits.waiting }
    let steps: [String]

    /// Opens `directory/state.sqlite`, making directory (0700) and file (0600) when they are missing. An older one is
    /// brought to the present version, after a backup beside it.
    ///
    /// - Throws: `StoreError` when the file was written by a newer version or cannot be used.
    package convenience init(directory: String) throws {
        try self.init(directory: directory, steps: StateSchema.steps)
    }

    init(directory: String, steps: [String]) throws {
        try Files.makePrivateDirectory(directory)
        self.steps = steps
        path = directory + "/state.sqlite"
        Files.createPrivate(path)
        pool = try StateMigration.open(path, steps: steps)
        commits = GroupCommit(pool)
        let text = try pool.read { try String.fetchOne($0, sql: "SELECT value FROM setting WHERE key = 'library'") }
        guard let id = text.flatMap(UUID.init(uuidString:)) else {
            throw StoreError.unusable(path: path, reason: "it does not say which library it belongs to")
        }
        libraryID = id
    }

    /// What SQLite finds wrong with the file (`PRAGMA quick_check`); nothing when it is sound. Reads all of it.
    package func faults() throws -> [String] {
        try pool.read { try String.fetchAll($0, sql: "PRAGMA quick_check") }.filter { $0 != "ok" }
    }
}

/// The SQLite that this process runs with.
package enum LibraryVersion {
    /// `3.40.1`
    package static var text: String {
        (try? DatabaseQueue().read { try String.fetchOne($0, sql: "SELECT sqlite_version()") }) ?? "unknown"
    }
}

/// Why a database cannot be used.
package enum StoreError: Error, Equatable, CustomStringConvertible {
    case newer(path: String, found: Int, known: Int)
    case unusable(path: String, reason: String)

    package var description: String {
        switch self {
        case .newer(let path, let found, let known):
            "\(path) has version \(found), written by a newer peekfs; this one knows versions up to \(known). Install the newer one again"
        case .unusable(let path, let reason): "\(path) cannot be used: \(reason)"
        }
    }
}

/// Files and directories that only their owner may look into: they hold keys and what people watch.
package enum Files {
    /// Makes a directory and its missing parents, mode 0700 for what is made.
    package static func makePrivateDirectory(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw StoreError.unusable(
                path: path, reason: "the directory cannot be made (\(error.localizedDescription))")
        }
    }

    /// Makes an empty file with mode 0600, or gives an existing one that mode, before SQLite opens it: SQLite gives the
    /// journal beside it the same mode.
    ///
    /// A database is never opened here, not even to be closed at once: closing any descriptor of a file takes all locks
    /// that this process has on it (fcntl(2)), and without its lock another process would take the log away from under
    /// the connections of this one (sqlite.org/howtocorrupt.html, 2.2).
    package static func createPrivate(_ path: String) {
        guard chmod(path, 0o600) != 0, errno == ENOENT else { return }
        var template = Array((path + ".XXXXXX").utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { return }
        close(descriptor)
        let temporary = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        // It comes into being closed, and an existing one is left alone. Where there are no hard links it is made in place.
        if link(temporary, path) != 0, errno != EEXIST {
            let made = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            if made >= 0 { close(made) }
        }
        unlink(temporary)
    }

    /// Makes what was just done to names in a directory survive a power cut. Some file systems cannot; they are not worse
    /// off for it.
    package static func syncDirectory(of path: String) {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}

extension StateDatabase {
    /// Every member that is part of the same entity, itself too, also those of servers that are switched off or removed
    /// and those that were replaced at their servers: what people say is said of all of them. Empty when the thing is not
    /// known.
    package func members(togetherWith ref: EntityRef) throws -> [EntityRef] {
        try pool.read { db in try Self.members(togetherWith: ref, db) }
    }

    static func members(togetherWith ref: EntityRef, _ db: Database) throws -> [EntityRef] {
        try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT instance, kind, id FROM member WHERE entity = (
                        SELECT entity FROM member WHERE instance = ? AND kind = ? AND id = ?) ORDER BY instance, id
                    """),
            arguments: [ref.instance.rawValue, ref.kind.rawValue, ref.id]
        ).compactMap { row in
            guard let kind = Kind(rawValue: row["kind"]) else { return nil }
            return EntityRef(instance: InstanceNumber(row["instance"]), kind: kind, id: row["id"])
        }
    }

    /// The entity that a number leads to: a member's own number, or the second one that it got.
    func entity(of number: NodeNumber) throws -> NodeNumber? {
        try pool.read { db in
            try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT entity FROM member WHERE number = ?1 OR spare = ?1"),
                arguments: [number.rawValue]
            ).map(NodeNumber.init)
        }
    }
}
