import CFuse
import Fuse
import Glibc
import Synchronization
import Testing

extension MountedTests {
    struct ExtendedAttributeTests {
        private func get(_ path: String, _ name: String, room: Int) -> Result<[UInt8], Errno> {
            var buffer = [UInt8](repeating: 0, count: room)
            let count = getxattr(path, name, &buffer, room)
            guard count >= 0 else { return .failure(.current) }
            return .success(room == 0 ? [UInt8](repeating: 0, count: count) : Array(buffer[..<count]))
        }

        @Test func `size, room and value agree`() throws {
            let fileSystem = TestFileSystem()
            let full = [UInt8](repeating: 7, count: 65_536)
            let values: [String: [UInt8]] = [
                "user.a": [1, 2], "user.empty": [], "user.full": full, "user.huge": full + [7],
            ]
            fileSystem.add("file", .init(values: values))
            try Mount.with(fileSystem) { mount in
                let path = mount("file")
                #expect(get(path, "user.a", room: 0) == .success([0, 0]))
                #expect(get(path, "user.a", room: 2) == .success([1, 2]))
                #expect(get(path, "user.a", room: 64) == .success([1, 2]))
                #expect(get(path, "user.a", room: 1 << 20) == .success([1, 2]))
                #expect(get(path, "user.a", room: 1) == .failure(.range))
                #expect(get(path, "user.empty", room: 0) == .success([]))
                #expect(get(path, "user.empty", room: 4) == .success([]))
                #expect(get(path, "user.full", room: 65_536) == .success(full))
                #expect(get(path, "user.full", room: 65_535) == .failure(.range))
                #expect(get(path, "user.huge", room: 0) == .failure(.tooBig))
                #expect(get(path, "user.huge", room: 1 << 20) == .failure(.tooBig))
                #expect(get(path, "user.nothing", room: 0) == .failure(.noData))
            }
        }

        @Test func `a list holds each name with a NUL behind it`() throws {
            let fileSystem = TestFileSystem()
            fileSystem.add("file", .init(values: ["user.b": [1], "user.a": [2]]))
            fileSystem.add("bare", .init())
            try Mount.with(fileSystem) { mount in
                var buffer = [CChar](repeating: 1, count: 64)
                #expect(listxattr(mount("file"), nil, 0) == 14)
                #expect(listxattr(mount("file"), &buffer, 64) == 14)
                #expect(Array("user.a\0user.b\0".utf8).map(CChar.init(bitPattern:)) == Array(buffer[..<14]))
                #expect(listxattr(mount("file"), &buffer, 13) < 0 && errno == ERANGE)
                #expect(listxattr(mount("bare"), &buffer, 64) == 0)
            }
        }

        @Test func `setting and removing pass flags and values`() throws {
            let fileSystem = TestFileSystem()
            fileSystem.add("file", .init())
            try Mount.with(fileSystem) { mount in
                let path = mount("file")
                #expect(outcome(setxattr(path, "user.a", "85", 2, Int32(XATTR_REPLACE))) == .noData)
                #expect(outcome(setxattr(path, "user.a", "85", 2, Int32(XATTR_CREATE))) == nil)
                #expect(outcome(setxattr(path, "user.a", "40", 2, Int32(XATTR_CREATE))) == .exists)
                #expect(outcome(setxattr(path, "user.a", "40", 2, Int32(XATTR_REPLACE))) == nil)
                #expect(get(path, "user.a", room: 8) == .success(Array("40".utf8)))
                #expect(outcome(setxattr(path, "user.a", "", 0, 0)) == nil)
                #expect(get(path, "user.a", room: 8) == .success([]))
                #expect(outcome(removexattr(path, "user.a")) == nil)
                #expect(outcome(removexattr(path, "user.a")) == .noData)
            }
        }

        @Test func `an operation is not switched off for the mount by one answer`() throws {
            // The test's file system fails these with ENOSYS, after which the kernel would not ask for any attribute again.
            let fileSystem = TestFileSystem()
            fileSystem.add("file", .init(values: ["user.a": [1]]))
            try Mount.with(fileSystem) { mount in
                #expect(get(mount("file"), "trusted.a", room: 8) == .failure(.notSupported))
                #expect(outcome(setxattr(mount("file"), "trusted.a", "1", 1, 0)) == .notSupported)
                #expect(get(mount("file"), "user.a", room: 8) == .success([1]))
                #expect(outcome(setxattr(mount("file"), "user.a", "1", 1, 0)) == nil)
            }
        }
    }
}
