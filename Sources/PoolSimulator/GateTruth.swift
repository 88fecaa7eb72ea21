import PatchRun
import PoolModel

/// What a reading of the pool said before the simulator weakened it, and what must be so when a run takes a server out on
/// the strength of it. Written from DESIGN.md section 5, not from the gates' code: it is what they are checked against.
/// A class, because it is looked at often and copied never.
final class GateTruth {
  let observation: Observation
  let settings: RunSettings

  init(_ observation: Observation, settings: RunSettings) {
    self.observation = observation
    self.settings = settings
  }

  private var state: FabricState { observation.state }

  private func isOurs(_ server: ServerState) -> Bool { server.service.mark?.act?.run == PoolSimulation.run }

  /// What is wrong with taking `server` out, or with stopping it once it is out; `nil` when nothing is.
  func fault(takingOut server: ServerName, isFirst: Bool) -> String? {
    if observation.age > .seconds(5) || observation.age < .seconds(-5) {
      return "the reading is \(observation.age) old"
    }
    return redundancyFault(server) ?? poolFault(server) ?? movementFault(server) ?? absenceFault(server)
      ?? seedFault(server) ?? (isFirst ? surroundingFault() : nil)
  }

  private func redundancyFault(_ server: ServerName) -> String? {
    for group in state.groups {
      let up = group.replicas.count { $0.status == .up }
      let members = min(group.target, group.replicas.count)
      let majority = members == 2 ? 1 : members / 2 + 1
      if up < max(1, majority) { return "\(group.id) is in quorum loss" }
      guard group.replicas.contains(where: { $0.server == server }) else { continue }
      var needed = group.target == 2 ? 1 : group.target / 2 + 1
      if settings.gates.floor == .quoratePlusOne { needed = max(needed, 2) }
      let keeps = group.replicas.count { replica in
        guard replica.server != server, replica.status == .up else { return false }
        return state.server(replica.server)?.service.isInService ?? false
      }
      if keeps < needed { return "\(group.id) keeps \(keeps) of \(needed)" }
    }
    return nil
  }

  private func poolFault(_ server: ServerName) -> String? {
    for other in state.servers where other.service.mark != nil && !isOurs(other) {
      return "\(other.name) is out by somebody else"
    }
    let serving = state.servers.count { $0.name != server && $0.isUp && $0.service.isInService }
    let more = settings.gates.floor == .quoratePlusOne ? 1 : 0
    let needed = max(1, state.serversNeeded) + more
    if serving < needed { return "\(serving) servers stay in service, \(needed) are needed" }
    if let capacity = settings.gates.capacity {
      let bindings = state.servers.reduce(0) { $0 + ($1.bindings ?? 0) }
      if bindings > capacity * serving { return "\(bindings) bindings for \(serving) servers of \(capacity)" }
    }
    return nil
  }

  private func movementFault(_ server: ServerName) -> String? {
    for group in state.groups {
      if group.swappingTo != nil, group.replicas.contains(where: { $0.server == server }) {
        return "\(group.id) is being swapped"
      }
      if group.primary == nil { return "\(group.id) has no primary" }
    }
    return nil
  }

  private func absenceFault(_ server: ServerName) -> String? {
    for other in state.servers where other.name != server && !isOurs(other) {
      if !other.isUp { return "\(other.name) is down" }
      for group in state.groups
      where group.replicas.contains(where: { $0.server == other.name && $0.status != .up }) {
        return "the replica of \(group.id) on \(other.name) is not up"
      }
    }
    for group in state.groups where group.replicas.count < group.target {
      return "\(group.id) lacks a replica"
    }
    return nil
  }

  private func seedFault(_ server: ServerName) -> String? {
    guard let seeds = observation.seeds else { return nil }
    let left = seeds.count { $0.isHealthy && $0.server != server }
    return left < seeds.count / 2 + 1 ? "\(left) of \(seeds.count) store members would be left" : nil
  }

  private func surroundingFault() -> String? {
    if let left = observation.windowLeft, left < settings.serverTime {
      return "the window is open for \(left) only"
    }
    if let gap = observation.probes?.longestGap, let limit = settings.maxGap, gap > limit {
      return "users felt a gap of \(gap)"
    }
    return nil
  }

  /// What is wrong with calling `server` back in service; `nil` when nothing is.
  func fault(callingBack server: ServerName) -> String? {
    guard let found = state.server(server), found.isUp, found.service.isInService else {
      return "\(server) is not up and in service"
    }
    for group in state.groups
    where group.replicas.contains(where: { $0.server == server && $0.status != .up }) {
      return "the replica of \(group.id) on \(server) is not up"
    }
    return nil
  }
}
