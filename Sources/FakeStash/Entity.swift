/// One instant with the UTC offset that the server had when it wrote it, as Stash stores times (Stash 2.2).
package struct Stamp: Sendable, Hashable {
    /// Seconds since 1970 UTC.
    package var seconds: Int64
    /// Seconds east of Greenwich.
    package var offset: Int

    package init(seconds: Int64, offset: Int = 0) {
        self.seconds = seconds
        self.offset = offset
    }

    /// Wall-clock seconds: what a raw comparison of the stored text compares first (Stash 3.1).
    package var wall: Int64 { seconds + Int64(offset) }

    /// RFC 3339 with whole seconds, `Z` for offset 0.
    package var text: String {
        let (year, month, day) = Calendar.date(ofDay: Int((wall - Calendar.positiveRemainder(wall, 86400)) / 86400))
        let time = Int(Calendar.positiveRemainder(wall, 86400))
        let clock = "T\(pad(time / 3600)):\(pad(time / 60 % 60)):\(pad(time % 60))"
        let date = "\(pad(year, 4))-\(pad(month))-\(pad(day))"
        guard offset != 0 else { return date + clock + "Z" }
        let minutes = abs(offset) / 60
        return date + clock + (offset < 0 ? "-" : "+") + "\(pad(minutes / 60)):\(pad(minutes % 60))"
    }
}

/// Writes a number with leading zeros.
func pad(_ number: Int, _ width: Int = 2) -> String {
    let text = String(number)
    return text.utf8.count >= width ? text : String(repeating: "0", count: width - text.utf8.count) + text
}

/// The proleptic Gregorian calendar, as far as timestamps need it.
enum Calendar {
    static func positiveRemainder(_ value: Int64, _ modulus: Int64) -> Int64 {
        let rest = value % modulus
        return rest < 0 ? rest + modulus : rest
    }

    /// Year, month and day of a day counted from 1970-01-01 (after Howard Hinnant's `civil_from_days`).
    static func date(ofDay day: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let year = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        return (
            year + era * 400 + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9,
            dayOfYear - (153 * month + 2) / 5 + 1
        )
    }

    /// Days from 1970-01-01 to a date.
    static func day(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// `Sun, 22 Nov 2026 11:45:00 GMT` (RFC 9110 section 5.6.7).
    static func httpDate(_ seconds: Int64) -> String {
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let time = Int(positiveRemainder(seconds, 86400))
        let dayNumber = Int(seconds - Int64(time)) / 86400
        let (year, month, day) = date(ofDay: dayNumber)
        let weekday = days[Int(positiveRemainder(Int64(dayNumber), 7))]
        return "\(weekday), \(pad(day)) \(months[month - 1]) \(pad(year, 4)) "
            + "\(pad(time / 3600)):\(pad(time / 60 % 60)):\(pad(time % 60)) GMT"
    }

    /// Seconds of an HTTP date in the fixed-length form, `nil` for anything else.
    static func seconds(httpDate text: String) -> Int64? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let parts = text.split(separator: " ")
        guard parts.count == 6, let day = Int(parts[1]), let month = months.firstIndex(of: String(parts[2])),
            let year = Int(parts[3])
        else { return nil }
        let clock = parts[4].split(separator: ":").compactMap { Int($0) }
        guard clock.count == 3 else { return nil }
        return Int64(Calendar.day(year, month + 1, day)) * 86400 + Int64(clock[0] * 3600 + clock[1] * 60 + clock[2])
    }
}

/// An id in a shared registry. The endpoint is free text, so the same registry is spelled in several ways (Stash 6).
package struct StashID: Sendable, Hashable {
    package var endpoint: String
    package var id: String
    /// Nanoseconds of `updated_at`, the one time that Stash prints with a fraction (Stash 2.2).
    package var nanoseconds = 807_915_166

    package init(endpoint: String, id: String) {
        self.endpoint = endpoint
        self.id = id
    }
}

/// A subtitle beside a scene's primary file. `language` is a code, `00` when unknown.
package struct Caption: Sendable, Hashable {
    package var language: String
    /// `srt` or `vtt`.
    package var type: String

    package init(language: String, type: String) {
        self.language = language
        self.type = type
    }
}

/// A scene's place in a group.
package struct GroupPlace: Sendable, Hashable {
    package var group: Int
    package var index: Int?

    package init(group: Int, index: Int?) {
        self.group = group
        self.index = index
    }
}

/// A marked moment of a scene.
package struct Marker: Sendable, Hashable {
    package var id: Int
    package var title: String
    package var seconds: Double
    package var endSeconds: Double?
    package var primaryTag: Int
    package var tags: [Int]
    /// nil as long as it is as it was made with its scene.
    package var updated: Stamp?
}

