public import PoolModel

/// What a run will do, as data: made once from one reading of the pool, never changed, journaled whole.
public struct PatchPlan: Hashable, Sendable, Codable {
  /// What is planned for one server.
  public struct Entry: Hashable, Sendable, Codable {
    /// Which server.
    public var server: ServerName
    /// Its upgrade domain.
    public var upgradeDomain: UpgradeDomain
    /// The version it ran when the plan was made; `nil` when that could not be read.
    public var version: String?
    /// How many groups it led when the plan was made.
    public var primaries: Int
    /// Why nothing is to be done to it; `nil` when something is.
    public var skip: String?

    /// An entry.
    public init(
      server: ServerName,
      upgradeDomain: UpgradeDomain,
      version: String?,
      primaries: Int,
      skip: String? = nil
    ) {
      self.server = server
      self.upgradeDomain = upgradeDomain
      self.version = version
      self.primaries = primaries
      self.skip = skip
    }
  }

  /// How long a plan will take, as earlier runs tell.
  public struct Prediction: Hashable, Sendable, Codable {
    /// From its begin to the end of its last server, soaks included; waits of gates and evening out are not.
    public var duration: Duration
    /// How many earlier runs that is taken from.
    public var runs: Int

    /// A prediction.
    public init(duration: Duration, runs: Int) {
      self.duration = duration
      self.runs = runs
    }

    /// `4.2 s, as the last 3 runs took`.
    public var text: String {
      "\(duration.text), as \(runs == 1 ? "the last run" : "the last \(runs) runs") took"
    }
  }

  /// Version of this format.
  public var format: Int
  /// What is planned.
  public var kind: RunKind
  /// The pool it is for.
  public var pool: PoolName
  /// The version every server is to have; `nil` where no version is part of it.
  public var target: String?
  /// Every server of the pool or of the subset asked for, in the order of the plan, those skipped last.
  public var entries: [Entry]
  /// Which servers are out together, in order. One at a time unless batches were asked for.
  public var batches: [[ServerName]]
  /// No plan with batches can do with fewer of them; `nil` where no batches were asked for.
  public var roundsBound: Int?
  /// How often primaries move.
  public var moves: MoveForecast
  /// The fewest caught-up replicas that any group has at any time of the plan; `nil` where it cannot be told.
  public var lowestRedundancy: Int?
  /// The server whose going out leaves the least: the most groups at the lowest redundancy; `nil` without one.
  public var bottleneck: ServerName?
  /// How much must remain at any time.
  public var floor: Floor
  /// When it was made.
  public var madeAt: PoolTime
  /// What the pool looked like: servers and the placement of replicas. A plan is executed only on a pool that still looks
  /// so.
  public var fingerprint: String
  /// How long it will take; `nil` when no earlier run tells.
  public var predicted: Prediction?
  /// What an operator should know before the start.
  public var remarks: [String]

  /// A plan as made.
  public init(
    kind: RunKind,
    pool: PoolName,
    target: String?,
    entries: [Entry],
    batches: [[ServerName]],
    roundsBound: Int? = nil,
    moves: MoveForecast,
    lowestRedundancy: Int?,
    bottleneck: ServerName? = nil,
    floor: Floor,
    madeAt: PoolTime,
    fingerprint: String,
    remarks: [String] = []
  ) {
    self.format = 1
    self.kind = kind
    self.pool = pool
    self.target = target
    self.entries = entries
    self.batches = batches
    self.roundsBound = roundsBound
    self.moves = moves
    self.lowestRedundancy = lowestRedundancy
    self.bottleneck = bottleneck
    self.floor = floor
    self.madeAt = madeAt
    self.fingerprint = fingerprint
    self.remarks = remarks
  }

  /// Servers something is to be done to, in order.
  public var servers: [ServerName] { batches.flatMap { $0 } }

  /// The entry of a server.
  public func entry(_ server: ServerName) -> Entry? { entries.first { $0.server == server } }
}

/// How often primaries move in a plan, and why it cannot be less.
public struct MoveForecast: Hashable, Sendable, Codable {
  /// Moves expected while servers go out, by the plan's order.
  public var expected: Int
  /// Moves expected for evening out, once, at the end.
  public var evening: Int
  /// No order of these rounds and no landing can do with fewer, evening out included: each led group of a server to be
  /// patched moves once, once more where it cannot land on a server that is patched, and the last servers out have to be
  /// given what they are to lead.
  public var floor: Int
  /// Moves that the same roll would take with evening out after each fail-back, for comparison.
  public var naive: Int
  /// Why the floor is what it is, for people; `nil` in plans of older releases.
  public var why: String?

  /// All moves expected.
  public var total: Int { expected + evening }

  /// A forecast.
  public init(expected: Int, evening: Int, floor: Int, naive: Int, why: String? = nil) {
    self.expected = expected
    self.evening = evening
    self.floor = floor
    self.naive = naive
    self.why = why
  }

  /// No move.
  public static let none = Self(expected: 0, evening: 0, floor: 0, naive: 0)
}
