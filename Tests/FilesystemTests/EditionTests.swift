import Library
import Stash
import Testing

@testable import Filesystem
@testable import Media

/// What makes an inode's bytes others than they were, and what is no news.
@Suite struct EditionTests {
    private static let node = NodeID.media(NodeNumber(7))
    private static let october = (seconds: Int64(1_760_000_000), text: "Thu, 09 Oct 2025 08:53:20 GMT")

    /// As an index or, when it has been asked, the server says it.
    private static func content(
        size: Int64, modified: Int64 = october.seconds, said: (size: Int64, lastModified: String?, etag: String?)? = nil
    ) -> Editions.Content {
        Editions.Content(
            source: .scene(1, server: 1, size: said?.size ?? size), modified: modified,
            learned: said.map { LearnedMedia(Validator(total: $0.size, lastModified: $0.lastModified, etag: $0.etag)) })
    }

    static let pairs: [(first: Editions.Content, second: Editions.Content, isSame: Bool)] = [
        (content(size: 5), content(size: 5), true),
        (content(size: 5), content(size: 6), false),
        (content(size: 5), content(size: 5, modified: 1), false),
        // An index and its server.
        (content(size: 5), content(size: 5, said: (5, october.text, nil)), true),
        (content(size: 5), content(size: 5, said: (5, october.text, "x")), true),
        (content(size: 5), content(size: 5, said: (6, october.text, nil)), false),
        (content(size: 5), content(size: 5, said: (5, nil, nil)), false),
        (content(size: 5, modified: 1), content(size: 5, said: (5, october.text, nil)), false),
        // A server that is asked twice, whatever the index has heard meanwhile.
        (
            content(size: 1, modified: 1, said: (5, october.text, nil)), content(size: 5, said: (5, october.text, nil)),
            true
        ),
        (content(size: 5, said: (5, nil, "x")), content(size: 5, said: (5, nil, "y")), false),
        (content(size: 5, said: (5, october.text, "x")), content(size: 5, said: (5, october.text, "y")), false),
        (content(size: 5, said: (5, nil, nil)), content(size: 5, said: (6, nil, nil)), false),
    ]

    @Test(arguments: pairs.indices)
    func `the same bytes are the same edition`(place: Int) {
        let pair = Self.pairs[place]
        for (first, second) in [(pair.first, pair.second), (pair.second, pair.first)] {
            let editions = Editions()
            #expect(editions.settle(Self.node, 0, first) == .same)
            #expect(editions.settle(Self.node, 0, second) == (pair.isSame ? .same : .other))
            #expect(editions.present(Self.node).number == (pair.isSame ? 0 : 1))
        }
    }

    /// What another server has is the file as the index knows it. That never is a reason to take back what the own server gave.
    @Test func `a copy of an older file begins no edition`() {
        let editions = Editions()
        let indexed = Self.content(size: 5)
        #expect(editions.admits(Self.node, 0, indexed) == .same)
        let new = Self.content(size: 5, said: (6, nil, "new"))
        #expect(editions.settle(Self.node, 0, new) == .other)
        #expect(editions.admits(Self.node, 0, indexed) == .outdated)
        #expect(editions.admits(Self.node, 1, indexed) == .other)
        #expect(editions.present(Self.node).number == 1)
        #expect(editions.settle(Self.node, 1, new) == .same)
    }
}
