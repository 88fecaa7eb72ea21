public import PoolModel

/// Where replicas and primaries go. Pure functions; ties go by name, so that two servers decide alike.
public enum Placement {
  /// How loaded servers are: counts that a caller keeps up to date between decisions of one round.
  public struct Load: Hashable, Sendable {
    /// Groups led, by server.
    public var primaries: ServerTable<Int>
    /// Replicas held, by server.
    public var replicas: ServerTable<Int>

    /// Counts as given, or none.
    public init(primaries: ServerTable<Int> = [:], replicas: ServerTable<Int> = [:]) {
      self.primaries = primaries
      self.replicas = replicas
    }

    /// Counts of a view.
    public init(of view: FabricView) {
      self.init()
      for group in view.groups.values {
        if let primary = group.record.primary { primaries[primary, default: 0] += 1 }
        for replica in group.record.replicas { replicas[replica.server, default: 0] += 1 }
      }
    }
  }

  /// Records for groups that have none yet: no primary, replicas on servers in service whether they live yet or not,
  /// even within one, over upgrade domains as far as evenness leaves a choice. `preferredPrimary` says who is to lead.
  public static func initial(_ groups: [RoutingGroupID], in view: FabricView) -> [GroupRecord] {
    let servers = view.servers.values.map(\.record).filter(\.service.isInService).sorted { $0.name < $1.name }
    let target = min(view.targetReplicas, servers.count)
    guard target > 0 else { return [] }
    var load = Load(of: view)
    for group in view.groups.values.map(\.record) {
      // Until a group is led, its plan counts.
      if group.primary == nil, let preferred = group.preferredPrimary {
        load.primaries[preferred, default: 0] += 1
      }
    }
    var records: [GroupRecord] = []
    for id in groups.sorted() {
      var members: [ServerRecord] = []
      while members.count < target, let next = leastLoaded(servers, joining: members, load.replicas) {
        members.append(next)
        load.replicas[next.name, default: 0] += 1
      }
      let first = members.map(\.name).min { left, right in
        (load.primaries[left] ?? 0, left) < (load.primaries[right] ?? 0, right)
      }
      if let first { load.primaries[first, default: 0] += 1 }
      records.append(
        GroupRecord(
          id: id,
          generation: 1,
          primary: nil,
          primaryInstance: 0,
          replicas: members.map { ReplicaRecord(server: $0.name) },
          preferredPrimary: first
        )
      )
    }
    return evened(records, in: view)
  }

  /// The plan of who leads, made even within one.
  private static func evened(_ records: [GroupRecord], in view: FabricView) -> [GroupRecord] {
    var problem = EvenSpread(servers: view.servers.keys.filter { view.isInService($0) })
    for group in view.groups.values.map(\.record) {
      guard let leader = group.primary ?? group.preferredPrimary else { continue }
      problem.add(group.id, at: leader, options: [])
    }
    for record in records {
      guard let leader = record.preferredPrimary else { continue }
      problem.add(record.id, at: leader, options: record.replicas.map(\.server))
    }
    let moves = problem.solve()
    return records.map { record in
      var record = record
      if let better = moves[record.id] { record.preferredPrimary = better }
      return record
    }
  }

  /// The server with the fewest replicas, of a domain that is not among the members if there is a choice.
  private static func leastLoaded(
    _ servers: [ServerRecord],
    joining members: [ServerRecord],
    _ load: ServerTable<Int>
  ) -> ServerRecord? {
    let domains = members.map(\.upgradeDomain)
    return servers.filter { server in !members.contains { $0.name == server.name } }.min { left, right in
      let (leftLoad, rightLoad) = (load[left.name] ?? 0, load[right.name] ?? 0)
      if leftLoad != rightLoad { return leftLoad < rightLoad }
      let (leftTaken, rightTaken) = (
        domains.contains(left.upgradeDomain), domains.contains(right.upgradeDomain)
      )
      return leftTaken != rightTaken ? rightTaken : left.name < right.name
    }
  }

  /// The server that a missing replica goes to: live, in service, not a member; of a domain not among the members if
  /// there is one, then with the fewest replicas. `nil` when there is none.
  public static func replacement(for group: GroupRecord, in view: FabricView, load: Load) -> ServerName? {
    let members = Set(group.replicas.map(\.server))
    let domains = Set(members.compactMap { view.servers[$0]?.record.upgradeDomain })
    return view.servers.values.map(\.record)
      .filter { !members.contains($0.name) && view.takesReplicas($0.name) }
      .min { left, right in
        let (leftTaken, rightTaken) = (
          domains.contains(left.upgradeDomain), domains.contains(right.upgradeDomain)
        )
        if leftTaken != rightTaken { return rightTaken }
        let (leftLoad, rightLoad) = (load.replicas[left.name] ?? 0, load.replicas[right.name] ?? 0)
        return leftLoad != rightLoad ? leftLoad < rightLoad : left.name < right.name
      }?.name
  }

  /// Who leads next: a replica that is up on a server that takes primaries, the preferred one, else the one that leads
  /// the fewest groups. `nil` when there is none.
  public static func promotionTarget(
    for group: GroupRecord,
    in view: FabricView,
    load: Load,
    except: ServerName? = nil
  ) -> ServerName? {
    let candidates = group.replicas
      .filter { $0.server != except && view.isUp($0) && view.takesPrimaries($0.server) }.map(\.server)
    if let preferred = group.preferredPrimary, candidates.contains(preferred) { return preferred }
    return candidates.min { left, right in
      (load.primaries[left] ?? 0, left) < (load.primaries[right] ?? 0, right)
    }
  }

  /// The replica to give up when a group has more than it should: never the primary's nor the preferred one's; of a
  /// domain that others share if there is one, then on the server with the most replicas.
  public static func superfluous(in group: GroupRecord, of view: FabricView, load: Load) -> ServerName? {
    var domains: [UpgradeDomain: Int] = [:]
    for replica in group.replicas {
      if let domain = view.servers[replica.server]?.record.upgradeDomain { domains[domain, default: 0] += 1 }
    }
    func sharing(_ server: ServerName) -> Int {
      view.servers[server].flatMap { domains[$0.record.upgradeDomain] } ?? 0
    }
    return group.replicas.map(\.server).filter { $0 != group.primary && $0 != group.preferredPrimary }
      .max { left, right in
        let (leftLoad, rightLoad) = (load.replicas[left] ?? 0, load.replicas[right] ?? 0)
        if leftLoad != rightLoad { return leftLoad < rightLoad }
        return (sharing(left), left) < (sharing(right), right)
      }
  }
}
