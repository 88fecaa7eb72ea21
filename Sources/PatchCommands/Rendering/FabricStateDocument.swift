import PoolModel

/// A fabric state as the JSON document that `--json` prints. Its keys are a promise to scripts: they are added to, never
/// renamed. Documented in docs/operating/commands.md.
struct FabricStateDocument: Encodable {
  struct Counts: Encodable {
    var groups: Int
    var healthy: Int
    var degraded: Int
    var quorumLoss: Int
    var down: Int
    var missingReplicas: Int
    var groupsWithoutPrimary: Int
    var groupsInQuorumLoss: Int
  }

  struct Server: Encodable {
    var name: String
    var upgradeDomain: String
    var up: Bool
    /// `in-service`, `leaving` or `out`.
    var service: String
    var by: String?
    var reason: String?
    var since: String?
    var forced: Bool?
    var run: String?
    var version: String?
    var primaries: Int
    var replicas: Int
    var bindings: Int?
    var clockOffsetMilliseconds: Int64?
    var drained: Bool
  }

  struct Group: Encodable {
    var id: String
    /// `Healthy`, `Degraded`, `QuorumLoss` or `Down`.
    var state: String
    var generation: UInt64
    var target: Int
    var primary: String?
    var secondaries: [String]
    var building: [String]
    var missing: [String]
    var missingCount: Int
    var swappingTo: String?
  }

  var format = 1
  var pool: String
  var takenAt: String
  var revision: UInt64
  var epoch: UInt64
  var healthy: Bool
  var serversNeeded: Int
  var counts: Counts
  var servers: [Server]
  var groups: [Group]
  /// The store itself; absent when it could not be asked.
  var store: StoreStateDocument?

  init(_ state: FabricState, _ filter: FabricStateFilter = FabricStateFilter()) {
    pool = state.pool.rawValue
    takenAt = TimeText.stamp(state.takenAt)
    revision = state.revision
    epoch = state.epoch
    healthy = state.isHealthy
    serversNeeded = state.serversNeeded
    func count(_ health: GroupHealth) -> Int { state.groups.count { $0.health == health } }
    counts = Counts(
      groups: state.groups.count,
      healthy: count(.healthy),
      degraded: count(.degraded),
      quorumLoss: count(.quorumLoss),
      down: count(.down),
      missingReplicas: state.missingReplicas,
      groupsWithoutPrimary: state.groupsWithoutPrimary.count,
      groupsInQuorumLoss: state.groupsInQuorumLoss.count
    )
    servers = filter.servers(of: state).map(Server.init)
    groups = filter.groups(of: state).map(Group.init)
  }
}

extension FabricStateDocument.Server {
  init(_ server: ServerState) {
    name = server.name.rawValue
    upgradeDomain = server.upgradeDomain.rawValue
    up = server.isUp
    service =
      switch server.service {
      case .inService: "in-service"
      case .leaving: "leaving"
      case .out: "out"
      }
    let mark = server.service.mark
    by = mark?.by
    reason = mark?.reason
    since = mark.map { TimeText.stamp($0.since) }
    forced = mark?.forced
    run = mark?.act?.run
    version = server.version
    primaries = server.primaries
    replicas = server.replicas
    bindings = server.bindings
    clockOffsetMilliseconds = server.clockOffset?.milliseconds
    drained = server.drained
  }
}

extension FabricStateDocument.Group {
  init(_ group: RoutingGroupState) {
    id = group.id.description
    state = group.health.rawValue
    generation = group.generation
    target = group.target
    primary = group.primary?.rawValue
    secondaries = group.replicas.filter { $0.status == .up && $0.server != group.primary }.map(
      \.server.rawValue
    )
    building = group.replicas.filter { $0.status == .building }.map(\.server.rawValue)
    missing = group.replicas.filter { $0.status == .missing }.map(\.server.rawValue)
    missingCount = group.missingCount
    swappingTo = group.swappingTo?.rawValue
  }
}
