import CCurl
import Dispatch
import Foundation

/// All HTTP of the program: one thread that owns one curl multi handle, which keeps the connections to all servers.
///
/// Nobody else touches curl. Requests arrive through a mailbox; answers leave through the exchanges' receivers, on that
/// thread. One stalled server costs one socket and no thread.
package final class TransferEngine: Sendable {
    private let loop: TransferLoop

    /// - Parameter connectionsPerServer: How many connections one host and port gets at most; further requests wait
    ///   for one, in the order in which they came. Stash itself has ten database connections, and every stream needs
    ///   one at its beginning (Stash 7).
    /// - Throws: `StashError.refused(.transport)` when curl cannot be initialised.
    package init(connectionsPerServer: Int = 8) throws(StashError) {
        loop = try TransferLoop(connectionsPerServer: connectionsPerServer)
    }

    deinit {
        stop()
    }

    /// Starts the thread. Requests that came earlier begin now.
    package func start() {
        loop.start()
    }

    /// Fails everything that is running with `.cancelled`, closes all connections and ends the thread. What is asked
    /// afterwards fails at once, on the thread that asks. Never call it from within a sink.
    package func stop() {
        loop.stop()
    }

    /// Sends a request; everything else happens to its receiver.
    func send(_ exchange: Exchange) {
        loop.take(exchange)
    }
}

/// The engine's thread and what it alone touches.
///
/// Unchecked because it owns the multi handle: `multi` and all below the mark belong to the thread that `start` makes;
/// the mailbox is locked, and `curl_multi_wakeup`, which any thread may call (its man page), is called under that lock
/// and not after the handle was given up.
private final class TransferLoop: @unchecked Sendable {
    private enum Life {
        case new
        case running
        case stopping
        case over
    }

    private struct Mailbox {
        var life = Life.new
        var thread: pthread_t?
        var arrivals: [Exchange] = []
        var withdrawals: [Exchange] = []
    }

    private let multi: UnsafeMutableRawPointer
    private let mailbox = Lock(Mailbox())
    private let finished = DispatchGroup()

    // MARK: Engine's thread only

    private var running: [UnsafeMutableRawPointer: Exchange] = [:]
    private var spare: [UnsafeMutableRawPointer] = []

    /// `curl_global_init` is wanted once in a process, before anything else of curl.
    private static let curlIsReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// The longest sleep: nothing depends on it, it only bounds the effect of a lost wake-up.
    private static let longestSleep = Duration.seconds(1)

