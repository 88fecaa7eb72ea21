import PoolModel

/// What the controller does for the pool: place, promote, fill, replace, trim.
extension ReplicationMachine {
  private enum Decision {
    case change(
      Purpose,
      GroupRecord,
      fencing: Bool,
      when: [FabricCondition] = [],
      primaryAt: ServerName? = nil,
      replicasAt: [ServerName] = []
    )
    /// Something is wanted that cannot be had now: look again when a server changes.
    case want
    case nothing
  }

  mutating func decideAsController(_ group: Versioned<GroupRecord>) {
    let id = group.record.id
    wanting.remove(id)
    switch decision(group.record) {
    case .change(let purpose, let record, let fencing, let conditions, let primaryAt, let replicasAt):
      let update = FabricUpdate(
        when: [.groupIs(id, revision: group.revision)] + conditions,
        write: [.group(record, fencing: fencing), .epoch]
      )
      commit(update, of: id, for: purpose, primaryAt: primaryAt, replicasAt: replicasAt)
    case .want: wanting.insert(id)
    case .nothing: break
    }
  }

  private func decision(_ record: GroupRecord) -> Decision {
    if record.replicas.contains(where: { view.servers[$0.server] == nil }) { return withoutRemoved(record) }
    // A group that nobody may lead is still filled: a new replica may be the one who can.
    let isLed = view.hasLiveLeader(record)
    if !isLed, let promotion = promotion(record) { return promotion }
    if isLed, record.swap != nil { return .nothing }
    let otherwise: Decision = isLed ? .nothing : .want
    switch view.health(of: record) {
    // An operator's word is needed; what returns by itself is seen as a change.
    case .quorumLoss, .down: return otherwise
    case .healthy, .degraded: break
    }
    if record.replicas.count < view.targetReplicas { return fill(record) }
    if let replaced = replacement(record) { return replaced }
    if record.replicas.count > view.targetReplicas { return trim(record) }
    return otherwise
  }

  private func promotion(_ old: GroupRecord) -> Decision? {
    guard let target = Placement.promotionTarget(for: old, in: view, load: load),
      let live = view.live[target], let peer = view.servers[target]
    else { return nil }
    var record = old
    record.generation = old.generation &+ 1
    record.primary = target
    record.primaryInstance = live.record.instance
    record.swap = nil
    if record.preferredPrimary == target { record.preferredPrimary = nil }
    return .change(
      .promote,
      record,
      fencing: true,
      when: [.serverIs(target, revision: peer.revision)],
      primaryAt: target
    )
  }

  private func fill(_ old: GroupRecord) -> Decision {
    var record = old
    var load = load
    var added: [ServerName] = []
    while record.replicas.count < view.targetReplicas,
      let target = Placement.replacement(for: record, in: view, load: load)
    {
      record.replicas.append(ReplicaRecord(server: target))
      load.replicas[target, default: 0] += 1
      added.append(target)
    }
    guard !added.isEmpty else { return .want }
    return .change(.fill, record, fencing: false, when: recorded(added), replicasAt: added)
  }

  private func recorded(_ servers: [ServerName]) -> [FabricCondition] {
    servers.compactMap { name in view.servers[name].map { .serverIs(name, revision: $0.revision) } }
  }

  /// A replica of a server that is gone for too long and not on purpose goes elsewhere. An out-mark reserves it.
  private func replacement(_ old: GroupRecord) -> Decision? {
    let gone = old.replicas.first { replica in
      longGone.contains(replica.server) && view.live[replica.server] == nil
        && view.isInService(replica.server)
    }
    guard let gone else { return nil }
    var record = old
    record.replicas.removeAll { $0.server == gone.server }
    guard let target = Placement.replacement(for: record, in: view, load: load) else { return .want }
    record.replicas.append(ReplicaRecord(server: target))
    if record.preferredPrimary == gone.server { record.preferredPrimary = nil }
    return .change(
      .replace,
      record,
      fencing: false,
      when: [.notLive(gone.server)] + recorded([gone.server, target]),
      replicasAt: [target]
    )
  }

  /// Gives up one replica too many, once all are up.
  private func trim(_ old: GroupRecord) -> Decision {
    guard old.replicas.allSatisfy({ view.isUp($0) }),
      let victim = Placement.superfluous(in: old, of: view, load: load)
    else { return .nothing }
    var record = old
    record.replicas.removeAll { $0.server == victim }
    return .change(.trim, record, fencing: false)
  }

  /// Replicas of servers that were removed are dropped; if one led, the generation rises.
  private func withoutRemoved(_ old: GroupRecord) -> Decision {
    var record = old
    let removed = old.replicas.map(\.server).filter { view.servers[$0] == nil }
    record.replicas.removeAll { removed.contains($0.server) }
    if let preferred = record.preferredPrimary, removed.contains(preferred) { record.preferredPrimary = nil }
    if let target = record.swap?.target, removed.contains(target) { record.swap = nil }
    var fencing = false
    if let primary = record.primary, removed.contains(primary) {
      record.generation = old.generation &+ 1
      record.primary = nil
      record.primaryInstance = 0
      record.swap = nil
      fencing = true
    }
    var added: [ServerName] = []
    if record.replicas.isEmpty, let target = Placement.replacement(for: record, in: view, load: load) {
      record.replicas.append(ReplicaRecord(server: target))
      added.append(target)
    }
    let conditions = removed.map { FabricCondition.serverIs($0, revision: 0) }
    return .change(.trim, record, fencing: fencing, when: conditions, replicasAt: added)
  }

  /// Groups that have no record yet.
  mutating func placeMissing() {
    guard placementDue, isActingController, let pool = view.pool?.record else { return }
    let room = timing.updatesAtOnce - updateGroups.count
    guard room > 0 else { return }
    placementDue = false
    guard view.groups.count < pool.groups else { return }
    var missing: [RoutingGroupID] = []
    for number in 0..<pool.groups {
      let id = RoutingGroupID(number)
      guard view.groups[id] == nil, pending[id] == nil else { continue }
      missing.append(id)
    }
    // Planned together, so that the plan is even; made in slices.
    for record in Placement.initial(missing, in: view).prefix(room) {
      commit(
        FabricUpdate(
          when: [.groupIs(record.id, revision: 0), .generationIs(record.id, 0)],
          write: [.group(record, fencing: true), .epoch]
        ),
        of: record.id,
        for: .place
      )
    }
  }
}
