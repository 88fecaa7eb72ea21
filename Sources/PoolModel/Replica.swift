/// What a replica is for, in Service Fabric's words.
public enum ReplicaRole: String, Hashable, Sendable, Codable {
  /// Serialises the group's writes.
  case primary = "Primary"
  /// Holds the same bindings and may take over.
  case activeSecondary = "ActiveSecondary"
  /// Is being built and cannot take over yet.
  case idleSecondary = "IdleSecondary"
}

/// How a replica is.
public enum ReplicaStatus: String, Hashable, Sendable, Codable {
  /// Caught up, on a server whose lease is live.
  case up = "Up"
  /// Its server lives and the replica is still loading.
  case building = "Building"
  /// Its server holds no lease. Missing is not lost: it resumes when the server returns.
  case missing = "Missing"
}

/// One replica of a routing group.
public struct Replica: Hashable, Sendable, Codable {
  /// The server it is on.
  public var server: ServerName
  /// What it is for.
  public var role: ReplicaRole
  /// How it is.
  public var status: ReplicaStatus
  /// Whether it counts for safety: up, and its server is in service and not going out.
  public var eligible: Bool

  /// A replica as observed.
  public init(server: ServerName, role: ReplicaRole, status: ReplicaStatus, eligible: Bool) {
    self.server = server
    self.role = role
    self.status = status
    self.eligible = eligible
  }
}

/// How a routing group is as a whole (DESIGN.md section 4).
public enum GroupHealth: String, Hashable, Sendable, Codable {
  /// Every replica it should have is up and there is a primary.
  case healthy = "Healthy"
  /// A replica is missing or being built, a majority is up.
  case degraded = "Degraded"
  /// A majority is missing: still served, one failure from cutting its users off, blocks every planned stop.
  case quorumLoss = "QuorumLoss"
  /// No replica is left: REGISTER gets 503.
  case down = "Down"
}

/// One routing group as observed.
public struct RoutingGroupState: Hashable, Sendable, Codable {
  /// Which group.
  public var id: RoutingGroupID
  /// Rises with every change of primary; every write is fenced with it.
  public var generation: UInt64
  /// How many replicas it should have: the smaller of 3 and the number of servers not removed.
  public var target: Int
  /// Its replicas, primary first, then by server name.
  public var replicas: [Replica]
  /// How it is as a whole.
  public var health: GroupHealth
  /// Where its primary is on its way to, when a swap runs.
  public var swappingTo: ServerName?

  /// A group as observed.
  public init(
    id: RoutingGroupID,
    generation: UInt64,
    target: Int,
    replicas: [Replica],
    health: GroupHealth,
    swappingTo: ServerName? = nil
  ) {
    self.id = id
    self.generation = generation
    self.target = target
    self.replicas = replicas
    self.health = health
    self.swappingTo = swappingTo
  }

  /// The server that serialises its writes now, if one lives.
  public var primary: ServerName? {
    replicas.first { $0.role == .primary && $0.status == .up }?.server
  }

  /// How many replicas it lacks: those that are not up, and those that were never placed.
  public var missingCount: Int { max(0, target - replicas.count { $0.status == .up }) }
}
