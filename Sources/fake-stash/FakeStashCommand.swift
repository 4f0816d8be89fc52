import ArgumentParser
import FakeStash
import Foundation

/// `fake-stash`: runs one fake server in the foreground until it is told to stop.
@main
struct FakeStashCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fake-stash",
        abstract: "A Stash server made of nothing, for tests and demonstrations.",
        discussion: """
            Listens on 127.0.0.1 only. Everything it serves follows from its name and seed. Servers with the same --overlap \
            share some performers, studios, tags, scenes and files.
            """)

    @Option(help: "Port to listen on; 0 lets the kernel choose.")
    var port: UInt16 = 0

    @Option(help: "Wire format: v22 or v30.")
    var generation = Generation.v30

    @Option(help: "Name of the server; makes its titles and media its own.")
    var name = "fake"

    @Option(help: "Seed of the catalogue.")
    var seed: UInt64 = 1

    @Option(help: "What this server shares with others that give the same number; 0 shares nothing.")
    var overlap: UInt64 = 1

    @Option(help: "Number of scenes.")
    var scenes = 24

    @Option(help: "Number of performers.")
    var performers = 12

    @Option(help: "Number of studios.")
    var studios = 6

    @Option(help: "Number of tags.")
    var tags = 12

    @Option(help: "Number of galleries.")
    var galleries = 6

    @Option(help: "Number of groups (movies).")
    var groups = 4

    @Option(help: "Number of images.")
    var images = 30

    @Flag(help: "Add names that break careless file systems.")
    var awkwardNames = false

    @Flag(
        inversion: .prefixedNo,
        help: "Serve some scenes as a transcode, whose size is not the one that the API tells.")
    var transcodes = true

    @Flag(help: "Use a catalogue in which the recorded requests can be replayed.")
    var recordedLike = false

    @Flag(help: "Answer with paths of a server on Windows.")
    var windowsPaths = false

    @Option(help: "File with the API key of this server; without it any key is rejected.")
    var apiKeyFile: String?

    @Flag(help: "Refuse requests without a key.")
    var requiresLogin = false

    @Option(help: "Prefix of all paths, as behind a reverse proxy.")
    var basePath = ""

    @Option(help: "What systemStatus says: OK, SETUP or NEEDS_MIGRATION.")
    var status = "OK"

    @Option(help: "UTC offset of the times that are written, in seconds.")
    var utcOffset = -8 * 3600

    @Flag(help: "Serve playable clips and pictures.")
    var clips = false

    @Option(help: "Smallest generated video file in bytes.")
    var smallest: Int64 = 100_000

    @Option(help: "Largest generated video file in bytes.")
    var largest: Int64 = 3_000_000

    @Option(help: "File whose bytes every scene has, instead of generated ones.")
    var mediaFile: String?

    @Flag(help: "Serve the scenes also as plain files below /files/, with an index.")
    var plainFiles = false

    @Option(help: "Simulated round trip in milliseconds; opening a connection takes one more.")
    var latencyMs = 0

    @Option(help: "Simulated bytes a second of each connection.")
    var bandwidth: Int?

    @Option(help: "Simulated bytes a second of all connections, which share them evenly.")
    var totalBandwidth: Int?

    @Option(help: "File to which one JSON line is written for each request.")
    var log: String?

    @Option(help: "A rule such as 'path=/scene/3/stream,action=stall,after=65536,times=1'; may be repeated.")
    var fault: [String] = []

    @Option(help: "A replaced file, such as 'scene 3 00c0ffee 123456 1700000000'; may be repeated.")
    var file: [String] = []

    @Flag(help: "Take commands from standard input, a line each, until it ends; each is answered on standard output.")
    var control = false

    func validate() throws {
        guard smallest > 0, smallest <= largest else { throw ValidationError("--smallest must be in 1...--largest") }
        guard [scenes, performers, studios, tags, galleries, groups, images].allSatisfy({ $0 >= 0 }) else {
            throw ValidationError("sizes must not be negative")
        }
    }

    func run() throws {
        var configuration = FakeStash.Configuration()
        configuration.generation = generation
        configuration.name = name
        configuration.seed = seed
        configuration.overlap = overlap == 0 ? nil : overlap
        configuration.scenes = scenes
        configuration.performers = performers
        configuration.studios = studios
        configuration.tags = tags
        configuration.galleries = galleries
        configuration.groups = groups
        configuration.images = images
        configuration.awkwardNames = awkwardNames
        configuration.transcodes = transcodes
        configuration.recordedLike = recordedLike
        configuration.windowsPaths = windowsPaths
        configuration.requiresLogin = requiresLogin
        configuration.port = try HeldPort(port)
        configuration.basePath = basePath
        configuration.status = status
        configuration.utcOffset = utcOffset
        configuration.clips = clips
        configuration.mediaSize = smallest...largest
        configuration.mediaFile = mediaFile
        configuration.plainFiles = plainFiles
        configuration.latencyMilliseconds = latencyMs
        configuration.bandwidth = bandwidth
        configuration.totalBandwidth = totalBandwidth
        if let apiKeyFile {
            let text = try String(contentsOfFile: apiKeyFile, encoding: .utf8)
            configuration.apiKey = text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        let faults = try fault.map { text in
            guard let fault = Fault(text) else { throw ValidationError("not a fault: \(text)") }
            return fault
        }
        configuration.files = try file.map { text in
            guard let edit = FileEdit(text) else { throw ValidationError("not a file: \(text)") }
            return edit
        }
        try serve(configuration, faults)
    }

    private func serve(_ configuration: FakeStash.Configuration, _ faults: [Fault]) throws {
        // Signals are taken by sigwait below; threads that start later inherit the mask.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)

        let journal = try log.map { try RequestJournal(path: $0) }
        let server = try FakeStash.start(configuration) { journal?.write($0) }
        for fault in faults { server.faults.add(fault) }
        print("listening on \(server.url)")
        fflush(nil)
        if control {
            Thread.detachNewThread {
                while let line = readLine() {
                    print(server.control(line))
                    fflush(nil)
                }
            }
        }
        var received: Int32 = 0
        sigwait(&signals, &received)
        server.stop()
    }
}

extension Generation: ExpressibleByArgument {}
