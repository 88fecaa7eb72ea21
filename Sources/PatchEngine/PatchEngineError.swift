public import PatchRun

/// Why the engine could not begin or go on. What happened within a run is in its report instead.
public struct PatchEngineError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind.
  public enum Code: String, Hashable, Sendable {
    /// Somebody else holds the pool's claim.
    case claimed
    /// The coordinator's lease was lost, or a newer coordinator acts: this process stopped acting.
    case fenced
    /// The pool or its store cannot be reached.
    case unreachable
    /// No such server or run.
    case unknown
    /// What was asked for contradicts itself or the pool.
    case invalid
    /// A plan is not of this pool, or the pool has changed under it.
    case planStale
    /// No maintenance window is long enough for a server.
    case noWindow
    /// A command of the pool file does not do what it is there for.
    case badCommand
    /// The journal is not what this program wrote.
    case journal
    /// Cancelled; the run can be resumed.
    case cancelled
  }

  /// The kind.
  public var code: Code
  /// What, where, and what to do, for people.
  public var message: String

  /// An error.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// What a command exits with.
  public var exitCode: ExitCode {
    switch code {
    case .claimed: .refused
    case .fenced, .cancelled: .stopped
    case .unreachable: .unreachable
    case .unknown, .invalid: .usage
    case .planStale, .noWindow: .refused
    case .journal, .badCommand: .badFile
    }
  }

  /// The message alone.
  public var description: String { message }
}
