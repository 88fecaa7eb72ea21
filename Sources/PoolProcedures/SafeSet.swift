public import PoolModel

/// Which servers can be out together.
public enum SafeSet {
  /// Up to so many candidates every set is tried; beyond it the sets are grown greedily.
  private static let exactLimit = 14

  /// The largest set of `candidates` that leaves every group its quorum of eligible replicas, and the pool the servers
  /// it needs. Of equally large ones the first by the order of `candidates`.
  public static func largest(of candidates: [ServerName], in state: FabricState) -> [ServerName] {
    var unique: [ServerName] = []
    for candidate in candidates where state.server(candidate) != nil && !unique.contains(candidate) {
      unique.append(candidate)
    }
    let problem = Problem(unique, in: state)
    let chosen = unique.count <= exactLimit ? problem.exact() : problem.greedy()
    return chosen.map { unique[$0] }
  }

  /// The candidates as numbers, and what taking them costs.
  private struct Problem {
    let count: Int
    /// By candidate, the groups that lose an eligible replica with it.
    var groups: [[Int]]
    /// Whether the pool loses a server in service with it.
    var serves: [Bool]
    /// How many eligible replicas each group can spare.
    var spare: [Int]
    /// How many servers in service the pool can spare.
    var spareServers: Int

    init(_ candidates: [ServerName], in state: FabricState) {
      count = candidates.count
      let numbers = Dictionary(uniqueKeysWithValues: candidates.enumerated().map { ($1, $0) })
      groups = Array(repeating: [], count: candidates.count)
      spare = []
      for (index, group) in state.groups.enumerated() {
        let eligible = group.replicas.filter(\.eligible)
        spare.append(eligible.count - Quorum.needed(forTarget: group.target))
        for replica in eligible {
          if let number = numbers[replica.server] { groups[number].append(index) }
        }
      }
      let serving = state.servers.filter { $0.isUp && $0.service.isInService }
      spareServers = serving.count - state.serversNeeded
      let names = Set(serving.map(\.name))
      serves = candidates.map(names.contains)
    }

    /// Whether `candidate` can go besides those that `spare` already counts.
    func fits(_ candidate: Int) -> Bool {
      (!serves[candidate] || spareServers > 0) && groups[candidate].allSatisfy { spare[$0] > 0 }
    }

    mutating func take(_ candidate: Int) {
      for group in groups[candidate] { spare[group] -= 1 }
      if serves[candidate] { spareServers -= 1 }
    }

    /// Those that cost others least go first.
    func greedy() -> [Int] {
      var left = self
      var chosen: [Int] = []
      let order = (0..<count).sorted { (groups[$0].count, $0) < (groups[$1].count, $1) }
      for candidate in order where left.fits(candidate) {
        left.take(candidate)
        chosen.append(candidate)
      }
      return chosen.sorted()
    }

    /// Depth first; no branch that cannot be as large as the greedy answer.
    func exact() -> [Int] {
      let floor = greedy().count
      var best: [Int] = []
      func search(_ candidate: Int, _ left: Problem, _ chosen: [Int]) {
        if chosen.count > best.count { best = chosen }
        let possible = chosen.count + count - candidate
        guard candidate < count, possible > best.count, possible >= floor else { return }
        if left.fits(candidate) {
          var taken = left
          taken.take(candidate)
          search(candidate + 1, taken, chosen + [candidate])
        }
        search(candidate + 1, left, chosen)
      }
      search(0, self, [])
      return best
    }
  }
}
