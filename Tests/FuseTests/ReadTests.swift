import CFuse
import Fuse
import Glibc
import Synchronization
import Testing

extension MountedTests {
    struct ReadTests {
        @Test func `tests run on threads of their own`() {
            #expect(withUnsafeCurrentTask { $0?.unownedTaskExecutor != nil })
        }

        @Test(arguments: [("at once", TestFileSystem.Manner.atOnce), ("in parts", .inParts), ("elsewhere", .elsewhere)])
        func `a file has the bytes that the file system gave`(_ name: String, _ manner: TestFileSystem.Manner) throws {
            let fileSystem = TestFileSystem()
            let inode = fileSystem.add("file", .init(size: 3_000_001, manner: manner))
            try Mount.with(fileSystem) { mount in
                let all = TestFileSystem.bytes(inode, 0, 3_000_001)
                try #expect(read(mount("file"), count: 4_000_000) == all)
                try #expect(read(mount("file"), count: 4_000_000, flags: cfuse_o_direct) == all)
                try #expect(
                    read(mount("file"), at: 2_999_990, count: 100) == TestFileSystem.bytes(inode, 2_999_990, 11))
                try #expect(read(mount("file"), at: 1 << 40, count: 100).isEmpty)
            }
        }

        @Test func `requests are as large as the kernel allows`() throws {
            let fileSystem = TestFileSystem()
            fileSystem.add("file", .init(size: 64 << 20))
            try Mount.with(fileSystem) { mount in
                _ = try read(mount("file"), count: 16 << 20)
                _ = try read(mount("file"), at: 32 << 20, count: 4 << 20, flags: cfuse_o_direct)
            }
            #expect(fileSystem.state.withLock { $0.largestRead } == 1 << 20)
        }

        @Test(arguments: [("dropped", TestFileSystem.Manner.dropped, Errno.io), ("failing", .failing(.stale), .stale)])
        func `a read that is not answered with bytes is an error`(
            _ name: String, _ manner: TestFileSystem.Manner, _ error: Errno
        ) throws {
            let fileSystem = TestFileSystem()
            fileSystem.add("file", .init(size: 100_000, manner: manner))
            try Mount.with(fileSystem) { mount in
                #expect(throws: error) { try read(mount("file"), count: 10) }
                #expect(throws: error) { try read(mount("file"), count: 4096, flags: cfuse_o_direct) }
            }
        }

        @Test(arguments: [("page cache", OpenOptions()), ("direct", .directIO)])
        func `32 readers of answers from other threads see no wrong byte`(_ name: String, _ options: OpenOptions) throws
        {
            let seed = UInt64.random(in: 0...UInt64.max)
            print("seed \(seed)")
            let fileSystem = TestFileSystem()
            let files = (0..<4).map { number in
                fileSystem.add("file\(number)", .init(size: 9_000_000, manner: .elsewhere, options: options))
            }
            let wrong = try Mount.with(fileSystem) { mount in
                let readers = (0..<32).map { reader in
                    Promise {
                        var generator = Seeded(state: seed &+ UInt64(reader))
                        return (0..<25).count { _ in
                            let file = Int.random(in: 0..<4, using: &generator)
                            let offset = Int.random(in: 0..<9_000_000, using: &generator)
                            let count = Int.random(in: 1...300_000, using: &generator)
                            let wanted = TestFileSystem.bytes(
                                files[file], UInt64(offset), min(count, 9_000_000 - offset))
                            return (try? read(mount("file\(file)"), at: offset, count: count)) != wanted
                        }
                    }
                }
                return readers.map { $0.value() }
            }
            #expect(wrong == Array(repeating: 0, count: 32))
        }

        @Test func `an open file is one object from open to release`() throws {
            let fileSystem = TestFileSystem()
            fileSystem.add("file", .init(size: 10))
            try Mount.with(fileSystem) { mount in
                let descriptors = (0..<10).map { _ in open(mount("file"), O_RDONLY) }
                #expect(!descriptors.contains { $0 < 0 })
                #expect(fileSystem.openObjects.value == 10)
                for descriptor in descriptors {
                    close(descriptor)
                }
                for _ in descriptors {
                    #expect(fileSystem.releases.wait())
                }
            }
            #expect(fileSystem.openObjects.value == 0)
        }
    }
}
