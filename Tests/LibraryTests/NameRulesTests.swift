import Foundation
import Library
import Testing

@Suite struct `File names` {
    @Test(arguments: [
        ("../x", "\u{2215}x"), ("a/b", "a\u{2215}b"), ("one\ntwo", "one two"), ("nul\u{0}", "nul"),
        (".hidden", "hidden"), ("dots...", "dots"), (" space ", "space"), ("...", ""), ("e\u{301}", "\u{e9}"),
        ("a\u{2028}b", "a b"), ("\u{85}x", "x"),
    ])
    func `titles are cleaned`(title: String, name: String) {
        #expect(Array(NameRules.clean(title).unicodeScalars) == Array(name.unicodeScalars))
    }

    @Test func `any title gives a name that a directory can hold`() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array(" ./\u{0}\n\u{301}éßaZ\u{1F600}\u{200D}🏳️‍🌈한\u{1100}\u{1161}漢\\:*\u{2028}").map(String.init)
        for _ in 0..<3000 {
            let title = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? ""
            }.joined()
            for kind in Kind.allCases {
                var record = MemberRecord(
                    ref: EntityRef(instance: InstanceNumber(1), kind: kind, id: 7), title: title, updatedAt: "",
                    modified: 0)
                if kind.isFile {
                    record.files = [FileRecord(path: "/x.webm", basename: "x.webm", size: 1, modified: 1)]
                }
                let wanted = record.wantedName
                for made in [wanted, wanted.distinguished(by: " [attic-7]", kind: kind)] {
                    let name = made.stem + made.fileExtension
                    #expect(!name.isEmpty && name.utf8.count <= 255, "\(title.debugDescription)")
                    #expect(!name.hasPrefix(".") && !name.hasSuffix(".") && !name.hasSuffix(" "))
                    #expect(!name.unicodeScalars.contains { $0 == "/" || $0.value < 32 })
                    #expect(
                        name.unicodeScalars.elementsEqual(name.precomposedStringWithCanonicalMapping.unicodeScalars))
                    #expect(!kind.isFile || name.hasSuffix(".webm"))
                }
            }
        }
    }

    @Test func `digits are compared by value`() {
        let sorted = ["img10", "img2", "img 1", "IMG01"].sorted { NameRules.naturalKey($0) < NameRules.naturalKey($1) }
        #expect(sorted == ["img 1", "IMG01", "img2", "img10"])
    }

    @Test(arguments: [("Straße", "STRASSE"), ("É", "e\u{301}"), ("ΣΑΣ", "σας"), ("ABC", "abc")])
    func `names that differ only in case or form have one key`(a: String, b: String) {
        #expect(NameRules.key(NameRules.clean(a)) == NameRules.key(NameRules.clean(b)))
    }

    @Test(arguments: [
        ("/data/a/b.mp4", "data/a", "b.mp4"), ("C:\\Videos\\x y.mp4", "C:/Videos", "x y.mp4"),
        ("\\\\nas\\share\\v.mkv", "nas/share", "v.mkv"), ("/p/set.zip/01.jpg", "p/set.zip", "01.jpg"),
    ])
    func `a file's place is told by its server's separator`(path: String, folder: String, name: String) {
        let place = FileRecord(path: path, basename: name, size: 1, modified: 1).place
        #expect(place.folder == folder)
        #expect(place.name == name)
    }
}