    init(connectionsPerServer: Int) throws(StashError) {
        guard Self.curlIsReady, let multi = curl_multi_init() else {
            throw .refused(.transport("curl cannot be initialised"))
        }
        self.multi = multi
        ccurl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, connectionsPerServer)
        ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, 64)
        ccurl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_NOTHING))
    }

    // MARK: Any thread

    func start() {
        let isNew = mailbox.withLock { mailbox in
            guard mailbox.life == .new else { return false }
            mailbox.life = .running
            return true
        }
        guard isNew else { return }
        finished.enter()
        let thread = Thread { [self] in
            run()
            finished.leave()
        }
        thread.name = "transfers"
        thread.start()
    }

    func stop() {
        let abandoned: [Exchange] = mailbox.withLock { mailbox in
            switch mailbox.life {
            case .new:
                mailbox.life = .over
                curl_multi_cleanup(multi)
                defer { mailbox.arrivals = [] }
                return mailbox.arrivals
            case .running:
                mailbox.life = .stopping
                curl_multi_wakeup(multi)
                return []
            case .stopping, .over:
                return []
            }
        }
        for exchange in abandoned { exchange.conclude(.cancelled) }
        // The last owner may let go of the engine from within a sink; the thread cannot wait for itself.
        let isOwnThread = mailbox.withLock { $0.thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
        if !isOwnThread { finished.wait() }
    }

    func take(_ exchange: Exchange) {
        // The closure must not keep the exchange: the exchange keeps the closure.
        guard
            exchange.admit(withdraw: { [weak self, weak exchange] in
                if let self, let exchange { withdraw(exchange) }
            })
        else { return }
        let isTaken = mailbox.withLock { mailbox in
            switch mailbox.life {
            case .new, .running:
                mailbox.arrivals.append(exchange)
                if mailbox.life == .running { curl_multi_wakeup(multi) }
                return true
            case .stopping, .over:
                return false
            }
        }
        if !isTaken { exchange.conclude(.cancelled) }
    }

    private func withdraw(_ exchange: Exchange) {
        mailbox.withLock { mailbox in
            guard mailbox.life == .new || mailbox.life == .running else { return }
            mailbox.withdrawals.append(exchange)
            if mailbox.life == .running { curl_multi_wakeup(multi) }
        }
    }

    // MARK: Engine's thread

    private func run() {
        mailbox.withLock { $0.thread = pthread_self() }
        while true {
            let (life, arrivals, withdrawals) = mailbox.withLock { mailbox in
                defer {
                    mailbox.arrivals = []
                    mailbox.withdrawals = []
                }
                return (mailbox.life, mailbox.arrivals, mailbox.withdrawals)
            }
            for exchange in arrivals { begin(exchange) }
            for exchange in withdrawals { detach(exchange) }
            if life == .stopping { break }

            var count: Int32 = 0
            curl_multi_perform(multi, &count)
            collectFinished()
            for exchange in running.values { exchange.pause() }
            let sleep = enforceDeadlines()
            curl_multi_poll(multi, nil, 0, Int32(sleep.milliseconds), nil)
        }
        for exchange in Array(running.values) {
            detach(exchange)
            exchange.conclude(.cancelled)
        }
        let late = mailbox.withLock { mailbox in
            mailbox.life = .over
            for easy in spare { curl_easy_cleanup(easy) }
            curl_multi_cleanup(multi)
            defer { mailbox = Mailbox(life: .over) }
            return mailbox.arrivals
        }
        for exchange in late { exchange.conclude(.cancelled) }
    }

    private func begin(_ exchange: Exchange) {
        guard !exchange.isCancelled else { return }
        guard let easy = spare.popLast() ?? curl_easy_init() else {
            return exchange.conclude(.refused(.transport("no memory for a request")))
        }
        exchange.begin(with: easy, at: .now)
        running[easy] = exchange
        let code = curl_multi_add_handle(multi, easy)
        guard code == CURLM_OK else {
            running[easy] = nil
            _ = exchange.release()
            curl_easy_cleanup(easy)
            return exchange.conclude(.refused(.transport(String(cString: curl_multi_strerror(code)))))
        }
    }

    private func collectFinished() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle,
                let exchange = running[easy]
            else { continue }
            // The message is gone once the handle is removed.
            let code = ccurl_message_result(message)
            let failure = exchange.outcome(code)
            detach(exchange)
            exchange.conclude(failure)
        }
    }

    /// Fails what has taken too long.
    ///
    /// - Returns: How long nothing else will be due.
    private func enforceDeadlines() -> Duration {
        let now = ContinuousClock.now
        var sleep = Self.longestSleep
        for exchange in Array(running.values) {
            switch exchange.deadline(at: now) {
            case .none: continue
            case .at(let instant): sleep = min(sleep, instant - now)
            case .passed(let phase):
                detach(exchange)
                exchange.conclude(.timedOut(phase))
            }
        }
        return sleep
    }

    /// Takes the handle from curl, which closes the connection unless the answer was complete.
    private func detach(_ exchange: Exchange) {
        guard let easy = exchange.release() else { return }
        running[easy] = nil
        curl_multi_remove_handle(multi, easy)
        // A handful of handles saves their set-up; more would only hold memory.
        if spare.count < 16 {
            curl_easy_reset(easy)
            spare.append(easy)
        } else {
            curl_easy_cleanup(easy)
        }
    }
}
