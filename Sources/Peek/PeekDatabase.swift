import Foundation
import GRDB
import Library

/// Why a file cannot be imported; nothing was read from it that is used.
package enum PeekError: Error, Equatable, CustomStringConvertible {
    case missing(path: String)
    case unreadable(path: String, reason: String)
    case damaged(path: String, reason: String)
    case notPeek(path: String, reason: String)
    /// Somebody is writing it; the same later may succeed.
    case inUse(path: String)

    package var description: String {
        switch self {
        case .missing(let path): "there is no file \(path)"
        case .unreadable(let path, let reason): "\(path) cannot be read: \(reason)"
        case .damaged(let path, let reason): "\(path) is damaged: \(reason)"
        case .notPeek(let path, let reason): "\(path) is no database of Peek that this version knows: \(reason)"
        case .inUse(let path): "\(path) is being written by another program"
        }
    }
}

/// A database of Peek, read without ever being changed.
package struct PeekDatabase {
    private let path: String

    package init(path: String) { self.path = path }

    /// Everything that an import needs, as it was at one moment.
    ///
    /// - Throws: `PeekError`.
    package func contents() throws(PeekError) -> PeekContents {
        let opening = try Self.opening(path)
        guard opening == .inPlace else { return try copied() }
        do {
            return try read(path, readonly: true)
        } catch let error as DatabaseError {
            // What was left in the middle of a change has to be put in order first, which may happen to a copy only.
            guard
                error.resultCode == .SQLITE_CANTOPEN || error.extendedResultCode == .SQLITE_READONLY_ROLLBACK
                    || error.extendedResultCode == .SQLITE_READONLY_RECOVERY
                    || error.extendedResultCode == .SQLITE_READONLY_CANTINIT
            else { throw Self.explained(error, path) }
            return try copied()
        } catch {
            throw Self.explained(error, path)
        }
    }

    // MARK: Without a trace

    private enum Opening { case inPlace, copy }

    /// How the file can be read so that nothing changes on disk.
    ///
    /// A file that is not in WAL mode is opened read-only beside whoever has it open. One in WAL mode (bytes 18 and 19 of
    /// the header are 2, sqlite.org/fileformat2.html 1.3.3; Peek has switched to it) may be opened like that only while
    /// the files of its users are there, because SQLite would make them otherwise (sqlite.org/wal.html 8); without them
    /// nobody uses it, and a copy says the same.
    private static func opening(_ path: String) throws(PeekError) -> Opening {
        guard let status = FileStatus(path) else {
            if errno == ENOENT || errno == ENOTDIR { throw .missing(path: path) }
            throw .unreadable(path: path, reason: String(cString: strerror(errno)).lowercased())
        }
        guard status.isFile else { throw .unreadable(path: path, reason: "it is not a file") }
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw .unreadable(path: path, reason: String(cString: strerror(errno)).lowercased())
        }
        defer { try? file.close() }
        guard let header = try? file.read(upToCount: 20), header.count == 20,
            header.starts(with: Array("SQLite format 3\u{0}".utf8))
        else { throw .notPeek(path: path, reason: "it is not an SQLite database") }
        guard header[18] == 2 || header[19] == 2 else { return .inPlace }
        let log = FileStatus(path + "-wal")
        return (log?.size ?? 0) > 0 && FileStatus(path + "-shm") != nil ? .inPlace : .copy
    }

    private func copied() throws(PeekError) -> PeekContents {
        // The file holds the keys of servers: only this user may look into the directory of the copy.
        var template = Array((NSTemporaryDirectory() + "/peek-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw .unreadable(path: path, reason: "no temporary directory can be made for a copy of it")
        }
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let copy = directory + "/peek.db"
        let suffixes = ["", "-wal", "-journal"]
        let before = suffixes.map { FileStatus(path + $0) }
        do {
            for (suffix, status) in zip(suffixes, before) where status != nil {
                try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix)
                chmod(copy + suffix, 0o600)
            }
        } catch {
            throw .unreadable(path: path, reason: "it cannot be copied (\(error.localizedDescription))")
        }
        guard suffixes.map({ FileStatus(path + $0) }) == before else { throw .inUse(path: path) }
        do {
            return try read(copy, readonly: false)
        } catch {
            throw Self.explained(error, path)
        }
    }

    private func read(_ path: String, readonly: Bool) throws -> PeekContents {
        var configuration = Configuration()
        configuration.readonly = readonly
        configuration.busyMode = .timeout(10)
        // Rows that no user has any more are said so, not refused.
        configuration.foreignKeysEnabled = false
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        defer { try? queue.close() }
        let original = self.path
        return try queue.read { db in
            let check = try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? ""
            guard check == "ok" else { throw PeekError.damaged(path: original, reason: check) }
            return try PeekReader(db: db, path: original).contents()
        }
    }

    private static func explained(_ error: any Error, _ path: String) -> PeekError {
        switch error {
        case let error as PeekError: error
        case let error as DatabaseError:
            switch error.resultCode {
            case .SQLITE_NOTADB, .SQLITE_CORRUPT: .damaged(path: path, reason: error.message ?? "\(error.resultCode)")
            case .SQLITE_BUSY, .SQLITE_LOCKED: .inUse(path: path)
            default: .unreadable(path: path, reason: error.message ?? "\(error.resultCode)")
            }
        default: .unreadable(path: path, reason: error.localizedDescription)
        }
    }
}

/// What shows that a file was changed meanwhile.
private struct FileStatus: Equatable {
    let isFile: Bool
    let size: Int64
    let seconds: Int
    let nanoseconds: Int

    /// nil when it cannot be looked at; `errno` says why.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        isFile = status.st_mode & S_IFMT == S_IFREG
        size = Int64(status.st_size)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }
}
