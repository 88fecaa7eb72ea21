import PoolModel

extension Placement {
  /// How often primaries move when `rounds` go out, one after the other, and how much of that nothing can avoid.
  /// - Parameter secondMoves: how many groups no order of these rounds spares a second move.
  func forecast(_ rounds: [[Int]], secondMoves: Int) -> MoveForecast {
    let order = rounds.flatMap { $0 }
    let (expected, counts) = moves(order)
    let once = order.reduce(0) { $0 + led(by: $1) }
    // The servers of the last round lead nothing when they return: what they are to lead has to come to them.
    let share = names.isEmpty ? 0 : counts.reduce(0, +) / names.count
    let back = min(Self.evening(counts), (rounds.last?.count ?? 0) * share)
    var why = "\(once) led groups move when their server goes out"
    if secondMoves > 0 {
      why += ", \(secondMoves) of them again since no server was patched yet where they could land"
    }
    if back > 0 { why += ", and \(back) to the last servers out, which lead nothing when they return" }
    return MoveForecast(
      expected: expected,
      evening: Self.evening(counts),
      floor: once + secondMoves + back,
      naive: naive(order),
      why: why
    )
  }

  /// How many groups of a server move when it goes out: those that have another replica.
  private func led(by server: Int) -> Int {
    groups[server].count { primaries[$0] == server && replicas[$0].count > 1 }
  }

  /// Plays the order through: a primary lands on the replica whose server leads least, of equals on one already done.
  private func moves(_ order: [Int]) -> (Int, [Int]) {
    var led = [Int](repeating: 0, count: names.count)
    var leader = primaries
    for primary in primaries where primary >= 0 { led[primary] += 1 }
    var isDone = [Bool](repeating: true, count: names.count)
    for server in order { isDone[server] = false }
    var moves = 0
    for server in order {
      for group in groups[server] where leader[group] == server {
        var landing: Int?
        for other in replicas[group] where other != server {
          guard let best = landing else {
            landing = other
            continue
          }
          let left = (led[other], isDone[other] ? 0 : 1, rank[other])
          if left < (led[best], isDone[best] ? 0 : 1, rank[best]) { landing = other }
        }
        guard let landing else { continue }
        leader[group] = landing
        led[server] -= 1
        led[landing] += 1
        moves += 1
      }
      isDone[server] = true
    }
    return (moves, led)
  }

  /// Evening out after each fail-back, by counts alone.
  private func naive(_ order: [Int]) -> Int {
    var led = [Int](repeating: 0, count: names.count)
    for primary in primaries where primary >= 0 { led[primary] += 1 }
    guard names.count > 1 else { return 0 }
    var moves = 0
    let total = led.reduce(0, +)
    for server in order {
      moves += led[server]
      let evenShare = total / names.count
      // Even again: the returning server takes its share back from the others.
      moves += evenShare
      led[server] = evenShare
    }
    return moves
  }

  /// The fewest moves that even `counts` out.
  static func evening(_ counts: [Int]) -> Int {
    guard !counts.isEmpty else { return 0 }
    let total = counts.reduce(0, +)
    let share = total / counts.count
    let extra = total % counts.count
    var moves = 0
    for (place, count) in counts.sorted(by: >).enumerated() {
      moves += max(0, count - (place < extra ? share + 1 : share))
    }
    return moves
  }
}
