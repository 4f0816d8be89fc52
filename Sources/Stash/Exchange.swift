import CCurl
import Dispatch
import Glibc

/// One HTTP request as it goes to curl. Every header that matters is written out; curl adds nothing of its own accord.
struct HTTPRequest: Sendable {
    var url: String
    var headers: [String]
    /// The body of a POST; nil makes it a GET.
    var body: [UInt8]?
    /// Whether curl asks for gzip and decodes it.
    var acceptsGzip: Bool
    var trust: TLSTrust
    var timeouts: TransferTimeouts
}

/// Takes an answer apart as it arrives. Called on the engine's thread only; an error ends the request with it.
protocol AnswerReceiver {
    mutating func head(_ head: AnswerHead) -> StashError?
    mutating func body(_ bytes: UnsafeRawBufferPointer) -> StashError?
    /// There is no more of the body for the moment.
    mutating func pause()
    /// Nil when the server has sent the answer to its end.
    mutating func end(_ failure: StashError?)
}

extension AnswerReceiver {
    mutating func pause() {}
}

/// One request and its answer: the easy handle, the clock, and the gate that closes when somebody cancels.
///
/// Unchecked because it owns a curl handle: everything below the mark is touched by the engine's thread only, from
/// `begin` on; all that other threads reach is the gate, which is locked.
final class Exchange: @unchecked Sendable {
    private struct Gate {
        var isCancelled = false
        var hasEnded = false
        /// The thread that is calling the receiver now.
        var deliverer: pthread_t?
        /// Those who cancelled and wait for that call to return.
        var waiting: [DispatchSemaphore] = []
        /// Takes the handle away from curl; set while an engine has the exchange.
        var withdraw: (@Sendable () -> Void)?
    }

    let request: HTTPRequest
    private let gate = Lock(Gate())

    // MARK: Engine's thread only

    private(set) var easy: UnsafeMutableRawPointer?
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    private var receiver: any AnswerReceiver
    private var head: AnswerHead?
    private var headIsComplete = false
    /// Whether there were bytes since the receiver was last told that there are no more.
    private var isStreaming = false
    private var failure: StashError?
    private var clock = ExchangeClock()

    init(_ request: HTTPRequest, receiver: sending any AnswerReceiver) {
        self.request = request
        self.receiver = receiver
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        curl_slist_free_all(headerList)
        errorText.deallocate()
    }
}

// MARK: - Cancelling

extension Exchange {
    /// See `Transfer.cancel()`.
    func cancel() -> Bool {
        let wait = DispatchSemaphore(value: 0)
        let (isFirst, mustWait, withdraw) = gate.withLock { gate in
            let isFirst = !gate.isCancelled && !gate.hasEnded
            if isFirst { gate.isCancelled = true }
            var mustWait = false
            if let deliverer = gate.deliverer, pthread_equal(deliverer, pthread_self()) == 0 {
                gate.waiting.append(wait)
                mustWait = true
            }
            return (isFirst, mustWait, isFirst ? gate.withdraw : nil)
        }
        withdraw?()
        if mustWait { wait.wait() }
        return isFirst
    }

    /// Remembers how to take the exchange back; false when it was cancelled before.
    func admit(withdraw: @escaping @Sendable () -> Void) -> Bool {
        gate.withLock { gate in
            guard !gate.isCancelled else { return false }
            gate.withdraw = withdraw
            return true
        }
    }

    var isCancelled: Bool { gate.withLock { $0.isCancelled } }

    /// Calls the receiver unless somebody has cancelled; those who cancel meanwhile wait until it returns.
    ///
    /// No lock is held during the call.
    private func deliver(isLast: Bool = false, _ call: () -> Void) {
        let isOpen = gate.withLock { gate in
            guard !gate.isCancelled, !gate.hasEnded else { return false }
            gate.deliverer = pthread_self()
            gate.hasEnded = isLast
            if isLast { gate.withdraw = nil }
            return true
        }
        guard isOpen else { return }
        call()
        let waiting = gate.withLock { gate in
            defer { gate.waiting = [] }
            gate.deliverer = nil
            return gate.waiting
        }
        for semaphore in waiting { semaphore.signal() }
    }

    /// Delivers the end; the last thing that happens to an exchange.
    func conclude(_ failure: StashError?) {
        deliver(isLast: true) { receiver.end(failure) }
    }
}

// MARK: - Curl

