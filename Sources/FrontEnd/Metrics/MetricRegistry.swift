import CoreMetrics
import Synchronization

/// Our own small backend of swift-metrics: keeps every metric of one server and writes them in Prometheus's text
/// format. Metrics are made once and kept: making one takes a lock, using one does not wait for anything.
public final class MetricRegistry: MetricsFactory, Sendable {
  /// A metric's name and labels.
  struct Key: Hashable {
    var name: String
    var labels: String
  }

  private let series = Mutex<[Key: any MetricSeries]>([:])

  /// An empty registry.
  public init() {}

  /// A counter; the same name and labels give the same one.
  public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    make(label, dimensions) { CounterSeries() }
  }

  /// A gauge.
  public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    make(label, dimensions) { GaugeSeries() }
  }

  /// A histogram, or a gauge when `aggregate` is false.
  public func makeRecorder(
    label: String,
    dimensions: [(String, String)],
    aggregate: Bool
  ) -> any RecorderHandler {
    aggregate
      ? make(label, dimensions) { HistogramSeries(bounds: HistogramSeries.counts) }
      : make(label, dimensions) { GaugeSeries() } as GaugeSeries
  }

  /// A histogram of seconds.
  public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    make(label, dimensions) { HistogramSeries(bounds: HistogramSeries.seconds) }
  }

  /// Does nothing: metrics live as long as the server.
  public func destroyCounter(_ handler: any CounterHandler) {}

  /// Does nothing: metrics live as long as the server.
  public func destroyMeter(_ handler: any MeterHandler) {}

  /// Does nothing: metrics live as long as the server.
  public func destroyRecorder(_ handler: any RecorderHandler) {}

  /// Does nothing: metrics live as long as the server.
  public func destroyTimer(_ handler: any TimerHandler) {}

  /// Everything, in Prometheus's text exposition format 0.0.4.
  public func exposition() -> String {
    let all = series.withLock { $0 }.sorted { ($0.key.name, $0.key.labels) < ($1.key.name, $1.key.labels) }
    var text = ""
    var last = ""
    for (key, metric) in all {
      if key.name != last {
        text += "# TYPE \(key.name) \(metric.type)\n"
        last = key.name
      }
      metric.write(name: key.name, labels: key.labels, to: &text)
    }
    return text
  }

  private func make<Series: MetricSeries>(
    _ label: String,
    _ dimensions: [(String, String)],
    _ new: () -> Series
  ) -> Series {
    let key = Key(name: PrometheusText.name(label), labels: PrometheusText.labels(dimensions))
    return series.withLock { series in
      if let known = series[key] as? Series { return known }
      let made = new()
      series[key] = made
      return made
    }
  }
}
