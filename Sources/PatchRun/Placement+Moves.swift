import PoolModel

extension Placement {
  /// How often primaries move when servers go out in `order`, one after the other.
  func forecast(_ order: [ServerName]) -> MoveForecast {
    let todo = order.compactMap { index[$0] }
    let (expected, counts) = moves(todo)
    return MoveForecast(
      expected: expected,
      evening: Self.evening(counts),
      floor: floorOfMoves(todo),
      naive: naive(todo)
    )
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
        let landing = replicas[group].filter { $0 != server }.min {
          (led[$0], isDone[$0] ? 0 : 1, $0) < (led[$1], isDone[$1] ? 0 : 1, $1)
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

  /// What no landing can avoid in this order: one move of each led group, and a second one for a group whose primary is
  /// the first of its servers to go out.
  private func floorOfMoves(_ order: [Int]) -> Int {
    var position = [Int](repeating: -1, count: names.count)
    for (place, server) in order.enumerated() { position[server] = place }
    var moves = 0
    for (group, primary) in primaries.enumerated() where primary >= 0 && position[primary] >= 0 {
      let others = replicas[group].filter { $0 != primary }
      guard !others.isEmpty else { continue }
      moves += others.allSatisfy { position[$0] > position[primary] } ? 2 : 1
    }
    return moves
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
