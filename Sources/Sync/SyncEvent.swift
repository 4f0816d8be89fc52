package import Foundation
package import Library

/// What happens while servers are synced, for whoever shows it: each event is one flat JSON object.
///
/// ```json
/// {"at":1764357000,"event":"progress","instance":"6f…","name":"attic","stage":"scenes","done":500,"total":24000,"rate":812.5,"secondsLeft":29}
/// ```
package struct SyncEvent: Sendable, Equatable {
    /// Unix seconds.
    package let at: Int64
    /// Whose sync it is: the identity that never changes, and what it is called at present.
    package let instance: UUID
    package let name: String
    package let what: What

    package enum What: Sendable, Equatable {
        case began(Began)
        case progress(Progress)
        /// A pass is over, and this came of it.
        case ended(Ended)
        /// The server can be reached, or not, and since when.
        case health(ServerHealthRecord)
        /// Nothing is done at present.
        case waiting(Waiting)
    }

    /// A pass begins.
    package struct Began: Sendable, Equatable, Codable {
        package var occasion: PassOccasion

        package init(occasion: PassOccasion) { self.occasion = occasion }
    }

    package struct Progress: Sendable, Equatable, Codable {
        /// What is done: `connecting`, `deriving`, `sidecars`, the directory name of a kind (`scenes`), or `pictures of` one.
        package var stage: String
        /// Of this stage; both 0 where nothing can be counted.
        package var done: Int
        package var total: Int
        /// A second, and seconds until the end of the stage; nil until there is something to reckon with.
        package var rate: Double?
        package var secondsLeft: Int?
    }

    package struct Ended: Sendable, Equatable, Codable {
        /// Which pass over this instance it was, counted since the scheduler was made.
        package var pass: Int
        package var seconds: Double
        package var rows: Int
        package var changed: Int
        package var removed: Int
        /// Rows that were left out.
        package var setAside: Int
        /// Directory names of the kinds of which too much seems to be gone.
        package var suspects: [String]
        /// Why the pass did not get through everything; nil when it did.
        package var error: String?
    }

    package struct Waiting: Sendable, Equatable, Codable {
        /// Unix seconds of the next pass that is due by itself; nil when there is none.
        package var nextPass: Int64?
    }

    package init(at: Int64, instance: UUID, name: String, what: What) {
        self.at = at
        self.instance = instance
        self.name = name
        self.what = what
    }
}

extension SyncEvent: Codable {
    private enum Key: String, CodingKey {
        case at
        case instance
        case name
        case event
    }

    private enum Word: String, Codable {
        case began
        case progress
        case ended
        case health
        case waiting
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        at = try container.decode(Int64.self, forKey: .at)
        instance = try container.decode(UUID.self, forKey: .instance)
        name = try container.decode(String.self, forKey: .name)
        what =
            switch try container.decode(Word.self, forKey: .event) {
            case .began: .began(try Began(from: decoder))
            case .progress: .progress(try Progress(from: decoder))
            case .ended: .ended(try Ended(from: decoder))
            case .health: .health(try ServerHealthRecord(from: decoder))
            case .waiting: .waiting(try Waiting(from: decoder))
            }
    }

    /// Which sort of event it is: `progress`, `ended` …
    package var word: String { sort.rawValue }

    /// What is particular to an event stands beside what all have.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(at, forKey: .at)
        // As everywhere in the API.
        try container.encode(instance.uuidString.lowercased(), forKey: .instance)
        try container.encode(name, forKey: .name)
        try container.encode(sort, forKey: .event)
        switch what {
        case .began(let began): try began.encode(to: encoder)
        case .progress(let progress): try progress.encode(to: encoder)
        case .ended(let ended): try ended.encode(to: encoder)
        case .health(let health): try health.encode(to: encoder)
        case .waiting(let waiting): try waiting.encode(to: encoder)
        }
    }

    private var sort: Word {
        switch what {
        case .began: .began
        case .progress: .progress
        case .ended: .ended
        case .health: .health
        case .waiting: .waiting
        }
    }
}

extension SyncEvent.Ended {
    package init(_ report: SyncReport, pass: Int = 0) {
        self.init(
            pass: pass, seconds: report.seconds, rows: report.rows, changed: report.changed, removed: report.removed,
            setAside: report.setAside, suspects: report.suspects.map(\.directoryName),
            error: report.error.map { "\($0)" })
    }
}
