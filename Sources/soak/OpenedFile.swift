import CXattr
import FakeStash
import Foundation

/// One open file: what it gave so far says which version it is of, and all that it gives has to be of that one.
final class OpenedFile {
    let file: MountedFile
    /// What was read so far is of one of these; nil before anything was read.
    private(set) var versions: Set<Version>?
    private let descriptor: Int32
    private let job: Job
    private let openedAt = ContinuousClock.now

    /// What a read came to.
    enum Outcome: Equatable {
        case bytes(Int)
        case end
        /// An error, or wrong bytes; it is counted, and there is no use in going on.
        case failed
    }

    /// Nil when it cannot be opened, which is counted.
    init?(_ file: MountedFile, _ job: Job, isDirect: Bool = false) {
        self.file = file
        self.job = job
        descriptor = open(file.path, O_RDONLY | O_CLOEXEC | (isDirect ? cxattr_direct : 0))
        guard descriptor >= 0 else {
            job.judge(errno, "open of \(file.path)", file, since: openedAt)
            return nil
        }
        job.tally.opened()
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// What the kernel says that the size is.
    var size: Int64 {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int64(status.st_size) : 0
    }

    /// Drops what the kernel keeps of the file, so that the daemon is asked.
    func forget() { posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) }

    /// Reads all of a range, in as many calls as it takes, and compares.
    func read(_ offset: Int64, _ count: Int, into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
        var done = 0
        while done < count {
            let start = ContinuousClock.now
            let place = offset + Int64(done)
            let got = pread(descriptor, buffer.baseAddress, min(count - done, buffer.count), off_t(place))
            if got < 0 { return fail(errno, "read of \(count - done) at \(place)") }
            guard check(UnsafeRawBufferPointer(rebasing: buffer[..<got]), at: place, "read") else { return .failed }
            job.tally.read(got, took: .now - start)
            if got == 0 { return done == 0 ? .end : .bytes(done) }
            done += got
        }
        return .bytes(done)
    }

    /// Reads a range through a mapping. A page that cannot be had would be a SIGBUS here; the kernel, which copies it into a
    /// pipe, gets an error.
    func readMapping(_ offset: Int64, _ count: Int, into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
        let first = offset / 4096 * 4096
        let length = Int(min(size, offset + Int64(count)) - first)
        guard length > 0 else { return .end }
        guard let mapping = mmap(nil, length, PROT_READ, MAP_PRIVATE, descriptor, off_t(first)), mapping != MAP_FAILED
        else { return fail(errno, "mmap") }
        defer { munmap(mapping, length) }
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return fail(errno, "pipe") }
        defer { for end in ends { close(end) } }
        var done = 0
        while done < length {
            let start = ContinuousClock.now
            let written = write(ends[1], mapping + done, min(length - done, 4096))
            guard written > 0 else { return fail(errno, "page of a mapping at \(first + Int64(done))") }
            let got = Glibc.read(ends[0], buffer.baseAddress, written)
            guard check(UnsafeRawBufferPointer(rebasing: buffer[..<got]), at: first + Int64(done), "mmap") else {
                return .failed
            }
            job.tally.read(got, took: .now - start)
            done += got
        }
        return .bytes(length)
    }

    private func fail(_ code: Int32, _ what: String) -> Outcome {
        job.judge(code, "\(what) of \(file.path)", file, since: openedAt)
        return .failed
    }

    /// Compares what was read with every version that it may be of; no bytes are the end of one of them.
    private func check(_ bytes: UnsafeRawBufferPointer, at offset: Int64, _ way: String) -> Bool {
        let all = job.truth.versions(of: file.refs)
        let right = all.filter { version in
            if bytes.isEmpty { return offset >= version.size }
            return version.bytes(offset, bytes.count).withUnsafeBytes { expected in
                guard let wanted = expected.baseAddress, let got = bytes.baseAddress else { return false }
                return expected.count == bytes.count && memcmp(wanted, got, bytes.count) == 0
            }
        }
        let possible = versions.map { right.intersection($0) } ?? right
        guard possible.isEmpty else {
            // A few bytes may be equal by chance, and an end tells little.
            if bytes.count >= 16 { versions = possible }
            return true
        }
        // An end that comes too soon: a lie about the size is believed until the server can be asked again; and the kernel
        // has one size for all who have a file open, be it of another version.
        if bytes.isEmpty {
            let isLie = file.servers.contains { job.incidents.explain("lies \($0)") }
            let isOther = job.truth.isReplaced(file.refs, since: openedAt - Incidents.echo)
            if isLie || isOther { return false }
        }
        describe(bytes, at: offset, way, right, all)
        return false
    }

    private func describe(
        _ bytes: UnsafeRawBufferPointer, at offset: Int64, _ way: String, _ right: Set<Version>, _ all: Set<Version>
    ) {
        let before = versions.map { ", before that of \($0.map(\.description))" } ?? ""
        var text = "\(way) of \(file.path) \(file.refs) at \(offset) got \(bytes.count) bytes"
        text += right.isEmpty ? " that are of no version\(before)" : " of \(right.map(\.description))\(before)"
        for version in right.isEmpty ? all : [] {
            let expected = version.bytes(offset, bytes.count)
            guard let first = zip(expected, bytes).enumerated().first(where: { $1.0 != $1.1 })?.offset else {
                text += "\n    \(version): equal up to \(offset + Int64(min(expected.count, bytes.count)))"
                continue
            }
            let got = bytes[first...].prefix(16).map { String($0, radix: 16) }.joined(separator: " ")
            let wanted = expected[first...].prefix(16).map { String($0, radix: 16) }.joined(separator: " ")
            text += "\n    \(version): from \(offset + Int64(first)) on \(got), not \(wanted)"
        }
        job.tally.fail(text)
    }
}
