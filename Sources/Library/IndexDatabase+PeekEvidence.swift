import GRDB

extension IndexDatabase {
    /// Compares what Peek cached with what each of these servers has under the same ids: one answer for each, also for
    /// one that was never synced and has nothing.
    package func evidence(_ samples: [PeekSample], at instances: [InstanceNumber]) throws -> [PeekEvidence] {
        try pool.read { db in
            let titles = try db.cachedStatement(
                sql: "SELECT title FROM member WHERE instance = ? AND kind = ? AND id = ?")
            let paths = try db.cachedStatement(
                sql: "SELECT path FROM file WHERE instance = ? AND kind = ? AND id = ?")
            return try instances.map { instance in
                var comparable = 0
                var agreeing = 0
                for sample in samples {
                    let key: StatementArguments = [instance.rawValue, sample.kind.rawValue, sample.id]
                    guard let row = try Row.fetchOne(titles, arguments: key) else { continue }
                    let title: String? = row[0]
                    let files = sample.path == nil ? [] : try String.fetchAll(paths, arguments: key)
                    let titlesCompare = Self.folded(title) != nil && Self.folded(sample.title) != nil
                    guard titlesCompare || !files.isEmpty else { continue }
                    comparable += 1
                    let isSame =
                        (titlesCompare && Self.folded(title) == Self.folded(sample.title))
                        || sample.path.map(files.contains) == true
                    if isSame { agreeing += 1 }
                }
                return PeekEvidence(
                    instance: instance, sampled: samples.count, comparable: comparable, agreeing: agreeing)
            }
        }
    }

    private static func folded(_ title: String?) -> String? {
        guard let title else { return nil }
        let key = NameRules.key(NameRules.clean(title))
        return key.isEmpty ? nil : key
    }
}
