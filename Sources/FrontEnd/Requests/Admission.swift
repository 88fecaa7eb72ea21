import PoolModel

/// How many requests may be under way, so that none waits longer than its sender does.
///
/// A client over UDP sends its request again after half a second (RFC 3261 section 17.1.2.2): what is answered later is
/// answered twice, and a server that is full does nothing but that. So once answers take too long, no more is taken in
/// than is answered in a quarter of a second, and the others hear 503 at once.
struct Admission {
  /// Answers that take longer mean that there is too much.
  static let longest = Duration.milliseconds(300)
  /// What the requests under way should take together.
  static let target = Duration.milliseconds(250)
  /// How often the limit is set anew.
  static let window = Duration.milliseconds(100)
  /// Never fewer: a store that stumbles for a moment is no reason to turn everybody away.
  static let fewest = 64

  /// The most that may be under way.
  private(set) var limit: Int
  private let most: Int
  /// `nil` before the first answer.
  private var windowEnd: Instant?
  private var answered = 0
  private var slowest = Duration.zero

  /// - Parameter most: the limit while all is well.
  init(most: Int) {
    self.most = most
    limit = most
  }

  /// A request was answered.
  mutating func answered(after time: Duration, at now: Instant) {
    guard let end = windowEnd else {
      windowEnd = now + Self.window
      return
    }
    answered += 1
    slowest = max(slowest, time)
    if now >= end { endWindow(end, now) }
  }

  private mutating func endWindow(_ end: Instant, _ now: Instant) {
    let took = (now - end) + Self.window
    defer {
      windowEnd = now + Self.window
      answered = 0
      slowest = .zero
    }
    // A window in which hardly anything happened says nothing about how much can be done.
    guard took < Self.window * 10 else { return }
    if slowest > Self.longest {
      let inTarget = Int(Double(answered) * (Self.target / max(took, Self.window)))
      limit = min(limit, max(inTarget, Self.fewest))
    } else {
      limit = min(most, limit + max(limit / 8, Self.fewest))
    }
  }
}
