package import CoreMetrics
import Synchronization

/// What swift-metrics counts, as text for Prometheus.
///
/// Only what is described is kept: libraries of this process may count what they like, and it shows up nowhere.
package final class MetricsRegistry: MetricsFactory {
    /// What `text` is, for the header of an answer.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private struct Family {
        let description: MetricDescription
        /// By their labels as they are written.
        var instruments: [String: any Instrument] = [:]
    }

    /// In the order in which they are shown.
    private let order: [String]
    private let families: Mutex<[String: Family]>

    package init(_ descriptions: [MetricDescription]) {
        order = descriptions.map(\.name)
        families = Mutex(
            Dictionary(descriptions.map { ($0.name, Family(description: $0)) }, uniquingKeysWith: { $1 }))
    }

    /// All that was counted so far, in Prometheus' text format 0.0.4.
    ///
    /// What has labels is shown once it was used; the rest always, so that a rate can be made of the first event.
    package func text() -> String {
        let families = families.withLock { $0 }
        var text = ""
        for name in order {
            guard let family = families[name] else { continue }
            let shown = family.instruments.filter { $0.key.isEmpty || $0.value.isUsed }
            guard !shown.isEmpty else { continue }
            text += "# HELP \(name) \(family.description.help)\n# TYPE \(name) \(family.description.kind.word)\n"
            for (labels, instrument) in shown.sorted(by: { $0.key < $1.key }) {
                instrument.write(name, labels, to: &text)
            }
        }
        return text
    }

    // MARK: Swift-metrics asks

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        instrument(label, dimensions) as CounterCell? ?? NOOPMetricsHandler.instance
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        instrument(label, dimensions) as GaugeCell? ?? NOOPMetricsHandler.instance
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        instrument(label, dimensions) as HistogramCell? ?? NOOPMetricsHandler.instance
    }

    /// Distributions of anything but durations: nothing here has one.
    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        NOOPMetricsHandler.instance
    }

    package func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { remove(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) {}

    /// The one instrument of these labels, made when it is asked for first; nil when nothing of this name and kind is
    /// described.
    private func instrument<Wanted: Instrument>(_ name: String, _ dimensions: [(String, String)]) -> Wanted? {
        let labels = dimensions.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
        return families.withLock { families in
            guard let family = families[name] else { return nil }
            if let known = family.instruments[labels] { return known as? Wanted }
            guard let new = family.description.kind.instrument() as? Wanted else { return nil }
            families[name]?.instruments[labels] = new
            return new
        }
    }

    private func remove(_ handler: AnyObject) {
        families.withLock { families in
            for (name, family) in families {
                let left = family.instruments.filter { $0.value !== handler }
                if left.count < family.instruments.count { families[name]?.instruments = left }
            }
        }
    }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}

extension MetricDescription.Kind {
    fileprivate var word: String {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        }
    }

    fileprivate func instrument() -> any Instrument {
        switch self {
        case .counter: CounterCell()
        case .gauge: GaugeCell()
        case .histogram(let bounds): HistogramCell(bounds: bounds)
        }
    }
}
