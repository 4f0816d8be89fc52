#if THREAD_SANITIZER
    import Glibc
#else
    public import Synchronization
#endif

#if THREAD_SANITIZER
    /// A value that only one thread at a time can reach.
    ///
    /// This form is for builds under ThreadSanitizer, which does not understand the futex that `Mutex` uses and reports
    /// races inside it; it knows `pthread_mutex_t`.
    public struct Lock<Value>: ~Copyable, @unchecked Sendable {
        /// The mutex and the value at fixed addresses. Safe to share because `value` is touched only between
        /// `pthread_mutex_lock` and `pthread_mutex_unlock`.
        private let mutex: UnsafeMutablePointer<pthread_mutex_t>
        private let value: UnsafeMutablePointer<Value>

        public init(_ initial: consuming sending Value) {
            mutex = .allocate(capacity: 1)
            mutex.initialize(to: pthread_mutex_t())
            pthread_mutex_init(mutex, nil)
            value = .allocate(capacity: 1)
            value.initialize(to: initial)
        }

        deinit {
            pthread_mutex_destroy(mutex)
            mutex.deinitialize(count: 1)
            mutex.deallocate()
            value.deinitialize(count: 1)
            value.deallocate()
        }

        /// Runs `body` with the value while no other thread can.
        public borrowing func withLock<Result, Failure: Error>(
            _ body: (inout sending Value) throws(Failure) -> sending Result
        ) throws(Failure) -> sending Result {
            pthread_mutex_lock(mutex)
            defer { pthread_mutex_unlock(mutex) }
            return try body(&value.pointee)
        }
    }
#else
    /// A value that only one thread at a time can reach.
    ///
    /// It is `Synchronization.Mutex`; the type exists so that a build under ThreadSanitizer can put something else in
    /// its place (see the other branch). Inlinable, for else each call from another module looks up what the types are,
    /// which takes longer than the lock; and public, for the compiler does not inline what is only the package's.
    public struct Lock<Value>: ~Copyable, Sendable {
        @usableFromInline let mutex: Mutex<Value>

        @inlinable
        public init(_ initial: consuming sending Value) {
            mutex = Mutex(initial)
        }

        /// Runs `body` with the value while no other thread can.
        @inlinable
        public borrowing func withLock<Result, Failure: Error>(
            _ body: (inout sending Value) throws(Failure) -> sending Result
        ) throws(Failure) -> sending Result {
            try mutex.withLock(body)
        }
    }
#endif
