public import PoolModel

/// What a gate says: one of three answers.
public enum Verdict: Hashable, Sendable, Codable {
  /// The server may be stopped; warnings are told.
  case go(warnings: [Objection])
  /// Not now: these have to pass first. Missing and old data are here, never under `go`.
  case wait([Objection])
  /// No: these will not pass by themselves.
  case fail([Objection])

  /// The verdict that `objections` amount to: the heaviest decides.
  public init(_ objections: [Objection]) {
    let failures = objections.filter { $0.weight == .fail }
    let waits = objections.filter { $0.weight == .wait }
    if !failures.isEmpty {
      self = .fail(failures)
    } else if !waits.isEmpty {
      self = .wait(waits)
    } else {
      self = .go(warnings: objections)
    }
  }

  /// Whether it is go.
  public var isGo: Bool { if case .go = self { true } else { false } }

  /// What stands against it, or is to be told.
  public var objections: [Objection] {
    switch self {
    case .go(let objections), .wait(let objections), .fail(let objections): objections
    }
  }
}

/// A member of the pool's fabric store, as the gate sees it.
public struct SeedMember: Hashable, Sendable, Codable {
  /// Its name.
  public var name: String
  /// Whether it answers.
  public var isHealthy: Bool
  /// The pool's server that it runs on and goes down with; `nil` when it stands apart.
  public var server: ServerName?

  /// A member as observed.
  public init(name: String, isHealthy: Bool, server: ServerName? = nil) {
    self.name = name
    self.isHealthy = isHealthy
    self.server = server
  }
}

/// How gates are set for a run.
public struct GateSettings: Hashable, Sendable, Codable {
  /// How much must remain.
  public var floor: Floor
  /// How old a reading may be.
  public var freshness: Duration
  /// Most bindings one server can hold; `nil` when nobody said.
  public var capacity: Int?
  /// The run that asks: servers out by it are not somebody else's.
  public var run: String?
  /// How long an objection of a kind may stand; kinds not named wait as long as the run's wait time.
  public var patience: [GateKind: Duration]
  /// How long a run that is under way waits for groups in quorum loss before it takes that for a loss: when a whole
  /// machine stalls the leases of its servers run out together, and a moment later all are back. `nil` for not at all.
  public var lossGrace: Duration?
  /// The command that recovers from quorum loss, told in refusals.
  public var recoveryCommand: String

  /// Settings; the defaults are the product's.
  public init(
    floor: Floor = .quorate,
    freshness: Duration = .seconds(5),
    capacity: Int? = nil,
    run: String? = nil,
    patience: [GateKind: Duration] = [:],
    lossGrace: Duration? = nil,
    recoveryCommand: String = "quorate reset POOL --type quorum-loss-recovery"
  ) {
    self.floor = floor
    self.freshness = freshness
    self.capacity = capacity
    self.run = run
    self.patience = patience
    self.lossGrace = lossGrace
    self.recoveryCommand = recoveryCommand
  }
}

/// Remembers since when objections stand, so that a patience can run out. Keep one for each gate that waits.
public struct GateMemory: Hashable, Sendable, Codable {
  private var since: [String: PoolTime] = [:]

  /// An empty memory.
  public init() {}

  /// The verdict with `since` filled in; an objection that stood longer than its patience becomes a failure.
  public mutating func judge(_ objections: [Objection], settings: GateSettings, at now: PoolTime) -> Verdict {
    var known: [String: PoolTime] = [:]
    let dated = objections.map { objection in
      var dated = objection
      let first = since[objection.identity] ?? now
      known[objection.identity] = first
      dated.since = objection.since ?? first
      dated.patience = objection.patience ?? settings.patience[objection.gate]
      if dated.weight == .wait, let patience = dated.patience, now - first > patience { dated.weight = .fail }
      return dated
    }
    since = known
    return Verdict(dated)
  }
}
