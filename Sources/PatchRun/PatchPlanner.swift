public import PoolModel

/// Makes plans. Pure: a plan depends on one reading of the pool and on what was asked for.
public struct PatchPlanner: Hashable, Sendable {
  /// Why there can be no plan.
  public enum Fault: Error, Hashable, Sendable, CustomStringConvertible {
    /// A server asked for is not in the pool.
    case unknownServer(ServerName, pool: PoolName)
    /// A patch needs a version to patch to.
    case noTarget

    /// The sentence for people.
    public var description: String {
      switch self {
      case .unknownServer(let server, let pool): "pool \(pool) has no server \(server)"
      case .noTarget: "there is no version to patch to: give the pool file a patch section with a target"
      }
    }
  }

  /// What the run is.
  public var kind: RunKind
  /// Only these servers; `nil` for all.
  public var servers: [ServerName]?
  /// The version to have.
  public var target: String?
  /// The server that the coordinator runs on: it goes last.
  public var ownServer: ServerName?
  /// How much must remain.
  public var floor: Floor
  /// Whether servers may be out together.
  public var batches: Bool
  /// Versions read by a command, which count before those that the fabric state shows.
  public var versions: [ServerName: String]
  /// How many steps the search for few rounds may take.
  public var steps = PatchPlanner.usualSteps

  /// At most half a second of one core for a pool of ten thousand servers; small pools need none of it.
  public static var usualSteps: Int { RoundSearch.usualSteps }

  /// A planner.
  public init(
    kind: RunKind,
    servers: [ServerName]? = nil,
    target: String? = nil,
    ownServer: ServerName? = nil,
    floor: Floor = .quorate,
    batches: Bool = false,
    versions: [ServerName: String] = [:]
  ) {
    self.kind = kind
    self.servers = servers
    self.target = target
    self.ownServer = ownServer
    self.floor = floor
    self.batches = batches
    self.versions = versions
  }

  /// The plan for a pool as read.
  public func plan(for state: FabricState) throws(Fault) -> PatchPlan {
    if kind == .patch, target == nil { throw .noTarget }
    for server in servers ?? [] where state.server(server) == nil {
      throw .unknownServer(server, pool: state.pool)
    }
    let asked = servers.map(Set.init)
    let entries = state.servers.filter { asked?.contains($0.name) ?? (kind != .recover) }.map(entry)
    let todo = entries.filter { $0.skip == nil }.map(\.server)
    let placement = Placement(state)
    let planned =
      batches
      ? placement.rounds(todo, floor: floor, last: ownServer, steps: steps)
      : placement.oneAtATime(todo, last: ownServer)
    let order = RoundOrder(placement, planned.rounds, last: planned.last).solve()
    let rounds = order.rounds.map { $0.map { placement.names[$0] } }
    let sorted = rounds.flatMap { $0 }
    let position = Dictionary(zip(sorted, 0...)) { first, _ in first }
    return PatchPlan(
      kind: kind,
      pool: state.pool,
      target: target,
      entries: entries.sorted {
        (position[$0.server] ?? .max, $0.server) < (position[$1.server] ?? .max, $1.server)
      },
      batches: rounds,
      roundsBound: batches ? planned.bound : nil,
      moves: kind == .patch || kind == .restart
        ? placement.forecast(order.rounds, secondMoves: order.bound) : .none,
      lowestRedundancy: placement.lowestRedundancy(order.rounds),
      bottleneck: placement.bottleneck(order.rounds.flatMap { $0 }),
      floor: floor,
      madeAt: state.takenAt,
      fingerprint: Self.fingerprint(of: state),
      remarks: remarks(state, planned)
    )
  }

  private func entry(_ server: ServerState) -> PatchPlan.Entry {
    let version = versions[server.name] ?? server.version
    var skip: String?
    if kind == .patch, let target, version == target {
      skip = server.service.isInService ? "runs \(target) already" : nil
    }
    return PatchPlan.Entry(
      server: server.name,
      upgradeDomain: server.upgradeDomain,
      version: version,
      primaries: server.primaries,
      skip: skip
    )
  }

  private func remarks(_ state: FabricState, _ planned: PlannedRounds) -> [String] {
    var remarks: [String] = []
    let count = planned.rounds.count + (planned.last == nil ? 0 : 1)
    guard count > 0, kind == .patch || kind == .restart else { return remarks }
    if state.servers.count == 2 {
      remarks.append("the pool has two servers: while one is out the other serves alone")
    }
    if batches {
      remarks.append("\(count) rounds; no plan can do with fewer than \(planned.bound): \(planned.why)")
    }
    return remarks
  }

  /// What a pool looks like: its servers, their upgrade domains and where replicas are. Primaries, versions and states
  /// are left out: they may change under a plan.
  public static func fingerprint(of state: FabricState) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ text: String) {
      for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
      hash = (hash ^ 0xff) &* 0x0000_0100_0000_01b3
    }
    add(state.pool.rawValue)
    for server in state.servers.sorted(by: { $0.name < $1.name }) {
      add(server.name.rawValue)
      add(server.upgradeDomain.rawValue)
    }
    let areSorted = zip(state.groups, state.groups.dropFirst()).allSatisfy { $0.id < $1.id }
    for group in areSorted ? state.groups : state.groups.sorted(by: { $0.id < $1.id }) {
      add(group.id.description)
      for replica in group.replicas.map(\.server).sorted() { add(replica.rawValue) }
    }
    let text = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - text.count) + text
  }
}
