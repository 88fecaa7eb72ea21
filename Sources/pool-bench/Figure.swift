import Glibc

/// One measured figure beside what issue 2 asks for.
struct Figure {
  var name: String
  var measured: String
  var bound: String
  var isMet: Bool

  init(_ name: String, _ value: Double, _ unit: String, atMost bound: Double) {
    self.name = name
    measured = "\(value.shown) \(unit)"
    self.bound = "at most \(bound.shown) \(unit)"
    isMet = value <= bound
  }

  /// A figure without a bound.
  init(_ name: String, _ measured: String) {
    self.name = name
    self.measured = measured
    bound = ""
    isMet = true
  }

  /// Prints it as a row of a Markdown table.
  func show() {
    say("| \(name) | \(measured) | \(bound) | \(isMet ? (bound.isEmpty ? "" : "met") : "NOT MET") |")
  }
}

extension Double {
  /// With one decimal, or none when it is whole.
  var shown: String {
    let rounded = (self * 10).rounded() / 10
    return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
  }
}

extension Duration {
  /// In milliseconds.
  var inMilliseconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) * 1e3 + Double(attoseconds) * 1e-15
  }
}

/// A line on standard output, at once.
func say(_ line: String) { put("\(line)\n", 1) }

/// A line on standard error.
func complain(_ line: String) { put("pool-bench: \(line)\n", 2) }

private func put(_ text: String, _ descriptor: Int32) {
  let bytes = Array(text.utf8)
  _ = write(descriptor, bytes, bytes.count)
}
