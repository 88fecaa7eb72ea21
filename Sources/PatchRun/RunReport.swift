public import PoolModel

/// What a run did, made from its journal alone: by whom, on which servers, how long each step took, what was waited for,
/// what was forced, and how it ended.
public struct RunReport: Hashable, Sendable, Codable {
  /// Version of this format.
  public var format: Int
  /// The run's identifier.
  public var run: String
  /// What it was.
  public var kind: RunKind
  /// On which pool.
  public var pool: PoolName
  /// To which version.
  public var target: String?
  /// `user@host` of who started it.
  public var by: String
  /// Everyone who has coordinated it, in order: the first, and one for each resume.
  public var coordinators: [Coordinator]
  /// When it began.
  public var began: PoolTime
  /// When it ended or paused; `nil` while it runs.
  public var ended: PoolTime?
  /// How it stands.
  public var outcome: RunOutcome
  /// What a command that shows it exits with.
  public var exitCode: ExitCode
  /// Its servers, in the order of the plan.
  public var servers: [ServerReport]
  /// What was planned.
  public var plan: PatchPlan
  /// Primaries that moved, as counted from the groups' generations; `nil` when that is not known.
  public var movesActual: Int?
  /// Primaries that were moved to even out; part of `movesActual`.
  public var movesEvening: Int?
  /// What was done over objections.
  public var forced: [ForcedAct]
  /// What a recovery did, when one was part of it.
  public var recovery: RecoverySummary?
  /// What users felt; `nil` when nobody probed.
  public var probes: ProbeSummary?
  /// Why nobody probed; `nil` when somebody did, or when it is no run that users are watched in.
  public var unwatched: String?
  /// What the gates say of each server: only in what-if reports.
  public var gates: [GateForecast]
  /// Remarks, in order.
  public var remarks: [String]
  /// Commands that go on from here.
  public var next: [String]

  /// An empty report of a run.
  public init(run: String, plan: PatchPlan, by: String, began: PoolTime) {
    format = 1
    self.run = run
    kind = plan.kind
    pool = plan.pool
    target = plan.target
    self.by = by
    coordinators = []
    self.began = began
    ended = nil
    outcome = .running
    exitCode = .stopped
    servers = plan.entries.map { ServerReport(server: $0.server, before: $0.version, skip: $0.skip) }
    self.plan = plan
    movesActual = nil
    movesEvening = nil
    forced = []
    recovery = nil
    gates = []
    remarks = plan.remarks
    next = []
  }
}

/// Who coordinates or coordinated a run.
public struct Coordinator: Hashable, Sendable, Codable {
  /// `user@host`.
  public var by: String
  /// The machine.
  public var host: String
  /// The process.
  public var pid: Int32
  /// Since when.
  public var since: PoolTime
  /// Its fencing generation.
  public var generation: UInt64

  /// A coordinator as recorded.
  public init(by: String, host: String, pid: Int32, since: PoolTime, generation: UInt64) {
    self.by = by
    self.host = host
    self.pid = pid
    self.since = since
    self.generation = generation
  }
}

/// One server's part of a run.
public struct ServerReport: Hashable, Sendable, Codable {
  /// Which server.
  public var server: ServerName
  /// Its version when the plan was made.
  public var before: String?
  /// Its version when its part ended.
  public var after: String?
  /// How its part ended.
  public var outcome: ServerOutcome
  /// What was done, in order.
  public var steps: [StepReport]
  /// What became of its clients when it went out; `nil` when it did not, or did not say.
  public var clients: ClientTally?

  /// A server before anything was done.
  public init(server: ServerName, before: String?, skip: String?) {
    self.server = server
    self.before = before
    after = skip == nil ? nil : before
    outcome = skip.map { .skipped($0) } ?? .waiting
    steps = []
  }

  /// How long it was out of service, or on its way, all times together; `nil` when it never was, or is still.
  public var outTime: Duration? {
    let out = steps.filter(\.phase.isOut)
    guard !out.isEmpty, out.allSatisfy({ $0.ended != nil }) else { return nil }
    return out.reduce(.zero) { $0 + ($1.took ?? .zero) }
  }
}

/// One step of one server.
public struct StepReport: Hashable, Sendable, Codable {
  /// Which step.
  public var phase: ServerPhase
  /// When it began.
  public var began: PoolTime
  /// When it ended; `nil` while it goes on.
  public var ended: PoolTime?
  /// How often it was tried.
  public var attempts: Int
  /// What it waited for, for gates: each sentence once.
  public var waits: [String]
  /// Why it failed, when it did.
  public var failure: String?

  /// A step that begins.
  public init(_ phase: ServerPhase, began: PoolTime) {
    self.phase = phase
    self.began = began
    ended = nil
    attempts = 1
    waits = []
    failure = nil
  }

  /// How long it took; `nil` while it goes on.
  public var took: Duration? { ended.map { $0 - began } }
}

/// An act over objections.
public struct ForcedAct: Hashable, Sendable, Codable {
  /// The server.
  public var server: ServerName
  /// When.
  public var at: PoolTime
  /// By whom.
  public var by: String
  /// The operator's reason.
  public var reason: String
  /// What stood against it.
  public var objections: [String]

  /// An act as recorded.
  public init(server: ServerName, at: PoolTime, by: String, reason: String, objections: [String]) {
    self.server = server
    self.at = at
    self.by = by
    self.reason = reason
    self.objections = objections
  }
}

/// What a recovery did, and who approved it.
public struct RecoverySummary: Hashable, Sendable, Codable {
  /// Who approved it.
  public var approvedBy: String
  /// Groups that were rebuilt.
  public var groups: [RoutingGroupID]
  /// Servers whose replicas were declared lost.
  public var lostServers: [ServerName]
  /// Replicas declared lost.
  public var replicasLost: Int
  /// Replicas placed anew.
  public var replicasPlaced: Int
  /// Bindings found in the store for those groups.
  public var bindingsRecovered: Int

  /// A summary.
  public init(
    approvedBy: String,
    groups: [RoutingGroupID],
    lostServers: [ServerName],
    replicasLost: Int,
    replicasPlaced: Int,
    bindingsRecovered: Int
  ) {
    self.approvedBy = approvedBy
    self.groups = groups
    self.lostServers = lostServers
    self.replicasLost = replicasLost
    self.replicasPlaced = replicasPlaced
    self.bindingsRecovered = bindingsRecovered
  }
}

/// What the gates say of one server before a run.
public struct GateForecast: Hashable, Sendable, Codable {
  /// The server.
  public var server: ServerName
  /// The answer now.
  public var verdict: Verdict

  /// A forecast.
  public init(server: ServerName, verdict: Verdict) {
    self.server = server
    self.verdict = verdict
  }
}
