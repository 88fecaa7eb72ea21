public import PoolModel

extension FabricView {
  /// The pool's state as the gates read it.
  /// - Parameters:
  ///   - time: pool time of the reading.
  ///   - serversNeeded: how many servers must stay in service; `nil` for the majority, 1 of two.
  public func state(at time: PoolTime, serversNeeded: Int? = nil) -> FabricState {
    var primaries = ServerTable(0, for: self.servers)
    var replicas = primaries
    let states = groupsInOrder.map { record in
      let state = groupState(record)
      for replica in state.replicas { replicas[replica.server, default: 0] += 1 }
      if let primary = state.primary { primaries[primary, default: 0] += 1 }
      return state
    }
    let servers = self.servers.values.map { entry in
      let server = entry.record
      return serverState(server, primaries: primaries[server.name] ?? 0, replicas: replicas[server.name] ?? 0)
    }
    return FabricState(
      pool: pool?.record.name ?? PoolName(""),
      servers: servers,
      groups: states,
      revision: revision,
      epoch: epoch,
      takenAt: time,
      serversNeeded: serversNeeded ?? Quorum.needed(forTarget: servers.count)
    )
  }

  /// Every group of the pool by number; one that has no record yet stands as an empty one.
  private var groupsInOrder: [GroupRecord] {
    let declared = pool?.record.groups ?? 0
    var records = groups.values.map { $0.record }
    guard records.count < declared else { return records }
    for index in 0..<declared where groups[RoutingGroupID(index)] == nil {
      records.append(
        GroupRecord(
          id: RoutingGroupID(index),
          generation: 0,
          primary: nil,
          primaryInstance: 0,
          replicas: []
        )
      )
    }
    return records.sorted { $0.id < $1.id }
  }

  private func serverState(_ server: ServerRecord, primaries: Int, replicas: Int) -> ServerState {
    let live = self.live[server.name]?.record
    return ServerState(
      name: server.name,
      upgradeDomain: server.upgradeDomain,
      isUp: live != nil,
      service: server.service,
      version: live?.version,
      primaries: primaries,
      replicas: replicas,
      bindings: live?.bindings,
      clockOffset: live.map { .milliseconds($0.clockOffsetMilliseconds) },
      drained: !server.service.isInService && (live?.drained ?? false),
      instance: live?.instance ?? 0,
      clients: server.service.isInService ? nil : live?.clients
    )
  }

  /// One group as observed.
  public func groupState(_ group: GroupRecord) -> RoutingGroupState {
    let replicas = group.replicas.map { replica in
      Replica(
        server: replica.server,
        role: role(of: replica, in: group),
        status: status(of: replica),
        eligible: isUp(replica) && isInService(replica.server)
      )
    }
    return RoutingGroupState(
      id: group.id,
      generation: group.generation,
      target: targetReplicas,
      replicas: replicas.sorted { left, right in
        (left.role == .primary) != (right.role == .primary)
          ? left.role == .primary : left.server < right.server
      },
      health: health(of: group),
      swappingTo: group.swap?.target
    )
  }

  private func status(of replica: ReplicaRecord) -> ReplicaStatus {
    guard live[replica.server] != nil else { return .missing }
    return isUp(replica) ? .up : .building
  }

  /// A server that was restarted does not lead by its old record; one that is gone is still shown as what it was.
  private func role(of replica: ReplicaRecord, in group: GroupRecord) -> ReplicaRole {
    let instance = live[replica.server]?.record.instance
    if group.primary == replica.server, instance == nil || instance == group.primaryInstance {
      return .primary
    }
    if replica.builtBy == 0 { return .idleSecondary }
    return instance == nil || instance == replica.builtBy ? .activeSecondary : .idleSecondary
  }
}
