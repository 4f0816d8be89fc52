import CFuse
import Glibc
import Synchronization
import Testing

@testable import Fuse

extension MountedTests {
    struct SessionTests {
        /// A mount whose daemon is gone: nobody answered a request yet, and the connection is closed.
        private func withStaleMount(_ body: (String) throws -> Void) throws {
            try Mount.inTemporaryDirectory { path in
                let session = try Session(fileSystem: TestFileSystem(), mountPoint: path)
                session.connection.close()
                #expect(throws: Errno.notConnected) { try attributes(path) }
                try body(path)
            }
        }

        @Test func `a mount is of our type, writable, and checked by nobody but us`() throws {
            var options = MountOptions(allowOther: true, fileSystemName: "a,b\\c d")
            try options.add("noatime,noexec")
            try Mount.with(options: options) { mount in
                let entry = try MountTable.current().top(at: mount.path)
                #expect(entry?.type == "fuse.peekfs")
                #expect(entry?.source == "a,b\\c d")
                let line = String(decoding: try readFile("/proc/self/mountinfo"), as: UTF8.self)
                    .split(separator: "\n").first { $0.contains(mount.path) }
                #expect(line?.contains("default_permissions") == false)
                #expect(line?.contains("allow_other") == true)
                #expect(line?.contains(" rw,") == true)
                #expect(line?.contains("noexec") == true)
                let device = entry?.device ?? ""
                try #expect(readFile("/sys/class/bdi/\(device)/read_ahead_kb") == Array("1024\n".utf8))
            }
        }

        @Test func `stop works while reads are parked and files are open`() throws {
            let fileSystem = TestFileSystem()
            fileSystem.add("file", .init(size: 10 << 20, manner: .parked))
            let (errors, after) = try Mount.with(fileSystem) { mount in
                let readers = try (0..<4).map {
                    try Child.reader(of: mount("file"), isDirect: $0 % 2 == 1, page: $0 * 600)
                }
                for _ in readers {
                    #expect(fileSystem.parkings.wait())
                }
                let descriptor = open(mount("file"), O_RDONLY)
                mount.session.stop()
                let errors = readers.map { $0.error() }
                // The open file belongs to a file system that is no more.
                var byte: UInt8 = 0
                let after = pread(descriptor, &byte, 1, 0) < 0 ? Errno.current : nil
                close(descriptor)
                return (errors, after)
            }
            // The file system's answer, or for a page that the kernel asks for again what `close` says.
            #expect(errors.allSatisfy { $0 == .notConnected || $0 == .aborted })
            #expect(errors.contains(.notConnected))
            #expect(after == .notConnected || after == .aborted)
            #expect(fileSystem.state.withLock { $0.hasEnded })
        }

        @Test func `stop may come before run, twice, and from many threads`() throws {
            try Mount.inTemporaryDirectory { path in
                let session = try Session(fileSystem: TestFileSystem(), mountPoint: path)
                session.stop()
                session.stop()
                try session.run()
                session.stop()
                try #expect(MountTable.current().top(at: path) == nil)
            }
            try Mount.with { mount in
                let stops = (0..<8).map { _ in
                    Promise {
                        mount.session.stop()
                        return true
                    }
                }
                #expect(stops.map { $0.value() } == Array(repeating: true, count: 8))
            }
        }

        @Test func `an answer after the end goes nowhere`() throws {
            let fileSystem = TestFileSystem()
            fileSystem.add("file", .init(size: 10 << 20, manner: .parked))
            let kept = try Mount.with(fileSystem) { mount in
                let reader = try Child.reader(of: mount("file"), isDirect: false, page: 0)
                #expect(fileSystem.parkings.wait())
                // The file system forgets it, so that nobody answers it at the end.
                let kept = fileSystem.state.withLock { state in
                    defer { state.parked = [] }
                    return state.parked
                }
                mount.session.stop()
                let error = reader.error()
                #expect(error == .notConnected || error == .aborted, "cut off by the kernel")
                return kept
            }
            for read in kept {
                read.answer()
            }
        }

