public import PoolDriving
public import Replication

/// What an act does to the pool's records, as a machine that looks at the fabric and says what comes next. It keeps
/// nothing that matters: another process that begins in the middle says the same. It reads no clock; whoever follows it
/// has the deadline.
public protocol PoolProcedure: Sendable {
  /// What it answers at its end.
  associatedtype Answer: Hashable, Sendable

  /// What comes next when the fabric looks like `view`. Throws when it cannot go on.
  mutating func next(_ view: FabricView) throws(PoolDriverError) -> ProcedureStep<Answer>
}

/// What comes next in a procedure.
public enum ProcedureStep<Answer: Hashable & Sendable>: Hashable, Sendable {
  /// Commit these, each alone, and look again whatever became of them.
  case commit([FabricUpdate])
  /// Wait for a change of the fabric; with what there is to tell meanwhile.
  case wait(DriverProgress?)
  /// It is at its end.
  case done(Answer)
}

/// The answer of a procedure that has nothing to tell.
public struct Done: Hashable, Sendable {
  /// The only one.
  public init() {}
}
