/// Which media file: of which server, and which of its files.
package struct CacheKey: Hashable, Sendable {
    /// The UUID of the instance; any plain name of a directory will do. Files of other names are not cached.
    package let folder: String
    /// What the file is called at the server; any text. One longer than about 3 KiB is not cached.
    package let name: String

    package init(folder: String, name: String) {
        self.folder = folder
        self.name = name
    }
}

/// Which of the contents that a media file has had.
package struct CacheVersion: Hashable, Sendable {
    /// In bytes.
    package let size: Int64
    /// What tells versions of the same size apart; opaque here.
    package let text: String

    package init(size: Int64, text: String) {
        self.size = size
        self.text = text
    }
}

/// Where the file of a key is: `folder/ab/abcdef0123456789`, below the directory of the cache.
struct CachePath: Hashable, Sendable {
    let folder: String
    /// The hash of the key's name as 16 hexadecimal digits. Two keys may have the same: the header says whose it is.
    let file: String

    /// Nil when the folder is no plain name: nothing here may lead out of the cache's directory.
    init?(_ key: CacheKey) {
        guard Self.isPlain(key.folder) else { return nil }
        folder = key.folder
        file = Self.hexadecimal(Checksum.of(key.name))
    }

    init(folder: String, file: String) {
        self.folder = folder
        self.file = file
    }

    /// One of 256 directories, so that none gets so many files that it becomes slow to search.
    var shelf: String { folder + "/" + file.prefix(2) }
    var relative: String { shelf + "/" + file }

    static func isPlain(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 255 && name.utf8.first != UInt8(ascii: ".")
            && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
    }

    static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    /// Whether a name is one that `hexadecimal` gives, cut to `count` digits.
    static func isHexadecimal(_ name: String, count: Int) -> Bool {
        name.utf8.count == count
            && name.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
    }
}
