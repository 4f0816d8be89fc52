import ArgumentParser
import Foundation

/// `peekfs unmount`: the same as `fusermount3 -u`, but it also knows stale mounts and waits for the daemon's end.
struct UnmountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unmount",
        abstract: "Unmounts; works also on a stale mount, whose process is gone.",
        aliases: ["umount"])

    @Argument(help: "Where it is mounted.", completion: .directory)
    var mountPoint: String
    @Flag(help: "Take it away now, also when files on it are open; who has them open may go on.")
    var lazy = false
    @OptionGroup var location: LocationOptions

    func run() async throws {
        let point = try MountPoint(mountPoint)
        let holder = DaemonLock.holder(stateDirectory: try location.locations().state)
        switch point.occupant() {
        case .nothing: throw CommandError(.notFound, "nothing is mounted on \(point.path)")
        case .other(let type):
            throw CommandError(
                .usage, "what is mounted on \(point.path) is no PeekFS but \(type)", hint: "use umount for it")
        case .stale: try point.unmount(lazily: true)
        case .peekfs:
            try point.unmount(lazily: lazy)
            if let holder, holder.mountPoint == point.path { try await waitForEnd(of: holder) }
        }
    }

    /// Whoever mounts again right after this needs the state directory's lock.
    private func waitForEnd(of holder: DaemonLock.Holder) async throws {
        let state = try location.locations().state
        let clock = ContinuousClock()
        let end = clock.now + .seconds(30)
        while DaemonLock.holder(stateDirectory: state) == holder {
            guard clock.now < end else {
                throw CommandError(.busy, "unmounted, but process \(holder.pid) has not ended yet")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
