import Foundation

/// systemd's notifications (sd_notify(3)): one datagram to the socket that `NOTIFY_SOCKET` names.
package enum ServiceManager {
    /// Tells it that the mount is there, so that units which need it may start.
    package static func ready() { send("READY=1\nMAINPID=\(getpid())") }

    package static func stopping() { send("STOPPING=1") }

    /// Nothing happens when nobody asked to be told.
    package static func send(_ text: String, environment: [String: String] = ProcessInfo.processInfo.environment) {
        guard let path = environment["NOTIFY_SOCKET"], let first = path.utf8.first else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        var bytes = Array(path.utf8)
        guard bytes.count < room, first == UInt8(ascii: "/") || first == UInt8(ascii: "@") else { return }
        // An abstract socket is written with an @ and begins with a NUL (unix(7)).
        if first == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { socket in
                _ = text.withCString {
                    sendto(descriptor, $0, strlen($0), Int32(MSG_NOSIGNAL), socket, length)
                }
            }
        }
    }
}
