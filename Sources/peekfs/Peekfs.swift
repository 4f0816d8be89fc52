import ArgumentParser

/// `peekfs`, the one binary: what it is asked to do is parsed here, and what failed is said here.
@main
struct Peekfs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peekfs",
        abstract: "Mounts several Stash servers as one filesystem.",
        discussion: """
            Say where your servers are, then mount them:

              peekfs instance add attic http://nas:9999 --api-key-stdin
              peekfs mount ~/Stash

            An API key is never given on the command line, where every user of the machine could read it.
            """,
        version: "0.1.0",
        subcommands: [
            MountCommand.self, UnmountCommand.self, InstanceCommand.self, SyncCommand.self, StatusCommand.self,
            MergeCommand.self, ConflictsCommand.self, CacheCommand.self, BackupCommand.self, RestoreCommand.self,
            ImportPeekCommand.self, DoctorCommand.self, PageCommand.self,
        ])

    static func main() async {
        await Program.run(CommandLine.arguments)
    }
}
