public import PoolModel

/// Takes a server out of the pool for good: its replicas go elsewhere, then its record is removed.
public struct MachineRemoval: Hashable, Sendable {
  /// Groups that lose a replica, by number.
  public var groups: [RoutingGroupID]
  /// Groups it led or was recorded to lead: their generation rises.
  public var led: [RoutingGroupID]
  /// Groups that have no replica left and nowhere to put one: the removal should be refused.
  public var stranded: [RoutingGroupID]
  /// Transactions to commit in order; the last one removes the server. When one is refused, read afresh and plan again.
  public var updates: [FabricUpdate]

  /// Plans the removal of a server.
  public init(of server: ServerName, from view: FabricView) {
    groups = []
    led = []
    stranded = []
    updates = []
    guard let own = view.servers[server] else { return }
    var without = view
    without.servers[server] = nil
    var load = Placement.Load(of: without)
    let gone: [FabricCondition] = view.live[server] == nil ? [.notLive(server)] : []
    var records: [Versioned<GroupRecord>] = []
    for group in view.groups.values.sorted(by: { $0.record.id < $1.record.id }) {
      guard group.record.replicas.contains(where: { $0.server == server }) else { continue }
      let record = Self.rePlaced(group.record, without: server, in: without, load: &load)
      groups.append(record.id)
      if group.record.primary == server { led.append(record.id) }
      if record.replicas.isEmpty { stranded.append(record.id) }
      records.append(Versioned(record, revision: group.revision))
    }
    for start in stride(from: 0, to: records.count, by: 28) {
      let chunk = records[start..<min(start + 28, records.count)]
      updates.append(
        FabricUpdate(
          when: gone + [.serverIs(server, revision: own.revision)]
            + chunk.map { .groupIs($0.record.id, revision: $0.revision) },
          write: chunk.map { .group($0.record, fencing: true) } + [.epoch]
        )
      )
    }
    updates.append(
      FabricUpdate(
        when: gone + [.serverIs(server, revision: own.revision)],
        write: [.removeServer(server), .epoch]
      )
    )
  }

  /// The group's record without the server, with a replacement if one can be had.
  static func rePlaced(
    _ group: GroupRecord,
    without server: ServerName,
    in view: FabricView,
    load: inout Placement.Load
  ) -> GroupRecord {
    var record = group
    record.replicas.removeAll { $0.server == server }
    if record.preferredPrimary == server { record.preferredPrimary = nil }
    if record.swap?.target == server { record.swap = nil }
    if record.primary == server {
      record.generation = group.generation &+ 1
      record.swap = nil
      let next = Placement.promotionTarget(for: record, in: view, load: load)
      record.primary = next
      record.primaryInstance = next.flatMap { view.live[$0]?.record.instance } ?? 0
      if let next { load.primaries[next, default: 0] += 1 }
      if record.preferredPrimary == next { record.preferredPrimary = nil }
    }
    while record.replicas.count < view.targetReplicas,
      let target = Placement.replacement(for: record, in: view, load: load)
    {
      record.replicas.append(ReplicaRecord(server: target))
      load.replicas[target, default: 0] += 1
    }
    return record
  }
}

/// Adds a server to the pool. It starts empty; the controller moves replicas to it.
public enum ServerAddition {
  /// The transaction; refused when there is a server of that name.
  public static func update(_ server: ServerRecord) -> FabricUpdate {
    FabricUpdate(when: [.serverIs(server.name, revision: 0)], write: [.server(server), .epoch])
  }
}

/// Makes a pool in an empty store.
public enum PoolFormation {
  /// Transactions to commit in order. The first is refused when there is a pool already: then leave the rest.
  public static func updates(_ pool: PoolRecord, servers: [ServerRecord]) -> [FabricUpdate] {
    var updates: [FabricUpdate] = []
    for start in stride(from: 0, to: max(1, servers.count), by: 50) {
      let chunk = servers[min(start, servers.count)..<min(start + 50, servers.count)]
      let conditions: [FabricCondition] = start == 0 ? [.noPool] : []
      updates.append(
        FabricUpdate(
          when: conditions + chunk.map { .serverIs($0.name, revision: 0) },
          write: (start == 0 ? [.pool(pool)] : []) + chunk.map { .server($0) } + [.epoch]
        )
      )
    }
    return updates
  }
}
