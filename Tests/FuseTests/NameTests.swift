import CFuse
import Fuse
import Glibc
import Synchronization
import Testing

extension MountedTests {
    struct NameTests {
        @Test func `attributes arrive as they were sent`() throws {
            let fileSystem = TestFileSystem()
            let inode = fileSystem.add("file", .init(size: 5_000_000_001, links: 3))
            fileSystem.add("link", .init(kind: .symlink, permissions: 0o777, target: FileName("a/b c")))
            try Mount.with(fileSystem) { mount in
                let file = try attributes(mount("file"))
                #expect(file.st_ino == UInt(inode.rawValue))
                #expect(file.st_mode == S_IFREG | 0o444)
                #expect(file.st_nlink == 3)
                #expect(file.st_size == 5_000_000_001)
                #expect(file.st_blocks == 9_765_626)
                #expect(file.st_uid == getuid())
                #expect(file.st_mtim.tv_sec == 1_700_000_000)
                #expect(file.st_mtim.tv_nsec == 123_456_789)
                try #expect(attributes(mount("link")).st_size == 5)
                try #expect(attributes(mount.path).st_ino == 1)
            }
        }

        @Test func `what does not exist is not asked for twice`() throws {
            let fileSystem = TestFileSystem()
            try Mount.with(fileSystem) { mount in
                #expect(throws: Errno.noEntry) { try attributes(mount("nothing")) }
                #expect(throws: Errno.noEntry) { try attributes(mount("nothing")) }
            }
            #expect(fileSystem.state.withLock { $0.lookupCalls } == ["nothing"])
        }

        @Test func `names are made, moved and removed`() throws {
            try Mount.with { mount in
                #expect(outcome(mkdir(mount("dir"), 0o755)) == nil)
                #expect(outcome(mkdir(mount("dir"), 0o755)) == .exists)
                #expect(outcome(symlink("../else where", mount("dir/link"))) == nil)
                var target = [CChar](repeating: 0, count: 64)
                #expect(readlink(mount("dir/link"), &target, 64) == 13)
                #expect(outcome(rmdir(mount("dir"))) == .notEmpty)
                #expect(outcome(rename(mount("dir/link"), mount("link"))) == nil)
                #expect(outcome(mknod(mount("plain"), S_IFREG | 0o644, 0)) == nil)
                #expect(outcome(mkfifo(mount("fifo"), 0o644)) == .readOnly)
                #expect(outcome(link(mount("plain"), mount("dir/plain"))) == nil)
                try #expect(attributes(mount("plain")).st_ino == attributes(mount("dir/plain")).st_ino)
                #expect(outcome(unlink(mount("dir/plain"))) == nil)
                #expect(throws: Errno.noEntry) { try attributes(mount("dir/plain")) }
                #expect(outcome(rmdir(mount("dir"))) == nil)
                #expect(outcome(unlink(mount("nothing"))) == .noEntry)
            }
        }

        @Test func `a name may hold any bytes`() throws {
            let bytes: [UInt8] = [0xff, 0x20, 0x0a, 0xc3]
            #expect(FileName(bytes: bytes).string == nil)
            #expect(FileName(bytes: [0xc3, 0xa9]).string == "\u{e9}")
            try Mount.with { mount in
                let path = (Array(mount("").utf8) + bytes + [0]).map(CChar.init(bitPattern:))
                #expect(outcome(mkdir(path, 0o755)) == nil)
                #expect(outcome(rmdir(path)) == nil)
                #expect(outcome(mkdir(mount(String(repeating: "n", count: 255)), 0o755)) == nil)
                #expect(outcome(mkdir(mount(String(repeating: "n", count: 256)), 0o755)) == .nameTooLong)
            }
        }

        @Test func `open and create are told what for`() throws {
            let fileSystem = TestFileSystem()
            fileSystem.add("file", .init(size: 10))
            try Mount.with(fileSystem) { mount in
                for flags in [O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC] {
                    #expect(open(mount("file"), flags) < 0 && errno == EROFS)
                }
                #expect(open(mount("new"), O_CREAT | O_WRONLY, 0o644) < 0 && errno == EROFS)
                let descriptor = open(mount("allowed"), O_CREAT | O_RDONLY, 0o640)
                #expect(descriptor >= 0)
                close(descriptor)
                #expect(fileSystem.releases.wait())
                try #expect(attributes(mount("allowed")).st_mode == S_IFREG | 0o640)
            }
        }

