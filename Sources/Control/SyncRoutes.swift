import Foundation
import HTTPTypes
import Hummingbird
package import Library
package import Sync

/// Which servers are to be synced; all that are enabled when none is named.
package struct SyncRequest: RequestBody {
    /// Identities or names.
    package var instances: [String]?
    /// As of `peekfs sync --force`.
    package var force: Bool?
    /// As of `peekfs sync --full`.
    package var full: Bool?
    package static let fields = ["instances", "force", "full"]

    package init(instances: [String]?, _ demand: PassDemand) {
        self.instances = instances
        force = demand.force ? true : nil
        full = demand.isFull ? true : nil
    }
}

/// What was begun.
package struct SyncView: Codable, Sendable {
    package struct Queued: Codable, Sendable {
        package let id: String
        package let name: String
        /// The pass that answers the request: the event `ended` with this number, or a higher one, tells what came of it.
        package let pass: Int
    }

    package let queued: [Queued]
}

extension Premises {
    var syncRoutes: [Route] {
        [
            Route(.post, "/api/sync", .blocking { .json(try sync($0.decoded()), status: 202) }),
            Route(.get, "/api/sync/events", .streaming { try events($0) }),
        ]
    }

    private func sync(_ request: SyncRequest) throws -> SyncView {
        let scheduler = try daemon().scheduler
        let demand = PassDemand(force: request.force ?? false, isFull: request.full ?? false)
        let queued = try chosen(request.instances ?? []).compactMap { instance in
            scheduler.request(instance.number, demand).map {
                SyncView.Queued(id: instance.id.uuidString.lowercased(), name: instance.name, pass: $0)
            }
        }
        return SyncView(queued: queued)
    }

    /// The named instances, each of which has to be enabled, or all that are.
    package func chosen(_ names: [String]) throws -> [Instance] {
        let instances = try names.isEmpty ? state.instances() : names.map { try instance($0) }
        if names.isEmpty {
            let enabled = instances.filter(\.enabled)
            guard !enabled.isEmpty else {
                throw Problem(
                    .configuration, "there is no instance to sync",
                    hint: instances.isEmpty
                        ? "add one with `peekfs instance add NAME URL`" : "switch one on with `peekfs instance enable`")
            }
            return enabled
        }
        if let disabled = instances.first(where: { !$0.enabled }) {
            throw Problem(
                .configuration, "'\(disabled.name)' is disabled",
                hint: "switch it on with `peekfs instance enable \(disabled.name)`")
        }
        return instances
    }

    private func events(_ call: Call) throws -> Response {
        let events = try daemon().scheduler.events()
        let headers: HTTPFields = [.contentType: "text/event-stream"]
        guard !call.isHead else { return Response(status: .ok, headers: headers) }
        return Response(status: .ok, headers: headers, body: ServerSentEvents.body(events))
    }
}

/// The text/event-stream of the HTML standard: each event with its word as the type and its JSON as the data.
enum ServerSentEvents {
    /// While nothing happens a comment is sent so often, which shows to both sides that the other one is there.
    private static let heartbeat = Duration.seconds(15)

    static func body(_ events: AsyncStream<SyncEvent>) -> ResponseBody {
        ResponseBody { writer in
            let (pieces, sink) = AsyncStream.makeStream(of: String.self)
            let reading = Task {
                for await event in events {
                    let data = JSON.data(event)
                    sink.yield("event: \(event.word)\ndata: \(String(decoding: data, as: UTF8.self))\n\n")
                }
                sink.finish()
            }
            let beating = Task {
                while !Task.isCancelled {
                    sink.yield(": still here\n\n")
                    try await Task.sleep(for: heartbeat)
                }
            }
            defer {
                reading.cancel()
                beating.cancel()
            }
            for await piece in pieces { try await writer.write(ByteBuffer(string: piece)) }
            try await writer.finish(nil)
        }
    }
}
