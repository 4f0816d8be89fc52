import Library
import Testing

@testable import Stash
@testable import Sync

/// A server's table in memory, whose pages fail when a bad row is among them.
private final class Table<Row: WireRow> {
    var ids: [Int64]
    var bad: Set<Int64> = []
    var questions = 0
    /// Page requests that answer other than they should, by their number.
    var onPage: (Int) -> Trouble? = { _ in nil }
    private let make: (Int64) -> Row

    enum Trouble {
        case fail(StashError)
        case empty
        case short
    }

    init(_ ids: [Int64], _ make: @escaping (Int64) -> Row) {
        self.ids = ids
        self.make = make
    }

    private func ids(_ request: PageRequest) -> [Int64] {
        switch request.position {
        case .afterID(let id): Array(ids.filter { $0 > id }.prefix(request.limit))
        case .number(let number): Array(ids.dropFirst((number - 1) * request.limit).prefix(request.limit))
        }
    }

    func source() throws -> PageSource<Row> {
        PageSource(address: try ServerAddress("http://attic:9999")) { (request) throws(StashError) in
            self.questions += 1
            var found = self.ids(request)
            switch self.onPage(self.questions) {
            case .fail(let error): throw error
            case .empty: found = []
            case .short: found.removeLast(min(1, found.count))
            case nil: break
            }
            if found.contains(where: { self.bad.contains($0) }) {
                throw .server(message: "file with id 4 is not there", retryable: false)
            }
            return Page(rows: found.map(self.make), setAside: [], received: found.count, lastID: found.last, count: nil)
        } ids: { (request) throws(StashError) in
            let rows = self.ids(request).map { IDRow(id: $0, updatedAt: "") }
            return Page(rows: rows, setAside: [], received: rows.count, lastID: rows.last?.id, count: nil)
        } count: { () throws(StashError) in
            Int64(self.ids.count)
        }
    }

    func read(limit: Int) throws -> (reading: KindReading, stored: Set<Int64>) {
        var stored: Set<Int64> = []
        var reader = KindReader<Row>(
            source: try source(), limit: limit,
            retry: Retry(attempts: 2, firstPause: .microseconds(1), longestPause: .microseconds(1)),
            cancel: Cancellation()
        ) { _, _ in
        } take: { rows in
            stored.formUnion(rows.map(\.id))
        }
        return (try reader.read(), stored)
    }
}

private func bare<Row: WireRow>(_ id: Int64) throws -> Row {
    var reader = RowReader([
        "id": .string("\(id)"), "updated_at": "2024-01-01T00:00:00Z", "name": "n",
    ])
    return try Row(&reader)
}

@Suite struct KindReaderTests {
    private func check<Row: WireRow>(_ make: @escaping (Int64) -> Row, seed: UInt64) throws {
        var random = Seeded(seed)
        let count = Int64.random(in: 0...90, using: &random)
        let ids = (0..<count).filter { _ in Int.random(in: 0..<4, using: &random) > 0 }.map { $0 + 1 }
        let table = Table(ids, make)
        table.bad = Set(ids.filter { _ in Int.random(in: 0..<8, using: &random) == 0 })
        let limit = [1, 2, 3, 7, 8, 30, 77, 100].randomElement(using: &random) ?? 5
        let (reading, stored) = try table.read(limit: limit)
        #expect(stored == Set(ids).subtracting(table.bad), "seed \(seed), limit \(limit)")
        #expect(Set(reading.ids) == stored, "seed \(seed)")
        #expect(Set(reading.setAside.compactMap(\.id)) == table.bad, "seed \(seed), limit \(limit)")
        #expect(reading.setAside.count == table.bad.count, "seed \(seed)")
        #expect(reading.isComplete, "seed \(seed), limit \(limit)")
    }

    @Test(arguments: UInt64(1)...200)
    func `every row but the bad ones arrives, whichever they are, by ids`(seed: UInt64) throws {
        let rows: [Int64: WireScene] = try Dictionary(uniqueKeysWithValues: (1...100).map { ($0, try bare($0)) })
        let any = try #require(rows[1])
        try check({ rows[$0] ?? any }, seed: seed)
    }

    @Test(arguments: UInt64(1)...200)
    func `every row but the bad ones arrives, whichever they are, by numbers of pages`(seed: UInt64) throws {
        let rows: [Int64: WireTag] = try Dictionary(uniqueKeysWithValues: (1...100).map { ($0, try bare($0)) })
        let any = try #require(rows[1])
        try check({ rows[$0] ?? any }, seed: seed)
    }

    private func scenes(_ count: Int64) throws -> Table<WireScene> {
        let rows: [Int64: WireScene] = try Dictionary(uniqueKeysWithValues: (1...count).map { ($0, try bare($0)) })
        let any = try #require(rows[1])
        return Table(Array(1...count)) { rows[$0] ?? any }
    }

    @Test(arguments: 1...4)
    func `nothing is concluded when one page is empty`(page: Int) throws {
        let table = try scenes(35)
        table.onPage = { $0 == page ? .empty : nil }
        #expect(try table.read(limit: 10).reading.isComplete == false)
    }

    @Test(arguments: 1...4)
    func `a short page loses a row and then nothing is concluded, or loses none`(page: Int) throws {
        let table = try scenes(35)
        table.onPage = { $0 == page ? .short : nil }
        let (reading, stored) = try table.read(limit: 10)
        #expect(reading.isComplete == (stored.count == 35))
    }

    @Test func `nothing is concluded when the server's count moves`() throws {
        let table = try scenes(35)
        table.onPage = { _ in
            if table.ids.count == 35 { table.ids.removeFirst() }
            return nil
        }
        #expect(try table.read(limit: 10).reading.isComplete == false)
    }

    @Test func `a transient failure is asked again`() throws {
        let table = try scenes(35)
        table.onPage = { $0 == 2 ? .fail(.server(message: "database is locked", retryable: true)) : nil }
        let (reading, _) = try table.read(limit: 10)
        #expect(reading.isComplete)
        #expect(table.questions == 5)
    }

    @Test func `a server that fails with every row is not asked for all of them`() throws {
        let table = try scenes(1000)
        table.bad = Set(table.ids)
        let (reading, stored) = try table.read(limit: 500)
        #expect(stored.isEmpty)
        #expect(!reading.isComplete)
        #expect(reading.failure != nil)
        #expect(table.questions < 200)
    }

    @Test(arguments: [
        StashError.unauthorised(.keyRejected), .unreachable(.connectionRefused), .notStash(.webPage), .tripwire,
        .notReady(.setup), .cancelled, .schemaMismatch("x"),
    ])
    func `what concerns the whole server ends the reading`(error: StashError) throws {
        let table = try scenes(35)
        table.onPage = { $0 >= 2 ? .fail(error) : nil }
        #expect(throws: SyncError.self) { try table.read(limit: 10) }
    }
}

/// SplitMix64: the same numbers for the same seed everywhere.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
