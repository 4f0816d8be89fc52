import CFuse
import Fuse
import Glibc
import Synchronization
import Testing

extension MountedTests {
    struct NotifierTests {
        /// Repeats until it is true: a notification takes effect some time after it was queued, and nothing tells when.
        private func soon(_ condition: () throws -> Bool) rethrows -> Bool {
            for _ in 0..<1000 {
                if try condition() { return true }
                usleep(5000)
            }
            return false
        }

        @Test func `a name that is invalidated is looked up again`() throws {
            let fileSystem = TestFileSystem()
            let (first, second) = (fileSystem.add("a", .init(size: 1)), fileSystem.add("b", .init(size: 2)))
            try Mount.with(fileSystem) { mount in
                try #expect(attributes(mount("a")).st_ino == UInt(first.rawValue))
                #expect(throws: Errno.noEntry) { try attributes(mount("c")) }
                fileSystem.state.withLock { $0.nodes[.root]?.children = ["a": second, "c": first] }
                try #expect(attributes(mount("a")).st_ino == UInt(first.rawValue), "still cached")
                let notifier = mount.session.notifier
                notifier.invalidateEntry(parent: .root, name: FileName("a"))
                notifier.invalidateEntry(parent: .root, name: FileName("c"))
                notifier.invalidateEntry(parent: .root, name: FileName("never heard of"))
                notifier.invalidateEntry(parent: Inode(rawValue: 999), name: FileName("never heard of"))
                try #expect(soon { try attributes(mount("a")).st_ino == UInt(second.rawValue) })
                #expect(soon { (try? attributes(mount("c")).st_ino) == UInt(first.rawValue) })
            }
        }

        @Test func `attributes and pages that are invalidated are asked for again`() throws {
            let fileSystem = TestFileSystem()
            let inode = fileSystem.add("file", .init(size: 100))
            try Mount.with(fileSystem) { mount in
                let old = try read(mount("file"), count: 200)
                #expect(old.count == 100)
                fileSystem.state.withLock { state in
                    state.nodes[inode]?.size = 150
                    state.nodes[inode]?.manner = .failing(.stale)
                }
                try #expect(read(mount("file"), count: 200) == old, "still cached")
                mount.session.notifier.invalidateInode(inode, offset: -1)
                try #expect(soon { try attributes(mount("file")).st_size == 150 })
                mount.session.notifier.invalidateInode(inode)
                #expect(soon { (try? read(mount("file"), count: 10)) == nil })
                mount.session.notifier.invalidateInode(Inode(rawValue: 999))
            }
        }

        @Test func `a name that is deleted is gone`() throws {
            let fileSystem = TestFileSystem()
            let inode = fileSystem.add("file", .init(size: 100))
            try Mount.with(fileSystem) { mount in
                _ = try attributes(mount("file"))
                fileSystem.state.withLock { $0.nodes[.root]?.children = [:] }
                mount.session.notifier.delete(parent: .root, child: inode, name: FileName("file"))
                #expect(soon { (try? attributes(mount("file"))) == nil })
            }
        }

        @Test func `a notification that waits for a parked page does not hold up the end`() throws {
            let fileSystem = TestFileSystem()
            let inode = fileSystem.add("file", .init(size: 1 << 20, manner: .parked))
            fileSystem.add("other", .init(size: 10))
            try Mount.with(fileSystem) { mount in
                let reader = try Child.reader(of: mount("file"), isDirect: false, page: 0)
                #expect(fileSystem.parkings.wait())
                mount.session.notifier.invalidateInode(inode)
                _ = try attributes(mount("file"))
                _ = try attributes(mount("other"))
                mount.session.stop()
                let error = reader.error()
                #expect(error == .notConnected || error == .aborted)
            }
        }

        @Test func `attributes are answered while a page is parked, though they have changed`() throws {
            let fileSystem = TestFileSystem()
            let inode = fileSystem.add("file", .init(size: 1 << 20, manner: .parked))
            fileSystem.state.withLock { $0.lifetime = 0 }
            try Mount.with(fileSystem) { mount in
                let reader = try Child.reader(of: mount("file"), isDirect: false, page: 0)
                #expect(fileSystem.parkings.wait())
                fileSystem.state.withLock { state in
                    state.nodes[inode]?.size = 2 << 20
                    state.nodes[inode]?.modified = FileTime(seconds: 5)
                }
                let size = Promise { (try? attributes(mount("file")))?.st_size }
                #expect(size.value() == 2 << 20)
                // Opening it again waits for nothing either.
                let descriptor = Promise { open(mount("file"), O_RDONLY) }
                #expect((descriptor.value() ?? -1) >= 0)
                descriptor.value().map { _ = close($0) }
                fileSystem.answerParked()
                #expect(reader.wait() == .exited(0))
            }
        }
    }
}
