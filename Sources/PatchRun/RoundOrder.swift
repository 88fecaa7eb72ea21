import PoolModel

/// The order of rounds in which primaries move least. A primary moves when its server goes out, and once more when none of
/// its group's other servers was done by then: it lands on one whose turn is still to come.
struct RoundOrder {
  /// What came of it.
  struct Result {
    /// The rounds in order.
    var rounds: [[Int]]
    /// How many primaries move a second time.
    var secondMoves: Int
    /// No order has fewer second moves.
    var bound: Int
  }

  /// Up to so many rounds every order is weighed.
  private static let exactLimit = 12

  private let placement: Placement
  private let rounds: [[Int]]
  private let last: [Int]?
  /// By round, the led groups that could move twice: the rounds of their other replicas.
  private var others: [[[Int]]]
  /// By round, how many primaries it has, and its first server's rank: what decides between equals.
  private var led: [Int]

  init(_ placement: Placement, _ rounds: [[Int]], last: [Int]?) {
    self.placement = placement
    self.rounds = rounds
    self.last = last
    var round = [Int](repeating: -1, count: placement.names.count)
    for (number, servers) in rounds.enumerated() { for server in servers { round[server] = number } }
    // A round of its own that comes after all others.
    for server in last ?? [] { round[server] = rounds.count }
    others = [[[Int]]](repeating: [], count: rounds.count)
    led = [Int](repeating: 0, count: rounds.count)
    for (group, primary) in placement.primaries.enumerated() where primary >= 0 {
      let own = round[primary]
      guard own >= 0, own < rounds.count else { continue }
      led[own] += 1
      let elsewhere = placement.replicas[group].filter { $0 != primary }.map { round[$0] }
      // A replica on a server that is not to be touched is where a primary stays.
      guard !elsewhere.isEmpty, !elsewhere.contains(-1) else { continue }
      others[own].append(elsewhere.filter { $0 < rounds.count && $0 != own })
    }
  }

  /// The rounds in order, `last` included.
  func solve() -> Result {
    let isSmall = rounds.count <= Self.exactLimit
    let order = isSmall ? exact() : greedy()
    var position = [Int](repeating: 0, count: rounds.count)
    for (place, round) in order.enumerated() { position[round] = place }
    let moves = rounds.indices.reduce(0) { sum, round in
      sum + others[round].count { $0.allSatisfy { position[$0] > position[round] } }
    }
    // Whoever goes first finds nobody done.
    let first = others.map(\.count).min() ?? 0
    return Result(
      rounds: order.map { rounds[$0] } + (last.map { [$0] } ?? []),
      secondMoves: moves,
      bound: isSmall ? moves : first
    )
  }

  private func isBefore(_ left: Int, _ right: Int) -> Bool {
    let (first, second) = (rounds[left].first ?? 0, rounds[right].first ?? 0)
    return (led[left], placement.rank[first]) < (led[right], placement.rank[second])
  }

  /// Always the round next of whose groups the fewest would move twice; of equals the one that leads least.
  private func greedy() -> [Int] {
    var risk = others.map(\.count)
    // By round, the groups that are safe once it is done.
    var waiting = [[(round: Int, group: Int)]](repeating: [], count: rounds.count)
    for round in rounds.indices {
      for (group, elsewhere) in others[round].enumerated() {
        for other in elsewhere { waiting[other].append((round, group)) }
      }
    }
    var isSafe = others.map { [Bool](repeating: false, count: $0.count) }
    var open = rounds.indices.sorted(by: isBefore)
    var order: [Int] = []
    while !open.isEmpty {
      var next = 0
      for place in open.indices where risk[open[place]] < risk[open[next]] {
        next = place
        if risk[open[place]] == 0 { break }
      }
      let round = open.remove(at: next)
      order.append(round)
      for item in waiting[round] where !isSafe[item.round][item.group] {
        isSafe[item.round][item.group] = true
        risk[item.round] -= 1
      }
    }
    return order
  }

  /// The best of all orders, by the set of rounds that are done (Held and Karp, 1962).
  private func exact() -> [Int] {
    let count = rounds.count
    guard count > 0 else { return [] }
    let costs = rounds.indices.map(secondMoves)
    // By the set of rounds that are done, what the rest costs at least.
    let all = (1 << count) - 1
    var rest = [Int](repeating: 0, count: 1 << count)
    let byRank = rounds.indices.sorted(by: isBefore)
    for done in stride(from: all - 1, through: 0, by: -1) {
      rest[done] = .max
      for round in byRank where done & (1 << round) == 0 {
        rest[done] = min(rest[done], costs[round][done] + rest[done | (1 << round)])
      }
    }
    var order: [Int] = []
    var done = 0
    while done != all {
      let next = byRank.first {
        done & (1 << $0) == 0 && costs[$0][done] + rest[done | (1 << $0)] == rest[done]
      }
      guard let next else { return byRank }
      order.append(next)
      done |= 1 << next
    }
    return order
  }

  /// For each set of rounds that are done, how many of a round's groups would move twice if it came next.
  private func secondMoves(_ round: Int) -> [Int] {
    let count = rounds.count
    var sums = [Int](repeating: 0, count: 1 << count)
    for elsewhere in others[round] { sums[elsewhere.reduce(0) { $0 | (1 << $1) }] += 1 }
    // How many have all of theirs within a set ...
    for bit in 0..<count {
      for set in sums.indices where set & (1 << bit) != 0 { sums[set] += sums[set ^ (1 << bit)] }
    }
    // ... and so, of the rest, how many have none done.
    let all = sums.count - 1
    return sums.indices.map { sums[all ^ $0] }
  }
}
