import Library
import Testing

@Suite struct `Identities` {
    @Test(arguments: [
        ("https://StashDB.org/graphql/", "https://stashdb.org/graphql"),
        ("HTTPS://stashdb.org:443/graphql", "https://stashdb.org/graphql"),
        ("http://box:80/", "http://box"),
        ("http://box:8080//", "http://box:8080"),
        (" not a url/", "not a url"),
    ])
    func `endpoints that mean the same are written the same`(given: String, expected: String) {
        #expect(Identity.normalise(endpoint: given) == expected)
    }
}
