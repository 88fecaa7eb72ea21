/// How long a keeper waits before it starts a crashed server again: 0.2 s, doubled up to 5 s, from the start again once
/// a server has run for 10 s. It never gives up.
struct KeeperBackOff {
  static let shortest: Duration = .milliseconds(200)
  static let longest: Duration = .seconds(5)
  static let steady: Duration = .seconds(10)

  /// Crashes in a row, the last one included.
  private(set) var crashes = 0

  /// The wait before the next start.
  /// - Parameter ran: how long the server ran before it ended.
  mutating func next(afterRunning ran: Duration) -> Duration {
    crashes = ran >= Self.steady ? 1 : crashes &+ 1
    let doublings = min(crashes &- 1, 10)
    return min(Self.longest, Self.shortest * (1 << doublings))
  }
}
