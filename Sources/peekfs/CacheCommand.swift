import ArgumentParser
import Control
import DiskCache
import Foundation
import Library

/// `peekfs cache`: what of the servers' files is kept on the disk. It needs no daemon, and does not disturb one.
struct CacheCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache",
        abstract: "Shows or clears what is kept of the servers' files on the disk.",
        subcommands: [Show.self, Clear.self])

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows how much of which server is kept.")

        @Flag(help: "Print JSON.")
        var json = false
        @OptionGroup var location: LocationOptions

        func run() throws {
            let view = try Workplace(location).cacheView()
            if json { return try Output.json(view) }
            Output.table(
                ["NAME", "FILES", "SIZE"],
                view.instances.map { [$0.name, "\($0.files)", ByteCount($0.bytes).description] })
            Output.line(view.summary)
        }
    }

    struct Clear: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Removes what is kept of some servers, or of all.",
            discussion: """
                Works while mounted, too: the space of a file that is being read is free when it is closed. What is read later \
                is kept again.
                """)

        @Argument(help: "Names of instances; all if there is none.")
        var names: [String] = []
        @OptionGroup var location: LocationOptions

        func run() throws {
            let workplace = try Workplace(location)
            let cache = workplace.diskCache
            let left =
                names.isEmpty
                ? cache.clear()
                : try workplace.instances(named: names).reduce(0) { $0 + cache.clear(folder: $1.cacheFolder) }
            guard left == 0 else {
                throw CommandError(
                    .ioError, "\(Output.count(left, "file")) in \(cache.directory) could not be removed",
                    hint: "look at the permissions of that directory")
            }
        }
    }
}

extension CacheView {
    /// All of it in one line.
    var summary: String {
        let free = free.map { ", \(ByteCount($0)) free there" } ?? ""
        return "\(ByteCount(instances.reduce(0) { $0 + $1.bytes })) in \(directory)\(free)"
    }
}

/// A number of bytes as people write it: `500M`, `20G`, in powers of 1024.
struct ByteCount: ExpressibleByArgument, Equatable, CustomStringConvertible {
    private static let units = ["", "K", "M", "G", "T"]
    let bytes: Int64

    init(_ bytes: Int64) { self.bytes = bytes }

    init?(argument: String) {
        var digits = argument.uppercased()
        for suffix in ["IB", "B"] where digits.hasSuffix(suffix) {
            digits.removeLast(suffix.count)
            break
        }
        let power = Self.units.lastIndex { digits.hasSuffix($0) } ?? 0
        digits.removeLast(Self.units[power].count)
        guard let number = Int64(digits), number >= 0 else { return nil }
        let (bytes, overflows) = number.multipliedReportingOverflow(by: 1 << (10 * Int64(power)))
        guard !overflows else { return nil }
        self.bytes = bytes
    }

    var description: String {
        var value = Double(bytes)
        var unit = 0
        while value >= 1024, unit < Self.units.count - 1 {
            value /= 1024
            unit += 1
        }
        return unit == 0 ? "\(bytes) B" : "\((value * 10).rounded() / 10) \(Self.units[unit])iB"
    }
}
