/// Searches through all assignments of a small graph's servers to a given number of rounds: Brélaz' order (DSATUR), the
/// server with the fewest rounds left first, and never two empty rounds for one server, since they are alike.
struct ExactRounds {
  /// What came of it.
  enum Outcome: Hashable {
    /// Each server's round.
    case found([Int])
    /// There is none.
    case impossible
    /// The steps ran out.
    case unknown
  }

  /// Beyond so many servers a search through all is not tried.
  static let mostServers = 48
  private static let usualSteps = 40_000

  private let graph: ConflictGraph
  private let rounds: Int
  private let most: Int
  private var assignment: [Int]
  private var sizes: [Int]
  /// By server, how many neighbours each round holds.
  private var held: [[Int]]
  private var steps = Self.usualSteps

  /// A search for an assignment to `rounds` rounds of at most `most` servers.
  init(graph: ConflictGraph, rounds: Int, most: Int) {
    self.graph = graph
    self.rounds = rounds
    self.most = most
    assignment = [Int](repeating: -1, count: graph.count)
    sizes = [Int](repeating: 0, count: max(0, rounds))
    held = [[Int]](repeating: sizes, count: graph.count)
  }

  /// Searches.
  mutating func run() -> Outcome {
    guard rounds > 0 else { return graph.count == 0 ? .found([]) : .impossible }
    switch search(used: 0) {
    case true?: return .found(assignment)
    case false?: return .impossible
    case nil: return .unknown
    }
  }

  /// Whether the rest can be placed; `nil` when the steps ran out. As deep as there are servers: 48 at most.
  private mutating func search(used: Int) -> Bool? {
    steps -= 1
    if steps < 0 { return nil }
    guard let server = hardest() else { return true }
    for round in 0..<min(rounds, used + 1) where held[server][round] == 0 && sizes[round] < most {
      put(server, round, 1)
      assignment[server] = round
      let answer = search(used: max(used, round + 1))
      if answer != false { return answer }
      assignment[server] = -1
      put(server, round, -1)
    }
    return false
  }

  private mutating func put(_ server: Int, _ round: Int, _ change: Int) {
    sizes[round] += change
    for other in graph.row(server) { held[other][round] += change }
  }

  /// The open server that the most rounds are closed to; of equals the one with the most neighbours.
  private func hardest() -> Int? {
    var best: (server: Int, closed: Int)?
    for server in 0..<graph.count where assignment[server] < 0 {
      let closed = held[server].count { $0 > 0 }
      if let best, (best.closed, graph.degree(best.server)) >= (closed, graph.degree(server)) { continue }
      best = (server, closed)
    }
    return best?.server
  }
}
