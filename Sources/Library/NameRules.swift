import Foundation

/// Titles become names: pure text, no database.
package enum NameRules {
    /// Linux's NAME_MAX: bytes of a name.
    package static let maximumBytes = 255

    /// A title as a name: Unicode's composed form (NFC), no slash, no control character, no leading dot, no trailing
    /// dot or space. Empty when nothing is left.
    package static func clean(_ title: String) -> String {
        // Most are; nothing in them has to be replaced or composed.
        if title.utf8.allSatisfy({ (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "/") }) { return trimmed(title) }
        let composed = title.precomposedStringWithCanonicalMapping
        var scalars = String.UnicodeScalarView()
        for scalar in composed.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: scalars.append(" ")
            default: scalars.append(scalar == "/" ? "\u{2215}" : scalar)
            }
        }
        // Replacing may have brought two scalars together that compose.
        return trimmed(String(scalars)).precomposedStringWithCanonicalMapping
    }

    private static func trimmed(_ name: String) -> String {
        func isTrimmed(_ byte: UInt8) -> Bool { byte == UInt8(ascii: ".") || byte == UInt8(ascii: " ") }
        let bytes = name.utf8
        guard let first = bytes.firstIndex(where: { !isTrimmed($0) }) else { return "" }
        let last = bytes.lastIndex(where: { !isTrimmed($0) }) ?? first
        if first == bytes.startIndex, bytes.index(after: last) == bytes.endIndex { return name }
        return String(Substring(bytes[first...last]))
    }

    /// Cuts a name to a number of bytes without cutting a character (a whole grapheme, so that no accent is lost), and
    /// without leaving a dot or space at its end.
    package static func cut(_ name: String, toBytes limit: Int) -> String {
        guard name.utf8.count > limit else { return name }
        var kept = ""
        var bytes = 0
        for character in name {
            let size = character.utf8.count
            guard bytes + size <= limit else { break }
            bytes += size
            kept.append(character)
        }
        if kept.isEmpty {
            // One grapheme longer than the limit: cut between its scalars.
            for scalar in name.unicodeScalars {
                let size = UTF8.width(scalar)
                guard bytes + size <= limit else { break }
                bytes += size
                kept.unicodeScalars.append(scalar)
            }
        }
        while let last = kept.unicodeScalars.last, last == "." || last == " " { kept.unicodeScalars.removeLast() }
        return kept
    }

    /// What two names are compared by: without case, so that an export through Samba or to a Mac stays unambiguous.
    package static func key(_ name: String) -> String {
        if name.utf8.allSatisfy({ $0 < 0x80 }) { return name.lowercased() }
        // Upper case first: it takes "ß" and "ss" together, as full case folding does.
        return name.uppercased().lowercased().precomposedStringWithCanonicalMapping
    }

    /// The extension of a file's base name without its dot, in lower case; nil when there is none that looks like one
    /// (1–8 ASCII letters or digits).
    package static func pathExtension(_ basename: String) -> String? {
        guard let dot = basename.lastIndex(of: "."), dot != basename.startIndex else { return nil }
        let found = basename[basename.index(after: dot)...]
        guard (1...8).contains(found.utf8.count), found.utf8.allSatisfy({ isAlphanumeric($0) }) else { return nil }
        return found.lowercased()
    }

    /// A base name without the extension that `pathExtension` finds.
    package static func stem(_ basename: String) -> String {
        guard let found = pathExtension(basename) else { return basename }
        return String(basename.dropLast(found.count + 1))
    }

    /// A text that sorts bytewise as people count: runs of digits are compared by value, letters without case.
    package static func naturalKey(_ text: String) -> String {
        var key: [UInt8] = []
        key.reserveCapacity(text.utf8.count + 8)
        var digits: [UInt8] = []
        func flush() {
            guard !digits.isEmpty else { return }
            let value = digits.drop { $0 == UInt8(ascii: "0") }
            // Length first, then the digits: "9" < "10". Two characters hold lengths up to 99; longer runs are cut.
            let length = UInt8(min(value.count, 99))
            key += [UInt8(ascii: "0") + length / 10, UInt8(ascii: "0") + length % 10]
            key += value.prefix(99)
            digits.removeAll(keepingCapacity: true)
        }
        for byte in text.lowercased().utf8 {
            if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
                digits.append(byte)
            } else {
                flush()
                key.append(byte)
            }
        }
        flush()
        return String(decoding: key, as: UTF8.self)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
}

/// The types of media files by their extension, as IANA and freedesktop's shared-mime-info name them.
package enum MIMEType {
    private static let byExtension = [
        "mp4": "video/mp4", "m4v": "video/x-m4v", "mkv": "video/x-matroska", "webm": "video/webm",
        "mov": "video/quicktime", "avi": "video/vnd.avi", "wmv": "video/x-ms-wmv", "flv": "video/x-flv",
        "mpg": "video/mpeg", "mpeg": "video/mpeg", "ts": "video/mp2t", "m2ts": "video/mp2t", "ogv": "video/ogg",
        "3gp": "video/3gpp", "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif",
        "webp": "image/webp", "avif": "image/avif", "bmp": "image/bmp", "tif": "image/tiff", "tiff": "image/tiff",
        "jxl": "image/jxl", "heic": "image/heic",
    ]

    package static func of(_ basename: String) -> String? {
        NameRules.pathExtension(basename).flatMap { byExtension[$0] }
    }

    /// The type of a picture of which only the bytes are known, by how it begins.
    package static func of(begin bytes: some Collection<UInt8>) -> String {
        func begins(_ text: String, at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: text.utf8) }
        if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return "image/jpeg" }
        if bytes.starts(with: [0x89]), begins("PNG", at: 1) { return "image/png" }
        if begins("GIF8") { return "image/gif" }
        if begins("RIFF"), begins("WEBP", at: 8) { return "image/webp" }
        return begins("<svg") || begins("<?xml") ? "image/svg+xml" : "application/octet-stream"
    }
}
