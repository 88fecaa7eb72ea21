import PoolModel

extension MemoryPool.State {
  mutating func change(_ name: ServerName, _ change: (inout MemoryPool.Server) -> Void) {
    guard let index = servers.firstIndex(where: { $0.name == name }) else { return }
    change(&servers[index])
  }

  func server(_ name: ServerName) -> MemoryPool.Server? { servers.first { $0.name == name } }

  /// Whether a replica is caught up: built by the instance that lives.
  func isUp(_ group: MemoryPool.Group, on name: ServerName) -> Bool {
    guard let server = server(name), server.isUp, let builtBy = group.replicas[name] else { return false }
    return builtBy == server.instance
  }

  func isEligible(_ group: MemoryPool.Group, on name: ServerName) -> Bool {
    isUp(group, on: name) && server(name)?.service.isInService == true
  }

  func led(by name: ServerName) -> Int { groups.count { $0.primary == name } }

  /// The eligible replica with the fewest primaries, besides `except`.
  func heir(of group: MemoryPool.Group, except: ServerName?) -> ServerName? {
    group.replicas.keys.filter { $0 != except && isEligible(group, on: $0) }
      .min { (led(by: $0), $0) < (led(by: $1), $1) }
  }

  /// A server's process comes up as a new instance.
  mutating func bringUp(_ name: ServerName) {
    change(name) { server in
      guard !server.isUp else { return }
      server.isUp = true
      server.instance += 1
      server.version = server.installed
    }
    fill()
  }

  /// Groups that a recovery left below their target fill up on servers that live and serve.
  mutating func fill() {
    for index in groups.indices {
      for server in servers where groups[index].replicas.count < target {
        guard server.isUp, server.service.isInService, groups[index].replicas[server.name] == nil else {
          continue
        }
        groups[index].replicas[server.name] = 0
        epoch += 1
      }
    }
    build()
  }

  /// Replicas on servers that live and catch up are built.
  mutating func build() {
    for index in groups.indices {
      for server in servers where server.isUp && server.catchesUp {
        if groups[index].replicas[server.name] != nil {
          groups[index].replicas[server.name] = server.instance
        }
      }
    }
  }

  /// Groups without a primary that lives get one, where there is a replica to take it.
  mutating func promote() {
    for index in groups.indices {
      let group = groups[index]
      if let primary = group.primary, isUp(group, on: primary) { continue }
      guard let heir = heir(of: group, except: nil) else { continue }
      groups[index].primary = heir
      groups[index].generation += 1
      epoch += 1
    }
  }

  /// Moves every primary off a server. Returns how many are left that nobody can take.
  mutating func moveOff(_ name: ServerName) -> Int {
    for index in groups.indices where groups[index].primary == name {
      guard let heir = heir(of: groups[index], except: name) else { continue }
      groups[index].primary = heir
      groups[index].generation += 1
      epoch += 1
    }
    return led(by: name)
  }

  func fabricState(pool: PoolName, at now: PoolTime) -> FabricState {
    FabricState(
      pool: pool,
      servers: servers.map(serverState),
      groups: groups.map(groupState),
      revision: revision,
      epoch: epoch,
      takenAt: now,
      serversNeeded: Quorum.needed(forTarget: servers.count)
    )
  }

  private func serverState(_ server: MemoryPool.Server) -> ServerState {
    let isDrained = if case .out = server.service { true } else { false }
    return ServerState(
      name: server.name,
      upgradeDomain: server.domain,
      isUp: server.isUp,
      service: server.service,
      version: server.isUp ? server.version : nil,
      primaries: led(by: server.name),
      replicas: groups.count { $0.replicas[server.name] != nil },
      bindings: server.isUp ? server.bindings : nil,
      clockOffset: server.isUp ? .zero : nil,
      drained: isDrained,
      instance: server.isUp ? server.instance : 0
    )
  }

  private func groupState(_ group: MemoryPool.Group) -> RoutingGroupState {
    let leader = group.primary.flatMap { isUp(group, on: $0) ? $0 : nil }
    let names = group.replicas.keys.sorted {
      ($0 == leader ? 0 : 1, $0) < ($1 == leader ? 0 : 1, $1)
    }
    let replicas = names.map { name in
      let isUp = isUp(group, on: name)
      let status: ReplicaStatus = isUp ? .up : server(name)?.isUp == true ? .building : .missing
      let role: ReplicaRole = name == leader ? .primary : isUp ? .activeSecondary : .idleSecondary
      return Replica(server: name, role: role, status: status, eligible: isEligible(group, on: name))
    }
    return RoutingGroupState(
      id: group.id,
      generation: group.generation,
      target: target,
      replicas: replicas,
      health: Quorum.health(
        target: target,
        members: replicas.count,
        up: replicas.count { $0.status == .up },
        hasPrimary: leader != nil
      )
    )
  }
}
