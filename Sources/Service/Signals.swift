import Foundation

/// The signals of a daemon, taken from the process by one thread that waits for nothing else.
package struct Signals {
    private let set: sigset_t

    /// Blocks the signals in this thread and, by inheritance, in all that are started later: call it before any is.
    package init() {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&set, signal) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        // A peer that hangs up is an error of that write, not the end of the daemon.
        signal(SIGPIPE, SIG_IGN)
        self.set = set
    }

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - stop: For SIGTERM and SIGINT; its argument says whether it is not the first one.
    ///   - reload: For SIGHUP.
    package func watch(stop: @escaping @Sendable (_ again: Bool) -> Void, reload: @escaping @Sendable () -> Void) {
        let set = set
        let thread = Thread {
            var waitingFor = set
            var isStopping = false
            while true {
                var signal: Int32 = 0
                guard sigwait(&waitingFor, &signal) == 0 else { continue }
                if signal == SIGHUP {
                    reload()
                } else {
                    stop(isStopping)
                    isStopping = true
                }
            }
        }
        thread.name = "signals"
        thread.start()
    }
}
