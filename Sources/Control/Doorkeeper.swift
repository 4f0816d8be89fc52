import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// Decides who may ask, before anything is looked at.
///
/// On the socket the kernel says who the other process belongs to. A port of this machine is open to every program on it, and to every
/// web page in a browser on it: there the token tells whoever may read the daemon's state directory from all others; the Host header
/// tells names of this machine from names that somebody else's DNS leads here; and a page of another origin is refused whatever it
/// knows.
struct Doorkeeper: Sendable {
    enum Door: Sendable {
        case socket
        case loopback(token: String)
    }

    let door: Door
    /// Whose daemon it is.
    let owner: uid_t

    /// `struct ucred` of unix(7), which is not among what Swift imports.
    private struct Peer {
        let pid: pid_t
        let uid: uid_t
        let gid: gid_t
    }

    /// - Returns: Whose ratings are meant.
    /// - Throws: `Problem`.
    func admit(_ request: Request, _ channel: any Channel, _ access: Route.Access) async throws -> uid_t {
        switch door {
        case .socket: return try await admitProcess(channel)
        case .loopback(let token):
            try refuseStrangers(request, port: channel.localAddress?.port)
            if access == .owner { try refuseWrongToken(request, token) }
            return owner
        }
    }

    private func admitProcess(_ channel: any Channel) async throws -> uid_t {
        guard let options = channel as? any SocketOptionProvider else {
            throw Problem(.forbidden, "it cannot be seen who asks")
        }
        let peer: Peer = try await options.unsafeGetSocketOption(
            level: SocketOptionLevel(SOL_SOCKET), name: SocketOptionName(SO_PEERCRED)
        ).get()
        guard peer.uid == owner || peer.uid == 0 else {
            throw Problem(.forbidden, "this daemon belongs to another user")
        }
        return peer.uid
    }

    private func refuseStrangers(_ request: Request, port: Int?) throws(Problem) {
        guard let host = request.head.authority, Self.isLoopback(host, port) else {
            throw Problem(
                .forbidden, "this port answers to names of this machine only",
                hint: "use http://127.0.0.1:\(port ?? 0)/", status: 421)
        }
        let site = HTTPField.Name("Sec-Fetch-Site").flatMap { request.headers[$0] }
        let origin = request.headers[.origin]
        guard origin.map({ $0.lowercased() == "http://" + host.lowercased() }) ?? true,
            site.map({ ["same-origin", "none"].contains($0) }) ?? true
        else { throw Problem(.forbidden, "pages of other origins may not ask anything here") }
    }

    /// Whether a Host header says this machine and this port.
    static func isLoopback(_ host: String, _ port: Int?) -> Bool {
        let names = ["127.0.0.1", "localhost", "[::1]"]
        let host = host.lowercased()
        return names.contains { host == "\($0):\(port ?? -1)" || port == 80 && host == $0 }
    }

    private func refuseWrongToken(_ request: Request, _ token: String) throws(Problem) {
        let words = request.headers[.authorization]?.split(separator: " ", maxSplits: 1) ?? []
        guard words.count == 2, words[0].lowercased() == "bearer", Self.isEqual(words[1].utf8, token.utf8) else {
            throw Problem(
                .unauthorised, "the token is missing or wrong",
                hint: "send `Authorization: Bearer` with what `control.token` in the state directory holds")
        }
    }

    /// As long for a wrong beginning as for a wrong end.
    private static func isEqual(_ a: Substring.UTF8View, _ b: String.UTF8View) -> Bool {
        guard a.count == b.count else { return false }
        return zip(a, b).reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
