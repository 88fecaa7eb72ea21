import PoolModel

/// Where replicas and primaries of a pool are, with servers and groups as small numbers: what the planner counts on. Made
/// for ten thousand servers and a hundred thousand groups.
struct Placement {
  let names: [ServerName]
  /// Each server's place in the order of names.
  let rank: [Int]
  let index: [ServerName: Int]
  /// Each group's replicas.
  let replicas: Rows
  /// Each group's primary; -1 when it has none.
  let primaries: [Int]
  /// How many replicas of each group count now, and how many it should have.
  let eligible: [Int]
  let targets: [Int]
  /// The groups that each server has a part of.
  let groups: Rows
  let domains: [UpgradeDomain]
  let serversNeeded: Int

  init(_ state: FabricState) {
    let names = state.servers.map(\.name)
    self.names = names
    let index = Dictionary(zip(names, 0...)) { first, _ in first }
    self.index = index
    var rank = [Int](repeating: 0, count: names.count)
    for (place, server) in names.indices.sorted(by: { names[$0] < names[$1] }).enumerated() {
      rank[server] = place
    }
    self.rank = rank
    var replicas = Rows(count: state.groups.count, total: state.groups.count * 3)
    var primaries: [Int] = []
    var eligible: [Int] = []
    for group in state.groups {
      var (primary, count) = (-1, 0)
      for replica in group.replicas {
        guard let server = index[replica.server] else { continue }
        replicas.append(server)
        if replica.eligible { count += 1 }
        if primary < 0, replica.role == .primary, replica.status == .up { primary = server }
      }
      replicas.endRow()
      primaries.append(primary)
      eligible.append(count)
    }
    (self.replicas, self.primaries, self.eligible) = (replicas, primaries, eligible)
    targets = state.groups.map(\.target)
    domains = state.servers.map(\.upgradeDomain)
    serversNeeded = state.serversNeeded
    groups = replicas.inverted(count: names.count)
  }

  func name(_ server: Int) -> ServerName { names[server] }

  /// The server of `todo` that the most groups at the lowest redundancy depend on.
  func bottleneck(_ todo: [Int]) -> ServerName? {
    var lowest = Int.max
    for server in todo { for group in groups[server] { lowest = min(lowest, eligible[group]) } }
    guard lowest < .max else { return nil }
    let counts = todo.map { server in groups[server].count { eligible[$0] == lowest } }
    let worst = todo.indices.max { left, right in
      (counts[left], rank[todo[right]]) < (counts[right], rank[todo[left]])
    }
    return worst.map { names[todo[$0]] }
  }

  /// The fewest replicas that any group has while a round is out; `nil` without groups or rounds.
  func lowestRedundancy(_ rounds: [[Int]]) -> Int? {
    var lowest: Int?
    var out = [Int](repeating: 0, count: replicas.count)
    for round in rounds {
      for server in round {
        for group in groups[server] {
          out[group] += 1
          lowest = min(lowest ?? .max, max(0, eligible[group] - out[group]))
        }
      }
      for server in round { for group in groups[server] { out[group] = 0 } }
    }
    return lowest
  }
}
