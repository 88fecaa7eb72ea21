import PoolModel

/// Replicas held here: load, declare, drop.
extension ReplicationMachine {
  mutating func updateReplica(_ id: RoutingGroupID, _ group: Versioned<GroupRecord>?) {
    guard let builtBy = group?.record.replicas.first(where: { $0.server == server })?.builtBy else {
      guard let phase = local[id]?.replica else { return }
      endLeading(id)
      if phase != .absent { directives.append(.dropReplica(id)) }
      local[id] = nil
      return
    }
    if local[id] == nil { local[id] = LocalGroup() }
    if builtBy == 0, local[id]?.declared == true, isLoaded(id), local[id]?.leading == nil {
      // Somebody wants it rebuilt from the store.
      local[id]?.replica = .absent
      local[id]?.declared = false
    }
    if let lease, builtBy == lease.instance { local[id]?.declared = true }
    switch local[id]?.replica {
    case .absent: load(id)
    case .failed(let retryAt) where retryAt <= now: load(id)
    case .failed, .loading, .loaded, .refreshing, nil: break
    }
  }

  /// The replica is to be loaded afresh; a group that is led keeps what it has until then.
  mutating func refresh(_ id: RoutingGroupID, whileLeading: Bool) {
    local[id]?.replica = whileLeading ? .refreshing : .absent
    if whileLeading { directives.append(.loadReplica(id)) }
  }

  private mutating func load(_ id: RoutingGroupID) {
    let isLed = local[id]?.leading != nil
    local[id]?.replica = isLed ? .refreshing : .loading
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
    guard let instance = lease?.instance, isLoaded(group.record.id),
      let position = group.record.replicas.firstIndex(where: { $0.server == server }),
      group.record.replicas[position].builtBy != instance
    else { return nil }
    var record = group.record
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
