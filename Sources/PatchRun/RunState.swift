public import PoolModel

/// A run at one moment: the fold of its journal, and beside it what only the present coordinator knows.
public struct RunState: Hashable, Sendable, Codable {
  /// One server's part.
  public struct Lane: Hashable, Sendable, Codable {
    /// Where its part is headed.
    public enum Heading: Hashable, Sendable, Codable {
      /// What the run is for.
      case forward
      /// Back into service as it was; why.
      case returning(String)
    }

    /// Which server.
    public var server: ServerName
    /// Its version when the plan was made.
    public var before: String?
    /// The version last read.
    public var after: String?
    /// How its part stands.
    public var outcome: ServerOutcome = .waiting
    /// Where it is.
    public var phase: ServerPhase = .waiting
    /// The number of the act it is at.
    public var sequence = 0
    /// How often that act was tried.
    public var attempt = 1
    /// The fabric epoch its gate was passed at.
    public var epoch: UInt64 = 0
    /// Where it is headed.
    public var heading: Heading = .forward
    /// Whether the old version has to be put back.
    public var rollback = false
    /// Whether the patch asked for a reboot.
    public var rebootNeeded = false
    /// What became of its clients when it went out.
    public var clients: ClientTally?

    /// Whether it is being worked on.
    public var isActive: Bool { outcome == .active }
    /// Whether it is on its way back.
    public var isReturning: Bool { heading != .forward }
    /// Whether its part ended as it should.
    public var isGood: Bool {
      switch outcome {
      case .done, .skipped: true
      case .waiting, .active, .returned, .quarantined: false
      }
    }
    /// Whether its part is over, for good or until a resume.
    public var isOver: Bool {
      switch outcome {
      case .waiting, .active: false
      case .skipped, .done, .returned, .quarantined: true
      }
    }
  }

  /// The run's identifier.
  public internal(set) var run: String
  /// What is to be done.
  public internal(set) var plan: PatchPlan
  /// How.
  public internal(set) var settings: RunSettings
  /// Where it is as a whole.
  public internal(set) var stage: RunStage = .planned
  /// The servers it works on, in order of the plan.
  public internal(set) var lanes: [Lane]
  /// The number of the newest act.
  public internal(set) var sequence = 0
  /// How often the run's own act (recovery, evening, hook) was tried.
  public internal(set) var attempt = 1
  /// Whether any server was touched: failed over, stopped or started.
  public internal(set) var touched = false
  /// Why no new server begins, in the order in which the reasons came; empty while they do.
  public internal(set) var haltReasons: [String] = []
  /// Why it was given up; `nil` while it was not.
  public internal(set) var aborting: String?
  /// Whether a recovery was done.
  public internal(set) var recovered = false
  /// Whether something of the run as a whole went wrong that did not stop it.
  public internal(set) var flawed = false
  /// The sum of generations at first; `nil` before the first reading.
  public internal(set) var generations: UInt64?
  /// How many records it is the fold of.
  public internal(set) var records = 0

  /// What only the present coordinator knows; empty after a replay.
  var volatile = Volatile()

  init(run: String, plan: PatchPlan, settings: RunSettings) {
    self.run = run
    self.plan = plan
    self.settings = settings
    lanes = plan.servers.map { server in Lane(server: server, before: plan.entry(server)?.version) }
  }

  /// The part of a server.
  public func lane(_ server: ServerName) -> Lane? { lanes.first { $0.server == server } }

  /// Whether it is over for good.
  public var isEnded: Bool { if case .ended = stage { true } else { false } }

  /// Why no new server begins, all reasons in one line; `nil` while they do.
  public var halting: String? { haltReasons.isEmpty ? nil : haltReasons.joined(separator: "; ") }

  /// How it stands, for lists.
  public var outcome: RunOutcome {
    switch stage {
    case .paused(let why): .paused(why)
    case .ended(let outcome): outcome
    default: .running
    }
  }

  /// What a command exits with when it leaves the run in this state.
  public var exitCode: ExitCode {
    switch outcome {
    case .whatIf: .done
    case .running, .paused, .stopped: .stopped
    case .refused: .refused
    case .abandoned: .notGood
    case .finished: !flawed && lanes.allSatisfy(\.isGood) ? .done : .notGood
    }
  }

  /// Servers quarantined so far.
  public var quarantined: [ServerName] {
    lanes.filter { if case .quarantined = $0.outcome { true } else { false } }.map(\.server)
  }

  /// The servers of the first batch that is not over.
  var currentBatch: [ServerName] {
    plan.batches.first { batch in batch.contains { server in lane(server)?.isOver == false } } ?? []
  }

  mutating func change(_ server: ServerName, _ change: (inout Lane) -> Void) {
    guard let index = lanes.firstIndex(where: { $0.server == server }) else { return }
    change(&lanes[index])
  }
}

extension RunState {
  /// What the present coordinator knows and no record holds. Who resumes starts with an empty one.
  struct Volatile: Hashable, Sendable, Codable {
    /// A lane's wait.
    struct Wait: Hashable, Sendable, Codable {
      var server: ServerName
      var since: Instant
      var deadline: Instant
      var memory = GateMemory()
      /// Since when the pool has been whole, for soaking.
      var quietSince: Instant?
      /// What it last wrote down as waited for.
      var recorded: [String] = []
      /// How often the pool refused after a gate's yes.
      var refusals = 0
    }

    var waits: [Wait] = []
    /// Whether a reading is under way.
    var observing = false
    /// The pause before the next reading.
    var poll: Duration = .zero
    /// Lanes whose fail-over may or may not have begun: look before ordering it again.
    var uncertain: Set<ServerName> = []
    /// Since when servers that are out now have been so, and the longest time that one was.
    var outSince: [ServerName: Instant] = [:]
    var longestOut: Duration = .zero
    /// What the prober last said.
    var probes: ProbeSummary?
    /// Whether a gap that is too long was told.
    var saidGap = false
    /// Whether this coordinator must not act any more.
    var stoodDown = false

    func wait(_ server: ServerName) -> Wait? { waits.first { $0.server == server } }
  }
}
