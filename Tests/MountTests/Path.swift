import FakeStash
import Foundation

/// What a call on the mount failed with.
struct Failure: Error, Equatable, CustomStringConvertible {
    let code: Int32
    let path: String

    init(_ path: String, code: Int32 = errno) {
        self.code = code
        self.path = path
    }

    var description: String { "\(String(cString: strerror(code))): \(path)" }
}

/// One entity of one server.
struct Ref: Hashable, CustomStringConvertible {
    let server: String
    let kind: Kind
    let id: Int

    init(_ server: String, _ kind: Kind, _ id: Int) {
        self.server = server
        self.kind = kind
        self.id = id
    }

    /// Reads `attic:scene:12`.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":")
        guard parts.count == 3, let kind = Kind(rawValue: String(parts[1])), let id = Int(parts[2]) else { return nil }
        self.init(String(parts[0]), kind, id)
    }

    var description: String { "\(server):\(kind.rawValue):\(id)" }
}

/// A path on a mount, and the calls that programs make on it. All of them block.
struct Path: Hashable, CustomStringConvertible {
    let text: String

    init(_ text: String) { self.text = text }

    static func / (path: Path, name: String) -> Path { Path(path.text + "/" + name) }

    var description: String { text }
    var name: String { text.split(separator: "/").last.map(String.init) ?? "" }

    /// The name without what follows its last dot.
    var stem: String { name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name }

    // MARK: Looking

    func status(followingLink: Bool = false) throws -> stat {
        var status = stat()
        guard (followingLink ? stat(text, &status) : lstat(text, &status)) == 0 else { throw Failure(text) }
        return status
    }

    var exists: Bool { (try? status()) != nil }

    /// The names in a directory as `readdir` gives them, less "." and "..".
    func list() throws -> [String] {
        guard let stream = opendir(text) else { throw Failure(text) }
        defer { closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(validatingCString: $0) }
            }
            guard let name else { throw Failure(text, code: EILSEQ) }
            if name != ".", name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw Failure(text) }
        return names
    }

    /// The names, or none where there is no such directory.
    var names: [String] { (try? list()) ?? [] }

    /// Everything below, symbolic links not followed, directories before what is in them; of directories that are not
    /// `entered` nothing but themselves.
    func walk(entering isEntered: (Path) -> Bool = { _ in true }) throws -> [(path: Path, status: stat)] {
        try list().flatMap { name -> [(path: Path, status: stat)] in
            let path = self / name
            let status = try path.status()
            return [(path, status)] + (status.isDirectory && isEntered(path) ? try path.walk(entering: isEntered) : [])
        }
    }

    // MARK: Reading

    /// Opens, reads up to `count` bytes at a place, closes.
    func read(at offset: Int = 0, count: Int = .max, step: Int = 1 << 17) throws -> [UInt8] {
        let descriptor = open(text, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(text) }
        defer { close(descriptor) }
        return try Path.read(descriptor, at: offset, count: count, step: step, text)
    }

    static func read(
        _ descriptor: Int32, at offset: Int = 0, count: Int = .max, step: Int = 1 << 17, _ name: String = ""
    ) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let wanted = min(step, count - bytes.count)
            let place = offset + bytes.count
            var got = 0
            let piece = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, initialized in
                got = pread(descriptor, buffer.baseAddress, wanted, place)
                initialized = max(0, got)
            }
            guard got >= 0 else { throw Failure(name) }
            if got == 0 { break }
            bytes += piece
        }
        return bytes
    }
}

extension stat {
    var isDirectory: Bool { st_mode & S_IFMT == S_IFDIR }
    var isFile: Bool { st_mode & S_IFMT == S_IFREG }
    var isLink: Bool { st_mode & S_IFMT == S_IFLNK }
}

/// The errno of what fails; nil when nothing does.
func errnoOf(_ body: () throws -> Void) -> Int32? {
    do {
        try body()
        return nil
    } catch {
        return (error as? Failure)?.code ?? -1
    }
}
