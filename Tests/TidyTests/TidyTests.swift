import Foundation
import Testing

/// The rules of the project that a compiler does not check: which module may know which, and what is lying about.
struct TidyTests {
    /// Of our own modules, what each may import. An arrow that is not here is a decision, not an oversight.
    static let arrows: [String: Set<String>] = [
        "Fuse": ["CFuse"],
        "Stash": ["CCurl"],
        "Library": [],
        "Derive": ["Library"],
        "Suggest": ["Library"],
        "Peek": ["Library"],
        "DiskCache": [],
        "Media": ["Stash", "DiskCache"],
        "Push": ["Stash"],
        "Sync": ["Stash", "Library"],
        "Filesystem": ["Fuse", "Media", "Library"],
        "Control": ["Library", "Suggest", "Sync", "Media", "Stash"],
        "peekfs": [
            "Fuse", "Stash", "Library", "Derive", "Peek", "Push", "Sync", "DiskCache", "Media",
            "Filesystem", "Control", "Doctor", "Prometheus", "Service",
        ],
        "Doctor": ["Fuse", "Stash", "Library", "DiskCache"],
        "Prometheus": [],
        "Service": [],
        "FakeStash": [],
        "fake-stash": ["FakeStash"],
        "soak": ["FakeStash", "CXattr"],
    ]

    /// Of other people's modules, who may import them. SQL stays in three modules, the kernel in another, and the data plane
    /// does without Foundation.
    static let guests: [String: Set<String>] = [
        "GRDB": ["Library", "Derive", "Suggest", "Peek"],
        "GRDBSQLite": ["Library"],
        "CFuse": ["Fuse"],
        "CCurl": ["Stash"],
        "CXattr": ["soak"],
        "ArgumentParser": ["peekfs", "fake-stash"],
        "Foundation": [
            "Stash", "Sync", "Library", "Derive", "Suggest", "Peek", "Service", "Doctor", "Control", "peekfs",
            "FakeStash",
            "fake-stash",
            "soak",
        ],
        "CoreMetrics": ["Fuse", "Stash", "Media", "Prometheus", "peekfs"],
        "Hummingbird": ["Control"],
        "HummingbirdCore": ["Control"],
        "HTTPTypes": ["Control"],
        "NIOCore": ["FakeStash", "Control", "Push"],
        "NIOPosix": ["FakeStash", "Control", "Push"],
        "NIOHTTP1": ["FakeStash", "Control", "Push"],
        "NIOWebSocket": ["FakeStash", "Push"],
        "NIOSSL": ["Push"],
    ]

    @Test func `imports run along the arrows`() throws {
        var read = 0
        for file in try Checkout.swiftFiles(below: "Sources") {
            read += 1
            let target = file.target
            let allowed = try #require(Self.arrows[target], "the target \(target) has no row in the table of arrows")
            for module in try file.imports() {
                #expect(
                    Self.arrows[module] == nil || allowed.contains(module), "\(file.path): \(target) imports \(module)")
                if let hosts = Self.guests[module] {
                    #expect(hosts.contains(target), "\(file.path): \(target) imports \(module)")
                }
            }
        }
        #expect(read > 20, "the sources were not found")
    }

    @Test func `the table of arrows has no circle`() {
        func reaches(_ from: String, _ wanted: String) -> Bool {
            (Self.arrows[from] ?? []).contains { $0 == wanted || reaches($0, wanted) }
        }
        for module in Self.arrows.keys { #expect(!reaches(module, module), "\(module) reaches itself") }
    }

    @Test func `the top of the checkout holds what it should and nothing else`() throws {
        let found = try FileManager.default.contentsOfDirectory(atPath: Checkout.root).filter { !$0.hasPrefix(".") }
        let wanted: Set = ["Package.swift", "Sources", "Tests", "bench", "scripts", "README.md", "LICENSE"]
        // Package.resolved is made by every build and kept out of the repository.
        #expect(Set(found).subtracting(["Package.resolved"]) == wanted)
    }

    @Test func `a target has few enough files to be read as a table of contents`() throws {
        let files = try Checkout.swiftFiles(below: "Sources")
        for (target, files) in Dictionary(grouping: files, by: \.target) {
            #expect(files.count <= 32, "\(target) has \(files.count) files")
            for file in files {
                #expect(file.path.split(separator: "/").count == 3, "a folder in a target: \(file.path)")
            }
        }
    }

    @Test(arguments: ["Sources", "Tests"])
    func `nothing is left unfinished`(folder: String) throws {
        // Put together here, so that this file does not hold what it looks for.
        let marks = ["TO" + "DO", "FIX" + "ME", "fatal" + "Error(", "try" + "!", "nonisolated" + "(unsafe)"]
        for file in try Checkout.swiftFiles(below: folder) {
            let text = try file.text()
            for mark in marks {
                let found = text.contains(mark)
                #expect(!found, "\(file.path) contains \(mark)")
            }
        }
    }

    /// Without statistics SQLite takes the primary key where more than the index has is read of a link, and goes through all links
    /// of a server for each child.
    @Test func `links are found by the child with the index for it`() throws {
        for file in try Checkout.swiftFiles(below: "Sources/Derive") {
            for line in try file.text().split(separator: "\n") {
                let isByChild = line.contains("main.link l ON l.scope") && line.contains("AND l.child =")
                #expect(!isByChild, "\(file.path) has to say INDEXED BY link_child: \(line)")
            }
        }
    }

    @Test func `no file names a place that only one machine has`() throws {
        let places = ["/wo" + "rk/", "/ho" + "me/", "/Us" + "ers/"]
        let files =
            try Checkout.swiftFiles(below: "Sources") + Checkout.swiftFiles(below: "Tests") + Checkout.others()
        for file in files {
            let text = try file.text()
            for place in places {
                let found = text.contains(place)
                #expect(!found, "\(file.path) contains \(place)")
            }
        }
    }
}

/// The files of this checkout.
enum Checkout {
    struct File {
        /// Relative to the top.
        let path: String

        /// The folder below `Sources` or `Tests`.
        var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

        func text() throws -> String { try String(contentsOfFile: Checkout.root + "/" + path, encoding: .utf8) }

        /// What it imports; of `import struct Module.Type` the module.
        func imports() throws -> [String] {
            let kinds: Set = ["struct", "class", "enum", "protocol", "typealias", "func", "var", "let"]
            return try text().split(separator: "\n").compactMap { line in
                let words = line.split(separator: " ").map(String.init)
                guard let place = words.firstIndex(of: "import"), place < words.count - 1 else { return nil }
                let isImport = words[..<place].allSatisfy {
                    $0.hasPrefix("@") || ["package", "internal", "private", "fileprivate", "public"].contains($0)
                }
                guard isImport else { return nil }
                let rest = words[(place + 1)...].drop { kinds.contains($0) }
                return rest.first?.split(separator: ".").first.map(String.init)
            }
        }
    }

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    static func swiftFiles(below folder: String) throws -> [File] {
        let all = try FileManager.default.subpathsOfDirectory(atPath: root + "/" + folder)
        return all.filter { $0.hasSuffix(".swift") }.sorted().map { File(path: folder + "/" + $0) }
    }

    /// What is read by people and by shells.
    static func others() throws -> [File] {
        let folders = try ["bench", "scripts"].flatMap { folder in
            try FileManager.default.contentsOfDirectory(atPath: root + "/" + folder).map { folder + "/" + $0 }
        }
        let programs = folders.filter { !$0.hasSuffix("__pycache__") }
        return (programs + ["README.md", "Package.swift", ".ci/run"]).map(File.init)
    }
}
