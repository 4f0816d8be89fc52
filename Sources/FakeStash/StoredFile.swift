import Foundation

/// A file on disk that is served as it is.
final class StoredFile: Sendable {
    /// Bytes, when it was opened.
    let size: Int64
    private let descriptor: Int32

    /// - Throws: What the kernel says when it cannot be opened, or is empty.
    init(_ path: String) throws {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CocoaError(.fileReadUnknown, userInfo: [NSFilePathErrorKey: path]) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size > 0 else {
            close(descriptor)
            throw CocoaError(.fileReadUnknown, userInfo: [NSFilePathErrorKey: path])
        }
        size = Int64(status.st_size)
    }

    deinit { close(descriptor) }

    /// Fills a buffer that lies wholly inside the file; with zeros where the file was cut off meanwhile.
    func read(_ target: UnsafeMutableRawBufferPointer, from offset: Int64) {
        var done = 0
        while done < target.count, let place = target.baseAddress {
            let count = pread(descriptor, place + done, target.count - done, off_t(offset) + off_t(done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            done += count
        }
        UnsafeMutableRawBufferPointer(rebasing: target[done...]).initializeMemory(as: UInt8.self, repeating: 0)
    }
}
