import Glibc
import Service
import Testing

@Suite(.serialized) struct MemoryTests {
    private static var resident: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        let words = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }.split(separator: UInt8(ascii: " "))
        return (Int(String(decoding: words[1], as: UTF8.self)) ?? 0) * sysconf(Int32(_SC_PAGESIZE))
    }

    /// How much of 256 MiB that were given back, but for the last piece, went to the system by what is done then.
    private static func given(by body: (_ before: Int) -> Void) -> Int {
        let blocks = (0..<4096).compactMap { _ in malloc(64 << 10) }
        for block in blocks { memset(block, 1, 64 << 10) }
        for block in blocks.dropLast() { free(block) }
        let before = resident
        body(before)
        let after = resident
        if let last = blocks.last { free(last) }
        return before - after
    }

    @Test func `what is free goes back to the system, also from below what is not`() {
        #expect(Self.given { _ in Memory.trim() } > 128 << 20)
    }

    @Test func `what becomes free during something long goes back while it goes on`() {
        let given = Memory.trimming {
            Self.given { before in
                // The limit is for a test that fails.
                for _ in 0..<600 where before - Self.resident < 128 << 20 { usleep(100_000) }
            }
        }
        #expect(given > 128 << 20)
    }
}
