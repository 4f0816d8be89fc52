/// What answers the kernel: one operation for each thing it asks, with the question as a value and a reply that has to be
/// consumed.
///
/// **Threads.** Operations are called from several threads at once, the same one for the same node too. None may wait for
/// a network: what cannot be answered yet keeps its reply, returns, and is answered later from any thread. No lock may be
/// held while a reply is consumed, for the kernel may send the next request before the call returns.
///
/// **Replies.** A reply is consumed exactly once; one that is dropped answers EIO, so that no process is left waiting.
///
/// **Inodes.** The kernel remembers every inode that an `EntryAttributes` told it, and counts how often; `forget` gives
/// counts back. Where the number itself says which node it is, nothing has to be counted.
///
/// **Order.** `sessionBegan`, then operations, then, when the last of them has returned, `sessionEnded`. After that only `forget`
/// and `release` come.
///
/// Without `default_permissions` the kernel checks nothing: who may do what is decided here. It asks `access` for access(2)
/// and chdir(2) only.
package protocol FileSystem: AnyObject, Sendable {
    /// The tree is mounted, and no request was answered yet. The notifier is valid until `sessionEnded`.
    func sessionBegan(notifier: Notifier)

    /// The tree is no longer mounted and no operation is under way. Every parked reply has to be answered now; what is not answered
    /// when this returns is cut off by the kernel (ECONNABORTED or ENOTCONN), and answering it later does nothing.
    func sessionEnded()

    /// Which node has this name in this directory.
    func lookup(_ request: NameRequest, _ reply: consuming EntryReply)

    /// The kernel gives back so many lookups of the node. Nobody waits for this, so there is nothing to answer.
    func forget(_ inode: Inode, lookups: UInt64)

    func attributes(_ request: AttributesRequest, _ reply: consuming AttributesReply)

    func setAttributes(_ request: SetAttributesRequest, _ reply: consuming AttributesReply)

    func readLink(_ request: NodeRequest, _ reply: consuming LinkReply)

    func makeNode(_ request: MakeNodeRequest, _ reply: consuming EntryReply)

    func makeDirectory(_ request: MakeDirectoryRequest, _ reply: consuming EntryReply)

    func unlink(_ request: NameRequest, _ reply: consuming EmptyReply)

    func removeDirectory(_ request: NameRequest, _ reply: consuming EmptyReply)

    func symlink(_ request: SymlinkRequest, _ reply: consuming EntryReply)

    func rename(_ request: RenameRequest, _ reply: consuming EmptyReply)

    func link(_ request: LinkRequest, _ reply: consuming EntryReply)

    func create(_ request: CreateRequest, _ reply: consuming CreateReply)

    func open(_ request: OpenRequest, _ reply: consuming OpenReply)

    func read(_ request: ReadRequest, _ reply: consuming ReadReply)

    /// An open file was closed for the last time. Comes once for each `open` that was answered, after its last read was
    /// answered; not at all for what is still open when the session ends. The close(2) that caused it does not wait.
    func release(_ request: ReleaseRequest)

    func openDirectory(_ request: OpenRequest, _ reply: consuming OpenReply)

    func readDirectory(_ request: ReadDirectoryRequest, _ reply: consuming DirectoryReply)

    /// As `release`.
    func releaseDirectory(_ request: ReleaseRequest)

    func statistics(_ request: NodeRequest, _ reply: consuming StatisticsReply)

    func setExtendedAttribute(_ request: SetExtendedAttributeRequest, _ reply: consuming EmptyReply)

    func extendedAttribute(_ request: ExtendedAttributeRequest, _ reply: consuming ValueReply)

    func listExtendedAttributes(_ request: NodeRequest, _ reply: consuming ValueReply)

    func removeExtendedAttribute(_ request: ExtendedAttributeRequest, _ reply: consuming EmptyReply)

    func access(_ request: AccessRequest, _ reply: consuming EmptyReply)
}
