import PoolModel

extension Placement {
  /// How many servers may be out together as far as the pool's own quorum goes.
  func mostOut(floor: Floor) -> Int {
    let needed = names.count == 2 ? min(serversNeeded, 1) : serversNeeded
    return max(1, names.count - max(1, needed) - (floor == .quoratePlusOne ? 1 : 0))
  }

  /// Each server a round of its own; `last` has to be the last.
  func oneAtATime(_ servers: [ServerName], last: ServerName?) -> PlannedRounds {
    let own = servers.filter { $0 == last }.compactMap { index[$0] }
    return PlannedRounds(
      rounds: servers.filter { $0 != last }.compactMap { index[$0].map { [$0] } },
      last: own.isEmpty ? nil : own,
      bound: servers.count,
      why: "one at a time was asked for"
    )
  }

  /// Sets of servers that can be out together with every group above its floor, in as few rounds as could be found, and
  /// the fewest that there can be. `last` goes alone and last. In no particular order yet.
  func rounds(_ servers: [ServerName], floor: Floor, last: ServerName?, steps: Int) -> PlannedRounds {
    let todo = servers.filter { $0 != last }.compactMap { index[$0] }
    var number = [Int](repeating: -1, count: names.count)
    for (place, server) in todo.enumerated() { number[server] = place }
    var sets = Rows(count: replicas.count, total: replicas.values.count)
    var allowances: [Int] = []
    for group in 0..<replicas.count {
      // One at least: whether one alone may go is the gates' business.
      let allowance = max(1, eligible[group] - PatchSafety.needed(forTarget: targets[group], floor: floor))
      guard replicas[group].count(where: { number[$0] >= 0 }) > allowance else { continue }
      for server in replicas[group] where number[server] >= 0 { sets.append(number[server]) }
      sets.endRow()
      allowances.append(allowance)
    }
    var search = RoundSearch(
      count: todo.count,
      sets: sets,
      allowances: allowances,
      most: mostOut(floor: floor),
      // The servers with the most groups first; and by upgrade domain, where the placement follows the domains.
      orders: [
        todo.indices.sorted {
          (groups[todo[$1]].count, rank[todo[$0]]) < (groups[todo[$0]].count, rank[todo[$1]])
        },
        todo.indices.sorted { (domains[todo[$0]], rank[todo[$0]]) < (domains[todo[$1]], rank[todo[$1]]) },
      ]
    )
    search.steps = steps
    let found = search.solve()
    var rounds = [[Int]](repeating: [], count: found.count)
    for (place, round) in found.rounds.enumerated() { rounds[round].append(todo[place]) }
    for round in rounds.indices { rounds[round].sort { rank[$0] < rank[$1] } }
    let own = servers.filter { $0 == last }.compactMap { index[$0] }
    return PlannedRounds(
      rounds: rounds,
      last: own.isEmpty ? nil : own,
      bound: found.bound + (own.isEmpty ? 0 : 1),
      why: found.why
    )
  }
}

/// Rounds of a plan as numbers of servers.
struct PlannedRounds {
  /// Servers that are out together.
  var rounds: [[Int]]
  /// A round that has to be the last.
  var last: [Int]?
  /// No plan can do with fewer, `last` included.
  var bound: Int
  /// Why.
  var why: String
}
