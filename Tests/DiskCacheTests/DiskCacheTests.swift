import Foundation
import Synchronization
import Testing

@testable import DiskCache

/// A cache in a directory of its own, which goes with it.
private final class Place: Sendable {
    let directory: String
    let reports = Mutex<[String]>([])

    init() throws {
        var template = Array((NSTemporaryDirectory() + "peekfs-cache-XXXXXX").utf8CString)
        directory = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func cache(bytes: Int64 = 1 << 30, age: Int64 = 1000, floor: Int64 = 0) -> DiskCache {
        var limits = DiskCacheLimits(bytes: bytes, directory: directory)
        limits.age = age
        limits.floor = floor
        return DiskCache(directory: directory + "/blocks", limits: limits) { [weak self] text in
            self?.reports.withLock { $0.append(text) }
        }
    }

    /// The one file there is.
    func onlyFile() throws -> String {
        let all = try FileManager.default.subpathsOfDirectory(atPath: directory)
        let files = all.filter { path in
            var isDirectory: ObjCBool = false
            return FileManager.default.fileExists(atPath: directory + "/" + path, isDirectory: &isDirectory)
                && !isDirectory.boolValue
        }
        #expect(files.count == 1)
        return directory + "/" + (try #require(files.first))
    }
}

private let key = CacheKey(folder: "server", name: "/scene/1/stream")
private let size: Int64 = 10 * Int64(CacheFile.blockSize) + 777

/// The bytes of a block are a function of the version and the place; made a word at a time, for this runs unoptimised.
private func content(_ version: String, _ block: Int64) -> [UInt8] {
    let count = Int(min(Int64(CacheFile.blockSize), size - block * Int64(CacheFile.blockSize)))
    var state = version.utf8.reduce(UInt64(block)) { $0 &* 31 &+ UInt64($1) } | 1
    var words = [UInt64](repeating: 0, count: count / 8 + 1)
    for index in words.indices {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        words[index] = state
    }
    return words.withUnsafeBytes { Array($0.prefix(count)) }
}

private let contents = ["one", "two"].reduce(into: [String: [[UInt8]]]()) { all, version in
    all[version] = (0..<11).map { content(version, $0) }
}

/// Reads a block, and compares it in one call; nil when it is not granted.
private func isRight(_ file: CacheFile, _ block: Int64, _ expected: [UInt8]) -> Bool? {
    withUnsafeTemporaryAllocation(byteCount: CacheFile.blockSize, alignment: 16) { buffer in
        guard file.read(block..<block + 1, into: buffer) == nil else { return nil }
        return expected.withUnsafeBytes { wanted in
            guard let wanted = wanted.baseAddress, let got = buffer.baseAddress else { return false }
            return memcmp(wanted, got, expected.count) == 0
        }
    }
}

/// Writes blocks, neighbours together: one to five at once.
private func write(_ file: CacheFile, _ version: String, _ blocks: some Sequence<Int64>) -> Bool {
    guard let bytes = contents[version] else { return false }
    var rest = Array(blocks)[...]
    while let first = rest.first {
        let most = Int.random(in: 1...5)
        let run = rest.prefix(most).enumerated().prefix { $1 == first + Int64($0) }.map(\.element)
        rest = rest.dropFirst(run.count)
        let joined = run.flatMap { bytes[Int($0)] }
        let isWritten = joined.withUnsafeBytes { joined in
            var start = 0
            return file.write(
                from: first,
                run.map { block in
                    defer { start += bytes[Int(block)].count }
                    return UnsafeRawBufferPointer(rebasing: joined[start..<start + bytes[Int(block)].count])
                })
        }
        if !isWritten { return false }
    }
    return true
}

/// Reads all that is granted, and compares every byte of it.
///
/// - Returns: the blocks that were granted.
private func verify(_ file: CacheFile, _ version: String) -> [Int64] {
    (0..<11).filter { block in
        guard let isRight = isRight(file, block, contents[version]?[Int(block)] ?? []) else { return false }
        #expect(isRight, "block \(block) is wrong")
        return true
    }
}

@Suite struct DiskCacheTests {
    private static let one = CacheVersion(size: size, text: "one")

    @Test func `what was written is there, also for the next process`() throws {
        let place = try Place()
        let cache = place.cache()
        #expect(cache.open(key) == nil)
        do {
            let file = try #require(cache.create(key, Self.one))
            #expect(write(file, "one", [0, 3, 4, 10]))
            withUnsafeTemporaryAllocation(byteCount: 3 * CacheFile.blockSize, alignment: 16) { buffer in
                #expect(file.read(3..<5, into: buffer) == nil && file.read(3..<6, into: buffer) == 5)
                #expect(buffer.prefix(2 * CacheFile.blockSize).elementsEqual((contents["one"]?[3...4] ?? []).joined()))
            }
            #expect(cache.open(key) === file, "all readers share one object")
        }
        let again = try #require(place.cache().open(key))
        #expect(again.version == Self.one && again.blocks.count == 4)
        #expect(verify(again, "one") == [0, 3, 4, 10])
        #expect(place.cache().open(CacheKey(folder: "other", name: key.name)) == nil)
    }

    @Test func `a new version takes the place, and who has the old one open keeps it`() throws {
        let place = try Place()
        let cache = place.cache()
        let old = try #require(cache.create(key, Self.one))
        #expect(write(old, "one", 0..<11))
        let new = try #require(cache.create(key, CacheVersion(size: size, text: "two")))
        #expect(write(new, "two", [2]))
        #expect(verify(old, "one").count == 11 && verify(new, "two") == [2])
        #expect(place.cache().open(key)?.version.text == "two")
    }

    @Test func `no damage of the file makes a wrong byte`() throws {
        let place = try Place()
        do { #expect(write(try #require(place.cache().create(key, Self.one)), "one", 0..<11)) }
        let path = try place.onlyFile()
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        var granted = 0
        func meet(_ data: Data) throws {
            try data.write(to: URL(fileURLWithPath: path))
            guard let file = place.cache().open(key) else { return }
            #expect(file.version == Self.one)
            granted += verify(file, "one").count
        }
        try meet(whole)
        #expect(granted == 11)
        var random = SystemRandomNumberGenerator()
        let places =
            [0, 9, 12, 20, 24, 40, 4088, 4095, 4096, 4100, 4183]
            + (0..<20).map { _ in
                Int.random(in: 0..<whole.count, using: &random)
            }
        for place in places {
            var data = whole
            data[place] ^= UInt8(1 << Int.random(in: 0..<8, using: &random))
            try meet(data)
        }
        for length in [0, 1, 4095, 4096, 4100, 8192, 200_000, whole.count - 1] {
            try meet(whole.prefix(length))
            // The end is there again, without its bytes.
            try meet(whole.prefix(length) + Data(count: whole.count - length))
        }
        // What a power cut leaves: some pages and not others, in any order.
        for _ in 0..<8 {
            var data = whole
            for page in 0..<(whole.count / 4096) where Bool.random(using: &random) {
                data.replaceSubrange(page * 4096..<(page + 1) * 4096, with: Data(count: 4096))
            }
            try meet(data)
        }
        // Two blocks have changed places.
        try meet(whole)
        var data = whole
        let start = Int(try #require(place.cache().open(key)?.offset(ofBlock: 0)))
        let (first, second) = (start..<start + 131_072, start + 131_072..<start + 262_144)
        data.replaceSubrange(first, with: whole[second])
        data.replaceSubrange(second, with: whole[first])
        try meet(data)
        #expect(granted > 100, "what is not damaged is still there")
    }

    @Test func `a file that is cut or emptied while it is open gives what is left`() throws {
        let place = try Place()
        let file = try #require(place.cache().create(key, Self.one))
        #expect(write(file, "one", 0..<11))
        let cut = file.offset(ofBlock: 3) + 1
        #expect(truncate(try place.onlyFile(), off_t(cut)) == 0)
        #expect(verify(file, "one") == [0, 1, 2])
        #expect(truncate(try place.onlyFile(), 0) == 0)
        #expect(verify(file, "one").isEmpty)
    }

    @Test func `a file of another key under the same name is not taken for it`() throws {
        let place = try Place()
        do { #expect(write(try #require(place.cache().create(key, Self.one)), "one", 0..<11)) }
        let path = try place.onlyFile()
        let other = CacheKey(folder: "server", name: "/scene/2/stream")
        let otherPath = place.directory + "/blocks/" + (try #require(CachePath(other))).relative
        try FileManager.default.createDirectory(
            atPath: (otherPath as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: path, toPath: otherPath)
        #expect(place.cache().open(other) == nil && place.cache().open(key) != nil)
    }

    @Test(arguments: ["..", ".", "", "a/b", ".x"]) func `no folder leads out of the directory`(folder: String) throws {
        let place = try Place()
        #expect(place.cache().create(CacheKey(folder: folder, name: "x"), Self.one) == nil)
        #expect(place.cache().open(CacheKey(folder: folder, name: "x")) == nil)
    }

    @Test func `the least recently used files go first, and those that are open lose parts`() throws {
        let place = try Place()
        let limit: Int64 = 3 << 20
        let cache = place.cache(bytes: limit)
        for number in 0..<6 {
            let one = CacheKey(folder: "server", name: "\(number)")
            let file = try #require(cache.create(one, Self.one))
            #expect(write(file, "one", 0..<11))
            cache.trim()
        }
        #expect(cache.usage()["server"].map { $0.bytes <= limit } == true)
        #expect(cache.open(CacheKey(folder: "server", name: "5")) != nil)
        let large = CacheVersion(size: 64 << 20, text: "large")
        let file = try #require(cache.create(CacheKey(folder: "server", name: "large"), large))
        let bytes = [UInt8](repeating: 7, count: CacheFile.blockSize)
        for block in 0..<Int64(512) {
            #expect(bytes.withUnsafeBytes { file.write(from: block, [$0]) })
            cache.trim()
        }
        #expect(file.blocks.contains(511) && !file.blocks.contains(200))
        #expect(cache.usage()["server"].map { $0.bytes < 20 << 20 } == true)
        for block in 0..<Int64(512) {
            let isThere = file.blocks.contains(block)
            #expect(isRight(file, block, bytes) == (isThere ? true : nil))
        }
    }

    @Test func `what nobody has used for long goes, and what is of no server that is configured`() throws {
        let place = try Place()
        do {
            let cache = place.cache()
            for folder in ["kept", "removed"] {
                #expect(write(try #require(cache.create(CacheKey(folder: folder, name: "x"), Self.one)), "one", [1]))
            }
            #expect(write(try #require(cache.create(CacheKey(folder: "kept", name: "old"), Self.one)), "one", [1]))
        }
        let old =
            place.directory + "/blocks/" + (try #require(CachePath(CacheKey(folder: "kept", name: "old")))).relative
        var times = [timeval(tv_sec: 1000, tv_usec: 0), timeval(tv_sec: 1000, tv_usec: 0)]
        #expect(utimes(old, &times) == 0)
        let cache = place.cache()
        cache.scan(keeping: ["kept"])
        #expect(cache.usage().mapValues(\.files) == ["kept": 1])
        #expect(cache.open(CacheKey(folder: "kept", name: "x")) != nil)
        #expect(cache.clear() == 0 && cache.usage().isEmpty)
    }

    @Test func `a directory that goes while it is in use is made again`() throws {
        let place = try Place()
        let cache = place.cache()
        let file = try #require(cache.create(key, Self.one))
        #expect(write(file, "one", [0, 1]))
        try FileManager.default.removeItem(atPath: place.directory + "/blocks")
        #expect(write(file, "one", [2]) && verify(file, "one") == [0, 1, 2])
        let other = try #require(cache.create(CacheKey(folder: "server", name: "other"), Self.one))
        #expect(write(other, "one", [5]) && verify(other, "one") == [5])
        #expect(place.reports.withLock { $0.isEmpty })
    }

    @Test(.enabled(if: getuid() == 0)) func `a disk that is full or read-only is said once and costs no byte`() throws {
        let place = try Place()
        func command(_ words: String...) -> Bool {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = words
            process.standardError = FileHandle.nullDevice
            return (try? process.run()).map { process.waitUntilExit() } != nil && process.terminationStatus == 0
        }
        try FileManager.default.createDirectory(atPath: place.directory + "/blocks", withIntermediateDirectories: false)
        guard command("mount", "-t", "tmpfs", "-o", "size=512k", "none", place.directory + "/blocks") else { return }
        defer { _ = command("umount", "-l", place.directory + "/blocks") }
        let cache = place.cache()
        do {
            let file = try #require(cache.create(key, Self.one))
            let written = (0..<11).filter { write(file, "one", [$0]) }
            #expect(written.count >= 4 && written.count < 8)
            #expect(verify(file, "one") == written)
        }
        #expect(place.reports.withLock { $0.count } == 1 && cache.trouble != nil)
        #expect(cache.create(CacheKey(folder: "server", name: "other"), Self.one) == nil)
        #expect(command("mount", "-o", "remount,ro", place.directory + "/blocks"))
        let reader = place.cache()
        #expect(reader.create(CacheKey(folder: "server", name: "other"), Self.one) == nil)
        #expect(place.reports.withLock { $0.count } == 2)
    }

    @Test(.timeLimit(.minutes(9))) func `readers and evictions at the same time meet right bytes only`() throws {
        let place = try Place()
        let cache = place.cache()
        let file = try #require(cache.create(key, Self.one))
        let expected = contents["one"] ?? []
        let isOver = Atomic(false)
        let group = DispatchGroup()
        let granted = Atomic(0)
        for _ in 0..<2 {
            group.enter()
            Thread.detachNewThread {
                defer { group.leave() }
                while !isOver.load(ordering: .relaxed) {
                    let block = Int64.random(in: 0..<11)
                    guard let isRight = isRight(file, block, expected[Int(block)]) else {
                        usleep(100)
                        continue
                    }
                    #expect(isRight)
                    granted.add(1, ordering: .relaxed)
                }
            }
        }
        for _ in 0..<100 {
            for block in 0..<Int64(11) {
                _ = expected[Int(block)].withUnsafeBytes { file.write(from: block, [$0]) }
            }
            usleep(200)
            file.giveBack(extent: 0)
        }
        isOver.store(true, ordering: .relaxed)
        group.wait()
        #expect(granted.load(ordering: .relaxed) > 0)
    }
}
