import PoolModel

/// Which servers and groups of a fabric state are shown. The counts are always of the whole pool.
struct FabricStateFilter: Hashable, Sendable {
  /// Only groups that have a replica on one of these, and only these servers; empty for all.
  var servers: [ServerName] = []
  /// Only these groups; empty for all.
  var groups: [RoutingGroupID] = []
  /// Only groups that are not whole, and servers that are not up and in service.
  var missing = false

  /// The servers to show.
  func servers(of state: FabricState) -> [ServerState] {
    state.servers.filter { server in
      (servers.isEmpty || servers.contains(server.name))
        && (!missing || !server.isUp || !server.service.isInService)
    }
  }

  /// The groups to show.
  func groups(of state: FabricState) -> [RoutingGroupState] {
    state.groups.filter { group in
      (groups.isEmpty || groups.contains(group.id))
        && (servers.isEmpty || group.replicas.contains { servers.contains($0.server) })
        && (!missing || group.health != .healthy)
    }
  }
}
