import Synchronization

/// One way to misbehave: which requests it befalls, and what then happens to them.
package struct Fault: Sendable {
    package enum Action: Sendable, Equatable {
        /// Answers as usual, but so many milliseconds later.
        case delay(milliseconds: Int)
        /// Never answers; the connection stays open.
        case hang
        /// Sends that many bytes of the body, then nothing more; the connection stays open.
        case stall(after: Int64)
        /// Sends that many bytes of the body, then resets the connection.
        case reset(after: Int64)
        /// Closes properly after that many bytes of the body, short of the Content-Length.
        case close(after: Int64)
        /// What KillRunningStreams does: the five bytes `0\r\n\r\n` as data after that many bytes, then a close (Stash 4.2).
        case stray(after: Int64)
        /// Sends only so many bytes a second.
        case slow(bytesPerSecond: Int)
        /// The right number of bytes, from an offset that is so much further on, under an honest Content-Range.
        case wrongRange(shift: Int64)
        /// Content-Range names another total.
        case wrongTotal(Int64)
        /// 200 with the whole file, whatever range was asked.
        case ignoreRange
        /// 206 and the wanted bytes, but no Content-Range.
        case noContentRange
        /// Any status with a plain text body.
        case status(Int, String)
        /// 200 with this body and content type.
        case body(String, contentType: String)
        /// 200 with the HTML of the login page.
        case loginPage
        /// 302 to the login page.
        case redirectToLogin
        /// 200 with `errors` and `data: null`.
        case graphQLError(String)
        /// Closes the connection before a byte of the answer.
        case drop
    }

    /// `nil` is any method.
    package var method: String?
    /// The path starts with this; the query string is not looked at.
    package var path: String
    /// The path ends with this, such as `/stream`.
    package var pathSuffix: String?
    /// The body or the path contains this, such as the name of a query.
    package var contains: String?
    /// The path is exactly `path`.
    package var isExact = false
    /// So many matching requests go well first.
    package var skip = 0
    /// How many requests it befalls; `nil` is all.
    package var times: Int?
    package var action: Action

    package init(
        path: String = "/", pathSuffix: String? = nil, method: String? = nil, contains: String? = nil,
        isExact: Bool = false,
        skip: Int = 0, times: Int? = nil, action: Action
    ) {
        self.path = path
        self.pathSuffix = pathSuffix
        self.method = method
        self.contains = contains
        self.isExact = isExact
        self.skip = skip
        self.times = times
        self.action = action
    }

    /// What the actions are called on the command line.
    enum Word: String, CaseIterable {
        case delay, hang, stall, reset, close, stray, slow, status, body, redirect, drop
        case wrongRange = "wrong-range"
        case wrongTotal = "wrong-total"
        case ignoreRange = "ignore-range"
        case noContentRange = "no-content-range"
        case loginPage = "login-page"
        case graphQLError = "graphql-error"
    }

    /// Reads `path=/scene/3/stream,action=stall,after=65536,times=1` as the command line gives it; `nil` if it is not one.
    package init?(_ text: String) {
        var values: [String: String] = [:]
        for part in text.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
            guard pair.count == 2 else { return nil }
            values[pair[0]] = pair[1]
        }
        guard let word = values["action"].flatMap(Word.init(rawValue:)) else { return nil }
        let after = Int64(values["after"] ?? "0") ?? 0
        let action: Action =
            switch word {
            case .delay: .delay(milliseconds: Int(values["ms"] ?? "1000") ?? 1000)
            case .hang: .hang
            case .stall: .stall(after: after)
            case .reset: .reset(after: after)
            case .close: .close(after: after)
            case .stray: .stray(after: after)
            case .slow: .slow(bytesPerSecond: Int(values["rate"] ?? "1000") ?? 1000)
            case .wrongRange: .wrongRange(shift: Int64(values["shift"] ?? "1") ?? 1)
            case .wrongTotal: .wrongTotal(Int64(values["total"] ?? "1") ?? 1)
            case .ignoreRange: .ignoreRange
            case .noContentRange: .noContentRange
            case .status: .status(Int(values["status"] ?? "500") ?? 500, values["body"] ?? "")
            case .body: .body(values["body"] ?? "", contentType: values["type"] ?? "text/plain")
            case .loginPage: .loginPage
            case .redirect: .redirectToLogin
            case .graphQLError: .graphQLError(values["message"] ?? "database is locked")
            case .drop: .drop
            }
        self.init(
            path: values["path"] ?? "/", pathSuffix: values["suffix"], method: values["method"],
            contains: values["contains"], skip: Int(values["skip"] ?? "0") ?? 0,
            times: values["times"].flatMap { Int($0) },
            action: action)
    }
}

/// The rules by which a server misbehaves. The first rule that matches a request and is not used up decides.
package final class Faults: Sendable {
    private struct Rule {
        var id: Int
        var fault: Fault
        var seen = 0
        var done = 0
    }

    private struct State {
        var rules: [Rule] = []
        var nextID = 1
    }

    private let state = Mutex(State())

    /// Adds a rule and returns a number to take it away with.
    @discardableResult
    package func add(_ fault: Fault) -> Int {
        state.withLock { state in
            state.rules.append(Rule(id: state.nextID, fault: fault))
            state.nextID += 1
            return state.nextID - 1
        }
    }

    package func remove(_ id: Int) {
        state.withLock { $0.rules.removeAll { $0.id == id } }
    }

    /// Takes all rules away, and returns how many requests they have befallen.
    @discardableResult
    package func removeAll() -> Int {
        state.withLock { state in
            defer { state.rules = [] }
            return state.rules.reduce(0) { $0 + $1.done }
        }
    }

    /// How many requests a rule has befallen.
    package func count(_ id: Int) -> Int {
        state.withLock { state in state.rules.first { $0.id == id }?.done ?? 0 }
    }

    func take(method: String, path: String, body: String) -> Fault.Action? {
        state.withLock { state in
            for index in state.rules.indices {
                let fault = state.rules[index].fault
                guard fault.method ?? method == method, fault.isExact ? path == fault.path : path.hasPrefix(fault.path),
                    fault.pathSuffix.map({ path.hasSuffix($0) }) ?? true,
                    fault.contains.map({ body.contains($0) || path.contains($0) }) ?? true
                else { continue }
                state.rules[index].seen += 1
                guard state.rules[index].seen > fault.skip, state.rules[index].done < fault.times ?? .max else {
                    continue
                }
                state.rules[index].done += 1
                return fault.action
            }
            return nil
        }
    }
}
