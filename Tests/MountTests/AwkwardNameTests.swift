import FakeStash
import Foundation
import Testing

/// Titles that break careless file systems.
@Suite(
    .serialized, .enabled(if: canMount), .timeLimit(.minutes(9)),
    .mounted { try $0.addAtticAndCellar { $0.awkwardNames = true } }, .onOwnThread)
struct AwkwardNameTests {
    let lab: Lab

    init() throws { lab = try #require(Lab.current) }

    @Test func `everything that is listed can be looked at and opened by its name`() throws {
        for (path, status) in try lab.root.walk() {
            let name = path.name
            #expect((1...255).contains(name.utf8.count), "\(path)")
            #expect(Array(name.precomposedStringWithCanonicalMapping.utf8) == Array(name.utf8), "\(path) is not NFC")
            #expect(!name.hasPrefix(".") && !name.hasSuffix(".") && !name.hasSuffix(" "), "'\(name)'")
            #expect(!name.unicodeScalars.contains { $0.properties.generalCategory == .control }, "\(path)")
            if status.isFile {
                #expect(try path.read(count: 16).count == 16, "\(path)")
            }
            #expect(path.names.count == Set(path.names.map { $0.uppercased().lowercased() }).count, "\(path)")
        }
    }

    @Test(arguments: ["attic", "cellar"])
    func `every awkward title is there once`(server: String) throws {
        let catalogue = try lab.server(server).catalogue
        let scenes = lab.root / "instances" / server / "scenes"
        let ids = try scenes.list().compactMap { (scenes / $0).ref?.id }.sorted()
        #expect(ids == catalogue.ids(.scene).filter { catalogue.entity(.scene, $0)?.files.isEmpty == false })
        #expect(catalogue.ids(.scene).count == 24 + AwkwardNames.all.count)
    }

    @Test func `a title is told whole where a name could not hold it`() throws {
        let scenes = lab.root / "instances" / "attic" / "scenes"
        let titles = try scenes.list().compactMap { try? (scenes / $0).attribute("user.peekfs.title") }
        for title in ["../x", "a/b", "back\\slash", "tWIN", "&amp; ampersand"] { #expect(titles.contains(title)) }
    }
}
