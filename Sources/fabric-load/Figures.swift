import Glibc

/// Milliseconds that something took, many times.
struct Latencies {
  private var values: [Double] = []

  var count: Int { values.count }

  mutating func add(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    values.append(Double(seconds) * 1_000 + Double(attoseconds) / 1e15)
  }

  /// The value that this share of all is not above, rounded to microseconds.
  func percentile(_ share: Double) -> Double {
    guard !values.isEmpty else { return 0 }
    let sorted = values.sorted()
    let index = min(sorted.count - 1, Int(Double(sorted.count) * share))
    return (sorted[index] * 1_000).rounded() / 1_000
  }

  /// `p50=... p99=... max=...` in milliseconds.
  func summary(_ name: String = "") -> String {
    "\(name)p50=\(percentile(0.5)) \(name)p99=\(percentile(0.99)) \(name)max=\(percentile(1))"
  }
}

/// Writes a line at once: what waits in a buffer is lost when the process is killed.
func say(_ line: String) { write(1, line + "\n") }

/// Writes to the standard error.
func tell(_ text: String) { write(2, text) }

private func write(_ descriptor: Int32, _ text: String) {
  var text = text
  text.withUTF8 { bytes in
    var done = 0
    while done < bytes.count {
      let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
      guard count > 0 else { return }
      done += count
    }
  }
}
