import Stash

/// One connection's talk in the protocol `graphql-transport-ws`: what to say to what was heard. Pure: texts and times come in,
/// texts and news go out.
///
/// The server is asked for the ends of jobs and of scans; both exist from 0.22 on (Stash 3.3).
struct Subscriptions {
    enum Action: Equatable {
        case say(String)
        case tell(PushNews.Reason)
        /// Messages can come from now on.
        case listening
        case end(PushFault)
    }

    /// Longer messages are not read: what is asked for takes a hundred bytes.
    static let longestMessage = 64 * 1024
    static let name = "graphql-transport-ws"

    private enum Topic: String, CaseIterable {
        case jobs
        case scans

        var query: String {
            switch self {
            case .jobs: "subscription Jobs { jobsSubscribe { type job { id } } }"
            case .scans: "subscription Scans { scanCompleteSubscribe }"
            }
        }
    }

    private let times: PushTimes
    private var isAcknowledged = false
    /// What the server has not declined.
    private var topics = Set(Topic.allCases)
    private var lastHeard: Duration
    private var wasAsked = false

    /// The connection is there; times are since any beginning.
    init(_ times: PushTimes, at now: Duration) {
        self.times = times
        lastHeard = now
    }

    /// What is said first.
    var greeting: String { Self.message(["type": "connection_init"]) }

    /// A message came.
    mutating func heard(_ text: [UInt8], at now: Duration) -> [Action] {
        lastHeard = now
        wasAsked = false
        guard let message = try? JSONParser.parse(text), let object = message.object,
            let type = object["type"]?.string
        else { return [.end(.broken("it sent what is no message"))] }
        switch type {
        case "connection_ack":
            guard !isAcknowledged else { return [] }
            isAcknowledged = true
            return Topic.allCases.map { .say(Self.subscribe($0)) } + [.listening]
        case "ping": return [.say(Self.message(["type": "pong"]))]
        case "next": return news(object)
        case "error", "complete":
            if let topic = object["id"]?.string.flatMap(Topic.init(rawValue:)) { topics.remove(topic) }
            return topics.isEmpty ? [.end(.refused("it has no subscriptions"))] : []
        default: return []
        }
    }

    /// Time has passed.
    mutating func tick(at now: Duration) -> [Action] {
        let quiet = now - lastHeard
        guard isAcknowledged else {
            return quiet < times.answer ? [] : [.end(.broken("it does not answer"))]
        }
        if quiet >= times.silence { return [.end(.broken("it fell silent"))] }
        guard quiet >= times.quiet, !wasAsked else { return [] }
        wasAsked = true
        return [.say(Self.message(["type": "ping"]))]
    }

    private func news(_ message: JSONObject) -> [Action] {
        // Errors come as a message without the data.
        guard let data = message["payload"]?.object?["data"]?.object else { return [] }
        switch message["id"]?.string.flatMap(Topic.init(rawValue:)) {
        // A job that begins or goes on has changed nothing whole.
        case .jobs where data["jobsSubscribe"]?.object?["type"]?.string == "REMOVE": return [.tell(.jobEnded)]
        case .scans where data["scanCompleteSubscribe"]?.bool == true: return [.tell(.scanCompleted)]
        default: return []
        }
    }

    private static func subscribe(_ topic: Topic) -> String {
        message([
            "type": "subscribe", "id": .string(topic.rawValue), "payload": .object(["query": .string(topic.query)]),
        ])
    }

    private static func message(_ members: JSONObject) -> String { JSONValue.object(members).text }
}
