import SIPTransaction

/// The timers of one transaction: when each of them fires, in milliseconds; nil when it does not run.
struct RunningTimers {
  var retransmit: Int64?
  var giveUp: Int64?
  var end: Int64?

  /// When the next one fires.
  var next: Int64? { earliest(earliest(retransmit, giveUp), end) }

  /// Takes the first one that is due.
  mutating func takeDue(at now: Int64) -> TimerName? {
    guard let next, next <= now else { return nil }
    if end == next {
      end = nil
      return .end
    }
    if giveUp == next {
      giveUp = nil
      return .giveUp
    }
    retransmit = nil
    return .retransmit
  }

  mutating func stop() { self = RunningTimers() }
}

/// The earlier of two times, either of which may not be.
func earliest(_ a: Int64?, _ b: Int64?) -> Int64? {
  guard let a else { return b }
  guard let b else { return a }
  return min(a, b)
}
