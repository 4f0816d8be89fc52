/// What a metric is, for the people who read it: Prometheus shows the sentence, and a metric that has none is not shown.
package struct MetricDescription: Sendable {
    package enum Kind: Sendable, Equatable {
        /// Only grows; its name ends in `_total`.
        case counter
        /// Goes up and down.
        case gauge
        /// Durations in seconds, counted below each of these bounds, which grow.
        case histogram([Double])
    }

    package let name: String
    package let kind: Kind
    /// One line.
    package let help: String

    package init(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        self.kind = kind
        self.help = help
    }
}

extension MetricDescription.Kind {
    /// For what is answered from memory as well as for what waits for a disk that spins up.
    package static let latencies: MetricDescription.Kind = .histogram([
        0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
        20,
    ])

    /// For what takes from a second to hours.
    package static let longTimes: MetricDescription.Kind = .histogram([
        0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600,
    ])
}
