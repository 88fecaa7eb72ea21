/// What annealing leaves behind is a few clashes that a random offer seldom mends. Tabu search does (TabuCol: Hertz and
/// de Werra, Computing 39, 1987): of all moves of servers that clash the best is made, be it for the worse, and the way
/// back is barred for a while.
extension RoundAnnealing {
  /// With more clashes left than this it is not tried: it would not come to an end in time.
  static let mostToRepair = 64

  /// Looks for an assignment without a clash; the best that was met stays. Costs at most about `steps`, where one is the
  /// cost of an offer of the annealing; returns what it cost.
  mutating func repair(steps: Int) -> Int {
    guard clashes > 0, clashes <= Self.mostToRepair else { return 0 }
    var clashing = Clashing(count: graph.count)
    for server in 0..<graph.count where conflicts[server * stride + assignment[server]] > 0 {
      clashing.insert(server)
    }
    // By server and round: the turn until which it may not go there.
    var barred = [Int](repeating: 0, count: graph.count * stride)
    var best = (clashes: clashes, assignment: assignment)
    var (turn, looks) = (0, 0)
    while clashes > 0, looks / 4 < steps {
      turn += 1
      looks += clashing.servers.count * rounds
      guard let move = bestMove(clashing.servers, barred, turn, lowest: best.clashes) else { continue }
      barred[move.server * stride + assignment[move.server]] =
        turn + clashing.servers.count * 3 / 5 + Int(roll() % 10)
      looks += graph.degree(move.server)
      make(move, &clashing)
      if clashes < best.clashes { best = (clashes, assignment) }
    }
    (clashes, assignment) = best
    return looks / 4
  }

  private struct Move {
    var server: Int
    var round: Int
    /// By how much the clashes change.
    var change: Int
  }

  /// The move of a clashing server that leaves the fewest clashes, of equal ones any: into a round with room that is not
  /// barred to it, or that makes fewer clashes than there ever were.
  private mutating func bestMove(_ servers: [Int], _ barred: [Int], _ turn: Int, lowest: Int) -> Move? {
    var best = Move(server: -1, round: -1, change: .max)
    var ties: UInt64 = 0
    for server in servers {
      let row = server &* stride
      let own = assignment[server]
      let here = Int(conflicts[row &+ own])
      for round in 0..<rounds where round != own {
        let change = Int(conflicts[row &+ round]) &- here
        guard change <= best.change, sizes[round] < most,
          barred[row &+ round] < turn || clashes &+ change < lowest
        else { continue }
        if change == best.change {
          ties &+= 1
          guard roll() % ties == 0 else { continue }
        } else {
          ties = 1
        }
        best = Move(server: server, round: round, change: change)
      }
    }
    return best.server < 0 ? nil : best
  }

  private mutating func make(_ move: Move, _ clashing: inout Clashing) {
    let old = assignment[move.server]
    assignment[move.server] = move.round
    sizes[old] -= 1
    sizes[move.round] += 1
    clashes += move.change
    for other in graph.row(move.server) {
      let row = other &* stride
      conflicts[row &+ old] &-= 1
      conflicts[row &+ move.round] &+= 1
      if assignment[other] == old {
        if conflicts[row &+ old] == 0 { clashing.remove(other) }
      } else if assignment[other] == move.round {
        clashing.insert(other)
      }
    }
    if conflicts[move.server * stride + move.round] > 0 {
      clashing.insert(move.server)
    } else {
      clashing.remove(move.server)
    }
  }

  private mutating func roll() -> UInt64 {
    dice ^= dice &<< 13
    dice ^= dice &>> 7
    dice ^= dice &<< 17
    return dice >> 32
  }

  /// Servers that clash, in no order.
  private struct Clashing {
    private(set) var servers: [Int] = []
    /// Each one's place in the list; -1 when it does not clash.
    private var places: [Int]

    init(count: Int) { places = [Int](repeating: -1, count: count) }

    mutating func insert(_ server: Int) {
      guard places[server] < 0 else { return }
      places[server] = servers.count
      servers.append(server)
    }

    mutating func remove(_ server: Int) {
      let place = places[server]
      guard place >= 0, let last = servers.popLast() else { return }
      if last != server {
        servers[place] = last
        places[last] = place
      }
      places[server] = -1
    }
  }
}
