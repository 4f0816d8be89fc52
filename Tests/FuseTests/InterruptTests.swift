import CFuse
import Fuse
import Glibc
import Synchronization
import Testing

extension MountedTests {
    /// A reader in a process of its own, parked in a read, and a signal to it.
    struct InterruptTests {
        private func parkedFile() -> TestFileSystem {
            let fileSystem = TestFileSystem()
            fileSystem.add("file", .init(size: 100 << 20, manner: .parked))
            fileSystem.add("dir", .init(kind: .directory))
            return fileSystem
        }

        @Test(arguments: [
            (true, SIGKILL), (true, SIGTERM), (true, SIGINT), (false, SIGKILL), (false, SIGTERM), (false, SIGHUP),
        ])
        func `a signal ends a parked read at once`(_ isDirect: Bool, _ signal: Int32) throws {
            let fileSystem = parkedFile()
            try Mount.with(fileSystem) { mount in
                let child = try Child.reader(of: mount("file"), isDirect: isDirect, page: 3000)
                #expect(fileSystem.parkings.wait())
                kill(child.pid, signal)
                let end = child.wait()
                #expect(end == .killed(signal))
                if end == nil { fileSystem.answerParked() }
            }
        }

        @Test func `a caught signal interrupts a direct read and is not lost on a buffered one`() throws {
            let fileSystem = parkedFile()
            try Mount.with(fileSystem) { mount in
                // dd catches SIGUSR1, prints what it has done so far, and goes on.
                let direct = try Child.reader(of: mount("file"), isDirect: true, page: 3000)
                #expect(fileSystem.parkings.wait())
                kill(direct.pid, SIGUSR1)
                #expect(fileSystem.parkings.wait(), "the read was interrupted and is made again")
                let buffered = try Child.reader(of: mount("file"), isDirect: false, page: 9000)
                #expect(fileSystem.parkings.wait())
                kill(buffered.pid, SIGUSR1)
                fileSystem.answerUntilQuiet([direct, buffered])
                #expect(direct.wait() == .exited(0))
                #expect(buffered.wait() == .exited(0))
            }
        }

        @Test func `32 parked readers are killed together`() throws {
            let fileSystem = parkedFile()
            try Mount.with(fileSystem) { mount in
                let children = try (0..<32).map {
                    try Child.reader(of: mount("file"), isDirect: $0 % 2 == 0, page: $0 * 700)
                }
                for _ in 0..<32 {
                    #expect(fileSystem.parkings.wait())
                }
                // Meanwhile others are served.
                #expect(outcome(access(mount("dir"), R_OK)) == nil)
                for child in children {
                    kill(child.pid, SIGKILL)
                }
                #expect(children.map { $0.wait() } == Array(repeating: .killed(SIGKILL), count: 32))
                // What the page cache asked for is not interrupted: it is wanted by nobody, and has to be answered all the same.
                fileSystem.answerParked()
                for _ in children {
                    #expect(fileSystem.releases.wait())
                }
            }
            #expect(fileSystem.openObjects.value == 0)
        }

        @Test func `answers and interrupts race without harm`() throws {
            let fileSystem = parkedFile()
            try Mount.with(fileSystem) { mount in
                let isOver = Atomic(false)
                let answering = Promise {
                    while !isOver.load(ordering: .sequentiallyConsistent) {
                        fileSystem.answerParked()
                    }
                    return true
                }
                for round in 0..<60 {
                    let child = try Child.reader(of: mount("file"), isDirect: round % 2 == 0, page: round * 400)
                    usleep(UInt32.random(in: 0..<4000))
                    kill(child.pid, SIGTERM)
                    #expect(child.wait() != nil)
                }
                // The kernel sends releases behind the close, and none any more when the session has ended.
                for _ in 0..<10_000 where fileSystem.openObjects.value > 0 { usleep(1000) }
                isOver.store(true, ordering: .sequentiallyConsistent)
                #expect(answering.value() == true)
                #expect(fileSystem.openObjects.value == 0)
            }
        }
    }
}
