import PoolModel

extension Placement {
  /// How many servers may be out together as far as the pool's own quorum goes.
  func mostOut(floor: Floor) -> Int {
    let needed = names.count == 2 ? min(serversNeeded, 1) : serversNeeded
    return max(1, names.count - max(1, needed) - (floor == .quoratePlusOne ? 1 : 0))
  }

  /// How many replicas of each group may be out together; one at least, since one alone is the gates' business.
  private func allowances(floor: Floor) -> [Int] {
    zip(targets, eligible).map { target, eligible in
      max(1, eligible - PatchSafety.needed(forTarget: target, floor: floor))
    }
  }

  /// Sets of servers that can be out together with every group above its floor, in few rounds: first fit, the servers
  /// with the most groups first. Tried by upgrade domain as well, where placement follows the domains; the fewer rounds
  /// win. `last` goes alone and last.
  func rounds(_ servers: [ServerName], floor: Floor, last: ServerName?) -> [[ServerName]] {
    let todo = servers.filter { $0 != last }.compactMap { index[$0] }
    let byLoad = todo.sorted { (groups[$1].count, names[$0]) < (groups[$0].count, names[$1]) }
    let byDomain = todo.sorted { (domains[$0], names[$0]) < (domains[$1], names[$1]) }
    let candidates = [firstFit(byLoad, floor), firstFit(byDomain, floor)]
    let best = candidates.min { $0.count < $1.count } ?? []
    return best.map { $0.map { names[$0] } } + servers.filter { $0 == last }.map { [$0] }
  }

  private func firstFit(_ order: [Int], _ floor: Floor) -> [[Int]] {
    let allowance = allowances(floor: floor)
    let most = mostOut(floor: floor)
    var rounds: [[Int]] = []
    /// For each group, how many of its replicas each round has out already: rounds are few, so a row for each.
    var out: [[Int]] = []
    for server in order {
      let place = rounds.indices.first { round in
        rounds[round].count < most && groups[server].allSatisfy { out[round][$0] < allowance[$0] }
      }
      let round: Int
      if let place {
        round = place
      } else {
        round = rounds.count
        rounds.append([])
        out.append([Int](repeating: 0, count: replicas.count))
      }
      rounds[round].append(server)
      for group in groups[server] { out[round][group] += 1 }
    }
    return rounds
  }

  /// No plan can do with fewer rounds: some group's replicas have to take turns, and the pool's quorum holds some back.
  func roundsBound(_ servers: [ServerName], floor: Floor) -> Int {
    let todo = Set(servers.compactMap { index[$0] })
    guard !todo.isEmpty else { return 0 }
    let allowance = allowances(floor: floor)
    let most = mostOut(floor: floor)
    var bound = (todo.count + most - 1) / most
    for (group, members) in replicas.enumerated() {
      let here = members.count { todo.contains($0) }
      bound = max(bound, (here + allowance[group] - 1) / allowance[group])
    }
    return bound
  }
}
