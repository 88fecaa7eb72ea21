import PoolModel

extension PatchSafety {
  /// How many replicas of a group that should have `target` must remain under `floor`. With one more than quorate,
  /// two must remain, so that one unplanned loss leaves the group served.
  public static func needed(forTarget target: Int, floor: Floor) -> Int {
    let quorum = Quorum.needed(forTarget: target)
    return floor == .quoratePlusOne ? max(quorum, 2) : quorum
  }

  /// ensure-partition-quorum: what each group would keep without `server`.
  static func partitions(_ server: ServerName, _ state: FabricState, _ settings: GateSettings) -> [Objection]
  {
    // One server is refused as such; a sentence for each of its groups would say nothing new.
    guard state.servers.count > 1 else { return [] }
    var found: [Objection] = []
    var more = 0
    for group in state.groups where group.health != .quorumLoss && group.health != .down {
      // A group that the server has no part of loses nothing by this stop.
      guard group.replicas.contains(where: { $0.server == server }) else { continue }
      let needed = needed(forTarget: group.target, floor: settings.floor)
      let keeps = group.replicas.count { $0.server != server && $0.eligible }
      guard keeps < needed else { continue }
      guard found.count < listed else {
        more += 1
        continue
      }
      found.append(objection(group, keeps: keeps, needed: needed, without: server, state))
    }
    if more > 0 { found.append(Objection(.ensurePartitionQuorum, .wait, .andMore(more))) }
    return found
  }

  private static func objection(
    _ group: RoutingGroupState,
    keeps: Int,
    needed: Int,
    without server: ServerName,
    _ state: FabricState
  ) -> Objection {
    let absent = group.replicas.filter { $0.server != server && !$0.eligible }.map { replica in
      Objection.Absence(
        server: replica.server,
        status: replica.status,
        out: state.server(replica.server).map { !$0.service.isInService } ?? true
      )
    }
    let reason = Objection.Reason.quorumWouldBeLost(
      group.id,
      keeps: keeps,
      target: group.target,
      needed: needed,
      absent: absent
    )
    // With every other replica present and still too few, waiting cannot help.
    let hopeless = group.target - 1 < needed
    return Objection(.ensurePartitionQuorum, hopeless ? .fail : .wait, reason)
  }

  /// wait-for-primary-swap and wait-for-reconfiguration: groups in movement. A group between two primaries anywhere in
  /// the pool is waited for; a swap only when the server has a part in the group.
  static func movements(_ server: ServerName, _ state: FabricState) -> [Objection] {
    var swaps: [Objection] = []
    var leaderless: [Objection] = []
    for group in state.groups {
      if let target = group.swappingTo, group.replicas.contains(where: { $0.server == server }) {
        swaps.append(
          Objection(.waitForPrimarySwap, .wait, .swapRuns(group.id, to: target), estimate: .seconds(1))
        )
      }
      if group.primary == nil, group.health == .healthy || group.health == .degraded {
        leaderless.append(
          Objection(.waitForReconfiguration, .wait, .noPrimary(group.id), estimate: .seconds(2))
        )
      }
    }
    return Array(swaps.prefix(listed)) + Array(leaderless.prefix(listed))
  }

  /// wait-for-inbuild-replica: is every replica there? Those on `server` itself and on servers that this run took out
  /// are not asked for.
  static func missing(_ server: ServerName, _ state: FabricState, _ settings: GateSettings) -> [Objection] {
    var absent: [ServerName: (missing: Int, building: Int)] = [:]
    var unplaced = 0
    for group in state.groups {
      for replica in group.replicas where replica.server != server {
        switch replica.status {
        case .up: break
        case .missing: absent[replica.server, default: (0, 0)].missing += 1
        case .building: absent[replica.server, default: (0, 0)].building += 1
        }
      }
      unplaced += max(0, group.target - group.replicas.count)
    }
    var found: [Objection] = []
    for other in state.servers where other.name != server {
      if let mark = other.service.mark, isOurs(mark, settings) { continue }
      let count = absent[other.name] ?? (0, 0)
      // A server that is down is waited for even when it has no replica: it may be starting.
      guard count.missing + count.building > 0 || (!other.isUp && other.service.isInService) else { continue }
      let reason = Objection.Reason.replicasMissing(
        on: other.name,
        count: count.missing + count.building,
        building: count.building,
        isUp: other.isUp && count.building > 0
      )
      found.append(Objection(.waitForInbuildReplica, .wait, reason))
    }
    if unplaced > 0 {
      found.append(Objection(.waitForInbuildReplica, .wait, .replicasUnplaced(count: unplaced)))
    }
    return found
  }
}
