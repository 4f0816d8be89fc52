import Foundation
import Testing

@testable import FakeStash

@Suite struct JSONTests {
    @Test(
        arguments: [
            ("null", .null), (" true ", .bool(true)), ("false", .bool(false)), ("-12", .int(-12)), ("0", .int(0)),
            ("1.5e3", .float(1500)), ("-0.25", .float(-0.25)), ("\"\"", .string("")), ("[]", .list([])),
            ("{ }", .object([:])),
            ("[1, [2], {\"a\" : null}]", .list([.int(1), .list([.int(2)]), .object(["a": .null])])),
            (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{c}\n\r\t")), (#""\u00e4 ä \uD83C\uDF0D""#, .string("ä ä 🌍")),
            (
                "{\"query\":\"{a}\",\"variables\":{\"ids\":[1,2]}}\n",
                .object(["query": .string("{a}"), "variables": .object(["ids": .list([.int(1), .int(2)])])])
            ),
        ] as [(String, JSON)])
    func `what is JSON is read`(text: String, value: JSON) {
        #expect(JSON.parse(Array(text.utf8)) == value)
        #expect(throws: Never.self) {
            try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
        }
    }

    @Test(
        arguments: [
            "", " ", "nul", "truex", "+1", ".5", "1-", "[1,]", "[1 2]", "[", "{\"a\"}", "{\"a\":1,}", "{a:1}", "\"a",
            "\"\n\"",
            #""\x""#, #""\u12""#, #""\ud800""#, #""\u+123""#, "1 2", "[]]", String(repeating: "[", count: 100_000),
        ])
    func `what is not JSON is not`(text: String) {
        #expect(JSON.parse(Array(text.utf8)) == nil)
    }
}
