import PoolModel
import SIPDigest

/// Which nonce counts were used in the groups that this server leads. The primary before hands over what it has kept, as
/// soon as it sees who leads now; until then, and when it cannot because it has crashed, nonces that were made before
/// get `stale=true`, which costs their clients one more round trip.
struct ReplayGuard {
  private struct Group {
    var generation: UInt64
    var counts: NonceCounts
    var start: Int64
  }

  /// What the primary of a group had kept when it led it no more.
  struct HandOver: Equatable {
    /// The group.
    var group: RoutingGroupID
    /// The generation that it led it at.
    var generation: UInt64
    /// `NonceCounts` as bytes.
    var counts: [UInt8]
  }

  /// Nonces kept for one group.
  static let capacity = 8_192
  /// Nonces of one group that are handed over, so that they go in one frame.
  static let mostHandedOver = 1_200
  /// Clocks of servers may differ by so many milliseconds: a nonce that the primary before made may look newer than it is.
  static let clockTolerance: Int64 = 250

  private var groups: [RoutingGroupID: Group] = [:]
  /// What came before this server knew that it leads; one for each group.
  private var early: [RoutingGroupID: HandOver] = [:]
  /// New nonces must be newer than this.
  private(set) var floor: Int64 = 0

  /// This server leads the group at this generation.
  mutating func lead(_ group: RoutingGroupID, generation: UInt64, at now: Int64) {
    guard groups[group]?.generation != generation else { return }
    let start = now &+ Self.clockTolerance
    floor = max(floor, start)
    groups[group] = Group(
      generation: generation,
      counts: NonceCounts(capacity: Self.capacity, startingAt: start),
      start: start
    )
    if let handOver = early.removeValue(forKey: group) { _ = takeOver(handOver) }
  }

  /// It leads the group no more.
  /// - Returns: what the next primary should know; `nil` when it did not lead it.
  mutating func yield(_ group: RoutingGroupID) -> HandOver? {
    early[group] = nil
    guard let ended = groups.removeValue(forKey: group) else { return nil }
    return HandOver(
      group: group,
      generation: ended.generation,
      counts: ended.counts.encoded(most: Self.mostHandedOver)
    )
  }

  /// Takes what the primary before has kept. That of any other one says not enough.
  /// - Returns: whether it was taken in.
  mutating func takeOver(_ handOver: HandOver) -> Bool {
    guard let index = groups.index(forKey: handOver.group),
      groups.values[index].generation > handOver.generation
    else {
      early[handOver.group] = handOver
      return false
    }
    guard groups.values[index].generation == handOver.generation &+ 1,
      let counts = NonceCounts(decoding: handOver.counts, capacity: Self.capacity)
    else { return false }
    return groups.values[index].counts.takeOver(counts, startedAt: groups.values[index].start)
  }

  /// When a nonce was made whose counts are kept: it need not be proved again that it is ours.
  func issuedAt(of nonce: [UInt8], in group: RoutingGroupID) -> Int64? {
    groups[group]?.counts.issuedAt(of: nonce)
  }

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
