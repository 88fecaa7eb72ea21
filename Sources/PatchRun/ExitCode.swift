/// How a command ends, as its exit code (documented in docs/operating).
public enum ExitCode: Int32, Hashable, Sendable, Codable, CaseIterable {
  /// Done.
  case done = 0
  /// Finished, but not good: something is not as it should be.
  case notGood = 1
  /// The command line was wrong.
  case usage = 64
  /// A file (pool file, plan, journal) was wrong.
  case badFile = 65
  /// The pool, its store or a server cannot be reached.
  case unreachable = 69
  /// Stopped, and can be resumed.
  case stopped = 75
  /// Refused because it would be unsafe.
  case refused = 77
}
