/// The arithmetic of availability, in one place.
public enum Quorum {
  /// The smallest majority of `count`: more than half. 0 for 0.
  public static func majority(of count: Int) -> Int { count <= 0 ? 0 : count / 2 + 1 }

  /// How many replicas of a group must stay up through a planned stop. In a pool of two the store is the witness, so
  /// one is enough; one server alone can never be spared.
  public static func needed(forTarget target: Int) -> Int { target == 2 ? 1 : majority(of: target) }

  /// How a group is.
  /// - Parameters:
  ///   - target: how many replicas it should have.
  ///   - members: how many replicas are declared: fewer than `target` after a recovery, until it has filled up again.
  ///   - up: how many of them are up.
  ///   - hasPrimary: whether a live server leads it.
  public static func health(target: Int, members: Int, up: Int, hasPrimary: Bool) -> GroupHealth {
    if up <= 0 { return .down }
    if up < needed(forTarget: min(target, members)) { return .quorumLoss }
    return up >= target && hasPrimary ? .healthy : .degraded
  }
}
