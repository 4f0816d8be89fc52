internal import Glibc

/// What is mounted where, as this process sees it: /proc/self/mountinfo (proc_pid_mountinfo(5)).
package struct MountTable: Sendable {
    /// One mount.
    package struct Entry: Hashable, Sendable {
        package let id: Int
        /// The mount that this one lies on; that of the same path when something was mounted over it.
        package let parentID: Int
        /// "major:minor" of the file system.
        package let device: String
        package let mountPoint: String
        /// "fuse.peekfs"
        package let type: String
        package let source: String
    }

    package let entries: [Entry]

    /// The table as it is now. Errors are those of open(2) and read(2).
    package static func current() throws(Errno) -> MountTable {
        MountTable(parsing: try readFile("/proc/self/mountinfo"))
    }

    /// Lines that are not as the manual has them are left out.
    package init(parsing text: [UInt8]) {
        entries = text.split(separator: UInt8(ascii: "\n")).compactMap(Entry.init(line:))
    }

    /// What is seen at a path, which has to be as `MountPoint.resolve` gives it: of several mounts the uppermost.
    package func top(at mountPoint: String) -> Entry? {
        let stack = entries.filter { $0.mountPoint == mountPoint }
        let covered = Set(stack.map(\.parentID))
        return stack.last { !covered.contains($0.id) }
    }
}

extension MountTable.Entry {
    // 36 35 98:0 /root/in/device /mount\040point rw,noatime shared:1 master:2 - ext4 /dev/sda1 rw
    fileprivate init?(line: ArraySlice<UInt8>) {
        let fields = line.split(separator: UInt8(ascii: " ")).map(Self.unescape)
        guard fields.count >= 9, let id = Int(fields[0]), let parentID = Int(fields[1]) else { return nil }
        // The sixth field is followed by any number of optional ones, which a lone hyphen ends.
        guard let hyphen = fields[6...].firstIndex(of: "-"), hyphen + 2 < fields.count else { return nil }
        self.init(
            id: id, parentID: parentID, device: fields[2], mountPoint: fields[4], type: fields[hyphen + 1],
            source: fields[hyphen + 2])
    }

    /// Space, tab, newline, backslash (and `#` in a source) are written as a backslash and three octal digits.
    private static func unescape(_ field: ArraySlice<UInt8>) -> String {
        var bytes: [UInt8] = []
        var rest = field
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8) {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The whole of a small file whose size is not known before, as below /proc.
func readFile(_ path: String) throws(Errno) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .current }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = read(descriptor, &part, part.count)
        if count == 0 { return bytes }
        if count > 0 {
            bytes.append(contentsOf: part[..<count])
        } else if errno != EINTR {
            throw .current
        }
    }
}
