package import Foundation
import Library
import Sync

/// Whether a server that is being added was there before.
struct Recognition {
    /// The removed instance that it is, if it is one.
    let former: RemovedInstance?
    /// Its content says so, and not its address alone.
    let isByContent: Bool
    /// Instances that are in use and have the same content.
    let likenesses: [Instance]
    /// A removed instance of the same address with another content.
    let predecessor: RemovedInstance?

    /// - Parameters:
    ///   - url: The address, as it is stored.
    ///   - found: What is there; nil when nobody looked.
    ///   - state: Knows all instances that there ever were.
    /// - Throws: What the database throws.
    init(of url: String, _ found: CatalogueFingerprint?, in state: StateDatabase) throws {
        let removed = try state.removedInstances()
        let verdicts = removed.map { instance in found.map { instance.fingerprint.verdict(on: $0) } }
        let pairs = Array(zip(removed, verdicts))
        // Of copies of one catalogue the one that was at this address, else the last that was removed.
        let same = (pairs.first { $0.1 == .same && $0.0.url == url } ?? pairs.first { $0.1 == .same })?.0
        isByContent = same != nil
        // Most recently removed first: whoever says nothing else gets that one.
        former = same ?? pairs.first { $0.0.url == url && $0.1 != .other }?.0
        predecessor = pairs.first { $0.0.url == url && $0.1 == .other }?.0
        likenesses =
            try found.map { found in
                try state.instances().filter { try state.fingerprint(of: $0.number).verdict(on: found) == .same }
            } ?? []
    }
}

/// What was recognised, for programs and for people.
package struct RecognitionView: Codable, Sendable {
    /// The removed server that this one is. When it is added it gets back what people said about its things, unless `fresh` is said.
    package struct Former: Codable, Sendable {
        package let name: String
        package let removedAt: Date
        /// What people gave to its things and is kept.
        package let values: Int
        /// Its content says so, and not its address alone.
        package let byContent: Bool
        package let sentence: String
    }

    package let former: Former?
    /// One sentence each about other servers that it is like.
    package let remarks: [String]

    init(_ found: Recognition) {
        former = found.former.map { former in
            let kept = former.personalCount
            let removedAt = Date(timeIntervalSince1970: TimeInterval(former.removedAt))
            let values = "\(Words.count(kept, "value")) that people gave \(kept == 1 ? "is" : "are") kept"
            let what = found.isByContent ? "server that was called" : "address of the server that was called"
            return Former(
                name: former.name, removedAt: removedAt, values: kept, byContent: found.isByContent,
                sentence:
                    "this is the \(what) '\(former.name)' (removed \(removedAt.formatted(.iso8601.year().month().day())), \(values))"
            )
        }
        var remarks = found.likenesses.map {
            "this is the same catalogue as that of '\($0.name)' (\($0.url)), or a copy of it"
        }
        if found.former == nil, let predecessor = found.predecessor {
            remarks.append(
                "another catalogue was here before, as '\(predecessor.name)'; what people said about that one stays apart"
            )
        }
        self.remarks = remarks
    }
}
