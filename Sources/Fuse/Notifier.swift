internal import CFuse
internal import Glibc
internal import Synchronization

/// Tells the kernel what to forget, from a thread of its own.
///
/// A notification can wait: for pages that a parked read has locked, for a directory in which a lookup is under way. Were it
/// sent by a thread that answers requests, or under a lock that an answer needs, it would wait for itself. So these calls
/// only put it in a queue, in order; they may be made anywhere and return at once. What is still queued when the session
/// ends is dropped, for with the mount all that the kernel knew of it is gone.
///
/// That the kernel does not know the name or the inode is the normal case, and not an error.
package final class Notifier: Sendable {
    private enum Notice {
        case entry(parent: Inode, name: FileName)
        case inode(Inode, offset: Int64, length: Int64, done: @Sendable () -> Void)
        case deletion(parent: Inode, child: Inode, name: FileName)
    }

    private struct State {
        var queue: [Notice] = []
        var isStopped = false
    }

    private let state = Mutex(State())
    private let news = Semaphore()

    /// How much is in the queue now.
    package var waiting: Int { state.withLock { $0.queue.count } }

    /// The name may now mean something else, or nothing; open files and their pages stay.
    package func invalidateEntry(parent: Inode, name: FileName) {
        add(.entry(parent: parent, name: name))
    }

    /// Attributes and cached pages are no longer right. A `length` of 0 goes to the end of the file; a negative `offset` keeps
    /// the pages and forgets only the attributes.
    ///
    /// The kernel waits, deaf to every signal, for pages whose read is parked. So the parked reads of the file have to be answered
    /// first. Were this process killed while it waits, nobody could answer them any more, and it would stay for ever.
    ///
    /// `done` is called on the notifier's thread when the kernel has forgotten, and not at all when the session ends before.
    package func invalidateInode(
        _ inode: Inode, offset: Int64 = 0, length: Int64 = 0, done: @escaping @Sendable () -> Void = {}
    ) {
        add(.inode(inode, offset: offset, length: length, done: done))
    }

    /// The name is gone. Unlike after `invalidateEntry`, inotify(7) tells whoever watches the directory.
    package func delete(parent: Inode, child: Inode, name: FileName) {
        add(.deletion(parent: parent, child: child, name: name))
    }

    private func add(_ notice: Notice) {
        let isFirst = state.withLock { state in
            guard !state.isStopped else { return false }
            state.queue.append(notice)
            return state.queue.count == 1
        }
        if isFirst {
            news.signal()
        }
    }

    /// Sends what is queued until `stop`.
    func run(_ connection: Connection) {
        while true {
            news.wait()
            let (notices, isStopped) = state.withLock { state in
                defer { state.queue = [] }
                return (state.queue, state.isStopped)
            }
            guard !isStopped else { return }
            for notice in notices {
                send(notice, connection.session)
            }
        }
    }

    /// The thread in `run` returns after the notice that it is sending, dropping what comes next.
    func stop() {
        state.withLock { state in
            state.isStopped = true
            state.queue = []
        }
        news.signal()
    }

    private func send(_ notice: Notice, _ session: OpaquePointer) {
        switch notice {
        case .entry(let parent, let name):
            name.withCharacters { fuse_lowlevel_notify_inval_entry(session, parent.rawValue, $0, name.bytes.count) }
        case .inode(let inode, let offset, let length, let done):
            fuse_lowlevel_notify_inval_inode(session, inode.rawValue, Int(offset), Int(length))
            done()
        case .deletion(let parent, let child, let name):
            name.withCharacters {
                fuse_lowlevel_notify_delete(session, parent.rawValue, child.rawValue, $0, name.bytes.count)
            }
        }
    }
}

extension FileName {
    /// The bytes for a C function, with a NUL behind them.
    fileprivate func withCharacters(_ use: (UnsafePointer<CChar>) -> Int32) {
        _ = (bytes.map(CChar.init(bitPattern:)) + [0]).withUnsafeBufferPointer { $0.baseAddress.map(use) }
    }
}
