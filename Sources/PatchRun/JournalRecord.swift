public import PoolModel

/// What a run writes down before it acts. The machine's durable state is the fold of its records and nothing else, so
/// that reading them back is the whole of recovery.
public enum JournalRecord: Hashable, Sendable, Codable {
  /// The first record: what will be done, and how.
  case planned(run: String, plan: PatchPlan, settings: RunSettings)
  /// Somebody coordinates from here on.
  case coordinator(Coordinator)
  /// The run as a whole goes on to another stage.
  case stage(RunStage)
  /// A server enters a phase; the act it needs has this number. `epoch` is the fabric epoch that a gate's yes was read at.
  case entered(ServerName, ServerPhase, sequence: Int, epoch: UInt64?)
  /// An act is tried again.
  case retried(ServerName?, sequence: Int, attempt: Int, why: String)
  /// A gate waits for something it did not wait for before.
  case waited(ServerName, for: [String])
  /// A gate was passed over these objections.
  case forced(ServerName, reason: String, objections: [String])
  /// Something an operator should know.
  case warned(ServerName?, String)
  /// A version was read.
  case versionRead(ServerName, String?)
  /// A server that went out has said what became of its clients.
  case drained(ServerName, ClientTally)
  /// The patch asked for a reboot.
  case rebootNeeded(ServerName)
  /// The server is brought back instead of patched; why, and whether the old version must be put back first.
  case turned(ServerName, why: String, rollback: Bool)
  /// A server's part changes or ends.
  case server(ServerName, ServerOutcome)
  /// No new server begins; when those at work are done, the run pauses or ends.
  case halting(String)
  /// An operator gives the run up.
  case aborting(by: String, reason: String)
  /// An operator goes on with a paused run.
  case resumed(by: String)
  /// Who goes on with the run changes how it is carried out: a recovery approved, a command mended.
  case amended(RunSettings)
  /// The sum of all groups' generations: differences count moves of primaries.
  case counted(generations: UInt64)
  /// So many primaries were moved to even out.
  case evened(Int)
  /// A recovery was done.
  case recovered(RecoverySummary)
  /// What users felt while this coordinator was at work.
  case probed(ProbeSummary)
}

/// Where a run as a whole is.
public enum RunStage: Hashable, Sendable, Codable {
  /// Made, not begun. Goes to `command(beforeRun)`, `running`, `recovering`, `ended`.
  case planned
  /// A hook of the run runs. Goes to `running` (before), `counting` (after), `ended`.
  case command(CommandKind, sequence: Int)
  /// Servers are worked on. Goes to `recovering`, `evening`, `command(afterRun)`, `counting`, `paused`, `ended`.
  case running
  /// Quorum is being recovered. Goes to `running`, `counting`, `ended`.
  case recovering(sequence: Int)
  /// Primaries are evened out, once. Goes to `command(afterRun)`, `counting`.
  case evening(sequence: Int)
  /// The last look at the pool. Goes to `ended`.
  case counting
  /// Waits for an operator. Goes to `running`, `ended`.
  case paused(String)
  /// Over. Goes nowhere.
  case ended(RunOutcome)
}

/// A journal that is not what this program wrote.
public struct JournalFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// Which record, from 1.
  public var record: Int
  /// What is wrong with it.
  public var what: String

  /// A fault.
  public init(record: Int, what: String) {
    self.record = record
    self.what = what
  }

  /// `record 12: what`.
  public var description: String { "record \(record): \(what)" }
}
