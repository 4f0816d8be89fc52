import Synchronization

/// A value behind a lock.
final class Box<Value: Sendable>: Sendable {
    private let content: Mutex<Value>

    init(_ value: Value) { content = Mutex(value) }

    var value: Value { content.withLock { $0 } }

    func set(_ value: Value) { content.withLock { $0 = value } }

    func change<Result: Sendable>(_ body: @Sendable (inout Value) -> Result) -> Result {
        content.withLock { body(&$0) }
    }
}
