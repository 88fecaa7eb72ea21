import CoreMetrics
import Synchronization

/// One metric with one set of labels.
protocol MetricSeries: AnyObject, Sendable {
  /// Prometheus's word for its kind.
  var type: String { get }
  /// Writes its lines.
  func write(name: String, labels: String, to text: inout String)
}

/// A number that only rises.
final class CounterSeries: MetricSeries, CounterHandler {
  private let value = Atomic<Int64>(0)

  var type: String { "counter" }

  func increment(by amount: Int64) { value.wrappingAdd(amount, ordering: .relaxed) }

  func reset() { value.store(0, ordering: .relaxed) }

  func write(name: String, labels: String, to text: inout String) {
    text += "\(name)\(PrometheusText.braces(labels)) \(value.load(ordering: .relaxed))\n"
  }
}

/// A number that rises and falls.
final class GaugeSeries: MetricSeries, MeterHandler, RecorderHandler {
  private let value = Mutex<Double>(0)

  var type: String { "gauge" }

  func set(_ value: Int64) { set(Double(value)) }
  func set(_ value: Double) { self.value.withLock { $0 = value } }
  func increment(by amount: Double) { value.withLock { $0 += amount } }
  func decrement(by amount: Double) { value.withLock { $0 -= amount } }
  func record(_ value: Int64) { set(Double(value)) }
  func record(_ value: Double) { set(value) }

  func write(name: String, labels: String, to text: inout String) {
    text += "\(name)\(PrometheusText.braces(labels)) \(PrometheusText.number(value.withLock { $0 }))\n"
  }
}

/// How often values fell below each of some bounds.
final class HistogramSeries: MetricSeries, RecorderHandler, TimerHandler {
  /// Bounds for durations.
  static let seconds: [Double] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  ]
  /// Bounds for numbers of things.
  static let counts: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000]

  private struct State {
    var buckets: [Int64]
    var sum = 0.0
    var count: Int64 = 0
  }

  private let bounds: [Double]
  private let state: Mutex<State>

  var type: String { "histogram" }

  init(bounds: [Double]) {
    self.bounds = bounds
    state = Mutex(State(buckets: Array(repeating: 0, count: bounds.count)))
  }

  func record(_ value: Int64) { record(Double(value)) }

  func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

  func record(_ value: Double) {
    let bucket = bounds.firstIndex { value <= $0 }
    state.withLock { state in
      if let bucket { state.buckets[bucket] &+= 1 }
      state.sum += value
      state.count &+= 1
    }
  }

  func write(name: String, labels: String, to text: inout String) {
    let (buckets, sum, count) = state.withLock { ($0.buckets, $0.sum, $0.count) }
    let comma = labels.isEmpty ? "" : ","
    var below: Int64 = 0
    for (bound, inBucket) in zip(bounds, buckets) {
      below &+= inBucket
      text += "\(name)_bucket{\(labels)\(comma)le=\"\(PrometheusText.number(bound))\"} \(below)\n"
    }
    text += "\(name)_bucket{\(labels)\(comma)le=\"+Inf\"} \(count)\n"
    text += "\(name)_sum\(PrometheusText.braces(labels)) \(PrometheusText.number(sum))\n"
    text += "\(name)_count\(PrometheusText.braces(labels)) \(count)\n"
  }
}
