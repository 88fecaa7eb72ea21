public import PoolModel

extension FabricView {
  /// How many replicas a group should have: the smaller of 3 and the number of servers not removed.
  public var targetReplicas: Int { min(3, servers.count) }

  /// How far a server's clock may be from pool time before it takes no primaries (DESIGN.md section 4).
  public static let clockTolerance = Duration.seconds(2)

  /// Whether a replica is caught up, on a server whose lease is live.
  public func isUp(_ replica: ReplicaRecord) -> Bool {
    guard replica.builtBy != 0, let live = live[replica.server] else { return false }
    return live.record.instance == replica.builtBy
  }

  /// Whether the server is recorded, and neither leaving nor out.
  public func isInService(_ server: ServerName) -> Bool {
    servers[server]?.record.service.isInService ?? false
  }

  /// Whether the server may be given work: in service, live, and not about to stop.
  public func takesReplicas(_ server: ServerName) -> Bool {
    guard isInService(server), let live = live[server] else { return false }
    return !live.record.drained
  }

  /// Whether the server may be given a primary: as `takesReplicas`, and its clock is right.
  public func takesPrimaries(_ server: ServerName) -> Bool {
    guard takesReplicas(server), let live = live[server] else { return false }
    return live.record.clockOffsetMilliseconds.magnitude <= UInt64(Self.clockTolerance.milliseconds)
  }

  /// Whether a live process leads the group, as the record says.
  public func hasLiveLeader(_ group: GroupRecord) -> Bool {
    guard let primary = group.primary, let live = live[primary] else { return false }
    return live.record.instance == group.primaryInstance
  }

  /// How a group is as a whole.
  public func health(of group: GroupRecord) -> GroupHealth {
    Quorum.health(
      target: targetReplicas,
      members: group.replicas.count,
      up: group.replicas.count { isUp($0) },
      hasPrimary: group.replicas.contains { $0.server == group.primary && isUp($0) } && hasLiveLeader(group)
    )
  }

  /// Who acts as controller: the live server in service with the lowest instance. Several that believe it do no harm.
  public var controller: ServerName? {
    var best: (instance: UInt64, name: ServerName)?
    for (name, live) in live {
      // Two never have the same instance, in a store that numbers them.
      let instance = live.record.instance
      if let best, (best.instance, best.name) <= (instance, name) { continue }
      if isInService(name) { best = (instance, name) }
    }
    return best?.name
  }
}
