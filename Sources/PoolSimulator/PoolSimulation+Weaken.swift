import PatchRun
import PoolModel

/// What a switched-off gate is told instead of the truth.
extension PoolSimulation {
  func weaken(_ observation: inout Observation) {
    switch weakness {
    case .partitionQuorum:
      changeGroups(&observation) { group in
        for index in group.replicas.indices { group.replicas[index].eligible = true }
        if group.health == .quorumLoss || group.health == .down { group.health = .degraded }
      }
    case .seedQuorum: observation.seeds = nil
    case .availability: observation.state.serversNeeded = 0
    case .primarySwap: changeGroups(&observation) { $0.swappingTo = nil }
    case .reconfiguration:
      changeGroups(&observation) { group in
        guard group.primary == nil, let first = group.replicas.firstIndex(where: { $0.status == .up }) else {
          return
        }
        group.replicas[first].role = .primary
      }
    case .inbuildReplica:
      changeGroups(&observation) { group in
        for index in group.replicas.indices { group.replicas[index].status = .up }
        group.target = min(group.target, max(1, group.replicas.count))
      }
      for index in observation.state.servers.indices { observation.state.servers[index].isUp = true }
    case .primaryPlacement: callBack(&observation)
    case .capacity:
      for index in observation.state.servers.indices { observation.state.servers[index].bindings = 0 }
    case .otherMaintenance:
      for index in observation.state.servers.indices {
        guard case .out(var mark) = observation.state.servers[index].service, !isOurs(mark) else { continue }
        mark.act = ActIdentity(run: Self.run, sequence: 0, generation: 0)
        observation.state.servers[index].service = .out(mark)
      }
    case .snapshotFresh: observation.age = .zero
    case .window: observation.windowLeft = nil
    case .userGap: observation.probes = nil
    default: break
    }
  }

  private func changeGroups(_ observation: inout Observation, _ change: (inout RoutingGroupState) -> Void) {
    for index in observation.state.groups.indices { change(&observation.state.groups[index]) }
  }

  /// Servers that settle are read as whole.
  private func callBack(_ observation: inout Observation) {
    guard let state = liveCoordinator.flatMap({ coordinators[$0].state }) else { return }
    for lane in state.lanes where lane.isActive && lane.phase == .settle {
      for index in observation.state.servers.indices
      where observation.state.servers[index].name == lane.server {
        observation.state.servers[index].isUp = true
        observation.state.servers[index].service = .inService
      }
      changeGroups(&observation) { group in
        for index in group.replicas.indices where group.replicas[index].server == lane.server {
          group.replicas[index].status = .up
        }
      }
    }
  }
}
