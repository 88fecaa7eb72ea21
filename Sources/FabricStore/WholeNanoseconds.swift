extension Duration {
  /// Nanoseconds, held to the range of `Int64`: what system calls and timers take.
  public var wholeNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return seconds < 0 ? .min : .max }
    let (sum, second) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
    return second ? (seconds < 0 ? .min : .max) : sum
  }
}
