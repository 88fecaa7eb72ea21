/// Identity of one act on a pool: which run, which directive of it, under which fencing generation. Every driver verb
/// is idempotent on (run, sequence), and refuses a generation lower than the highest it has seen for the pool.
public struct ActIdentity: Hashable, Sendable, Codable, CustomStringConvertible {
  /// The run's identifier, for example `20261123-120501-7f3a`.
  public var run: String
  /// The directive's number within the run, from 1.
  public var sequence: Int
  /// The fencing generation of the coordinator that ordered it.
  public var generation: UInt64

  /// Names an act.
  public init(run: String, sequence: Int, generation: UInt64) {
    self.run = run
    self.sequence = sequence
    self.generation = generation
  }

  /// `run/sequence@generation`.
  public var description: String { "\(run)/\(sequence)@\(generation)" }
}

/// Who orders an act, and why: goes into the out-mark and the journal.
public struct Act: Hashable, Sendable, Codable {
  /// Which act.
  public var identity: ActIdentity
  /// `user@host` of the operator.
  public var by: String
  /// The reason given.
  public var reason: String
  /// Whether objections are overridden; then `reason` is the operator's own word.
  public var forced: Bool

  /// An act as ordered.
  public init(identity: ActIdentity, by: String, reason: String, forced: Bool = false) {
    self.identity = identity
    self.by = by
    self.reason = reason
    self.forced = forced
  }
}
