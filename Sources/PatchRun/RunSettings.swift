/// How one kind of command is tried.
public struct CommandPolicy: Hashable, Sendable, Codable {
  /// How long one try may take.
  public var timeout: Duration
  /// How often it is tried again.
  public var retries: Int
  /// The pause before the first new try; it doubles with each.
  public var backOff: Duration

  /// A policy.
  public init(timeout: Duration, retries: Int = 0, backOff: Duration = .seconds(1)) {
    self.timeout = timeout
    self.retries = retries
    self.backOff = backOff
  }
}

/// A command of the patch section that exists, and how it is tried.
public struct CommandEntry: Hashable, Sendable, Codable {
  /// Which.
  public var kind: CommandKind
  /// How it is tried.
  public var policy: CommandPolicy

  /// An entry.
  public init(_ kind: CommandKind, _ policy: CommandPolicy) {
    self.kind = kind
    self.policy = policy
  }
}

/// How a run is carried out: journaled with its plan, so that who resumes it goes on the same way.
public struct RunSettings: Hashable, Sendable, Codable {
  /// `user@host` of who started it.
  public var by: String
  /// How the operator named the pool: what the commands of a report name it by. The pool's own name when `nil`.
  public var poolArgument: String?
  /// How long gates and a fail-over may take together, and each other wait alone.
  public var waitTime: Duration
  /// Over how long clients are moved.
  public var drainTime: Duration
  /// How long a start or a stop may take.
  public var actTime: Duration
  /// How long a last gate may wait before the server is brought back.
  public var lastGatePatience: Duration
  /// Who approved a recovery from quorum loss within the run.
  public var recoverApproved: String?
  /// The operator's reason to go over objections.
  public var force: String?
  /// How many servers may be quarantined before the run pauses.
  public var maxFailed: Int
  /// How long the pool must stay whole after each server.
  public var soak: Duration
  /// After so many servers the run soaks for `canarySoak`; 0 for never.
  public var canary: Int
  /// How long the pool must stay whole after the canaries.
  public var canarySoak: Duration
  /// Whether primaries are evened out once at the end.
  public var evenAtEnd: Bool
  /// fail-over: leaves the process running.
  public var noStop: Bool
  /// fail-back: does not start the process.
  public var noStart: Bool
  /// fail-back: takes primaries back before it returns.
  public var even: Bool
  /// The longest gap of a user that the run goes on with; `nil` when nobody watches.
  public var maxGap: Duration?
  /// Why users are not watched during the run; `nil` when they are.
  public var unwatched: String?
  /// Maintenance windows as the operator wrote them; empty for any time.
  public var windows: [String]
  /// How long a server is expected to be out: no server is taken out when less of the window is left. What this
  /// coordinator saw counts when it is longer.
  public var serverTime: Duration
  /// How often a driver's verb is tried in all before it counts as failed.
  public var tries: Int
  /// The pause before the first new try of a verb; it doubles with each.
  public var backOff: Duration
  /// The commands that exist.
  public var commands: [CommandEntry]
  /// How gates are set.
  public var gates: GateSettings

  /// Settings; the defaults are the product's.
  public init(
    by: String,
    waitTime: Duration = .seconds(3_600),
    drainTime: Duration = .seconds(30),
    commands: [CommandEntry] = [],
    gates: GateSettings = GateSettings()
  ) {
    self.by = by
    self.waitTime = waitTime
    self.drainTime = drainTime
    actTime = .seconds(120)
    lastGatePatience = .seconds(60)
    recoverApproved = nil
    force = nil
    maxFailed = 0
    soak = .zero
    canary = 0
    canarySoak = .zero
    evenAtEnd = true
    noStop = false
    noStart = false
    even = true
    maxGap = nil
    unwatched = nil
    windows = []
    serverTime = .seconds(300)
    tries = 3
    backOff = .milliseconds(500)
    self.commands = commands
    self.gates = gates
  }

  /// The policy of a command; `nil` when there is none.
  public func policy(_ kind: CommandKind) -> CommandPolicy? { commands.first { $0.kind == kind }?.policy }

  /// Whether the command exists.
  public func has(_ kind: CommandKind) -> Bool { policy(kind) != nil }
}
