import FakeStash
import Foundation
import Testing

/// Directories of many batches, read as programs do it, while what is in them changes.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(9)), .onOwnThread)
struct ListingTests {
    private static func mount(_ lab: Lab) throws -> (scenes: Path, catalogue: Catalogue) {
        let server = try lab.startServer("attic") {
            $0.overlap = nil
            ($0.scenes, $0.performers, $0.studios, $0.tags) = (800, 2, 1, 2)
            ($0.groups, $0.galleries, $0.images) = (0, 0, 0)
            $0.mediaSize = 1000...2000
        }
        try lab.addInstance("attic")
        try lab.mount()
        return (lab.root / "instances" / "attic" / "scenes", server.catalogue)
    }

    @Test func `every scene and every small file beside one is listed once, across all borders of batches`() throws {
        try Lab.with { lab in
            let (scenes, catalogue) = try Self.mount(lab)
            var expected: [String: Int] = ["": 0, "vtt": 0, "funscript": 0]
            for id in catalogue.ids(.scene) {
                let scene = try #require(catalogue.entity(.scene, id))
                // A scene without a file is nothing that could be listed.
                if scene.files.isEmpty { continue }
                expected["", default: 0] += 1
                expected["vtt", default: 0] += Set(scene.captions.map(\.language)).count
                expected["funscript", default: 0] += scene.interactive ? 1 : 0
            }
            try #require(expected.values.allSatisfy { $0 > 60 }, "\(expected)")
            let names = try scenes.list()
            #expect(Set(names).count == names.count, "no name twice")
            let found = Dictionary(
                names.map { ($0.hasSuffix(".vtt") ? "vtt" : $0.hasSuffix(".funscript") ? "funscript" : "", 1) },
                uniquingKeysWith: +)
            #expect(found == expected)
            for name in names { #expect((scenes / name).exists, "\(name)") }
        }
    }

    /// Names and attributes come together, a page at a time. What `ls` asks of single files is asked in vain, or once.
    @Test func `a long listing asks nothing of the single files`() throws {
        try Lab.with { lab in
            let (scenes, _) = try Self.mount(lab)
            func questions() throws -> [String: Int] {
                var asked: [String: Int] = [:]
                for line in try lab.ask("GET", "/metrics").body.split(separator: "\n") {
                    for operation in ["lookup", "getattr", "getxattr", "listxattr", "readdirplus"]
                    where line.hasPrefix("peekfs_operations_total{") && line.contains("\"\(operation)\"") {
                        asked[operation, default: 0] += line.split(separator: " ").last.flatMap { Int($0) } ?? 0
                    }
                }
                return asked
            }
            let before = try questions()
            let lines = try lab.execute("/bin/ls", ["-l", scenes.text]).split(separator: "\n")
            #expect(lines.count > 800)
            let asked = try questions().merging(before) { $0 - $1 }
            #expect(asked["readdirplus", default: 0] > 3)
            for operation in ["lookup", "getattr", "getxattr", "listxattr"] {
                #expect(asked[operation, default: 0] < 40, "\(operation)")
            }
        }
    }

    @Test func `a place in a directory stays valid while entries come, go and are renamed`() throws {
        try Lab.with { lab in
            let (scenes, catalogue) = try Self.mount(lab)
            let before = try scenes.list()
            let stream = try Stream(scenes)
            var met: [(name: String, behind: Int)] = []
            while met.count < 150, let name = stream.next() { met.append((name, stream.place)) }

            let files = before.filter { !$0.hasSuffix(".vtt") && !$0.hasSuffix(".funscript") }
            func id(_ place: Int) throws -> Int { try #require((scenes / files[place]).ref).id }
            let deleted = try [3, 50, 400, 700].map(id)
            let renamed = try [10, 60, 410, 710].map(id)
            catalogue.destroy(.scene, deleted)
            for id in renamed { catalogue.edit(.scene, id) { $0.title = "Another Title \(id)" } }
            for number in 1...30 {
                catalogue.create(.scene) { row in
                    row.title = "Newcomer \(number)"
                    row.files = [catalogue.newFile(.video, basename: "newcomer \(number).mp4", size: 1500)]
                }
            }
            // The first one that does not find a scene waits for a second one.
            try lab.succeed("sync", "--full")
            try lab.succeed("sync", "--full")
            try #require(eventually { scenes.names.contains("Newcomer 30.mp4") && !scenes.names.contains(files[700]) })
            let now = try scenes.list()
            let throughout = Set(before).intersection(now)

            // Who goes on where he was meets what he has not met, and nothing again.
            while let name = stream.next() { met.append((name, stream.place)) }
            let counts = Dictionary(met.map { ($0.name, 1) }, uniquingKeysWith: +)
            #expect(throughout.filter { counts[$0] != 1 } == [], "met not once")
            #expect(counts.filter { $0.value > 1 }.isEmpty)

            // Who goes back to a place meets what stands behind it.
            for place in [0, 1, 49, 120] {
                stream.place = met[place].behind
                let behind = Set(met[(place + 1)...].map(\.name)).intersection(throughout)
                let again = stream.rest()
                #expect(Set(again).intersection(throughout) == behind)
                #expect(Set(again).count == again.count)
            }

            // Who starts again sees what is there now.
            stream.rewind()
            #expect(stream.rest().sorted() == now.sorted())
        }
    }
}

/// opendir(3) and what belongs to it, without "." and "..".
private final class Stream {
    private let stream: OpaquePointer

    init(_ path: Path) throws {
        guard let stream = opendir(path.text) else { throw Failure(path.text) }
        self.stream = stream
    }

    deinit { closedir(stream) }

    var place: Int {
        get { telldir(stream) }
        set { seekdir(stream, newValue) }
    }

    func rewind() { rewinddir(stream) }

    func next() -> String? {
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { return name }
        }
        return nil
    }

    func rest() -> [String] {
        var names: [String] = []
        while let name = next() { names.append(name) }
        return names
    }
}
