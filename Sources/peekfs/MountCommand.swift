import ArgumentParser
import Control
import DiskCache
import Foundation
import Fuse
import Library
import Logging
import Service
import Sync

/// `peekfs mount`: the daemon, in the foreground unless asked otherwise.
struct MountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mount",
        abstract: "Mounts the library and keeps it up to date until it is unmounted.",
        discussion: """
            Stays in the foreground; Ctrl-C unmounts. Under systemd use Type=notify. For fstab link the program as \
            /sbin/mount.peekfs and write a line such as

              stash  /mnt/stash  peekfs  allow_other,state-dir=/var/lib/peekfs,nofail  0 0

            SIGHUP asks all servers at once what is new.
            """)

    @Argument(help: "An existing directory.", completion: .directory)
    var mountPoint: String
    @Flag(help: "Let other users of this machine in.")
    var allowOther = false
    @Flag(
        exclusivity: .exclusive,
        help: ArgumentHelp("Go to the background once it is mounted; messages go to daemon.log in the cache directory.")
    )
    var place = Place.foreground
    @Option(name: .customShort("o"), help: ArgumentHelp("Mount options, as in fstab.", valueName: "options"))
    var options: [String] = []
    @Option(
        help: ArgumentHelp(
            "How much of what was read is kept on the disk, such as 20G; 0 keeps nothing.",
            discussion: "Default: 10G or a tenth of the free space, whichever is less.", valueName: "size"))
    var cacheSize: ByteCount?
    @Option(help: ArgumentHelp("After how many days without use a file is no longer kept there.", valueName: "days"))
    var cacheAge = 30
    @Option(
        help: ArgumentHelp(
            "Show the page and answer programs on this port of this machine, too; `peekfs page` prints the address.",
            valueName: "127.0.0.1:port"),
        transform: { text in
            do throws(Problem) {
                return try LoopbackAddress(text)
            } catch {
                throw ValidationError(error.detail + (error.hint.map { "; \($0)" } ?? ""))
            }
        })
    var listen: LoopbackAddress?
    @Option(
        help: ArgumentHelp(
            "How often each server is asked, by one small question, whether anything is new; 0: never.",
            valueName: "seconds"))
    var probeInterval = 60
    @Option(
        help: ArgumentHelp(
            "How often everything is read that each server has, for much changes without a trace; 0: only when asked, or told of news.",
            valueName: "seconds"))
    var syncInterval = 3600
    @Option(help: ArgumentHelp("The least important messages to show.", valueName: "level"))
    var logLevel = LogLevel.info
    /// In the child of `--background`: the parent waits on `Background.readyDescriptor`.
    @Flag(help: .private)
    var reportWhenMounted = false
    @OptionGroup var location: LocationOptions

    /// Swift-log's levels by the same names.
    enum LogLevel: String, ExpressibleByArgument, CaseIterable {
        case trace
        case debug
        case info
        case notice
        case warning
        case error
    }

    enum Place: String, EnumerableFlag {
        case foreground
        case background
    }

    func run() throws {
        let locations = try location.locations()
        var mountOptions = MountOptions(allowOther: allowOther)
        for list in options { try mountOptions.add(list) }
        let settings = Daemon.Settings(
            locations: locations, mountPoint: Locations.absolute(mountPoint), mountOptions: mountOptions,
            diskLimits: diskLimits(locations), listen: listen, schedule: schedule)
        let log = locations.cache + "/daemon.log"
        guard place == .foreground || reportWhenMounted else {
            try Files.makePrivateDirectory(locations.cache)
            return try Background.start(arguments: childArguments(settings), log: log)
        }
        if reportWhenMounted { Background.detach() }
        do {
            try serve(settings)
        } catch {
            if reportWhenMounted {
                let failure = Program.explained(error) ?? CommandError(.software, "\(error)", hint: "see \(log)")
                Background.report(failure)
            }
            throw error
        }
    }

    func validate() throws {
        guard (1...36_500).contains(cacheAge) else { throw ValidationError("--cache-age must be in 1...36500") }
        for interval in [probeInterval, syncInterval] where interval != 0 && !(5...31_536_000).contains(interval) {
            throw ValidationError("an interval must be 0, or 5 seconds at least and a year at most")
        }
    }

    private var schedule: SyncSchedule {
        var schedule = SyncSchedule()
        schedule.probeInterval = probeInterval == 0 ? nil : .seconds(probeInterval)
        schedule.interval = syncInterval == 0 ? nil : .seconds(syncInterval)
        return schedule
    }

    private func diskLimits(_ locations: Locations) -> DiskCacheLimits {
        var limits = DiskCacheLimits(bytes: cacheSize?.bytes, directory: locations.blocks)
        limits.age = Int64(cacheAge) * 86_400
        return limits
    }

    private func serve(_ settings: Daemon.Settings) throws {
        // Before anything starts a thread.
        let signals = Signals()
        let level = Logger.Level(rawValue: logLevel.rawValue) ?? .info
        let form = LogLine.Form.standardError(environment: ProcessInfo.processInfo.environment)
        LoggingSystem.bootstrap { _ in LogLine(level: level, form: form) }
        let daemon = try Daemon(settings)
        signals.watch(
            stop: { again in again ? daemon.abandon() : daemon.stop() }, reload: { daemon.syncNow() })
        if reportWhenMounted { Background.report(nil) }
        ServiceManager.ready()
        try daemon.run()
    }

    /// With absolute paths only: the child leaves the present directory.
    private func childArguments(_ settings: Daemon.Settings) -> [String] {
        var words = ["peekfs", "mount", settings.mountPoint, "--background", "--report-when-mounted"]
        words += ["--state-dir", settings.locations.state, "--cache-dir", settings.locations.cache]
        words += ["--log-level", logLevel.rawValue]
        words += ["--cache-age", "\(cacheAge)"]
        words += ["--probe-interval", "\(probeInterval)", "--sync-interval", "\(syncInterval)"]
        if let cacheSize { words += ["--cache-size", "\(cacheSize.bytes)"] }
        if let listen { words += ["--listen", "\(listen)"] }
        if allowOther { words.append("--allow-other") }
        for list in options { words += ["-o", list] }
        return words
    }
}