        @Test func `a change of attributes says which`() throws {
            let fileSystem = TestFileSystem()
            fileSystem.add("file", .init(size: 10))
            try Mount.with(fileSystem) { mount in
                #expect(outcome(chmod(mount("file"), 0o400)) == nil)
                try #expect(attributes(mount("file")).st_mode == S_IFREG | 0o400)
                let omit = (1 << 30) - 2  // UTIME_OMIT
                var times = [timespec(tv_sec: 5, tv_nsec: omit), timespec(tv_sec: 77, tv_nsec: 88)]
                #expect(outcome(utimensat(AT_FDCWD, mount("file"), &times, 0)) == nil)
                try #expect(attributes(mount("file")).st_mtim.tv_sec == 77)
                #expect(outcome(utimensat(AT_FDCWD, mount("file"), nil, 0)) == nil)
                try #expect(attributes(mount("file")).st_mtim.tv_sec == 1, "the test's file system takes now for 1")
                #expect(outcome(chown(mount("file"), 5, 6)) == .readOnly)
                #expect(outcome(truncate(mount("file"), 0)) == .readOnly)
            }
        }

        @Test func `access and statistics are answered, with who asks`() throws {
            let fileSystem = TestFileSystem()
            fileSystem.add("file", .init())
            try Mount.with(fileSystem) { mount in
                #expect(outcome(access(mount("file"), R_OK)) == nil)
                #expect(outcome(access(mount("file"), W_OK)) == .readOnly)
                #expect(fileSystem.state.withLock { $0.lastCaller?.uid } == getuid())
                #expect(fileSystem.state.withLock { $0.lastCaller?.gid } == getgid())
                var statistics = statvfs()
                #expect(outcome(statvfs(mount.path, &statistics)) == nil)
                #expect(statistics.f_namemax == 255)
                #expect(statistics.f_blocks == 1000)
                #expect(statistics.f_bavail == 10)
            }
        }

        @Test func `reply that is dropped is an error to the caller`() throws {
            let fileSystem = TestFileSystem()
            fileSystem.add("file", .init(values: ["user.a": [1]]))
            fileSystem.add("other", .init())
            try Mount.with(fileSystem) { mount in
                #expect(throws: Errno.io) { try attributes(mount("dropped-name")) }
                _ = try attributes(mount("file"))
                for operation in ["open", "unlink", "extendedAttribute"] {
                    fileSystem.drop(operation)
                }
                #expect(open(mount("file"), O_RDONLY) < 0 && errno == EIO)
                #expect(outcome(unlink(mount("file"))) == .io)
                #expect(getxattr(mount("file"), "user.a", nil, 0) < 0 && errno == EIO)
                fileSystem.drop("lookup")
                #expect(throws: Errno.io) { try attributes(mount("other")) }
            }
        }

        @Test func `the kernel gives back every lookup`() throws {
            let fileSystem = TestFileSystem()
            for number in 0..<50 {
                fileSystem.add("file\(number)", .init())
            }
            fileSystem.add("dir", .init(kind: .directory))
            try Mount.with(fileSystem) { mount in
                for number in 0..<50 {
                    _ = try attributes(mount("file\(number)"))
                }
                #expect(fileSystem.state.withLock { $0.lookups.values.reduce(0, +) } == 50)
                for number in 0..<50 {
                    #expect(outcome(unlink(mount("file\(number)"))) == nil)
                }
                // Forgets come some time later: any other request shows that those before it were read.
                for _ in 0..<1000 where fileSystem.state.withLock({ $0.lookups.values.reduce(0, +) }) > 0 {
                    _ = access(mount("dir"), R_OK)
                }
                #expect(fileSystem.state.withLock { $0.lookups.values.reduce(0, +) } <= 1)
            }
        }
    }
}
