import Foundation

/// `mount.peekfs`: what mount(8) calls for a line of fstab(5) with the type `peekfs`:
///
///     mount.peekfs DEVICE MOUNTPOINT [-sfnv] [-N namespace] [-o options] [-t type.subtype]
///
/// The first field of the line is free text; servers are configured with `peekfs instance`.
enum MountHelper {
    /// Options of fstab that are options of `peekfs mount`; all others are judged by the Fuse module.
    private static let named: Set = ["state-dir", "cache-dir", "log-level", "listen"]

    /// Reads all arguments, the program's name first.
    ///
    /// - Returns: The arguments of `peekfs mount` that mean the same; nil when it was not called as `mount.peekfs`.
    /// - Throws: `CommandError` with `.usage`.
    static func translated(_ arguments: [String]) throws(CommandError) -> [String]? {
        guard let name = arguments.first, name.split(separator: "/").last == "mount.peekfs" else { return nil }
        var operands: [String] = []
        var options: [String] = []
        var rest = arguments.dropFirst()
        while let word = rest.popFirst() {
            switch word {
            case "-o":
                options += rest.popFirst().map { $0.split(separator: ",").map(String.init) } ?? []
            case "-t", "-N":
                _ = rest.popFirst()
            case let word where word.hasPrefix("-"):
                // -s, -n and -v change nothing here.
                continue
            default: operands.append(word)
            }
        }
        guard operands.count == 2 else {
            throw CommandError(.usage, "mount.peekfs takes a device and a mount point", hint: "see mount(8)")
        }
        return ["mount", operands[1], "--background"] + translated(options: options)
    }

    private static func translated(options: [String]) -> [String] {
        var words: [String] = []
        var passed: [String] = []
        for option in options {
            let parts = option.split(separator: "=", maxSplits: 1).map(String.init)
            if let name = parts.first, named.contains(name), parts.count == 2 {
                words += ["--" + name, parts[1]]
            } else {
                passed.append(option)
            }
        }
        return passed.isEmpty ? words : words + ["-o", passed.joined(separator: ",")]
    }
}
