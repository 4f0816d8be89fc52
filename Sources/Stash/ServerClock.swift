internal import CCurl
internal import Glibc

extension StashClient {
    /// By how many seconds the server's clock is ahead of this machine's, negative when it is behind; nil when the server does
    /// not say. Right to a second or two. Asked without the key, of what Stash answers to everybody (Stash 1.1).
    package func clockDifference(cancel: Cancellation = Cancellation()) throws(StashError) -> Double? {
        let answer = try anonymous("/healthz", cancel)
        guard let text = answer.head["date"], let there = Self.seconds(httpDate: text) else { return nil }
        var here = timespec()
        clock_gettime(CLOCK_REALTIME, &here)
        // The header has whole seconds, so on average half of one is missing.
        return Double(there) + 0.5 - Double(here.tv_sec) - Double(here.tv_nsec) / 1e9
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT` as seconds since 1970 (RFC 9110 section 5.6.7), or in any other way that is in use.
    static func seconds(httpDate text: String) -> Int64? {
        let seconds = Int64(curl_getdate(text, nil))
        return seconds < 0 ? nil : seconds
    }
}

/// The libcurl that this process runs with.
package enum LibraryVersion {
    /// `libcurl 7.88.1 (OpenSSL/3.0.17)`
    package static var text: String {
        let words = String(cString: curl_version()).split(separator: " ").map(String.init)
        let version = words.first?.replacing("/", with: " ") ?? "libcurl"
        let tls = words.dropFirst().first { $0.contains("SSL") || $0.contains("TLS") }
        return version + (tls.map { " (\($0))" } ?? "")
    }
}
