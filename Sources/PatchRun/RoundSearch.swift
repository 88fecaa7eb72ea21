/// Servers in rounds, and what is known about doing with fewer.
struct RoundAssignment: Hashable {
  /// Each server's round, from 0.
  var rounds: [Int]
  /// How many rounds there are.
  var count: Int
  /// No assignment has fewer rounds than this.
  var bound: Int
  /// Why, for people.
  var why: String
}

/// Puts servers into as few rounds as it can such that no set of servers loses more than its allowance in one round: a
/// colouring of the graph of servers that share a group. First fit in two orders; what that leaves open is searched
/// through when the pool is small, and annealed when it is not. Bounded by steps, and the same every time.
struct RoundSearch {
  /// How many servers there are, numbered from 0.
  let count: Int
  /// Members of each set that could lose too many at once.
  let sets: Rows
  /// How many of each set may be out together.
  let allowances: [Int]
  /// How many servers may be out together.
  let most: Int
  /// Orders in which first fit is tried.
  let orders: [[Int]]
  /// How many offers the annealing may make in all.
  var steps = Self.usualSteps

  /// At most half a second of one core for ten thousand servers, measured.
  static let usualSteps = 100_000_000

  /// The best assignment found.
  func solve() -> RoundAssignment {
    guard count > 0 else {
      return RoundAssignment(rounds: [], count: 0, bound: 0, why: "nothing is to be done")
    }
    let groups = sets.inverted(count: count)
    var best = RoundAssignment(rounds: [], count: .max, bound: 0, why: "")
    (best.bound, best.why) = simpleBound()
    for order in orders where best.count > best.bound {
      let rounds = firstFit(order, groups)
      let used = (rounds.max() ?? -1) + 1
      if used < best.count { (best.rounds, best.count) = (rounds, used) }
    }
    guard best.count > best.bound, allowances.allSatisfy({ $0 == 1 }) else { return best }
    let graph = ConflictGraph(count: count, sets: sets, groups: groups)
    let clique = graph.cliqueSize(steps: 2_000_000)
    if clique > best.bound {
      (best.bound, best.why) = (clique, "\(clique) servers all share groups with each other")
    }
    if count <= ExactRounds.mostServers { searchThrough(&best, graph) }
    if best.count > best.bound { anneal(&best, graph) }
    return best
  }

  /// What the sizes alone forbid.
  private func simpleBound() -> (Int, String) {
    var (bound, why) = (
      (count - 1) / most + 1, "no more than \(most) of \(count) servers may be out together"
    )
    for set in 0..<sets.count {
      let (members, allowance) = (sets.range(set).count, allowances[set])
      guard (members - 1) / allowance + 1 > bound else { continue }
      bound = (members - 1) / allowance + 1
      why = "a group has \(members) replicas, of which \(allowance) may be out at a time"
    }
    return (bound, why)
  }

  /// Each server into the first round that has room and where its groups can spare it. `before` are kept.
  private func firstFit(_ order: [Int], _ groups: Rows, before: [Int]? = nil) -> [Int] {
    var rounds = before ?? [Int](repeating: -1, count: count)
    var sizes: [Int] = []
    for round in rounds where round >= 0 {
      while sizes.count <= round { sizes.append(0) }
      sizes[round] += 1
    }
    // By round, for whom it was found closed last.
    var closedTo: [Int] = []
    for server in order where rounds[server] < 0 {
      while closedTo.count <= sizes.count { closedTo.append(-1) }
      for place in groups.range(server) {
        let set = groups.values[place]
        for member in sets.range(set) {
          let round = rounds[sets.values[member]]
          guard round >= 0, closedTo[round] != server else { continue }
          let allowance = allowances[set]
          if allowance == 1 || sets[set].count(where: { rounds[$0] == round }) >= allowance {
            closedTo[round] = server
          }
        }
      }
      let round = sizes.indices.first { sizes[$0] < most && closedTo[$0] != server } ?? sizes.count
      if round == sizes.count { sizes.append(0) }
      sizes[round] += 1
      rounds[server] = round
    }
    return rounds
  }

  private func searchThrough(_ best: inout RoundAssignment, _ graph: ConflictGraph) {
    while best.count > best.bound {
      var search = ExactRounds(graph: graph, rounds: best.count - 1, most: most)
      switch search.run() {
      case .found(let rounds): (best.rounds, best.count) = (rounds, best.count - 1)
      case .impossible: (best.bound, best.why) = (best.count, "every way to do with fewer was tried")
      case .unknown: return
      }
    }
  }

  /// Anneals: first for as few rounds as graphs of this density usually need, then for one fewer than the best.
  private func anneal(_ best: inout RoundAssignment, _ graph: ConflictGraph) {
    let sweeps = min(100_000, steps / 5 * 2 / count)
    var left = steps
    var target = max(best.bound, min(best.count - 1, Self.usual(degree: graph.rows.values.count / count)))
    var failed = 0
    let groups = sets.inverted(count: count)
    while best.count > best.bound, sweeps > 0, left >= sweeps * count * 5 / 4, target > failed {
      guard var annealing = RoundAnnealing(graph: graph, rounds: target, most: most, start: best.rounds)
      else { return }
      left -= annealing.run(sweeps: sweeps)
      left -= annealing.repair(steps: min(left, steps / 10 * 3, count * 20_000))
      // What still clashes goes where there is room: often one round more is enough.
      let order = Array(0..<count)
      let rounds =
        annealing.clashes == 0 ? annealing.assignment : firstFit(order, groups, before: annealing.kept())
      if annealing.clashes > 0 { failed = max(failed, target) }
      let used = (rounds.max() ?? -1) + 1
      if used < best.count { (best.rounds, best.count) = (rounds, used) }
      target = max(best.bound, best.count - 1)
    }
  }

  /// About how many rounds annealing reaches in a sparse random graph: the smallest k with 2 k ln k over 1.35 times the
  /// average degree.
  static func usual(degree: Int) -> Int {
    var rounds = 2
    // The sum of 1/i up to k, less Euler's constant, is near ln k.
    var logarithm = 0.923
    while 2 * Double(rounds) * logarithm < 1.35 * Double(degree) {
      rounds += 1
      logarithm += 1 / Double(rounds)
    }
    return rounds
  }
}
