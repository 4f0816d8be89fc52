import Control
import Foundation

/// Everything that the daemon can be asked over HTTP, in one table.
struct ControlRoutes {
    let workplace: Workplace

    var all: [Route] {
        [
            Route(
                .get, "/api/status", docs: Docs("The mount, the servers, and what was synced of them"),
                .blocking { [workplace] _ in .json(try Status(workplace)) })
        ]
    }
}