/// One row of any of the seven tables. A column that a kind does not have keeps its default and is never answered.
package struct Entity: Sendable {
    package var kind: Kind
    package var id: Int
    /// Title of scenes, images and galleries; name of the others. May be empty for the former.
    package var title = ""
    package var disambiguation = ""
    package var aliases: [String] = []
    package var details = ""
    package var code = ""
    /// Director of scenes and groups, photographer of images and galleries.
    package var director = ""
    package var date: String?
    package var urls: [String] = []
    /// 1–100 by convention, not enforced (Stash 5).
    package var rating: Int?
    package var favorite = false
    package var organized = false
    package var created: Stamp
    package var updated: Stamp

    package var studio: Int?
    package var performers: [Int] = []
    package var tags: [Int] = []
    package var galleries: [Int] = []
    package var groups: [GroupPlace] = []
    /// Parents of a tag; the one parent of a studio; the groups that contain a group.
    package var parents: [Int] = []
    package var stashIDs: [StashID] = []

    /// The first is the primary file (Stash 2.3).
    package var files: [MediaFile] = []
    /// The folder of a folder gallery.
    package var folder: Int?
    package var captions: [Caption] = []
    package var markers: [Marker] = []
    package var interactive = false
    package var playHistory: [Int64] = []
    package var oHistory: [Int64] = []
    package var resumeTime = 0.0
    package var playDuration = 0.0
    /// The O count of an image.
    package var oCount = 0
    /// Group length in seconds.
    package var duration: Int?
    /// A scene's cover, or the picture of a performer, studio, tag or group, is a real one.
    package var hasPicture = false
    package var gender: String?
    package var birthdate: String?
    package var country = ""
    package var heightCentimetres: Int?

    package init(kind: Kind, id: Int, created: Stamp) {
        self.kind = kind
        self.id = id
        self.created = created
        updated = created
    }
}

/// A file of a scene, image or gallery. Files have an id space of their own.
package struct MediaFile: Sendable, Hashable {
    package enum Form: Sendable, Hashable {
        case video
        case image
        case archive
    }

    package var id: Int
    package var form: Form
    package var basename: String
    package var folder: Int
    /// The archive that holds this file, by file id.
    package var archive: Int?
    package var size: Int64
    package var modified: Stamp
    package var created: Stamp
    package var updated: Stamp
    /// What the bytes are a function of: equal on two servers when they hold the same file.
    package var identity: UInt64
    /// Clip or picture that stands for the content in clips mode.
    package var clip = ""
    package var width = 0
    package var height = 0
    package var duration = 0.0
    package var format = ""
    package var videoCodec = ""
    package var audioCodec = ""
    package var frameRate = 0.0
    package var bitRate = 0
    /// A transcode replaces the original in `/stream`: its size, and what its bytes are a function of (Stash 4.2).
    package var transcode: Transcode?

    /// The generated file that is served in place of the original.
    package struct Transcode: Sendable, Hashable {
        package var size: Int64
        package var identity: UInt64
    }

    package var oshash: String { hexadecimal(identity, width: 16) }
    package var md5: String {
        hexadecimal(mix(identity, 0x6d64_3500), width: 16) + hexadecimal(mix(identity, 5), width: 16)
    }
    /// Hex without padding, as Stash prints it (Stash 2.3).
    package var phash: String { String(mix(identity, 0x7068) >> (identity % 9), radix: 16) }
}

/// A folder of the server, inside an archive when `archive` is set.
package struct Folder: Sendable, Hashable {
    package var id: Int
    package var parent: Int?
    /// The whole path for a root, else the last component.
    package var name: String
    package var archive: Int?
    package var modified: Stamp
    package var created: Stamp
    package var updated: Stamp
}

func hexadecimal(_ value: UInt64, width: Int) -> String {
    let text = String(value, radix: 16)
    return text.utf8.count >= width ? text : String(repeating: "0", count: width - text.utf8.count) + text
}

/// A cheap mixing function with good avalanche (the finaliser of MurmurHash3 over two words).
func mix(_ first: UInt64, _ second: UInt64) -> UInt64 {
    var value = first ^ (second &* 0x9e37_79b9_7f4a_7c15)
    value = (value ^ (value >> 33)) &* 0xff51_afd7_ed55_8ccd
    value = (value ^ (value >> 29)) &* 0xc4ce_b9fe_1a85_ec53
    return value ^ (value >> 32)
}

/// The hash of a text (FNV-1a, 64 bits), stable between runs as `Hasher` is not.
func stableHash(_ text: String) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 {
        hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }
    return mix(hash, 1)
}
