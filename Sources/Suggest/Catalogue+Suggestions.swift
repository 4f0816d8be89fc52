import GRDB
package import Library

extension Catalogue {
    /// Pairs of things of different servers that may be the same, the best first. What is joined already, what cannot be
    /// joined, and what a person set apart is not among them. Servers that are switched off are left out.
    ///
    /// Takes seconds for a hundred thousand scenes on each of two servers; nothing is kept.
    ///
    /// - Parameter kinds: Which kinds to compare.
    /// - Returns: All pairs over these kinds.
    /// - Throws: What SQLite says.
    package func suggestions(_ kinds: [Kind]) throws -> [Suggestions.Pair] {
        let successors = try state.successors()
        let split = try state.decisions().compactMap { decision -> EntityRef? in
            guard case .split(let ref) = decision.what else { return nil }
            return ref.current(successors)
        }
        let apart = Set(try split.compactMap(entity(of:)))
        let active = instances.filter(\.enabled).map(\.number)
        let pairs = try kinds.flatMap { kind in
            Suggestions.pairs(try candidates(kind, active), servers: try servers(kind), apart: apart)
        }
        return pairs.sorted(by: Suggestions.precedes)
    }

    private func candidates(_ kind: Kind, _ active: [InstanceNumber]) throws -> [Suggestions.Candidate] {
        let list = active.map { String($0.rawValue) }.joined(separator: ", ")
        let aliases = try aliases(kind, list)
        // A performer's title holds what tells namesakes apart; the JSON has the name alone.
        let name =
            kind == .performer
            ? "coalesce(json_extract(d.json, '$.name'), m.title), json_extract(d.json, '$.disambiguation')"
            : "m.title, NULL"
        // Of images nothing but the picture is compared, and there may be millions.
        let condition = kind == .image ? "AND f.phash IS NOT NULL" : ""
        return try read { db in
            var candidates: [Suggestions.Candidate] = []
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT m.number, m.instance, m.id, m.entity, nullif(m.date, ''), f.duration, f.phash, \(name)
                    FROM member m LEFT JOIN file f
                        ON f.instance = m.instance AND f.kind = m.kind AND f.id = m.id AND f.position = 0
                    LEFT JOIN document d ON d.place = m.place
                    WHERE m.kind = ? AND m.instance IN (\(list)) AND m.entity IS NOT NULL \(condition)
                    """, arguments: [kind.rawValue])
            while let row = try rows.next() {
                var candidate = Suggestions.Candidate(
                    ref: EntityRef(instance: InstanceNumber(row[1]), kind: kind, id: row[2]),
                    entity: NodeNumber(row[3]), name: row[7])
                candidate.aliases = aliases[row[0]] ?? []
                candidate.disambiguation = row[8]
                candidate.date = row[4]
                candidate.duration = row[5]
                candidate.phash = (row[6] as String?).flatMap(Self.phash)
                candidates.append(candidate)
            }
            return candidates
        }
    }

    private func aliases(_ kind: Kind, _ active: String) throws -> [Int64: [String]] {
        let path: String
        switch kind {
        case .performer: path = "$.alias_list"
        case .studio, .tag: path = "$.aliases"
        default: return [:]
        }
        return try read { db in
            var aliases: [Int64: [String]] = [:]
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT m.number, j.value FROM member m CROSS JOIN document d USING (place) JOIN json_each(d.json, '\(path)') j
                    WHERE m.kind = ? AND m.instance IN (\(active)) AND m.number IS NOT NULL AND j.type = 'text'
                    """, arguments: [kind.rawValue])
            while let row = try rows.next() { aliases[row[0], default: []].append(row[1]) }
            return aliases
        }
    }

    /// Of each entity with two members or more the servers that have one, the switched-off ones too.
    private func servers(_ kind: Kind) throws -> [NodeNumber: Set<InstanceNumber>] {
        try read { db in
            var servers: [NodeNumber: Set<InstanceNumber>] = [:]
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT entity, instance FROM member WHERE entity IN (
                        SELECT entity FROM member WHERE kind = ? AND entity IS NOT NULL
                        GROUP BY entity HAVING count(*) > 1)
                    """, arguments: [kind.rawValue])
            while let row = try rows.next() {
                servers[NodeNumber(row[0]), default: []].insert(InstanceNumber(row[1]))
            }
            return servers
        }
    }

    /// Sixty-four bits in hexadecimal without leading zeros (Stash 2.3). All bits equal is a picture of one colour, and such
    /// pictures are everywhere.
    private static func phash(_ text: String) -> UInt64? {
        guard let value = UInt64(text, radix: 16), value != 0, value != .max else { return nil }
        return value
    }
}
