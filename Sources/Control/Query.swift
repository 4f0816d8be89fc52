import Foundation

/// The part of an address behind the question mark.
enum Query {
    /// - Throws: `Problem` when it is no percent-encoded UTF-8, or says something twice.
    static func parse(_ text: String) throws(Problem) -> [String: String] {
        var values: [String: String] = [:]
        for part in text.split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decoded(pair[0]), let value = decoded(pair.count > 1 ? pair[1] : "") else {
                throw Problem(.usage, "the query is not percent-encoded UTF-8", status: 400)
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw Problem(.usage, "'\(name)' is said twice", status: 400)
            }
        }
        return values
    }

    private static func decoded(_ text: Substring) -> String? {
        text.replacing("+", with: " ").removingPercentEncoding
    }
}