extension Exchange {
    /// Fills in a handle that has just been made or reset.
    func begin(with easy: UnsafeMutableRawPointer, at now: ContinuousClock.Instant) {
        self.easy = easy
        clock.begun = now
        let context = Unmanaged.passUnretained(self).toOpaque()

        ccurl_set_string(easy, CURLOPT_URL, request.url)
        ccurl_set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        ccurl_set_long(easy, CURLOPT_PATH_AS_IS, 1)
        ccurl_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        // A redirect followed with the key in hand would give the key away; the answers are judged instead.
        ccurl_set_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        // Not even a proxy of the environment: the key goes to its server's own origin only.
        ccurl_set_string(easy, CURLOPT_PROXY, "")
        // Timeouts of name resolution must not use SIGALRM in a threaded process (libcurl-thread(3)).
        ccurl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        // Else the one thread of all transfers would wait for the resolver's thread when this one is taken back while a
        // name is looked up (CURLOPT_QUICK_EXIT(3), since 7.87): as long as a dead name server takes.
        ccurl_set_long(easy, CURLOPT_QUICK_EXIT, 1)
        ccurl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, request.timeouts.connect.milliseconds)
        ccurl_set_long(easy, CURLOPT_TCP_NODELAY, 1)
        ccurl_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1)
        ccurl_set_long(easy, CURLOPT_TCP_KEEPIDLE, 30)
        ccurl_set_long(easy, CURLOPT_TCP_KEEPINTVL, 10)
        // The most that 7.88 allows; fewer and larger reads from the socket.
        ccurl_set_long(easy, CURLOPT_BUFFERSIZE, 512 * 1024)
        setTrust(easy)

        for header in request.headers { headerList = curl_slist_append(headerList, header) }
        ccurl_set_list(easy, CURLOPT_HTTPHEADER, headerList)
        if request.acceptsGzip { ccurl_set_string(easy, CURLOPT_ACCEPT_ENCODING, "gzip") }
        if let body = request.body {
            ccurl_set_long(easy, CURLOPT_POST, 1)
            ccurl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, Int(body.count))
            body.withUnsafeBytes { bytes in
                // Copied by curl, for as many bytes as the size above says.
                _ = ccurl_set_string(
                    easy, CURLOPT_COPYPOSTFIELDS, bytes.baseAddress?.assumingMemoryBound(to: CChar.self))
            }
        }

        ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText)
        ccurl_set_pointer(easy, CURLOPT_HEADERDATA, context)
        ccurl_set_pointer(easy, CURLOPT_WRITEDATA, context)
        ccurl_set_pointer(easy, CURLOPT_PREREQDATA, context)
        ccurl_set_data_callback(easy, CURLOPT_HEADERFUNCTION, CurlCallbacks.header)
        ccurl_set_data_callback(easy, CURLOPT_WRITEFUNCTION, CurlCallbacks.write)
        ccurl_set_prerequest_callback(easy, CurlCallbacks.prerequest)
    }

    private func setTrust(_ easy: UnsafeMutableRawPointer) {
        switch request.trust {
        case .system:
            break
        case .insecure:
            ccurl_set_long(easy, CURLOPT_SSL_VERIFYPEER, 0)
            ccurl_set_long(easy, CURLOPT_SSL_VERIFYHOST, 0)
        case .file(let path):
            ccurl_set_string(easy, CURLOPT_CAINFO, path)
            // Without this the system's authorities would be believed besides the file.
            ccurl_set_string(easy, CURLOPT_CAPATH, nil)
        }
    }

    /// Gives the handle back; curl no longer has it.
    func release() -> UnsafeMutableRawPointer? {
        defer { easy = nil }
        return easy
    }

    /// The connection is there and the request is sent now.
    func requestGoesOut() {
        clock.sent = .now
    }

    /// One line of the head, with its line end.
    ///
    /// - Returns: False to end the request.
    func headerLine(_ bytes: UnsafeRawBufferPointer) -> Bool {
        clock.lastByte = .now
        // Behind a chunked body come trailers, which mean nothing here.
        guard !headIsComplete else { return true }
        let line = String(decoding: bytes, as: UTF8.self)
        let text = Substring(line).trimmingSpace
        if line.hasPrefix("HTTP/") {
            head = text.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { AnswerHead(status: $0) }
            return true
        }
        guard text.isEmpty else {
            if let colon = text.firstIndex(of: ":") {
                head?.add(
                    name: String(text[..<colon]), value: String(text[text.index(after: colon)...].trimmingSpace))
            }
            return true
        }
        // 1xx announces another head.
        guard let head, head.status >= 200 else { return true }
        headIsComplete = true
        deliver { failure = receiver.head(head) }
        return failure == nil && !isCancelled
    }

    /// The next bytes of the body.
    ///
    /// - Returns: False to end the request.
    func bodyBytes(_ bytes: UnsafeRawBufferPointer) -> Bool {
        clock.lastByte = .now
        isStreaming = true
        deliver { failure = receiver.body(bytes) }
        return failure == nil && !isCancelled
    }

    /// All that had arrived was read from the connection.
    func pause() {
        guard isStreaming else { return }
        isStreaming = false
        deliver { receiver.pause() }
    }

    /// What took too long at this moment, or when that will be.
    func deadline(at now: ContinuousClock.Instant) -> ExchangeClock.Deadline {
        clock.deadline(at: now, request.timeouts)
    }

    /// What went wrong, when curl is done with the transfer.
    func outcome(_ code: CURLcode) -> StashError? {
        if let failure { return failure }
        switch code {
        case CURLE_OK:
            return headIsComplete ? nil : .unreachable(.connectionLost)
        case CURLE_COULDNT_RESOLVE_HOST:
            return .unreachable(.nameNotResolved)
        case CURLE_COULDNT_CONNECT:
            return .unreachable(connectFailure)
        case CURLE_OPERATION_TIMEDOUT:
            return .unreachable(.connectTimedOut)
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            let reason = String(cString: errorText)
            return .tls(reason.isEmpty ? String(cString: curl_easy_strerror(code)) : reason)
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY:
            return .notStash(.notHTTP)
        case CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_PARTIAL_FILE:
            return .unreachable(.connectionLost)
        case CURLE_BAD_CONTENT_ENCODING:
            return .refused(.contentEncoding("gzip"))
        default:
            return .refused(.transport(String(cString: curl_easy_strerror(code))))
        }
    }

    private var connectFailure: StashError.Unreachability {
        guard let easy else { return .connectionRefused }
        var number = 0
        ccurl_get_long(easy, CURLINFO_OS_ERRNO, &number)
        return switch Int32(truncatingIfNeeded: number) {
        case EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL: .noRoute
        case ETIMEDOUT: .connectTimedOut
        default: .connectionRefused
        }
    }
}
