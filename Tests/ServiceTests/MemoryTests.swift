import Glibc
import Service
import Testing

struct MemoryTests {
    private static var resident: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        let words = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }.split(separator: UInt8(ascii: " "))
        return (Int(String(decoding: words[1], as: UTF8.self)) ?? 0) * sysconf(Int32(_SC_PAGESIZE))
    }

    @Test func `what is free goes back to the system, also from below what is not`() {
        let blocks = (0..<4096).compactMap { _ in malloc(64 << 10) }
        for block in blocks { memset(block, 1, 64 << 10) }
        for block in blocks.dropLast() { free(block) }
        let before = Self.resident
        Memory.trim()
        let after = Self.resident
        if let last = blocks.last { free(last) }
        #expect(before - after > 128 << 20, "\(before >> 20) MiB, then \(after >> 20)")
    }
}
