import FakeStash
import Foundation
import Synchronization

/// What all readers share, and the rules by which an error is right.
final class Job: Sendable {
    let mountPoint: String
    let seed: UInt64
    let truth = Truth()
    let incidents = Incidents()
    let tally = Tally()
    /// By path.
    private let found = Mutex<[String: MountedFile]>([:])
    private let isOver = Atomic(false)

    init(mountPoint: String, seed: UInt64) {
        self.mountPoint = mountPoint
        self.seed = seed
    }

    var isFinished: Bool { isOver.load(ordering: .relaxed) }

    func finish() { isOver.store(true, ordering: .relaxed) }

    /// The files that were ever seen.
    var files: [MountedFile] { found.withLock { $0.values.sorted { $0.path < $1.path } } }

    /// Looks which files there are. A merged file is of fewer things while a server is disabled: what it ever was is what it
    /// may be of.
    func look() {
        let now = MountedFile.find(below: mountPoint, truth)
        found.withLock { found in
            for file in now { found[file.path, default: file].refs.formUnion(file.refs) }
        }
    }

    /// Takes a line of standard input; false if it says nothing.
    func hear(_ line: String) -> Bool {
        let words = line.split(separator: " ", maxSplits: 1).map(String.init)
        guard words.count == 2 else { return false }
        switch words[0] {
        case "begin": incidents.begin(words[1])
        case "end": incidents.end(words[1])
        case "has":
            let parts = words[1].split(separator: " ", maxSplits: 1)
            guard parts.count == 2, let entry = ManifestEntry(parts[1]) else { return false }
            truth.add(String(parts[0]), entry)
        default: return false
        }
        return true
    }

    /// Counts an error, and as a failure when nothing that was done explains it.
    func judge(_ code: Int32, _ what: String, _ file: MountedFile, since start: ContinuousClock.Instant) {
        func happened(_ what: String) -> Bool {
            file.servers.contains { incidents.explain("\(what) \($0)", since: start) }
        }
        func isExplained() -> Bool {
            if happened("gone") || incidents.explain("dead", since: start) { return true }
            let isReplaced = truth.isReplaced(file.refs, since: start - Incidents.echo) || happened("lies")
            return switch code {
            case EIO: happened("sick")
            case ESTALE: isReplaced
            // A page of a mapping that cannot be had, for either reason.
            case EFAULT: happened("sick") || isReplaced
            default: false
            }
        }
        let name = String(cString: strerror(code))
        tally.error(name)
        if isExplained() { return }
        // What was said before it was done may not have been heard yet, on a busy machine.
        usleep(2_000_000)
        if isExplained() { return }
        tally.fail("\(name): \(what), \(file.refs)")
    }
}

/// What the readers have seen.
final class Tally: Sendable {
    struct Counts: Sendable, CustomStringConvertible {
        var opens = 0
        var reads = 0
        /// Bytes that were compared and right.
        var bytes: Int64 = 0
        var longest = Duration.zero
        var errors: [String: Int] = [:]
        /// Wrong bytes, and errors that nothing explains.
        var failures = 0

        var description: String {
            let errors = errors.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }.joined(separator: ", ")
            return "\(failures) failures; \(opens) opens, \(reads) reads, \(bytes >> 20) MiB right, the longest took "
                + "\(longest.components.seconds) s; errors: " + (errors.isEmpty ? "none" : errors)
        }
    }

    private let counts = Mutex(Counts())

    var value: Counts { counts.withLock { $0 } }

    func opened() { counts.withLock { $0.opens += 1 } }

    func read(_ bytes: Int, took: Duration) {
        counts.withLock { counts in
            counts.reads += 1
            counts.bytes += Int64(bytes)
            counts.longest = max(counts.longest, took)
        }
    }

    func error(_ name: String) { counts.withLock { $0.errors[name, default: 0] += 1 } }

    func fail(_ text: String) {
        counts.withLock { $0.failures += 1 }
        say("FAILURE: \(text)")
    }
}
