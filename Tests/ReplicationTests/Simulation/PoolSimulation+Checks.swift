import PoolModel

@testable import Replication

/// What must always hold, and what must hold in the end.
extension PoolSimulation {
  mutating func check() {
    for (id, group) in store.view.groups {
      let serving = servers.indices.filter { serves($0, id) != nil && !servers[$0].held.contains(id) }
      if serving.count > 1 {
        violate("\(id) is served by \(serving.map { servers[$0].name })")
      }
      let passing = servers.indices.filter { serves($0, id) == store.fences[id] }
      if passing.count > 1 {
        violate("\(id) at \(store.fences[id] ?? 0) can be written by \(passing.map { servers[$0].name })")
      }
      switch store.view.health(of: group.record) {
      case .quorumLoss, .down: if lossSince[id] == nil { lossSince[id] = now }
      case .healthy, .degraded: lossSince[id] = nil
      }
    }
  }

  /// An update has been applied.
  mutating func checkApplied(_ planned: ReplicationMachine.PlannedUpdate, before: FabricView) {
    for case .group(let record, _) in planned.update.writes {
      let members = record.replicas.map(\.server)
      if Set(members).count != members.count { violate("two replicas of \(record.id) on one server") }
      guard let old = before.groups[record.id]?.record else { continue }
      if record.primary != old.primary || record.primaryInstance != old.primaryInstance,
        record.generation <= old.generation
      {
        violate("\(record.id) has a new primary at generation \(record.generation)")
      }
      if record.generation < old.generation { violate("\(record.id) went back in generation") }
      // An update may be late by 3 s: then it was decided before the loss.
      let isNew = !Set(members).isSubset(of: old.replicas.map(\.server))
      let isLost = [.quorumLoss, .down].contains(before.health(of: old))
      if isNew, isLost, let since = lossSince[record.id], since + .seconds(4) < now {
        violate("\(record.id) was in quorum loss and rebuilt by \(planned.purpose)")
      }
      if planned.purpose == .take || planned.purpose == .promote, let primary = record.primary {
        if !(before.isInService(primary)) {
          violate("\(primary) is not in service and was given \(record.id)")
        }
      }
    }
  }

  /// After the faults: all healthy, all even, nothing lost.
  mutating func demandLiveness() {
    let state = store.view.state(at: PoolTime(milliseconds: 0))
    for group in state.groups where group.health != .healthy {
      violate("\(group.id) is \(group.health): \(group.replicas.map { "\($0.server) \($0.status)" })")
    }
    let primaries = state.servers.map(\.primaries)
    let isSkewed = servers.contains { !$0.machine.isClockRight }
    if !isSkewed, (primaries.max() ?? 0) - (primaries.min() ?? 0) > 1 {
      violate("primaries are uneven: \(primaries)")
    }
    for (group, users) in acknowledged {
      for (user, value) in users where store.bindings[group]?[user]?.value != value {
        violate("acknowledged write \(value) of \(group) user \(user) is gone")
      }
    }
    for server in servers {
      if !server.machine.isReady { violate("\(server.name) is not ready") }
      if server.machine.updateGroups.count > 0 { violate("\(server.name) has updates under way") }
      for (id, group) in store.view.groups
      where group.record.replicas.contains(where: { $0.server == server.name }) {
        guard server.cursor > store.view.revision else { continue }
        if server.tables[id] ?? [:] != store.bindings[id] ?? [:] {
          violate("\(server.name) differs in \(id)")
        }
      }
    }
  }
}
