import PoolModel

/// Fabric states to render.
enum SampleState {
  static let now = PoolTime(milliseconds: 1_795_435_200_000)

  static func server(
    _ name: String,
    isUp: Bool = true,
    service: ServiceState = .inService,
    primaries: Int = 1,
    clockOffset: Duration? = .zero,
    drained: Bool = false
  ) -> ServerState {
    ServerState(
      name: ServerName(name),
      upgradeDomain: UpgradeDomain("ud-\(name)"),
      isUp: isUp,
      service: service,
      version: isUp ? "1.0.0" : nil,
      primaries: primaries,
      replicas: 2,
      bindings: isUp ? 1000 : nil,
      clockOffset: clockOffset,
      drained: drained,
      instance: isUp ? 7 : 0
    )
  }

  static func group(
    _ index: Int,
    _ replicas: [(String, ReplicaRole, ReplicaStatus)],
    target: Int = 3,
    swappingTo: String? = nil
  ) -> RoutingGroupState {
    let up = replicas.count { $0.2 == .up }
    return RoutingGroupState(
      id: RoutingGroupID(index),
      generation: 4,
      target: target,
      replicas: replicas.map {
        Replica(server: ServerName($0.0), role: $0.1, status: $0.2, eligible: $0.2 == .up)
      },
      health: Quorum.health(
        target: target,
        members: replicas.count,
        up: up,
        hasPrimary: replicas.contains { $0.1 == .primary && $0.2 == .up }
      ),
      swappingTo: swappingTo.map { ServerName($0) }
    )
  }

  static func state(_ servers: [ServerState], _ groups: [RoutingGroupState]) -> FabricState {
    FabricState(
      pool: PoolName("demo"),
      servers: servers,
      groups: groups,
      revision: 412,
      epoch: 390,
      takenAt: now,
      serversNeeded: 2
    )
  }

  static let healthy = state(
    [server("fe1"), server("fe2"), server("fe3", primaries: 0)],
    [
      group(0, [("fe1", .primary, .up), ("fe2", .activeSecondary, .up), ("fe3", .activeSecondary, .up)]),
      group(1, [("fe2", .primary, .up), ("fe1", .activeSecondary, .up), ("fe3", .activeSecondary, .up)]),
    ]
  )

  static let broken = state(
    [
      server("fe1", primaries: 1, clockOffset: .seconds(3600)),
      server(
        "fe2",
        isUp: false,
        service: .out(
          OutMark(
            by: "anna@ops1",
            reason: "quorate patch",
            since: PoolTime(milliseconds: now.milliseconds - 200_000),
            act: ActIdentity(run: "20261123-115640-7f3a", sequence: 4, generation: 9),
            forced: true
          )
        ),
        primaries: 0
      ),
      server("fe3", isUp: false, primaries: 0, clockOffset: nil),
    ],
    [
      group(
        0,
        [("fe1", .primary, .up), ("fe2", .activeSecondary, .missing), ("fe3", .activeSecondary, .missing)]
      ),
      group(1, [("fe3", .primary, .missing), ("fe2", .activeSecondary, .missing)]),
      group(
        2,
        [("fe1", .primary, .up), ("fe2", .activeSecondary, .up), ("fe3", .idleSecondary, .building)],
        swappingTo: "fe2"
      ),
    ]
  )
}
