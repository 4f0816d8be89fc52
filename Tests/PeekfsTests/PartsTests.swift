import Foundation
import Library
import Service
import Sync
import Testing

@testable import peekfs

/// The parts of the executable that need no other process.
struct PartsTests {
    @Test(arguments: [
        (
            ["/sbin/mount.peekfs", "dev", "/mnt", "-o", "rw,allow_other"],
            ["mount", "/mnt", "--background", "-o", "rw,allow_other"]
        ),
        (["mount.peekfs", "dev", "/mnt", "-sv"], ["mount", "/mnt", "--background"]),
        (
            ["mount.peekfs", "-t", "peekfs", "-o", "state-dir=/s,x-a=b,log-level=debug", "dev", "/mnt"],
            ["mount", "/mnt", "--background", "--state-dir", "/s", "--log-level", "debug", "-o", "x-a=b"]
        ),
    ])
    func `mount.peekfs is peekfs mount`(arguments: [String], meaning: [String]) throws {
        #expect(try MountHelper.translated(arguments) == meaning)
    }

    @Test func `peekfs itself is not translated, and mount.peekfs needs its operands`() throws {
        #expect(try MountHelper.translated(["/usr/bin/peekfs", "mount", "/mnt"]) == nil)
        #expect(throws: CommandError.self) { try MountHelper.translated(["mount.peekfs", "dev"]) }
    }

    @Test(
        arguments: [
            (nil, ["XDG_DATA_HOME": "/x", "HOME": "/h"], "/x/peekfs"),
            (nil, ["XDG_DATA_HOME": "relative", "HOME": "/h"], "/h/.local/share/peekfs"),
            (nil, ["PEEKFS_STATE_DIR": "/p", "XDG_DATA_HOME": "/x"], "/p"),
            ("/o", ["PEEKFS_STATE_DIR": "/p"], "/o"),
        ] as [(String?, [String: String], String)])
    func `the state directory`(option: String?, environment: [String: String], found: String) throws {
        let locations = try Locations(stateOption: option, cacheOption: "/c", environment: environment)
        #expect(locations.state == found)
        #expect(locations.cache == "/c")
    }

    @Test func `a line of progress has a bar, a rate and the time left`() {
        let start = ContinuousClock.now
        let row = ProgressBoard.Row(
            name: "attic", stage: "scenes", done: 250, total: 1000, since: start)
        let line = row.line(now: start + .seconds(5), width: 200)
        #expect(line == "attic  scenes  [#####---------------]  250/1000  50/s  0:15 left")
        #expect(row.line(now: start + .seconds(5), width: 20).count == 19)
    }

    @Test func `the service manager is told that the mount is ready`() throws {
        let path = NSTemporaryDirectory() + "/" + UUID().uuidString
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer {
            close(descriptor)
            unlink(path)
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        ServiceManager.send("READY=1", environment: ["NOTIFY_SOCKET": path])
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        #expect(count > 0 && String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == "READY=1")
    }

    @Test func `a state directory has one holder at a time`() throws {
        let directory = NSTemporaryDirectory() + "/" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: directory) }
        #expect(DaemonLock.holder(stateDirectory: directory) == nil)
        var lock: DaemonLock? = try DaemonLock(stateDirectory: directory, mountPoint: "/mnt")
        #expect(DaemonLock.holder(stateDirectory: directory)?.mountPoint == "/mnt")
        let error = #expect(throws: CommandError.self) {
            try DaemonLock(stateDirectory: directory, mountPoint: "/other")
        }
        #expect(error?.status == .busy)
        #expect(error?.message.contains("process \(getpid()), which mounts /mnt") == true)
        withExtendedLifetime(lock) {}
        lock = nil
        #expect(DaemonLock.holder(stateDirectory: directory) == nil)
    }
}
