import CoreMetrics
import Dispatch
import Prometheus
import Testing

struct MetricsTests {
    private static let descriptions = [
        MetricDescription("t_total", .counter, "A counter."),
        MetricDescription("t_now", .gauge, "A gauge."),
        MetricDescription("t_seconds", .histogram([0.001, 0.5]), "A histogram."),
    ]

    private let registry = MetricsRegistry(Self.descriptions)

    @Test func `nothing was counted`() { #expect(registry.text() == "") }

    @Test func `what has no labels is shown from the beginning, the rest once it counted something`() {
        let plain = Counter(label: "t_total", factory: registry)
        let labelled = Counter(label: "t_total", dimensions: [("kind", "read")], factory: registry)
        #expect(registry.text() == "# HELP t_total A counter.\n# TYPE t_total counter\nt_total 0\n")
        plain.increment()
        labelled.increment(by: 41)
        labelled.increment()
        #expect(
            registry.text()
                == "# HELP t_total A counter.\n# TYPE t_total counter\nt_total 1\nt_total{kind=\"read\"} 42\n")
    }

    @Test func `a histogram counts up to each bound, and its count agrees with its buckets`() {
        let timer = Timer(label: "t_seconds", dimensions: [("op", "x")], factory: registry)
        for nanoseconds in [1, 1_000_000, 1_000_001, 500_000_000, 2_000_000_000] {
            timer.recordNanoseconds(Int64(nanoseconds))
        }
        #expect(
            registry.text() == """
                # HELP t_seconds A histogram.
                # TYPE t_seconds histogram
                t_seconds_bucket{op="x",le="0.001"} 2
                t_seconds_bucket{op="x",le="0.5"} 4
                t_seconds_bucket{op="x",le="+Inf"} 5
                t_seconds_sum{op="x"} 2.502000002
                t_seconds_count{op="x"} 5

                """)
    }

    @Test(arguments: [
        (#"a"b"#, #"a\"b"#), (#"a\b"#, #"a\\b"#), ("a\nb", #"a\nb"#), ("größer", "größer"), ("", ""),
    ])
    func `whatever a label says, it stays a label`(value: String, written: String) {
        Counter(label: "t_total", dimensions: [("server", value)], factory: registry).increment()
        #expect(registry.text().hasSuffix("\nt_total{server=\"\(written)\"} 1\n"))
    }

    @Test func `the same labels are the same counter, and what is destroyed is shown no more`() {
        let first = Counter(label: "t_total", dimensions: [("server", "attic")], factory: registry)
        let second = Counter(label: "t_total", dimensions: [("server", "attic")], factory: registry)
        first.increment()
        second.increment()
        #expect(registry.text().hasSuffix("t_total{server=\"attic\"} 2\n"))
        first.destroy()
        #expect(registry.text() == "")
    }

    @Test func `a gauge goes up and down`() {
        let gauge = Meter(label: "t_now", factory: registry)
        gauge.set(2.5)
        gauge.decrement()
        #expect(registry.text().hasSuffix("\nt_now 1.5\n"))
        gauge.set(-3)
        #expect(registry.text().hasSuffix("\nt_now -3\n"))
    }

    @Test func `what is not described, or of another kind, is counted nowhere`() {
        Counter(label: "other_total", factory: registry).increment()
        Counter(label: "t_now", factory: registry).increment()
        Timer(label: "t_total", factory: registry).recordNanoseconds(1)
        #expect(registry.text() == "")
    }

    @Test func `nothing is lost when all threads count at once`() {
        let counter = Counter(label: "t_total", factory: registry)
        let timer = Timer(label: "t_seconds", factory: registry)
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for number in 0..<10_000 {
                counter.increment()
                timer.recordNanoseconds(Int64(number))
            }
        }
        let text = registry.text()
        #expect(text.contains("\nt_total 80000\n"))
        #expect(text.contains("\nt_seconds_count 80000\n"))
    }
}
