public import PoolModel

/// Why a gate does not say go. Typed, so that machines can act on it, with a sentence for people.
public struct Objection: Hashable, Sendable, Codable {
  /// How heavy it is.
  public enum Weight: String, Hashable, Sendable, Codable {
    /// To be told; stops nothing.
    case warning
    /// Will pass by itself: wait.
    case wait
    /// Will not pass by itself, or must not be waited out.
    case fail
  }

  /// Which gate raises it.
  public var gate: GateKind
  /// How heavy it is.
  public var weight: Weight
  /// What is wrong, typed.
  public var reason: Reason
  /// Since when it has stood, as this run saw it; `nil` when seen once.
  public var since: PoolTime?
  /// When it is expected to end, counted from the reading; `nil` when that is not known.
  public var estimate: Duration?
  /// How long it may stand before the gate gives up; `nil` for as long as the wait time allows.
  public var patience: Duration?

  /// An objection as raised.
  public init(
    _ gate: GateKind,
    _ weight: Weight,
    _ reason: Reason,
    since: PoolTime? = nil,
    estimate: Duration? = nil,
    patience: Duration? = nil
  ) {
    self.gate = gate
    self.weight = weight
    self.reason = reason
    self.since = since
    self.estimate = estimate
    self.patience = patience
  }

  /// The plain sentence for people.
  public var sentence: String { reason.sentence }

  /// Whether it is about what could be read rather than about the pool: force does not go over it.
  var isAboutReading: Bool {
    switch reason {
    case .stale, .unreadable, .unknownServer: true
    default: false
    }
  }

  /// What an objection is about, apart from its changing details: two readings raise the same one when these agree.
  public var identity: String { "\(gate.rawValue) \(reason.subject)" }
}

extension Objection {
  /// A replica that cannot be counted, and why.
  public struct Absence: Hashable, Sendable, Codable {
    /// The server it is on.
    public var server: ServerName
    /// How it is.
    public var status: ReplicaStatus
    /// Whether its server is out of service or on its way.
    public var out: Bool

    /// An absence as observed.
    public init(server: ServerName, status: ReplicaStatus, out: Bool) {
      self.server = server
      self.status = status
      self.out = out
    }
  }

  /// What is wrong.
  public enum Reason: Hashable, Sendable, Codable {
    /// A group would keep too few replicas.
    case quorumWouldBeLost(RoutingGroupID, keeps: Int, target: Int, needed: Int, absent: [Absence])
    /// Groups are in quorum loss or down now.
    case quorumLoss([RoutingGroupID], recovery: String)
    /// More groups have the same trouble than are listed.
    case andMore(Int)
    /// The store's members would lose their majority.
    case seedsWouldBeLost(healthy: Int, needed: Int, absent: [String])
    /// Too few servers would stay in service.
    case tooFewServers(keeps: Int, needed: Int, down: [ServerName])
    /// The pool can never spare a server under that floor.
    case poolTooSmall(servers: Int, floor: Floor)
    /// The pool has one server: every stop is an outage.
    case lastServer(ServerName)
    /// The pool has two servers: while one is out the other is alone.
    case oneServerLeft(ServerName)
    /// A primary is being moved.
    case swapRuns(RoutingGroupID, to: ServerName)
    /// A group has no primary at this moment.
    case noPrimary(RoutingGroupID)
    /// Replicas on a server are missing or being built.
    case replicasMissing(on: ServerName, count: Int, building: Int, isUp: Bool)
    /// Replicas that are placed nowhere.
    case replicasUnplaced(count: Int)
    /// A server that came back is not whole yet.
    case notBack(ServerName, String)
    /// The others would hold more than they can.
    case overCapacity(bindings: Int, capacity: Int, servers: Int)
    /// Somebody else has a server out.
    case otherMaintenance(ServerName, OutMark)
    /// The server is unknown to the pool.
    case unknownServer(ServerName)
    /// What was read is too old.
    case stale(age: Duration, limit: Duration)
    /// The pool could not be read.
    case unreadable(String)
    /// No maintenance window is open, or not for long enough.
    case outsideWindow(left: Duration, need: Duration)
    /// No maintenance window is ever open for as long as a server takes.
    case windowsTooShort(longest: Duration, need: Duration)
    /// A user was cut off for longer than the run may go on with.
    case gapTooLong(gap: Duration, limit: Duration)
  }
}
