import Library

/// The extended attributes that exist; everything else is foreign.
enum AttributeName: String, CaseIterable, Sendable {
    case rating = "user.peekfs.rating"
    case balooRating = "user.baloo.rating"
    case favorite = "user.peekfs.favorite"
    case resumeTime = "user.peekfs.resume_time"
    case playCount = "user.peekfs.play_count"
    case lastPlayedAt = "user.peekfs.last_played_at"
    case id = "user.peekfs.id"
    case instance = "user.peekfs.instance"
    case sources = "user.peekfs.sources"
    case kind = "user.peekfs.kind"
    case title = "user.peekfs.title"
    case date = "user.peekfs.date"
    case studio = "user.peekfs.studio"
    case performers = "user.peekfs.performers"
    case tags = "user.peekfs.tags"
    case groups = "user.peekfs.groups"
    case duration = "user.peekfs.duration"
    case resolution = "user.peekfs.resolution"
    case markers = "user.peekfs.markers"
    case stashIDs = "user.peekfs.stash_ids"
    case stashRating = "user.peekfs.stash_rating"
    case updatedAt = "user.peekfs.updated_at"
    case xdgTags = "user.xdg.tags"
    case xdgComment = "user.xdg.comment"
    case xdgOrigin = "user.xdg.origin.url"
    case mimeType = "user.mime_type"
    case json = "user.peekfs.json"

    /// Of which it is said, as by any file system without lists of access or labels, that there can be none; other foreign names are
    /// just not there. `ls -l` asks for these of each file until it hears that (gnulib's file-has-acl and coreutils' `getfilecon_cache`),
    /// and the questions would cost more than all else that it wants to know.
    static let unsupported: Set = ["security.selinux", "system.posix_acl_access", "system.posix_acl_default"]

    /// What a caller may set, and as what it is stored.
    var personal: PersonalField? {
        switch self {
        case .rating, .balooRating: .rating
        case .favorite: .favorite
        case .resumeTime: .resumeTime
        case .playCount: .playCount
        default: nil
        }
    }
}

/// Texts that people write into personal attributes, and back.
enum PersonalText {
    /// A value from its text; nil when it does not parse.
    static func parse(_ text: String, as name: AttributeName) -> PersonalValue? {
        switch name {
        case .rating: integer(text, 0...100).map(PersonalValue.integer)
        case .balooRating: integer(text, 0...10).map { .integer($0 * 10) }
        case .favorite: integer(text, 0...1).map(PersonalValue.integer)
        case .playCount: integer(text, 0...Int64(Int32.max)).map(PersonalValue.integer)
        case .resumeTime: seconds(text).map(PersonalValue.real)
        default: nil
        }
    }

    static func format(_ value: PersonalValue, as name: AttributeName) -> String {
        switch (name, value) {
        // Rounded down: a rating of 85 shows as 8, and is not touched when 8 is written back.
        case (.balooRating, .integer(let rating)): String(rating / 10)
        case (.lastPlayedAt, .integer(let seconds)): Timestamp.text(seconds)
        case (_, .integer(let number)): String(number)
        case (_, .real(let number)): decimal(number)
        }
    }

    /// ASCII digits only: no sign, no space, no fraction.
    private static func integer(_ text: String, _ range: ClosedRange<Int64>) -> Int64? {
        guard (1...10).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int64(text).flatMap { range.contains($0) ? $0 : nil }
    }

    /// Seconds with an optional fraction: `123`, `12.5`. A year at most.
    private static func seconds(_ text: String) -> Double? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), text.utf8.count <= 20,
            parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let value = Double(text), value <= 366 * 86400
        else { return nil }
        return value
    }

    /// Up to three decimals, none when they are zero.
    static func decimal(_ number: Double) -> String {
        guard number.isFinite, abs(number) < 1e15 else { return "0" }
        let thousandths = Int64((number * 1000).rounded())
        guard thousandths % 1000 != 0 else { return String(thousandths / 1000) }
        let fraction = String(abs(thousandths) % 1000)
        var text = "\(thousandths / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
        while text.hasSuffix("0") { text.removeLast() }
        return text
    }
}

/// RFC 3339 in UTC, from Unix seconds.
enum Timestamp {
    static func text(_ seconds: Int64) -> String {
        let days = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400
        let rest = seconds - days * 86400
        // Days to a civil date in the proleptic Gregorian calendar: years are counted from March, in eras of 400 years.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : String(number) }
        return "\(year)-\(two(month < 10 ? month + 3 : month - 9))-\(two(day))T"
            + "\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))Z"
    }
}
