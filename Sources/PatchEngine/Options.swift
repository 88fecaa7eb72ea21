public import PatchRun
public import PoolModel

/// How a server is failed over.
public struct FailOverOptions: Hashable, Sendable, Codable {
  /// How long to wait for the gates and for the move, together.
  public var waitTime: Duration
  /// Over how long clients are moved.
  public var drainTime: Duration
  /// The operator's reason to go over objections; `nil` to obey them.
  public var force: String?
  /// Leaves the process running when everything has moved.
  public var noStop: Bool
  /// How much must remain.
  public var floor: Floor
  /// Tells what would be done and does nothing, whatever else is given.
  public var whatIf: Bool

  /// Options; the defaults are the product's.
  public init(
    waitTime: Duration = .seconds(3_600),
    drainTime: Duration = .seconds(30),
    force: String? = nil,
    noStop: Bool = false,
    floor: Floor = .quorate,
    whatIf: Bool = false
  ) {
    self.waitTime = waitTime
    self.drainTime = drainTime
    self.force = force
    self.noStop = noStop
    self.floor = floor
    self.whatIf = whatIf
  }
}

/// How a server is failed back.
public struct FailBackOptions: Hashable, Sendable, Codable {
  /// How long to wait.
  public var waitTime: Duration
  /// Does not start the process: it runs already.
  public var noStart: Bool
  /// Takes primaries back evenly before it returns.
  public var even: Bool
  /// Tells what would be done and does nothing, whatever else is given.
  public var whatIf: Bool

  /// Options; the defaults are the product's.
  public init(
    waitTime: Duration = .seconds(3_600),
    noStart: Bool = false,
    even: Bool = true,
    whatIf: Bool = false
  ) {
    self.waitTime = waitTime
    self.noStart = noStart
    self.even = even
    self.whatIf = whatIf
  }
}

/// How a pool is recovered from quorum loss.
public struct RecoverOptions: Hashable, Sendable, Codable {
  /// How long to wait.
  public var waitTime: Duration
  /// Tells what would be done and does nothing.
  public var whatIf: Bool

  /// Options; the defaults are the product's.
  public init(waitTime: Duration = .seconds(3_600), whatIf: Bool = false) {
    self.waitTime = waitTime
    self.whatIf = whatIf
  }
}

/// Which servers may be out together.
public enum BatchMode: String, Hashable, Sendable, Codable, CaseIterable {
  /// One at a time.
  case one
  /// The largest safe sets.
  case auto
}

/// How a pool is patched.
public struct PatchOptions: Hashable, Sendable, Codable {
  /// Only these servers; `nil` for all.
  public var servers: [ServerName]?
  /// The version to have; `nil` for the pool file's.
  public var target: String?
  /// How long each wait may take: gates, fail-over, fail-back, settling, recovery.
  public var waitTime: Duration
  /// Over how long clients are moved.
  public var drainTime: Duration
  /// Who approved a recovery from quorum loss as part of the run; `nil` when nobody did.
  public var recoverApproved: String?
  /// How much must remain.
  public var floor: Floor
  /// Which servers may be out together.
  public var batch: BatchMode
  /// How many servers may stay out (quarantined) before the run pauses.
  public var maxFailed: Int
  /// How long the pool must stay whole after each server.
  public var soak: Duration
  /// Patches so many servers first and then soaks for `canarySoak`; 0 for none.
  public var canary: Int
  /// How long the pool is watched after the canaries.
  public var canarySoak: Duration
  /// Maintenance windows, like `Mon-Fri 10:00-16:00 Europe/Berlin`; empty for any time.
  public var windows: [String]
  /// How long a server may be out, for the windows; `nil` for what the last runs took and half as much again, or five
  /// minutes when there are none.
  public var serverTime: Duration?
  /// The longest gap of a user that the run goes on with; needs a prober. `nil` for any.
  public var maxGap: Duration?
  /// Why users are not watched; `nil` when they are, by the engine's prober.
  public var unwatched: String?
  /// Executes exactly this plan.
  public var plan: PatchPlan?
  /// Most bindings one server can hold; `nil` when nobody said.
  public var capacity: Int?
  /// Tells what would be done and does nothing, whatever else is given.
  public var whatIf: Bool

  /// Options; the defaults are the product's.
  public init(
    servers: [ServerName]? = nil,
    target: String? = nil,
    waitTime: Duration = .seconds(3_600),
    drainTime: Duration = .seconds(30),
    recoverApproved: String? = nil,
    floor: Floor = .quorate,
    batch: BatchMode = .one,
    maxFailed: Int = 0,
    soak: Duration = .zero,
    canary: Int = 0,
    canarySoak: Duration = .zero,
    windows: [String] = [],
    serverTime: Duration? = nil,
    maxGap: Duration? = nil,
    unwatched: String? = nil,
    plan: PatchPlan? = nil,
    capacity: Int? = nil,
    whatIf: Bool = false
  ) {
    self.servers = servers
    self.target = target
    self.waitTime = waitTime
    self.drainTime = drainTime
    self.recoverApproved = recoverApproved
    self.floor = floor
    self.batch = batch
    self.maxFailed = maxFailed
    self.soak = soak
    self.canary = canary
    self.canarySoak = canarySoak
    self.windows = windows
    self.serverTime = serverTime
    self.maxGap = maxGap
    self.unwatched = unwatched
    self.plan = plan
    self.capacity = capacity
    self.whatIf = whatIf
  }
}

/// How servers are restarted one at a time.
public struct RestartOptions: Hashable, Sendable, Codable {
  /// Only these servers; `nil` for all.
  public var servers: [ServerName]?
  /// How long each wait may take.
  public var waitTime: Duration
  /// Over how long clients are moved.
  public var drainTime: Duration
  /// The operator's reason to go over objections; `nil` to obey them.
  public var force: String?
  /// How much must remain.
  public var floor: Floor
  /// Tells what would be done and does nothing.
  public var whatIf: Bool

  /// Options; the defaults are the product's.
  public init(
    servers: [ServerName]? = nil,
    waitTime: Duration = .seconds(3_600),
    drainTime: Duration = .seconds(30),
    force: String? = nil,
    floor: Floor = .quorate,
    whatIf: Bool = false
  ) {
    self.servers = servers
    self.waitTime = waitTime
    self.drainTime = drainTime
    self.force = force
    self.floor = floor
    self.whatIf = whatIf
  }
}

/// One run in a list.
public struct RunSummary: Hashable, Sendable, Codable {
  /// The run's identifier; identifiers sort by time.
  public var run: String
  /// What it is.
  public var kind: RunKind
  /// Who started it.
  public var by: String
  /// When.
  public var began: PoolTime
  /// How it stands.
  public var outcome: RunOutcome
  /// Whether a coordinator is at work on it at this moment.
  public var isLive: Bool

  /// A summary.
  public init(run: String, kind: RunKind, by: String, began: PoolTime, outcome: RunOutcome, isLive: Bool) {
    self.run = run
    self.kind = kind
    self.by = by
    self.began = began
    self.outcome = outcome
    self.isLive = isLive
  }
}
