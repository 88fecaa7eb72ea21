import PoolModel

/// Replicas held here: load, declare, drop.
extension ReplicationMachine {
  mutating func updateReplica(_ id: RoutingGroupID) {
    let record = view.groups[id]?.record
    let own = record?.replicas.first { $0.server == server }
    guard let own else {
      if let group = local[id] {
        endLeading(id)
        if group.replica != .absent { directives.append(.dropReplica(id)) }
        local[id] = nil
      }
      return
    }
    var group = local[id] ?? LocalGroup()
    if group.declared, own.builtBy == 0, group.replica == .loaded, group.leading == nil {
      // Somebody wants it rebuilt from the store.
      group.replica = .absent
      group.declared = false
    }
    if let lease, own.builtBy == lease.instance { group.declared = true }
    switch group.replica {
    case .absent: load(id, &group)
    case .failed(let retryAt) where retryAt <= now: load(id, &group)
    case .failed, .loading, .loaded, .refreshing: break
    }
    local[id] = group
  }

  /// The replica is to be loaded afresh; a group that is led keeps what it has until then.
  mutating func refresh(_ id: RoutingGroupID, whileLeading: Bool) {
    local[id]?.replica = whileLeading ? .refreshing : .absent
    if whileLeading { directives.append(.loadReplica(id)) }
  }

  private mutating func load(_ id: RoutingGroupID, _ group: inout LocalGroup) {
    group.replica = .loading
    directives.append(.loadReplica(id))
  }

  mutating func takeLoad(_ id: RoutingGroupID, succeeded: Bool) {
    guard var group = local[id], group.replica == .loading || group.replica == .refreshing else { return }
    if succeeded {
      group.replica = .loaded
      group.loadAttempts = 0
    } else {
      let retryAt = now + delay(afterAttempts: group.loadAttempts)
      group.loadAttempts += 1
      group.replica = .failed(retryAt: retryAt)
      alarms.add(id, at: retryAt)
    }
    local[id] = group
    dirty.insert(id)
  }

  /// Tells the fabric that the replica here has caught up.
  func buildUpdate(_ group: Versioned<GroupRecord>) -> (Purpose, FabricUpdate)? {
    var record = group.record
    guard let instance = lease?.instance, isLoaded(record.id),
      let position = record.replicas.firstIndex(where: { $0.server == server }),
      record.replicas[position].builtBy != instance
    else { return nil }
    record.replicas[position].builtBy = instance
    return (
      .build,
      FabricUpdate(
        when: [.groupIs(record.id, revision: group.revision)],
        write: [.group(record, fencing: false), .epoch]
      )
    )
  }

  /// Doubles from `retryDelay` to `longestRetryDelay`.
  func delay(afterAttempts attempts: Int) -> Duration {
    min(timing.retryDelay * (1 << min(max(0, attempts), 10)), timing.longestRetryDelay)
  }
}
