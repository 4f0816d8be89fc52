import Fuse
import Library
import Media
import Testing

@testable import Filesystem

@Suite struct `Addresses and names in the tree` {
    @Test func `an inode number says which node it is, and no two nodes share one`() {
        var generator = SystemRandomNumberGenerator()
        var seen: [UInt64: NodeID] = [:]
        for _ in 0..<2000 {
            let number = NodeNumber(Int64.random(in: 1..<(1 << 32), using: &generator))
            let instance = InstanceNumber(Int64.random(in: 1..<(1 << 16), using: &generator))
            let scope: Scope = Bool.random(using: &generator) ? .merged : .instance(instance)
            let kind = Kind.allCases.randomElement(using: &generator) ?? .scene
            let nodes: [NodeID] = [
                .root, .readme, .instances, .instance(instance), .kind(scope, kind), .entity(scope, number),
                .images(scope, number), .galleries(scope, number), .childLink(scope, number),
                .galleryLink(scope, number), .folder(instance, 0),
                .folder(instance, Int64.random(in: 1..<(1 << 40), using: &generator)),
            ]
            let files: [NodeID] = [
                .media(number), .picture(number), .funscript(number),
                .caption(number, position: Int64.random(in: 0..<100, using: &generator)),
            ]
            for node in files {
                let edition = UInt8.random(in: 1...255, using: &generator)
                let another = node.inode(edition: edition)
                #expect(NodeID(another) == node && node.edition(another) == edition && another != node.inode)
            }
            for node in nodes + files {
                let inode = node.inode
                #expect(NodeID(inode) == node && node.edition(inode) == 0)
                #expect(seen.updateValue(node, forKey: inode.rawValue) ?? node == node, "\(node)")
            }
        }
    }

    @Test func `the size of a file stays as long as the kernel may have pages of it, and goes with the edition`() {
        let editions = Editions()
        let appearance = Appearance(uid: 0, gid: 0, editions: editions)
        let node = NodeID.media(NodeNumber(7))
        func shown(_ indexed: Int64) -> (size: UInt64, inode: UInt64) {
            let attributes = appearance.entryAttributes(Entry(name: "x", node: node, size: indexed, modified: 0))
            return (attributes.attributes.size, attributes.inode.rawValue)
        }
        let source = MediaSource.scene(1, server: 1, size: 21_981)
        #expect(shown(30_000).size == 30_000)
        #expect(editions.settle(node, 0, .init(source: source, modified: 0, learned: nil)) == .same)
        // The index has other news, and nobody has looked whether the bytes are others.
        #expect(shown(99_999) == (21_981, node.inode.rawValue))
        editions.replace(node)
        #expect(shown(99_999) == (99_999, node.inode(edition: 1).rawValue))
        #expect(editions.settle(node, 1, .init(source: source, modified: 1, learned: nil)) == .same)
        editions.forget(node, 1)
        #expect(shown(5).size == 5, "the kernel has no pages")
    }

    static let strangers: [UInt64] = [0, 2, 0x1000_0000_0000_0000, .max, 0x0400_0000_0000_0000, 0x0400_0000_0000_0063]

    @Test(arguments: strangers)
    func `a number that no node has is refused`(raw: UInt64) {
        #expect(NodeID(Inode(rawValue: raw)) == nil)
    }

    @Test(arguments: [
        (Int64(1), "01 - X.mp4"), (12, "12 - X.mp4"), (123, "123 - X.mp4"), (-4, "00 - X.mp4"),
    ])
    func `a place in a group stands in front of the name`(place: Int64, name: String) {
        #expect(OrderedName.group.make(place, "X.mp4") == name)
        #expect(OrderedName.group.split(name)?.rest == "X.mp4")
    }

    @Test func `a name that has no place in front is not split`() {
        for name in ["X.mp4", "1 - X.mp4", "01 X.mp4", "٠١ - X.mp4", ""] {
            #expect(OrderedName.group.split(name) == nil, "\(name)")
        }
        #expect(OrderedName.gallery.split("0001 - 02 - x")?.rest == "02 - x")
    }

    @Test(arguments: [
        ("X.en.vtt", "X"), ("X.funscript", "X"), ("A.B.00.vtt", "A.B"), ("X.vtt", nil), ("X.mp4", nil),
    ])
    func `a sidecar's name tells the scene it stands beside`(name: String, stem: String?) {
        #expect(SidecarName.stem(name) == stem)
    }
}

@Suite struct `Texts of attributes` {
    @Test(arguments: ["", "abc", "101", "-1", "5.5", "+5", " 5", "5 ", "0x5", "99999999999999999999", "٥"])
    func `a rating that does not parse is refused`(text: String) {
        #expect(PersonalText.parse(text, as: .rating) == nil)
    }

    @Test func `ratings are whole numbers from 0 to 100, and steps of ten for KDE`() {
        for rating in 0...100 {
            #expect(PersonalText.parse(String(rating), as: .rating) == .integer(Int64(rating)))
            let shown = PersonalText.format(.integer(Int64(rating)), as: .balooRating)
            #expect(Int(shown) == rating / 10)
        }
        for stars in 0...10 {
            #expect(PersonalText.parse(String(stars), as: .balooRating) == .integer(Int64(stars * 10)))
        }
        #expect(PersonalText.parse("11", as: .balooRating) == nil)
        #expect(PersonalText.parse("2", as: .favorite) == nil)
    }

    @Test(arguments: [("12", "12"), ("12.5", "12.5"), ("0.125", "0.125"), ("7.0", "7"), ("3600.25", "3600.25")])
    func `seconds come back as they were given`(given: String, shown: String) throws {
        let value = try #require(PersonalText.parse(given, as: .resumeTime))
        #expect(PersonalText.format(value, as: .resumeTime) == shown)
    }

    @Test(arguments: ["-1", "1e3", "nan", "inf", ".", "1.", ".5", "1.2.3", "1,5", "99999999999"])
    func `seconds that do not parse are refused`(text: String) {
        #expect(PersonalText.parse(text, as: .resumeTime) == nil)
    }

    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"),
        (1_714_557_600, "2024-05-01T10:00:00Z"), (4_107_542_399, "2100-02-28T23:59:59Z"),
        (-1, "1969-12-31T23:59:59Z"),
    ])
    func `moments are written as RFC 3339 has it`(seconds: Int64, text: String) {
        #expect(Timestamp.text(seconds) == text)
    }

    @Test func `strings are quoted for JSON`() {
        #expect(JSONText.quoted("a\"b\\c\n\u{1}é") == #""a\"b\\c\u000a\u0001é""#)
    }
}
