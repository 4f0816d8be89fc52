import Foundation
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

    /// Says what was recognised, asks on a terminal, and returns the number to adopt. Where nobody can be asked it is
    /// adopted: nothing is lost by that, while another number would part people from what they said.
    func adopted() -> InstanceNumber? {
        for instance in likenesses {
            Output.note("this is the same catalogue as that of '\(instance.name)' (\(instance.url)), or a copy of it")
        }
        guard let former else {
            if let predecessor {
                Output.note(
                    "another catalogue was here before, as '\(predecessor.name)'; what people said about that one stays apart"
                )
            }
            return nil
        }
        let kept = former.personalCount
        let values = "\(Output.count(kept, "value")) that people gave \(kept == 1 ? "is" : "are") kept"
        let date = Date(timeIntervalSince1970: TimeInterval(former.removedAt))
            .formatted(.iso8601.year().month().day())
        let sentence =
            (isByContent ? "this is the server that was called" : "this is the address of the server that was called")
            + " '\(former.name)' (removed \(date), \(values))"
        guard isatty(STDIN_FILENO) == 1 else {
            Output.note("\(sentence); it gets them back")
            return former.number
        }
        return Output.confirm("\(sentence). Adopt them?", default: true) ? former.number : nil
    }
}
