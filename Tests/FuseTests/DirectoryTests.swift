import CFuse
import Fuse
import Glibc
import Synchronization
import Testing

extension MountedTests {
    struct DirectoryTests {
        private struct Row: Equatable {
            let name: String
            let inode: UInt
            let type: Int
            let place: Int
        }

        private func rows(_ stream: OpaquePointer, limit: Int = .max) -> [Row] {
            var rows: [Row] = []
            while rows.count < limit, let entry = readdir(stream) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                rows.append(
                    Row(
                        name: name, inode: UInt(entry.pointee.d_ino), type: Int(entry.pointee.d_type),
                        place: telldir(stream)))
            }
            return rows
        }

        private func crowded(_ count: Int, _ kind: FileKind = .file) -> TestFileSystem {
            let fileSystem = TestFileSystem()
            let directory = fileSystem.add("many", .init(kind: .directory, permissions: 0o555))
            for number in 0..<count {
                let name = "\(number)-" + String(repeating: "x", count: number * 7 % 200)
                fileSystem.add(name, to: directory, .init(kind: kind, permissions: 0o444))
            }
            return fileSystem
        }

        @Test(arguments: [0, 1, 5, 3000])
        func `a listing has every name once, with inode and kind`(_ count: Int) throws {
            let fileSystem = crowded(count)
            try Mount.with(fileSystem) { mount in
                guard let stream = opendir(mount("many")) else { throw Errno.current }
                defer { closedir(stream) }
                let found = rows(stream)
                #expect(found.count == count + 2)
                #expect(Set(found.map(\.name)).count == count + 2)
                for row in found {
                    let expected = try attributes(mount("many/\(row.name)"))
                    if row.name != ".." {
                        #expect(row.inode == expected.st_ino)
                    }
                    #expect(row.type == Int(expected.st_mode & S_IFMT) >> 12)
                }
            }
            #expect(fileSystem.state.withLock { $0.lookupCalls.filter { $0 != "many" }.count } < count || count < 3000)
        }

        @Test func `a listing goes on where seekdir says, and rewinds`() throws {
            try Mount.with(crowded(500)) { mount in
                guard let stream = opendir(mount("many")) else { throw Errno.current }
                defer { closedir(stream) }
                let all = rows(stream)
                rewinddir(stream)
                #expect(rows(stream) == all)
                for index in stride(from: 0, to: all.count - 1, by: 41) {
                    seekdir(stream, all[index].place)
                    #expect(rows(stream, limit: 1).first?.name == all[index + 1].name)
                }
            }
        }

        @Test func `a listing with attributes spares the lookups`() throws {
            let fileSystem = crowded(300)
            try Mount.with(fileSystem) { mount in
                let child = try Child("ls", "-l", mount("many"))
                #expect(child.wait() == .exited(0))
            }
            let lookups = fileSystem.state.withLock { $0.lookupCalls.count }
            #expect(lookups < 100, "\(lookups)")
        }

        @Test func `small answers make up the whole listing`() throws {
            // A page is what the kernel asks for at the least; names of 200 bytes fill it twenty times.
            let fileSystem = crowded(400)
            try Mount.with(fileSystem) { mount in
                let listings = (0..<8).map { _ in
                    Promise {
                        guard let stream = opendir(mount("many")) else { return -1 }
                        defer { closedir(stream) }
                        return rows(stream).count
                    }
                }
                #expect(listings.map { $0.value() } == Array(repeating: 402, count: 8))
            }
            #expect(fileSystem.state.withLock { $0.offsets.count } > 16)
        }

        @Test func `a listing that is dropped is an error`() throws {
            let fileSystem = crowded(3)
            fileSystem.drop("readDirectory")
            try Mount.with(fileSystem) { mount in
                guard let stream = opendir(mount("many")) else { throw Errno.current }
                defer { closedir(stream) }
                errno = 0
                #expect(readdir(stream) == nil && errno == EIO)
            }
        }
    }
}
