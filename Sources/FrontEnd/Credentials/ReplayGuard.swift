import PoolModel
import SIPDigest

/// Which nonce counts were used in the groups that this server leads. A group that it takes over begins empty: nonces that
/// were made before get `stale=true`, which costs their clients one more round trip.
struct ReplayGuard {
  private struct Group {
    var generation: UInt64
    var counts: NonceCounts
  }

  /// Nonces kept for one group.
  static let capacity = 8_192
  /// Clocks of servers may differ by so many milliseconds: a nonce that the primary before made may look newer than it is.
  static let clockTolerance: Int64 = 250

  private var groups: [RoutingGroupID: Group] = [:]
  /// New nonces must be newer than this.
  private(set) var floor: Int64 = 0

  /// This server leads the group at this generation.
  mutating func lead(_ group: RoutingGroupID, generation: UInt64, at now: Int64) {
    guard groups[group]?.generation != generation else { return }
    let start = now &+ Self.clockTolerance
    floor = max(floor, start)
    groups[group] = Group(
      generation: generation,
      counts: NonceCounts(capacity: Self.capacity, startingAt: start)
    )
  }

  /// It leads the group no more.
  mutating func yield(_ group: RoutingGroupID) { groups[group] = nil }

  /// Uses a count.
  mutating func use(
    in group: RoutingGroupID,
    nonce: [UInt8],
    issuedAt: Int64,
    count: UInt32
  ) -> NonceCounts.Verdict {
    guard let index = groups.index(forKey: group) else { return .stale }
    return groups.values[index].counts.use(nonce: nonce, issuedAt: issuedAt, count: count)
  }

  /// Forgets nonces that are too old to be taken anyway.
  mutating func purge(olderThan time: Int64) {
    for index in groups.values.indices { groups.values[index].counts.purge(olderThan: time) }
  }
}

/// Answers to challenges that this server took a short while ago, with the request that carried them: a request that is
/// sent again, byte for byte and from the same place, is a repeat and no replay.
struct RecentProofs {
  private struct Key: Hashable {
    var nonce: [UInt8]
    var count: UInt32
  }

  private let capacity: Int
  private let life: Duration
  private var current: [Key: Int] = [:]
  private var previous: [Key: Int] = [:]
  private var since: Instant

  /// - Parameters:
  ///   - capacity: how many are kept twice over.
  ///   - life: how long one is kept at least, unless there are more than that.
  init(capacity: Int = 8_192, life: Duration = .seconds(32), at now: Instant) {
    self.capacity = capacity
    self.life = life
    since = now
  }

  /// Whether the count was used with this very request.
  func isRepeat(nonce: [UInt8], count: UInt32, request: Int) -> Bool {
    let key = Key(nonce: nonce, count: count)
    return (current[key] ?? previous[key]) == request
  }

  /// The count was used with this request.
  mutating func add(nonce: [UInt8], count: UInt32, request: Int, at now: Instant) {
    if current.count >= capacity || now - since >= life {
      previous = current
      current = [:]
      since = now
    }
    current[Key(nonce: nonce, count: count)] = request
  }
}
