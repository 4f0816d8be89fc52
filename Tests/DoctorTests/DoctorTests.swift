import FakeStash
import Foundation
import Fuse
import Stash
import Testing

@testable import Doctor

struct DoctorTests {
    /// A directory that goes with the test.
    private final class Scratch {
        let path = NSTemporaryDirectory() + "doctor-" + UUID().uuidString

        init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

        func write(_ name: String, _ text: String = "", mode: mode_t = 0o600) throws -> String {
            let file = path + "/" + name
            try Data(text.utf8).write(to: URL(fileURLWithPath: file))
            #expect(chmod(file, mode) == 0)
            return file
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private func finding(_ check: String, in findings: [Finding]) throws -> Finding {
        try #require(findings.first { $0.check == check }, "\(findings)")
    }

    // MARK: This machine

    @Test func `a machine without FUSE or its helper is told what to install`() throws {
        let scratch = try Scratch()
        let findings = MachineExamination(
            device: scratch.path + "/fuse", configuration: scratch.path + "/fuse.conf", searchPath: scratch.path,
            isRoot: false
        ).findings()
        #expect(try finding("fuse-device", in: findings).mend?.contains("modprobe fuse") == true)
        #expect(try finding("fusermount3", in: findings).mend == "install the package fuse3")
        #expect(try finding("allow-other", in: findings).weight == .remark)
    }

    @Test func `root needs no helper, others one that is setuid`() throws {
        let scratch = try Scratch()
        let device = try scratch.write("fuse")
        func findings(isRoot: Bool) -> [Finding] {
            MachineExamination(device: device, searchPath: "/nowhere:" + scratch.path, isRoot: isRoot).findings()
        }
        #expect(findings(isRoot: true).allSatisfy { $0.weight == .fine })
        _ = try scratch.write("fusermount3", mode: 0o755)
        #expect(try finding("fusermount3", in: findings(isRoot: false)).mend?.contains("chmod 4755") == true)
        #expect(try finding("fuse-device", in: findings(isRoot: false)).weight == .fine)
    }

    @Test(arguments: [
        ("user_allow_other\n", true), ("# x\n  user_allow_other \n", true), ("#user_allow_other\n", false),
        ("mount_max = 1000", false), ("", false),
    ])
    func `others may be let in when fuse.conf says so`(text: String, isAllowed: Bool) throws {
        let scratch = try Scratch()
        let file = try scratch.write("fuse.conf", text)
        let findings = MachineExamination(configuration: file, searchPath: "", isRoot: false).findings()
        let found = try finding("allow-other", in: findings)
        #expect((found.weight == .fine) == isAllowed)
    }

    @Test func `versions are those of the libraries that run`() throws {
        let sentence = try finding("versions", in: MachineExamination(searchPath: "", isRoot: true).findings()).sentence
        #expect(sentence.contains(/^Linux \d.*, libfuse 3\.\d+\.\d+, libcurl [78]\.\d+\.\d+.*, SQLite 3\.\d+\.\d+$/))
    }

    // MARK: Directories

    @Test func `a directory that others can look into, and a key file that others can read, are problems`() throws {
        let scratch = try Scratch()
        #expect(chmod(scratch.path, 0o755) == 0)
        let file = try scratch.write("state.sqlite", mode: 0o644)
        var findings = PlaceExamination.directory(scratch.path, "people's data", isPrecious: true)
        #expect(try finding("state-dir", in: findings).mend == "make it private: `chmod 700 \(scratch.path)`")
        #expect(try finding("state-file", in: findings).mend == "make them private: `chmod 600 \(file)`")
        #expect(chmod(scratch.path, 0o700) == 0 && chmod(file, 0o600) == 0)
        findings = PlaceExamination.directory(scratch.path, "people's data", isPrecious: true)
        #expect(findings.allSatisfy { $0.weight == .fine }, "\(findings)")
    }

    @Test func `a directory that is not there is made later, and not by the doctor`() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/a/b"
        let findings = PlaceExamination.directory(path, "what servers said", isPrecious: false)
        #expect(findings.map(\.weight) == [.fine])
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/a"))
        let file = try scratch.write("file")
        #expect(PlaceExamination.directory(file, "x", isPrecious: false).first?.weight == .problem)
        #expect(PlaceExamination.directory(file + "/x", "x", isPrecious: false).first?.weight == .problem)
    }

    @Test func `only mounts of ours are looked at`() {
        let table = MountTable(parsing: Array("22 1 0:21 / /proc rw - proc proc rw\n".utf8))
        #expect(PlaceExamination.mounts(table) == [.fine("mounts", "nothing is mounted")])
    }

    // MARK: Servers

    private func examine(_ url: String, key: String? = nil) throws -> [Finding] {
        let engine = try TransferEngine()
        engine.start()
        defer { engine.stop() }
        let access = ServerAccess(address: try ServerAddress(url), apiKey: key.flatMap(APIKey.init))
        return ServerExamination(access, engine: engine).findings()
    }

    private func server(key: String? = "the-key") throws -> FakeStash {
        var configuration = FakeStash.Configuration()
        configuration.apiKey = key
        configuration.requiresLogin = key != nil
        return try FakeStash.start(configuration)
    }

    @Test func `a server that is well has nothing to mend`() throws {
        let server = try server()
        defer { server.stop() }
        let findings = try examine(server.url, key: "the-key")
        #expect(findings.allSatisfy { $0.weight == .fine }, "\(findings)")
        #expect(try finding("connection", in: findings).sentence.contains("Stash v0.30"))
        #expect(try finding("clock", in: findings).sentence == "its clock agrees with this machine's")
    }

    @Test func `a wrong key is found, and stands nowhere`() throws {
        let server = try server()
        defer { server.stop() }
        let findings = try examine(server.url, key: "a-wrong-key")
        let found = try finding("connection", in: findings)
        #expect(found.cause == .key && found.weight == .problem && found.mend?.isEmpty == false)
        #expect(!"\(findings)".contains("wrong-key"))
    }

    @Test func `a path where Stash is not is found, and the address without it recommended`() throws {
        let server = try server()
        defer { server.stop() }
        let findings = try examine(server.url + "/stash", key: "the-key")
        let found = try finding("connection", in: findings)
        #expect(found.cause == .misfit)
        #expect(found.mend == "leave out /stash: there is a Stash at \(server.url)")
    }

    @Test func `a server that is away, and a name that nobody knows`() throws {
        let server = try server()
        server.stop()
        let findings = try examine(server.url)
        #expect(try finding("connection", in: findings).cause == .server)
        #expect(!findings.contains { $0.check == "clock" }, "nobody is asked for the time who does not answer")
        #expect(try examine("http://no-such-host.invalid:9999").map(\.cause) == [.name])
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("10.1.2.3", true), ("172.16.0.1", true), ("172.32.0.1", false), ("192.168.1.1", true),
        ("192.169.1.1", false), ("100.64.0.1", true), ("100.128.0.1", false), ("169.254.9.9", true), ("8.8.8.8", false),
        ("::1", true), ("fe80::1%eth0", true), ("fd00::1", true), ("2001:db8::1", false), ("::", false),
    ])
    func `addresses of the local network are those that Stash takes for it`(address: String, isLocal: Bool) {
        #expect(ServerExamination.isLocal(address) == isLocal)
    }
}
