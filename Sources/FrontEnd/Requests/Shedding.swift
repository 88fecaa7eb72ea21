/// What share of new work is turned away because more comes than can be read.
///
/// What a socket has no room for is lost without a word, and its sender sends it again: a server that is full then does the
/// work of others' patience. So while a socket stays fuller than it should, more and more of the new work hears 503 at once,
/// which costs a fraction of doing it; while it does not, less and less.
struct Shedding {
  /// The part of its buffer that a socket may use for long: enough to read together what came together.
  static let wanted = 0.3
  /// Never more: somebody has to be served.
  static let most = 0.9
  /// How much the share changes with each look, for a buffer that is full instead of as wanted.
  static let gain = 0.06
  /// The least that it grows by when something was lost.
  static let riseForLoss = 0.03

  /// The part of new work that is turned away.
  private(set) var share = 0.0
  private var before = 0.0
  private var sum = 0.0

  /// The sockets were looked at.
  /// - Parameters:
  ///   - fill: the part of its buffer that the fullest one uses.
  ///   - hasLost: whether one had no room for something since the last look.
  mutating func looked(fill: Double, hasLost: Bool) {
    // One look that finds it full is a pause of ours, which is over.
    var step = Self.gain * (min(fill, before) - Self.wanted)
    if hasLost { step = max(step, Self.riseForLoss) }
    share = min(Self.most, max(0, share + step))
    before = fill
  }

  /// Whether the next new request is turned away: as many of them as the share says, evenly.
  mutating func turnsAway() -> Bool {
    guard share > 0 else { return false }
    sum += share
    guard sum >= 1 else { return false }
    sum -= 1
    return true
  }
}
