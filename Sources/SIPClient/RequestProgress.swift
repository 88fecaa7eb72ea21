/// One request on its way to a final answer, over as many servers as it takes: RFC 3263 section 4.3 with the rule that
/// a client moves at once on 503 and on an ICMP error, and after `ClientTimers.silence` without an answer (twice that in
/// the second round of all servers, and so on up to T2).
///
/// A pure machine: time comes in, steps go out. Every move is a new transaction (a new branch and CSeq); with a single
/// server the request is retransmitted as RFC 3261 section 17.1.2.2 says (timers E and F).
struct RequestProgress: Sendable {
  /// What the client has to do next.
  enum Step: Hashable, Sendable {
    /// Send to the server of that index, as a new transaction when `fresh`, then call `timerFired` after `wait` ns.
    case send(server: Int, fresh: Bool, wait: Int64)
    /// Call `timerFired` after that many ns.
    case wait(Int64)
    /// Done.
    case finish(RequestOutcome)
    /// Nothing: the answer belongs to a transaction that was left behind.
    case ignore
  }

  /// Where it waits.
  private enum Phase: Sendable {
    /// Sent, nothing heard.
    case calling
    /// A provisional answer came.
    case proceeding
    /// Every server turned it away; it rests before the next round.
    case resting
  }

  /// When it was first sent, in nanoseconds.
  let began: Int64
  /// The servers' indices in this user's order, the present one first.
  private let order: [UInt8]
  private let timers: ClientTimers
  private var phase = Phase.calling
  private var position = 0
  private var turnedAway = 0
  /// Silences on end; after each round of all servers the client waits twice as long, up to T2: a pool that is too
  /// slow to answer in time would else be given ever more to do.
  private var silentTries = 0
  private var pause: Int64
  /// The number of the transaction that is current, from 0.
  private(set) var transaction: UInt16 = 0
  /// Datagrams sent.
  private(set) var tries = 1
  /// Answers with 503.
  private(set) var unavailable = 0
  /// ICMP errors.
  private(set) var unreachable = 0
  /// Moves and retransmissions after silence.
  private(set) var silences = 0

  /// A request about to be sent to the first of `order`; the caller sends it and arms the timer with `firstWait`.
  init(order: [UInt8], began: Int64, timers: ClientTimers) {
    self.order = order
    self.began = began
    self.timers = timers
    pause = timers.firstPause
  }

  /// The server it is at.
  var server: Int { Int(order[position]) }
  /// How long the first send waits, in ns.
  var firstWait: Int64 { timers.silence }

  /// A response to transaction `number` with `status` came.
  mutating func answered(_ status: Int, transaction number: UInt16, at now: Int64) -> Step {
    // A late 200 of a transaction that was left behind is as good: the server did it. Its errors are not: the newer
    // transaction may well have made it one (a CSeq that is no longer the highest).
    if (200..<300).contains(status) { return .finish(.success(status)) }
    guard number == transaction else { return .ignore }
    switch status {
    case ..<200:
      phase = .proceeding
      return .ignore
    case 503:
      unavailable += 1
      return turnAway(at: now)
    default:
      return .finish(.failure(.status(status)))
    }
  }

  /// The network said that the current server's port is closed.
  mutating func wasUnreachable(at now: Int64) -> Step {
    guard phase != .resting else { return .ignore }
    unreachable += 1
    return turnAway(at: now)
  }

  /// The time that the last step asked for is over.
  mutating func timerFired(at now: Int64) -> Step {
    guard now &- began < timers.giveUp else { return .finish(.failure(.noAnswer)) }
    switch phase {
    case .proceeding:
      // It was heard; the answer may take time. Silence counts again after T2.
      phase = .calling
      return .wait(timers.longestInterval)
    case .resting:
      turnedAway = 0
      return move()
    case .calling:
      silences += 1
      silentTries += 1
      turnedAway = 0
      if order.count > 1 { return move() }
      tries += 1
      return .send(server: server, fresh: false, wait: interval)
    }
  }

  private mutating func turnAway(at now: Int64) -> Step {
    turnedAway += 1
    guard now &- began < timers.giveUp else { return .finish(.failure(.onlyRefused)) }
    if turnedAway < order.count { return move() }
    phase = .resting
    defer { pause = min(pause &* 2, timers.longestPause) }
    return .wait(pause)
  }

  private mutating func move() -> Step {
    position = (position + 1) % order.count
    transaction &+= 1
    tries += 1
    phase = .calling
    return .send(server: server, fresh: true, wait: interval)
  }

  /// T1 in the first round, then doubled with each (timer E of RFC 3261 section 17.1.2.2).
  private var interval: Int64 {
    min(timers.silence << Int64(min(silentTries / order.count, 16)), timers.longestInterval)
  }
}

/// How a request ended.
enum RequestOutcome: Hashable, Sendable {
  /// With that 2xx status.
  case success(Int)
  /// Without one.
  case failure(FailureReason)
}

extension RequestOutcome {
  /// Whether it ended with a 2xx.
  var isSuccess: Bool {
    if case .success = self { return true }
    return false
  }
}

/// Why a request failed for good.
public enum FailureReason: Hashable, Sendable, CustomStringConvertible {
  /// No final answer from any server within 32 s.
  case noAnswer
  /// Only 503 and ICMP errors for 32 s.
  case onlyRefused
  /// A final error.
  case status(Int)
  /// The client was closed before an answer came.
  case closed

  /// For reports.
  public var description: String {
    switch self {
    case .noAnswer: "no final answer in 32 s"
    case .onlyRefused: "only 503 or unreachable for 32 s"
    case .status(let status): "status \(status)"
    case .closed: "client closed"
    }
  }
}
