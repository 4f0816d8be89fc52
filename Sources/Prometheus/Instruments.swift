import CoreMetrics
import Synchronization

/// One line of a metric, or one histogram, with its labels.
protocol Instrument: AnyObject, Sendable {
    /// Whether it was ever used; what has labels is shown only then.
    var isUsed: Bool { get }
    /// Adds its lines, with the labels as they are written, without braces; empty when there are none.
    func write(_ name: String, _ labels: String, to text: inout String)
}

/// A number that only grows. Counting takes no lock and no memory.
final class CounterCell: CounterHandler, Instrument {
    private let value = Atomic<Int64>(0)

    func increment(by amount: Int64) { value.wrappingAdd(amount, ordering: .relaxed) }

    func reset() { value.store(0, ordering: .relaxed) }

    var isUsed: Bool { value.load(ordering: .relaxed) != 0 }

    func write(_ name: String, _ labels: String, to text: inout String) {
        text.sample(name, labels, "\(value.load(ordering: .relaxed))")
    }
}

/// A number that goes up and down.
final class GaugeCell: MeterHandler, Instrument {
    private let bits = Atomic<UInt64>(0)
    private let wasSet = Atomic(false)

    func set(_ value: Int64) { set(Double(value)) }

    func set(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
        wasSet.store(true, ordering: .relaxed)
    }

    func increment(by amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let outcome = bits.compareExchange(expected: old, desired: new, ordering: .relaxed)
            guard !outcome.exchanged else { break }
            old = outcome.original
        }
        wasSet.store(true, ordering: .relaxed)
    }

    func decrement(by amount: Double) { increment(by: -amount) }

    var isUsed: Bool { wasSet.load(ordering: .relaxed) }

    func write(_ name: String, _ labels: String, to text: inout String) {
        text.sample(name, labels, Double(bitPattern: bits.load(ordering: .relaxed)).exposed)
    }
}

/// Durations, counted by how long they were. Recording one takes two atomic additions.
///
/// Unchecked because of the pointer: it never changes, and what it points to is atomic.
final class HistogramCell: TimerHandler, Instrument, @unchecked Sendable {
    private let bounds: [Double]
    /// The bounds in nanoseconds.
    private let limits: [Int64]
    /// One more than there are bounds: the last one counts what is longer than all of them.
    private let counts: UnsafeMutablePointer<Atomic<Int64>>
    private let nanoseconds = Atomic<Int64>(0)

    init(bounds: [Double]) {
        self.bounds = bounds
        limits = bounds.map { Int64($0 * 1e9) }
        counts = .allocate(capacity: bounds.count + 1)
        for index in 0...bounds.count { (counts + index).initialize(to: Atomic(0)) }
    }

    deinit {
        counts.deinitialize(count: bounds.count + 1)
        counts.deallocate()
    }

    func recordNanoseconds(_ duration: Int64) {
        var index = 0
        while index < limits.count, duration > limits[index] { index += 1 }
        counts[index].wrappingAdd(1, ordering: .relaxed)
        nanoseconds.wrappingAdd(duration, ordering: .relaxed)
    }

    var isUsed: Bool { (0...bounds.count).contains { counts[$0].load(ordering: .relaxed) != 0 } }

    func write(_ name: String, _ labels: String, to text: inout String) {
        let prefix = labels.isEmpty ? "" : labels + ","
        var total: Int64 = 0
        for (index, bound) in bounds.enumerated() {
            total += counts[index].load(ordering: .relaxed)
            text.sample(name + "_bucket", prefix + "le=\"\(bound.exposed)\"", "\(total)")
        }
        total += counts[bounds.count].load(ordering: .relaxed)
        text.sample(name + "_bucket", prefix + "le=\"+Inf\"", "\(total)")
        text.sample(name + "_sum", labels, (Double(nanoseconds.load(ordering: .relaxed)) / 1e9).exposed)
        // The sum of the buckets, so that the two agree whatever is counted meanwhile.
        text.sample(name + "_count", labels, "\(total)")
    }
}

extension String {
    fileprivate mutating func sample(_ name: String, _ labels: String, _ value: String) {
        self += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n"
    }
}

extension Double {
    /// As the format wants it: whole numbers without a fraction, and its own words for what is no number.
    fileprivate var exposed: String {
        if isNaN { return "NaN" }
        if isInfinite { return self < 0 ? "-Inf" : "+Inf" }
        return Int64(exactly: self).map { "\($0)" } ?? "\(self)"
    }
}
