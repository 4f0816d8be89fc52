import ArgumentParser
import Control

/// `peekfs page`: where the daemon shows its page.
struct PageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "page",
        abstract: "Prints the address of the page on which servers are looked after, with its token.",
        discussion: """
            There is one while `peekfs mount --listen 127.0.0.1:PORT` runs. The token stands behind the #, which a browser keeps to \
            itself; whoever has the address can do all that you can do here.
            """)

    @OptionGroup var location: LocationOptions

    func run() throws {
        let locations = try location.locations()
        guard let page = DaemonLock.holder(stateDirectory: locations.state)?.page else {
            throw CommandError(
                .notFound, "there is no page", hint: "mount with --listen 127.0.0.1:PORT to have one")
        }
        Output.line("\(page)#token=\(try Entrance.token(stateDirectory: locations.state))")
    }
}
