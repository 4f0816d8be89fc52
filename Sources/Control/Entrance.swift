import Foundation

/// Where the daemon is asked: always on a Unix socket, and on a loopback port when that is wanted.
package enum Entrance {
    /// `$XDG_RUNTIME_DIR/peekfs/control.sock` for the state directory that is used when nothing is said; for another one
    /// `control-<16 hexadecimal digits made of its path>.sock` beside it, so that several daemons do not meet. Without
    /// XDG_RUNTIME_DIR, as at boot, `control.sock` in the state directory itself. Commands need not work that out: the daemon notes
    /// the path in the file of its lock.
    package static func socketPath(
        stateDirectory: String, isDefault: Bool, environment: [String: String]
    ) -> String {
        guard let base = environment["XDG_RUNTIME_DIR"], base.hasPrefix("/") else {
            return stateDirectory + "/control.sock"
        }
        return base + "/peekfs/control" + (isDefault ? "" : "-" + digits(stateDirectory)) + ".sock"
    }

    /// FNV-1a (64 bits): Swift's own hashes differ from run to run.
    static func digits(_ text: String) -> String {
        let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The token of the loopback port: 256 random bits in `control.token` in the state directory, readable by the owner alone, made
    /// when it is first needed.
    ///
    /// - Throws: `Problem` when the file can be neither read nor made.
    package static func token(stateDirectory: String) throws(Problem) -> String {
        let path = stateDirectory + "/control.token"
        if let known = read(path) { return known }
        var generator = SystemRandomNumberGenerator()
        let digits = (0..<64).map { _ in String(UInt8.random(in: 0..<16, using: &generator), radix: 16) }
        let token = digits.joined()
        // Written beside and linked in whole: nobody ever reads half a token, and the first one stays.
        let temporary = path + ".\(getpid())"
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Problem(.ioError, "the token file \(path) cannot be made") }
        let written = Data((token + "\n").utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
        defer { unlink(temporary) }
        guard written == token.utf8.count + 1, link(temporary, path) == 0 || errno == EEXIST, let made = read(path)
        else { throw Problem(.ioError, "the token file \(path) cannot be made") }
        return made
    }

    /// A file that others may read is no secret any more: it is replaced.
    private static func read(_ path: String) -> String? {
        var attributes = stat()
        guard lstat(path, &attributes) == 0 else { return nil }
        let isPrivate = attributes.st_mode & S_IFMT == S_IFREG && attributes.st_mode & 0o077 == 0
        let text = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
        let token = text?.trimmingCharacters(in: .whitespacesAndNewlines)
        guard isPrivate, let token, token.count >= 32, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            unlink(path)
            return nil
        }
        return token
    }
}

/// What `--listen` takes: a port on this machine, and nothing that others can reach.
package struct LoopbackAddress: Sendable, Equatable, CustomStringConvertible {
    /// `127.0.0.1` or `::1`.
    package let host: String
    package let port: Int

    /// `127.0.0.1:PORT`, `[::1]:PORT` or `localhost:PORT`, which is the first one; port 0 takes a free one.
    ///
    /// - Throws: `Problem` that says why not.
    package init(_ text: String) throws(Problem) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else {
            throw Problem(.usage, "'\(text)' is no address to listen on", hint: "write 127.0.0.1:PORT")
        }
        switch text[..<colon].lowercased() {
        case "127.0.0.1", "localhost": host = "127.0.0.1"
        case "[::1]": host = "::1"
        default:
            throw Problem(
                .usage, "'\(text)' is not an address of this machine alone",
                hint: "only 127.0.0.1, [::1] and localhost are possible; for others put a proxy with TLS before it")
        }
        self.port = port
    }

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Where a browser finds it.
    package var url: String { "http://\(self)/" }
}