        @Test func `a tree that is unmounted from outside ends its session`() throws {
            let fileSystem = TestFileSystem()
            try Mount.with(fileSystem) { mount in
                try Unmount.unmount(mount.path)
                #expect(throws: UnmountError.notMounted(path: mount.path)) { try Unmount.unmount(mount.path) }
            }
            #expect(fileSystem.state.withLock { $0.hasEnded })
        }

        @Test func `a tree in use is not unmounted, and who uses it is named`() throws {
            let fileSystem = TestFileSystem()
            fileSystem.add("file", .init(size: 10))
            try Mount.with(fileSystem) { mount in
                let descriptor = open(mount("file"), O_RDONLY)
                let error = #expect(throws: UnmountError.self) { try Unmount.unmount(mount.path) }
                close(descriptor)
                guard case .busy(_, let holders) = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect(holders.map(\.pid) == [getpid()])
            }
        }

        @Test func `a second mount at the same place is refused`() throws {
            try Mount.with { mount in
                #expect(throws: SessionError.alreadyMounted(path: mount.path)) {
                    try Session(fileSystem: TestFileSystem(), mountPoint: mount.path)
                }
                #expect(throws: UnmountError.alreadyMounted(path: mount.path)) { try Unmount.repair(at: mount.path) }
            }
        }

        @Test func `what cannot be mounted on says why`() throws {
            try Mount.inTemporaryDirectory { path in
                let missing = "\(path)/missing"
                #expect(throws: SessionError.unreachable(path: missing, .noEntry)) {
                    try Session(fileSystem: TestFileSystem(), mountPoint: missing)
                }
                #expect(throws: SessionError.unreachable(path: "/etc/passwd", .notDirectory)) {
                    try Session(fileSystem: TestFileSystem(), mountPoint: "/etc/passwd")
                }
                #expect(throws: UnmountError.notMounted(path: path)) { try Unmount.unmount(path) }
                #expect(throws: UnmountError.foreign(path: "/proc", type: "proc")) { try Unmount.unmount("/proc") }
                try #expect(!Unmount.repair(at: path))
            }
        }

        @Test func `a stale mount is repaired and mounted again`() throws {
            try withStaleMount { path in
                #expect(throws: SessionError.stale(path: path)) {
                    try Session(fileSystem: TestFileSystem(), mountPoint: path)
                }
                try #expect(Unmount.repair(at: path + "/"))
                try #expect(!Unmount.repair(at: path))
                let session = try Session(fileSystem: TestFileSystem(), mountPoint: path)
                session.stop()
                try session.run()
            }
        }

        @Test func `a stale mount is unmounted, directly or by fusermount3`() throws {
            try withStaleMount { path in
                try Unmount.unmount(path)
                try #expect(MountTable.current().top(at: path) == nil)
            }
            try withStaleMount { path in
                #expect(Fusermount.unmount(path, isLazy: true) == nil)
                try #expect(MountTable.current().top(at: path) == nil)
                #expect(Fusermount.unmount(path, isLazy: false)?.contains("fusermount3") == true)
            }
        }

        @Test func `a mount whose daemon is silent is taken for mounted, and can be unmounted`() throws {
            // Nobody answers: `run` was not called.
            try Mount.inTemporaryDirectory { path in
                let session = try Session(fileSystem: TestFileSystem(), mountPoint: path)
                #expect(throws: UnmountError.alreadyMounted(path: path)) { try Unmount.repair(at: path) }
                try Unmount.unmount(path)
                try #expect(MountTable.current().top(at: path) == nil)
                try session.run()
            }
        }

        @Test func `a path is resolved as the mount table has it`() throws {
            try Mount.inTemporaryDirectory { path in
                let link = "\(path)-link"
                #expect(outcome(symlink(path, link)) == nil)
                defer { unlink(link) }
                try #expect(MountPoint.resolve(link) == path)
                try #expect(MountPoint.resolve(path + "//") == path)
                try #expect(MountPoint.resolve(path + "/../" + path.dropFirst(5)) == path)
                try #expect(MountPoint.resolve("/") == "/")
                try #expect(MountPoint.resolve("/tmp") == "/tmp")
                try #expect(MountPoint.resolve(path + "/.") == path)
                #expect(throws: Errno.noEntry) { try MountPoint.resolve("/nowhere/at all") }
            }
        }
    }
}
