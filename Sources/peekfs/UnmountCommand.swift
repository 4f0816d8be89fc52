import ArgumentParser
import Foundation
import Fuse

/// `peekfs unmount`: the same as `fusermount3 -u`, but it also knows stale mounts and waits for the daemon's end.
struct UnmountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unmount",
        abstract: "Unmounts; works also on a stale mount, whose process is gone.",
        aliases: ["umount"])

    @Argument(help: "Where it is mounted.", completion: .directory)
    var mountPoint: String
    @OptionGroup var location: LocationOptions

    func run() async throws {
        let state = try location.locations().state
        let holder = DaemonLock.holder(stateDirectory: state)
        try Unmount.unmount(mountPoint)
        guard let holder, try MountTable.current().top(at: holder.mountPoint) == nil else { return }
        // Whoever mounts again right after this needs the state directory's lock.
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
