import PoolDriving

/// Remembers what was said last, so that each line is told once and an error can say how far a verb came.
struct ProgressReport {
  private var last: DriverProgress?

  /// The last line, for errors.
  var lastMessage: String { last?.message ?? "nothing had happened yet" }

  /// Passes `progress` on unless it is what was said last.
  mutating func say(_ progress: DriverProgress, to listener: (DriverProgress) -> Void) {
    guard progress != last else { return }
    last = progress
    listener(progress)
  }
}
