internal import Dispatch
internal import Glibc

/// What the process has of the system's memory.
package enum Memory {
    /// Gives the system what is free: malloc keeps it for the next time, which for a daemon may be in an hour (malloc_trim(3)). Looked up
    /// by its name, because Swift's module of glibc leaves malloc.h out.
    package static func trim() { _ = mallocTrim?(0) }

    /// Runs something that takes minutes and much memory, but not all of it at once: meanwhile, every second, and in the end the
    /// system gets what is free.
    package static func trimming<Value>(during body: () throws -> Value) rethrows -> Value {
        let timer = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
        timer.setEventHandler { trim() }
        timer.schedule(deadline: .now(), repeating: .seconds(1))
        timer.resume()
        defer {
            timer.cancel()
            trim()
        }
        return try body()
    }

    private typealias Trim = @convention(c) (Int) -> Int32

    private static let mallocTrim = dlsym(nil, "malloc_trim").map { unsafeBitCast($0, to: Trim.self) }
}
