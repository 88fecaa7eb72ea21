/// Which nonce counts were used, so that an answer that was heard cannot be used again. One for each routing group, at its
/// primary, bounded; it is handed over when the group is swapped.
///
/// A nonce that is forgotten here (the cache was full, or the primary crashed) is not taken any more: it gets
/// `stale=true`, which costs the client one more round trip and nothing else.
public struct NonceCounts: Sendable, Hashable {
  fileprivate struct Window: Sendable, Hashable {
    var issuedAt: Int64
    var highest: UInt32
    /// Bit n: `highest` - n was used.
    var used: UInt64
  }

  /// The most nonces kept.
  public let capacity: Int
  private var windows: [[UInt8]: Window] = [:]
  /// Nonces that are not here and were made at this time or before are not taken.
  private var floor: Int64

  /// Begins empty.
  /// - Parameter now: pool time in milliseconds: when this server became primary without a hand-over.
  public init(capacity: Int = 4_096, startingAt now: Int64) {
    self.capacity = max(1, capacity)
    floor = now
  }

  /// How many nonces are kept.
  public var count: Int { windows.count }

  /// When a nonce was made that has proved to be ours before.
  public func issuedAt(of nonce: [UInt8]) -> Int64? { windows[nonce]?.issuedAt }

  /// What a count is.
  public enum Verdict: Sendable, Hashable {
    /// Not used before; it is now.
    case fresh
    /// Used before, too far back, or of a nonce that is not known any more: challenge with `stale=true`.
    case stale
  }

  /// Uses a count. Call it after a repeat of a transaction was told from a new request.
  public mutating func use(nonce: [UInt8], issuedAt: Int64, count: UInt32) -> Verdict {
    guard count > 0 else { return .stale }
    if var window = windows[nonce] {
      guard window.use(count) else { return .stale }
      windows[nonce] = window
      return .fresh
    }
    guard issuedAt > floor else { return .stale }
    if windows.count >= capacity { dropOldest() }
    guard issuedAt > floor else { return .stale }
    windows[nonce] = Window(issuedAt: issuedAt, highest: count, used: 1)
    return .fresh
  }

  /// Forgets the nonces that are too old to be taken anyway.
  public mutating func purge(olderThan time: Int64) {
    windows = windows.filter { $0.value.issuedAt > time }
    floor = max(floor, time)
  }

  /// Drops the oldest eighth at once, so that the search for it is paid by many.
  private mutating func dropOldest() {
    let times = windows.values.map(\.issuedAt).sorted()
    guard let limit = times.dropFirst(min(max(0, capacity / 8), times.count - 1)).first else { return }
    purge(olderThan: limit)
  }

  // MARK: - Hand-over

  /// The cache as bytes, for the next primary.
  /// - Parameter most: the most nonces, the newest first; those that are left out are forgotten as in a full cache.
  public func encoded(most: Int = .max) -> [UInt8] {
    var kept = windows.map { (nonce: $0.key, window: $0.value) }
    var floor = floor
    if kept.count > most {
      kept.sort { $0.window.issuedAt > $1.window.issuedAt }
      for left in kept[max(0, most)...] { floor = max(floor, left.window.issuedAt) }
      kept.removeSubrange(max(0, most)...)
    }
    var bytes: [UInt8] = [1]
    Self.append(UInt64(bitPattern: floor), to: &bytes)
    for (nonce, window) in kept where nonce.count <= 255 {
      bytes.append(UInt8(nonce.count))
      bytes.append(contentsOf: nonce)
      Self.append(UInt64(bitPattern: window.issuedAt), to: &bytes)
      Self.append(UInt64(window.highest), to: &bytes)
      Self.append(window.used, to: &bytes)
    }
    return bytes
  }

  /// Takes a cache over. Nil when the bytes are not one, which is then as after a crash.
  public init?(decoding bytes: [UInt8], capacity: Int = 4_096) {
    guard bytes.count >= 9, bytes[0] == 1 else { return nil }
    self.init(capacity: capacity, startingAt: Int64(bitPattern: Self.number(bytes, 1)))
    var at = 9
    while at < bytes.count {
      let length = Int(bytes[at])
      guard at + 1 + length + 24 <= bytes.count, windows.count < self.capacity else { return nil }
      let nonce = Array(bytes[(at + 1)..<(at + 1 + length)])
      at += 1 + length
      windows[nonce] = Window(
        issuedAt: Int64(bitPattern: Self.number(bytes, at)),
        highest: UInt32(truncatingIfNeeded: Self.number(bytes, at + 8)),
        used: Self.number(bytes, at + 16)
      )
      at += 24
    }
  }

  /// Takes in what the primary before has kept, which must be its whole and last word.
  /// - Parameter start: when this cache began; it takes no older nonces by itself. If it had to forget some since, what
  ///   it has forgotten cannot be told any more and it stays as it is.
  /// - Returns: whether it was taken in.
  public mutating func takeOver(_ other: NonceCounts, startedAt start: Int64) -> Bool {
    guard floor == start, windows.count + other.windows.count <= capacity else { return false }
    windows.merge(other.windows) { mine, theirs in mine.union(theirs) }
    floor = min(floor, other.floor)
    return true
  }

  private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
    for shift in stride(from: UInt64(56), through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }

  private static func number(_ bytes: [UInt8], _ at: Int) -> UInt64 {
    bytes[at..<(at + 8)].reduce(0) { $0 << 8 | UInt64($1) }
  }
}

extension NonceCounts.Window {
  /// Used in either.
  fileprivate func union(_ other: Self) -> Self {
    let (high, low) = highest >= other.highest ? (self, other) : (other, self)
    var result = high
    let step = high.highest - low.highest
    if step < 64 { result.used |= low.used << UInt64(step) }
    return result
  }

  /// Marks a count as used; false when it was, or is too far back to know.
  fileprivate mutating func use(_ count: UInt32) -> Bool {
    if count > highest {
      let step = count - highest
      used = step < 64 ? used << UInt64(step) | 1 : 1
      highest = count
      return true
    }
    let back = highest - count
    guard back < 64, used & (1 << UInt64(back)) == 0 else { return false }
    used |= 1 << UInt64(back)
    return true
  }
}
