public import PatchRun
public import PoolModel

/// What a run tells while it goes on: typed, so that a command can show it as a table, as lines or as JSON lines.
public struct RunEvent: Hashable, Sendable, Codable {
  /// What kind of news.
  public enum Kind: String, Hashable, Sendable, Codable {
    /// The run has begun or was resumed; `plan` is given.
    case began
    /// A server entered a phase.
    case phase
    /// A server's phase has news; counts may be given.
    case progress
    /// A gate waits; `objections` are given.
    case waiting
    /// A gate said go with warnings, or something else is to be told.
    case warning
    /// A line of output of a command.
    case output
    /// A server's part ended; `outcome` is given.
    case server
    /// The whole run has news (recovery, evening out, pause asked for).
    case run
    /// The run ended or paused.
    case ended
  }

  /// When, in pool time.
  public var at: PoolTime
  /// The run.
  public var run: String
  /// What kind of news.
  public var kind: Kind
  /// The server it is about.
  public var server: ServerName?
  /// The phase it is in.
  public var phase: ServerPhase?
  /// The line for people, without the server's name.
  public var message: String
  /// How many are done.
  public var done: Int?
  /// Of how many.
  public var total: Int?
  /// What a gate waits for or warns of.
  public var objections: [Objection]
  /// How a server's part ended.
  public var outcome: ServerOutcome?
  /// The plan, with `began`.
  public var plan: PatchPlan?

  /// News.
  public init(
    at: PoolTime,
    run: String,
    kind: Kind,
    server: ServerName? = nil,
    phase: ServerPhase? = nil,
    message: String,
    done: Int? = nil,
    total: Int? = nil,
    objections: [Objection] = [],
    outcome: ServerOutcome? = nil,
    plan: PatchPlan? = nil
  ) {
    self.at = at
    self.run = run
    self.kind = kind
    self.server = server
    self.phase = phase
    self.message = message
    self.done = done
    self.total = total
    self.objections = objections
    self.outcome = outcome
    self.plan = plan
  }
}
