/// Who took a server out of service, when and why.
public struct OutMark: Hashable, Sendable, Codable {
  /// `user@host` of the operator.
  public var by: String
  /// The reason given, or the command's name.
  public var reason: String
  /// When it was marked.
  public var since: PoolTime
  /// The patch run or act it belongs to.
  public var act: ActIdentity?
  /// Whether an objection was overridden.
  public var forced: Bool
  /// Over how long the server's clients are told to move; `nil`: as the server is configured.
  public var drainTime: Duration?

  /// A mark as recorded.
  public init(
    by: String,
    reason: String,
    since: PoolTime,
    act: ActIdentity? = nil,
    forced: Bool = false,
    drainTime: Duration? = nil
  ) {
    self.by = by
    self.reason = reason
    self.since = since
    self.act = act
    self.forced = forced
    self.drainTime = drainTime
  }
}

/// Whether a server may serve. The answer is in the fabric, so it survives restarts.
public enum ServiceState: Hashable, Sendable, Codable {
  /// It serves.
  case inService
  /// It is being failed over: it gives its primaries away and takes no new ones.
  case leaving(OutMark)
  /// It was failed over and stays out until it is failed back.
  case out(OutMark)

  /// The mark, when it is leaving or out.
  public var mark: OutMark? {
    switch self {
    case .inService: nil
    case .leaving(let mark), .out(let mark): mark
    }
  }

  /// Whether it serves and is not on its way out.
  public var isInService: Bool {
    switch self {
    case .inService: true
    case .leaving, .out: false
    }
  }
}

/// One server as observed.
public struct ServerState: Hashable, Sendable, Codable {
  /// Its name.
  public var name: ServerName
  /// Its upgrade domain.
  public var upgradeDomain: UpgradeDomain
  /// Whether its lease is live.
  public var isUp: Bool
  /// Whether it may serve.
  public var service: ServiceState
  /// The version its running process was built as; `nil` while it is down.
  public var version: String?
  /// How many groups it leads.
  public var primaries: Int
  /// How many replicas it has, of any role.
  public var replicas: Int
  /// Bindings it holds as primary, as it last said; `nil` while it is down.
  public var bindings: Int?
  /// How far its clock is from pool time; `nil` when unknown.
  public var clockOffset: Duration?
  /// Whether its clients have been moved and nothing is in flight; `true` only while it is leaving or out.
  public var drained: Bool
  /// The fencing generation of its lease; 0 while it is down. A restart raises it.
  public var instance: UInt64
  /// What became of its clients; `nil` unless it has drained and says so.
  public var clients: ClientTally?

  /// A server as observed.
  public init(
    name: ServerName,
    upgradeDomain: UpgradeDomain,
    isUp: Bool,
    service: ServiceState,
    version: String?,
    primaries: Int,
    replicas: Int,
    bindings: Int?,
    clockOffset: Duration?,
    drained: Bool,
    instance: UInt64,
    clients: ClientTally? = nil
  ) {
    self.name = name
    self.upgradeDomain = upgradeDomain
    self.isUp = isUp
    self.service = service
    self.version = version
    self.primaries = primaries
    self.replicas = replicas
    self.bindings = bindings
    self.clockOffset = clockOffset
    self.drained = drained
    self.instance = instance
    self.clients = clients
  }
}

/// A pool at one revision of its fabric: what the gates read.
public struct FabricState: Hashable, Sendable, Codable {
  /// Which pool.
  public var pool: PoolName
  /// Its servers, by name.
  public var servers: [ServerState]
  /// Its routing groups, by number.
  public var groups: [RoutingGroupState]
  /// The store's revision this was read at.
  public var revision: UInt64
  /// The revision of the fabric epoch: a change of roles, membership or out-marks raises it. Acts commit with a
  /// compare on it.
  public var epoch: UInt64
  /// Pool time of the reading.
  public var takenAt: PoolTime
  /// How many servers must stay in service, as the pool declares it.
  public var serversNeeded: Int

  /// A state as observed.
  public init(
    pool: PoolName,
    servers: [ServerState],
    groups: [RoutingGroupState],
    revision: UInt64,
    epoch: UInt64,
    takenAt: PoolTime,
    serversNeeded: Int
  ) {
    self.pool = pool
    self.servers = servers
    self.groups = groups
    self.revision = revision
    self.epoch = epoch
    self.takenAt = takenAt
    self.serversNeeded = serversNeeded
  }

  /// The server of that name.
  public func server(_ name: ServerName) -> ServerState? { servers.first { $0.name == name } }

  /// The group of that number.
  public func group(_ id: RoutingGroupID) -> RoutingGroupState? {
    groups.indices.contains(id.index) && groups[id.index].id == id
      ? groups[id.index] : groups.first { $0.id == id }
  }

  /// Replicas that are not up, over all groups.
  public var missingReplicas: Int { groups.reduce(0) { $0 + $1.missingCount } }

  /// Groups that no live server leads.
  public var groupsWithoutPrimary: [RoutingGroupID] { groups.filter { $0.primary == nil }.map(\.id) }

  /// Groups in quorum loss or down.
  public var groupsInQuorumLoss: [RoutingGroupID] {
    groups.filter { $0.health == .quorumLoss || $0.health == .down }.map(\.id)
  }

  /// Every group healthy and every server up and in service.
  public var isHealthy: Bool {
    groups.allSatisfy { $0.health == .healthy } && servers.allSatisfy { $0.isUp && $0.service.isInService }
  }
}
