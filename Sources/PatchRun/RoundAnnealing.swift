/// Looks for a colouring of a conflict graph with a given number of rounds by simulated annealing (Johnson, Aragon,
/// McGeoch and Schevon, Operations Research 39, 1991): servers change rounds one at a time, sometimes for the worse, ever
/// more seldom. Deterministic: its dice are a counter, and what bounds it is a number of steps, not a time.
struct RoundAnnealing {
  let graph: ConflictGraph
  let rounds: Int
  /// Room for each server's row of `conflicts`: `rounds` rounded up to a power of two.
  let stride: Int
  /// How many servers a round can hold.
  let most: Int
  /// By server and round: how many neighbours it has there.
  var conflicts: [UInt16]
  /// Each server's round.
  var assignment: [Int]
  var sizes: [Int]
  /// Pairs of servers that conflict and are out together.
  var clashes = 0
  var dice: UInt64 = 0x9e37_79b9_7f4a_7c15

  /// Begins with `start`; servers that it has in no round, or in one that there is not, are put where they clash least.
  /// `nil` when the servers do not fit, or are too many for the table.
  init?(graph: ConflictGraph, rounds: Int, most: Int, start: [Int]) {
    let (room, overflow) = rounds.multipliedReportingOverflow(by: most)
    guard rounds > 1, overflow || room >= graph.count, rounds <= 4_096 else { return nil }
    guard (0..<graph.count).allSatisfy({ graph.degree($0) < Int(UInt16.max) }) else { return nil }
    self.graph = graph
    self.rounds = rounds
    self.most = most
    stride = 1 << (Int.bitWidth - (rounds - 1).leadingZeroBitCount)
    guard graph.count <= 64_000_000 / stride else { return nil }
    conflicts = [UInt16](repeating: 0, count: graph.count * stride)
    assignment = start.map { $0 < rounds ? $0 : -1 }
    sizes = [Int](repeating: 0, count: rounds)
    for server in 0..<graph.count where assignment[server] >= 0 { settle(server, in: assignment[server]) }
    for server in 0..<graph.count where assignment[server] < 0 {
      let row = server * stride
      let best = (0..<rounds).filter { sizes[$0] < most }.min { conflicts[row + $0] < conflicts[row + $1] }
      settle(server, in: best ?? 0)
    }
    for server in 0..<graph.count { clashes += Int(conflicts[server * stride + assignment[server]]) }
    clashes /= 2
  }

  private mutating func settle(_ server: Int, in round: Int) {
    assignment[server] = round
    sizes[round] += 1
    for other in graph.row(server) { conflicts[other * stride + round] += 1 }
  }

  /// How unwilling it is at first to make things worse by one clash, and by which factor that grows from stage to stage:
  /// temperatures from 0.35 down to 0.07.
  private static let coldness = 2.857
  private static let cooling = 1.0255
  private static let stages = 64

  /// Cools down over `sweeps` offers for each server, and goes on for `sweeps / 4` more when little is left; stops as
  /// soon as nothing clashes. Returns how many offers were made.
  mutating func run(sweeps: Int) -> Int {
    var coldness = Self.coldness
    var done = 0
    for stage in 0..<Self.stages where clashes > 0 {
      let until = sweeps * (stage + 1) / Self.stages
      let odds = Self.odds(coldness)
      while done < until, clashes > 0 {
        sweep(odds)
        done += 1
      }
      coldness *= Self.cooling
    }
    let odds = Self.odds(coldness)
    let until = done + sweeps / 4
    while clashes > 0, clashes <= 16, done < until {
      sweep(odds)
      done += 1
    }
    return done * graph.count
  }

  /// The odds, of 2^32, that a change for the worse by 0, 1, 2 … clashes is made.
  private static func odds(_ coldness: Double) -> [UInt32] {
    (0..<32).map { worse in
      // e to the power of -x, without the C library: (1 - x / 2^16) to the power of 2^16.
      var power = max(0, 1 - Double(worse) * coldness / 65_536)
      for _ in 0..<16 { power *= power }
      return UInt32(power * 4_294_967_295)
    }
  }

  /// Offers each server one other round.
  private mutating func sweep(_ odds: [UInt32]) {
    let shape = (rounds: rounds, stride: stride, most: most)
    clashes &+= Self.sweep(graph, shape, odds, &conflicts, &assignment, &sizes, &dice)
  }

  /// The same on arrays that nothing else holds: what takes the time. Returns by how much the clashes change.
  private static func sweep(
    _ graph: ConflictGraph,
    _ shape: (rounds: Int, stride: Int, most: Int),
    _ odds: [UInt32],
    _ conflicts: inout [UInt16],
    _ assignment: inout [Int],
    _ roundSizes: inout [Int],
    _ lastDice: inout UInt64
  ) -> Int {
    let others = UInt64(truncatingIfNeeded: shape.rounds - 1)
    let (stride, most, count) = (shape.stride, shape.most, graph.count)
    var (dice, change) = (lastDice, 0)
    var table = conflicts.mutableSpan
    var places = assignment.mutableSpan
    var sizes = roundSizes.mutableSpan
    let offsets = graph.rows.offsets.span
    let neighbours = graph.rows.values.span
    let odds = odds.span
    for server in 0..<count {
      dice ^= dice &<< 13
      dice ^= dice &>> 7
      dice ^= dice &<< 17
      let old = places[server]
      var new = Int(truncatingIfNeeded: ((dice &>> 40) &* others) &>> 24)
      if new >= old { new &+= 1 }
      let row = server &* stride
      let worse = Int(table[row &+ new]) &- Int(table[row &+ old])
      if worse > 0 {
        guard worse < 32, UInt32(truncatingIfNeeded: dice) < odds[worse] else { continue }
      }
      guard sizes[new] < most else { continue }
      sizes[old] &-= 1
      sizes[new] &+= 1
      places[server] = new
      change &+= worse
      for place in offsets[server]..<offsets[server &+ 1] {
        let base = neighbours[place] &* stride
        table[base &+ old] &-= 1
        table[base &+ new] &+= 1
      }
    }
    lastDice = dice
    return change
  }

  /// The servers of one round that clash with none; the others, fewest first, are left out: -1.
  func kept() -> [Int] {
    var kept = assignment
    for server in 0..<graph.count {
      let round = kept[server]
      if graph.row(server).contains(where: { kept[$0] == round }) { kept[server] = -1 }
    }
    return kept
  }
}
