/// Why a read or an open gave no bytes; cases are named by what the caller can do.
package enum MediaError: Error, Hashable, Sendable {
    /// The server is marked down, not known, switched off or replaced, or the store is shut down: ask another member,
    /// else EIO.
    case unavailable
    /// The server did not answer within the time a read may take: EIO.
    case timedOut
    /// The server answers, but this file fails with 5xx or broken bodies again and again: ask another member, else EIO.
    case failing
    /// The file has other bytes than when this handle was opened: ESTALE; an open gives the new bytes.
    case changed
    /// The server says that there is no such file (404, 410), which is no proof that it was deleted: EIO or ENOENT.
    case gone
    /// The server refuses (401, 403 and other 4xx) or gave an answer that cannot be the file (a page, a redirect, a
    /// wrong range): EIO, and a person should look at the server's settings.
    case refused
    /// The read was cancelled by its ticket: EINTR.
    case interrupted
    /// All blocks were in use by others for as long as a read may take, or a whole file is larger than memory: EIO.
    case noMemory
}

extension MediaError {
    /// Whether another server that has the same file may give it.
    var concernsOneServer: Bool {
        switch self {
        case .unavailable, .timedOut, .failing, .gone, .refused: true
        case .changed, .interrupted, .noMemory: false
        }
    }
}

extension MediaError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unavailable: "the server is not available"
        case .timedOut: "the server did not answer in time"
        case .failing: "the server failed to give the file several times"
        case .changed: "the file has changed on the server"
        case .gone: "the server does not have the file"
        case .refused: "the server refused the request or answered with something else than the file"
        case .interrupted: "the read was interrupted"
        case .noMemory: "there was no memory for the file's blocks"
        }
    }
}
