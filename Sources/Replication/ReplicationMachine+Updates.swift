import PoolModel

/// Updates of the fabric: one under way per group, a wait with back-off after one that failed.
extension ReplicationMachine {
  /// Decides the next update of a group, in order of urgency.
  mutating func decide(_ id: RoutingGroupID, _ group: Versioned<GroupRecord>) {
    guard isActing, pending[id] == nil else { return }
    guard updateGroups.count < timing.updatesAtOnce else {
      // Wait in line, each once; whoever's update ends calls the next.
      if backlogged.insert(id) { backlog.append(id) }
      return
    }
    if let (purpose, update) = takeUpdate(group) ?? buildUpdate(group) ?? swapUpdate(group) {
      commit(update, of: id, for: purpose)
      return
    }
    guard isActingController else { return }
    decideAsController(group)
  }

  mutating func commit(
    _ update: FabricUpdate,
    of id: RoutingGroupID,
    for purpose: Purpose,
    primaryAt: ServerName? = nil,
    replicasAt: [ServerName] = []
  ) {
    lastUpdate += 1
    updateGroups[lastUpdate] = id
    pending[id] = PendingUpdate(
      id: lastUpdate,
      phase: .inFlight,
      primaryAt: primaryAt,
      replicasAt: replicasAt
    )
    if let primaryAt { promised.primaries[primaryAt, default: 0] += 1 }
    for server in replicasAt { promised.replicas[server, default: 0] += 1 }
    commits.append(PlannedUpdate(id: lastUpdate, group: id, purpose: purpose, update: update))
  }

  mutating func takeOutcome(_ outcome: UpdateOutcome, of update: UInt64) {
    guard let id = updateGroups.removeValue(forKey: update) else { return }
    guard var wait = pending[id], wait.id == update else { return }
    switch outcome {
    case .applied(let revision):
      attempts[id] = nil
      if (view.groups[id]?.revision ?? 0) >= revision {
        endPending(id)
        return
      }
      // The view's news of it ends the wait; the alarm is for a record that was removed in between.
      let giveUpAt = now + timing.longestRetryDelay
      wait.phase = .applied(revision: revision, giveUpAt: giveUpAt)
      alarms.add(id, at: giveUpAt)
    case .refused, .unknown:
      let attempt = attempts[id] ?? 0
      attempts[id] = attempt + 1
      let until = now + delay(afterAttempts: attempt)
      wait.phase = .waiting(until: until)
      alarms.add(id, at: until)
    }
    pending[id] = wait
  }

  /// The view has news of the group: whatever was waited for is decided again from it.
  mutating func pendingSeen(_ id: RoutingGroupID, revision: UInt64) {
    switch pending[id]?.phase {
    case .applied(let expected, _) where revision >= expected: endPending(id)
    case .waiting: endPending(id)
    case .applied, .inFlight, nil: break
    }
  }

  mutating func expire(_ wait: PendingUpdate, of id: RoutingGroupID) {
    switch wait.phase {
    case .applied(_, let until), .waiting(let until):
      if until <= now { endPending(id) }
    case .inFlight: break
    }
  }

  private mutating func endPending(_ id: RoutingGroupID) {
    guard let wait = pending.remove(id) else { return }
    if let server = wait.primaryAt { promised.primaries[server, default: 0] -= 1 }
    for server in wait.replicasAt { promised.replicas[server, default: 0] -= 1 }
    dirty.insert(id)
    if view.groups[id] == nil { placementDue = true }
  }

  /// Lets groups that wait in line be looked at, as many as there is room for.
  mutating func callBacklogs() {
    var room = timing.updatesAtOnce - updateGroups.count
    while room > 0, let next = backlog.popLast() {
      backlogged.remove(next)
      dirty.insert(next)
      room -= 1
    }
    room = timing.swapsAtOnce - swapping.count
    while room > 0, let next = swapBacklog.popLast() {
      swapBacklogged.remove(next)
      dirty.insert(next)
      room -= 1
    }
  }
}
