internal import CFuse
internal import Glibc
internal import Synchronization

/// Tells the kernel what to forget, from a thread of its own.
///
/// A notification can wait: for pages that a parked read has locked, for a directory in which a lookup is under way. Were it
/// sent by a thread that answers requests, or under a lock that an answer needs, it would wait for itself. So these calls
/// only put it in a queue, may be made anywhere, and return at once. What is queued when the session ends is dropped,
/// for with the mount all the kernel knew of it is gone.
package final class Notifier: Sendable {
    private enum Notice {
        case entry(parent: Inode, name: FileName)
        case inode(Inode, offset: Int64, length: Int64)
        case deletion(parent: Inode, child: Inode, name: FileName)
    }

    /// The name may now mean something else, or nothing; open files and their pages stay.
    package func invalidateEntry(parent: Inode, name: FileName) {
    }

    /// Attributes and cached pages are no longer right. `length` 0 goes to the end; a negative offset keeps the pages and forgets
    /// only the attributes.
    package func invalidateInode(_ inode: Inode, offset: Int64 = 0, length: Int64 = 0) {
    }

    /// The name is gone; unlike `invalidateEntry` also for those who are in that directory now, and inotify(7) tells of it.
    package func delete(parent: Inode, child: Inode, name: FileName) {
    }
}
