public import PoolModel

/// What the machine asks its shell to do. Each act has a number (`sequence`) of its own within the run; the same number
/// means the same act, ordered again.
public enum Directive: Hashable, Sendable, Codable {
  /// Read the pool after `after` and answer with `observed` or `unobserved`.
  case observe(after: Duration)
  /// Fail the server over.
  case failOver(ServerName, sequence: Int, epoch: UInt64, drain: Duration, within: Duration, forced: String?)
  /// Stop its process.
  case stop(ServerName, sequence: Int, within: Duration)
  /// Start its process.
  case start(ServerName, sequence: Int, within: Duration)
  /// Return it to service.
  case failBack(ServerName, sequence: Int, even: Bool, within: Duration)
  /// Read its version.
  case readVersion(ServerName, sequence: Int, within: Duration)
  /// Run a command, for a server or for the run.
  case command(CommandKind, ServerName?, sequence: Int, attempt: Int, within: Duration)
  /// Even primaries out.
  case even(sequence: Int, within: Duration)
  /// Recover from quorum loss.
  case recover(sequence: Int, within: Duration)
  /// Answer with `timer` after `after`.
  case timer(sequence: Int, after: Duration)
  /// The run paused or ended: no directive follows. The claim is given up when it ended, kept when it paused.
  case finish
  /// Another coordinator acts, or may act: stop everything, write nothing.
  case standDown

  /// The number of the act; `nil` for directives that are none.
  public var sequence: Int? {
    switch self {
    case .failOver(_, let sequence, _, _, _, _), .stop(_, let sequence, _), .start(_, let sequence, _),
      .failBack(_, let sequence, _, _), .readVersion(_, let sequence, _), .command(_, _, let sequence, _, _),
      .even(let sequence, _), .recover(let sequence, _):
      sequence
    case .observe, .timer, .finish, .standDown: nil
    }
  }
}

/// What is to be done next. The shell makes `records` durable before it performs the first of `directives`.
public struct Step: Hashable, Sendable, Codable {
  /// To be written down, in order.
  public var records: [JournalRecord] = []
  /// To be performed, in any order, after that.
  public var directives: [Directive] = []
  /// To be told to whoever watches; nothing depends on it.
  public var notices: [Notice] = []
}

/// News that is no record.
public enum Notice: Hashable, Sendable, Codable {
  /// A gate waits.
  case waiting(ServerName, ServerPhase, [Objection], waited: Duration, left: Duration)
  /// The pool must stay whole for so long still.
  case soaking(ServerName, left: Duration)
}
