public import PoolModel

extension PatchSafety {
  /// ensure-seed-quorum: the store keeps its majority without the members on `server`.
  static func seedQuorum(_ server: ServerName, _ seeds: [SeedMember]?) -> [Objection] {
    guard let seeds, !seeds.isEmpty else { return [] }
    let healthy = seeds.count { $0.isHealthy && $0.server != server }
    let needed = Quorum.majority(of: seeds.count)
    guard healthy < needed else { return [] }
    let possible = seeds.count { $0.server != server }
    let absent = seeds.filter { !$0.isHealthy }.map(\.name)
    return [
      Objection(
        .ensureSeedQuorum,
        possible < needed ? .fail : .wait,
        .seedsWouldBeLost(healthy: healthy, needed: needed, absent: absent)
      )
    ]
  }

  /// capacity: what all hold, spread evenly over the servers that would remain, is no more than each can carry
  /// (FACTS.md section 8: the n+1 rule).
  static func capacity(_ server: ServerName, _ state: FabricState, _ settings: GateSettings) -> [Objection] {
    guard let capacity = settings.capacity else { return [] }
    let bindings = state.servers.reduce(0) { $0 + ($1.bindings ?? 0) }
    let serving = state.servers.count { $0.name != server && $0.isUp && $0.service.isInService }
    guard serving > 0 else { return [] }
    let (limit, overflow) = serving.multipliedReportingOverflow(by: max(0, capacity))
    guard !overflow, bindings > limit else { return [] }
    // Servers that are down for the moment will carry their share again.
    let returning = state.servers.count { $0.name != server && $0.service.isInService }
    let (later, isMore) = returning.multipliedReportingOverflow(by: max(0, capacity))
    return [
      Objection(
        .capacity,
        isMore || bindings <= later ? .wait : .fail,
        .overCapacity(bindings: bindings, capacity: capacity, servers: serving)
      )
    ]
  }

  /// wait-for-primary-placement: what stands against calling `server` back: it is up, in service, its replicas are
  /// caught up and every group has a primary again.
  public static func objections(toCallingBack server: ServerName, in state: FabricState, at now: PoolTime)
    -> [Objection]
  {
    guard let found = state.server(server) else {
      return [Objection(.waitForPrimaryPlacement, .fail, .unknownServer(server))]
    }
    func not(_ what: String) -> Objection {
      Objection(.waitForPrimaryPlacement, .wait, .notBack(server, what))
    }
    var objections: [Objection] = []
    if !found.isUp { objections.append(not("it is down")) }
    if !found.service.isInService { objections.append(not("it is not in service")) }
    var behind = 0
    var leaderless: [Objection] = []
    for group in state.groups {
      if group.replicas.contains(where: { $0.server == server && $0.status != .up }) { behind += 1 }
      if group.primary == nil, group.health != .down, group.health != .quorumLoss, leaderless.count < listed {
        leaderless.append(Objection(.waitForReconfiguration, .wait, .noPrimary(group.id)))
      }
    }
    if behind > 0 { objections.append(not("\(behind) of its replicas are not caught up")) }
    return objections + leaderless
  }
}
