public import PoolModel

extension Placement {
  /// Moves of primaries after which every server that takes primaries leads as many groups as every other, within one,
  /// as far as the placement of replicas allows: with the fewest moves. Groups that no live server leads are left alone.
  public static func evenPrimaries(_ view: FabricView) -> [RoutingGroupID: ServerName] {
    var problem = EvenSpread(servers: view.servers.keys.filter { view.takesPrimaries($0) })
    for group in view.groups.values.map(\.record) {
      guard let primary = group.primary, view.hasLiveLeader(group) else { continue }
      let options = group.replicas.filter { view.isUp($0) && view.takesPrimaries($0.server) }.map(\.server)
      problem.add(group.id, at: primary, options: options)
    }
    return problem.solve()
  }

  /// One replica that is to move, so that every server holds as many as every other.
  public struct ReplicaMove: Hashable, Sendable {
    /// Of which group.
    public var group: RoutingGroupID
    /// From where.
    public var from: ServerName
    /// To where.
    public var to: ServerName
  }

  /// Moves of replicas after which servers in service hold equally many, within one: after a server was added. Primaries
  /// stay where they are while another replica can move.
  public static func evenReplicas(_ view: FabricView, atMost limit: Int = 64) -> [ReplicaMove] {
    let servers = view.servers.keys.filter { view.takesReplicas($0) }.sorted()
    var held: [ServerName: Set<RoutingGroupID>] = [:]
    for server in servers { held[server] = [] }
    for group in view.groups.values.map(\.record) {
      for replica in group.replicas { held[replica.server]?.insert(group.id) }
    }
    var moves: [ReplicaMove] = []
    var moved: Set<RoutingGroupID> = []
    while moves.count < limit {
      func count(_ server: ServerName) -> Int { held[server]?.count ?? 0 }
      guard
        let from = servers.min(by: { (-count($0), $0) < (-count($1), $1) }),
        let to = servers.min(by: { (count($0), $0) < (count($1), $1) }),
        count(from) > count(to) + 1,
        let group = movable(from: from, to: to, held: held, moved: moved, in: view)
      else { break }
      held[from]?.remove(group)
      held[to]?.insert(group)
      moved.insert(group)
      moves.append(ReplicaMove(group: group, from: from, to: to))
    }
    return moves
  }

  /// A group whose replica can go from one server to the other: rather one that `from` does not lead, and one that the
  /// target's domain does not hold yet.
  private static func movable(
    from: ServerName,
    to: ServerName,
    held: [ServerName: Set<RoutingGroupID>],
    moved: Set<RoutingGroupID>,
    in view: FabricView
  ) -> RoutingGroupID? {
    let domain = view.servers[to]?.record.upgradeDomain
    var best: (cost: Int, id: RoutingGroupID)?
    for id in held[from] ?? [] where !moved.contains(id) && !(held[to]?.contains(id) ?? true) {
      guard let record = view.groups[id]?.record else { continue }
      let sharing = record.replicas.contains { replica in
        replica.server != from && view.servers[replica.server]?.record.upgradeDomain == domain
      }
      let cost = (record.primary == from ? 2 : 0) + (sharing ? 1 : 0)
      if let current = best, current <= (cost, id) { continue }
      best = (cost, id)
    }
    return best?.id
  }
}
