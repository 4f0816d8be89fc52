package import Library

/// What a database of Peek says, in this library's vocabulary. Peek (carrotwaxr/peek-stash-browser) is a web app over
/// Stash that keeps each user's ratings, favourites and watch history in SQLite through Prisma; its tables are published
/// as `server/prisma/schema.prisma` and `server/prisma/migrations`.

/// Whose server a row of Peek speaks of. Up to its migration `multi_instance_schema` there was one server and no column
/// for it; since then `instanceId` holds the id of a row of `StashInstance`, or NULL for what is older. Other tables of
/// the same time use '' and 'default' for the same, so these are read as none here too.
package enum PeekOrigin: Hashable, Comparable, Sendable {
    case unnamed
    case instance(String)

    init(_ text: String?, known: Set<String>) {
        guard let text, !text.isEmpty, text != "default" || known.contains(text) else {
            self = .unnamed
            return
        }
        self = .instance(text)
    }
}

/// A user of Peek who has rows.
package struct PeekUser: Sendable, Equatable {
    package let id: Int64
    /// nil when the rows outlived their user.
    package let name: String?
    /// How many rows of ratings and watch history say something.
    package let rows: Int

    package init(id: Int64, name: String?, rows: Int) {
        self.id = id
        self.name = name
        self.rows = rows
    }
}

/// A row of `StashInstance`: a server as Peek knows it. Its key is never read.
package struct PeekServer: Sendable, Equatable {
    package let id: String
    package let name: String
    /// The GraphQL endpoint, as Peek stores it.
    package let url: String

    package init(id: String, name: String, url: String) {
        self.id = id
        self.name = name
        self.url = url
    }
}

/// One thing that a person said in Peek about one thing of one server.
package struct PeekRow: Sendable, Equatable {
    package let table: String
    package let user: Int64
    package let origin: PeekOrigin
    package let kind: Kind
    package let id: Int64
    /// Unix microseconds; 0 when the row has no date that can be read, which is older than anything said here.
    package let changedAt: Int64
    /// At least one.
    package let values: [PersonalField: PersonalValue]

    package init(
        table: String, user: Int64, origin: PeekOrigin, kind: Kind, id: Int64, changedAt: Int64,
        values: [PersonalField: PersonalValue]
    ) {
        self.table = table
        self.user = user
        self.origin = origin
        self.kind = kind
        self.id = id
        self.changedAt = changedAt
        self.values = values
    }
}

/// A row, or a value of one, that is not taken.
package struct PeekSkip: Sendable, Hashable {
    package enum Reason: String, Sendable, CaseIterable {
        case noUser, badID, badRating, badFavorite, badResumeTime, badPlayCount, badLastPlayed, userNotChosen,
            superseded

        package var description: String {
            switch self {
            case .noUser: "it says of no user"
            case .badID: "its id is none that Stash gives, a positive whole number"
            case .badRating: "the rating is not a whole number from 0 to 100"
            case .badFavorite: "the favourite mark is neither 0 nor 1"
            case .badResumeTime: "the position is not a number of seconds"
            case .badPlayCount: "the play count is not a whole number from 0 on"
            case .badLastPlayed: "the time of the last playing cannot be read"
            case .userNotChosen: "no --user was given for its user"
            case .superseded: "another row about the same thing is newer"
            }
        }
    }

    package let table: String
    /// nil when there is none that can be read.
    package let user: Int64?
    /// The id of the thing as it stands there.
    package let thing: String
    package let reason: Reason

    package init(table: String, user: Int64?, thing: String, reason: Reason) {
        self.table = table
        self.user = user
        self.thing = thing
        self.reason = reason
    }
}

/// What Peek keeps and this library has no place for, by user.
package struct PeekLeftover: Sendable, Equatable {
    /// In the plural: `O counters`.
    package let what: String
    package let user: Int64
    package let count: Int
}

/// A thing of a server as Peek cached it: what content is compared by.
package struct PeekSample: Sendable, Equatable {
    package let origin: PeekOrigin
    package let kind: Kind
    package let id: Int64
    /// Title or name.
    package let title: String?
    /// The file's path at the server.
    package let path: String?

    package init(origin: PeekOrigin, kind: Kind, id: Int64, title: String?, path: String?) {
        self.origin = origin
        self.kind = kind
        self.id = id
        self.title = title
        self.path = path
    }
}

/// All of a database of Peek that an import needs, read at one moment.
package struct PeekContents: Sendable {
    package var users: [PeekUser] = []
    package var servers: [PeekServer] = []
    package var rows: [PeekRow] = []
    package var skipped: [PeekSkip] = []
    package var leftovers: [PeekLeftover] = []
    package var samples: [PeekSample] = []
    /// Rows that are taken, but whose date cannot be read.
    package var undated = 0

    package init() {}

    /// The servers that rows speak of.
    package var origins: [PeekOrigin] { Set(rows.map(\.origin)).sorted() }

    /// What Peek cached of that server. Rows of the single-server days are about the one server that there was, however
    /// its cache was marked.
    package func samples(of origin: PeekOrigin) -> [PeekSample] {
        let own = samples.filter { $0.origin == origin }
        if !own.isEmpty || servers.count > 1 || origins.count > 1 { return own }
        return Set(samples.map(\.origin)).count == 1 ? samples : own
    }
}
