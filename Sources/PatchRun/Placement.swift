import PoolModel

/// Where replicas and primaries of a pool are, with servers and groups as small numbers: what the planner counts on. Made
/// for ten thousand servers and a hundred thousand groups.
struct Placement {
  let names: [ServerName]
  let index: [ServerName: Int]
  /// Each group's replicas.
  let replicas: [[Int]]
  /// Each group's primary; -1 when it has none.
  let primaries: [Int]
  /// How many replicas of each group count now, and how many it should have.
  let eligible: [Int]
  let targets: [Int]
  /// The groups that each server has a part of.
  let groups: [[Int]]
  let domains: [UpgradeDomain]
  let serversNeeded: Int

  init(_ state: FabricState) {
    names = state.servers.map(\.name)
    let index = Dictionary(zip(names, 0...)) { first, _ in first }
    self.index = index
    replicas = state.groups.map { $0.replicas.compactMap { index[$0.server] } }
    primaries = state.groups.map { $0.primary.flatMap { index[$0] } ?? -1 }
    eligible = state.groups.map { $0.replicas.count(where: \.eligible) }
    targets = state.groups.map(\.target)
    domains = state.servers.map(\.upgradeDomain)
    serversNeeded = state.serversNeeded
    var groups = [[Int]](repeating: [], count: names.count)
    for (group, members) in replicas.enumerated() { for server in members { groups[server].append(group) } }
    self.groups = groups
  }

  func name(_ server: Int) -> ServerName { names[server] }

  /// The order in which primaries move least: always the server next whose groups can least be blamed for a second move,
  /// that is, which leads the fewest groups that have no replica on a server already done; of equals the one that leads
  /// the fewest, then by name. `last` goes last.
  func order(_ servers: [ServerName], last: ServerName?) -> [ServerName] {
    var open = servers.filter { $0 != last }.compactMap { index[$0] }
    var order: [ServerName] = []
    // Servers that are not to be touched count as done: a primary that lands there stays.
    let todo = Set(servers.compactMap { index[$0] })
    var isSafe = replicas.map { members in members.contains { !todo.contains($0) } }
    var risk = [Int](repeating: 0, count: names.count)
    var led = risk
    for (group, primary) in primaries.enumerated() where primary >= 0 {
      led[primary] += 1
      if !isSafe[group] { risk[primary] += 1 }
    }
    while !open.isEmpty {
      guard
        let next = open.indices.min(by: {
          (risk[open[$0]], led[open[$0]], names[open[$0]]) < (risk[open[$1]], led[open[$1]], names[open[$1]])
        })
      else { break }
      let server = open.remove(at: next)
      order.append(names[server])
      for group in groups[server] where !isSafe[group] {
        isSafe[group] = true
        if primaries[group] >= 0 { risk[primaries[group]] -= 1 }
      }
    }
    return order + servers.filter { $0 == last }
  }

  /// The server of `servers` that the most groups at the lowest redundancy depend on.
  func bottleneck(_ servers: [ServerName]) -> ServerName? {
    let todo = servers.compactMap { index[$0] }
    guard let lowest = todo.flatMap({ groups[$0] }).map({ eligible[$0] }).min() else { return nil }
    return todo.max { left, right in
      let counts = [left, right].map { server in groups[server].count { eligible[$0] == lowest } }
      return (counts[0], names[right]) < (counts[1], names[left])
    }.map { names[$0] }
  }

  /// The fewest replicas that any group has while a round is out; `nil` without groups or rounds.
  func lowestRedundancy(_ rounds: [[ServerName]]) -> Int? {
    var lowest: Int?
    for round in rounds {
      var out: [Int: Int] = [:]
      for server in round.compactMap({ index[$0] }) {
        for group in groups[server] { out[group, default: 0] += 1 }
      }
      for (group, count) in out { lowest = min(lowest ?? .max, max(0, eligible[group] - count)) }
    }
    return lowest
  }
}
