/// What became of the requests of one kind.
public struct RequestTally: Sendable {
  /// Requests begun.
  public internal(set) var begun = 0
  /// Requests that ended with a 2xx.
  public internal(set) var succeeded = 0
  /// Requests that failed: no final answer from any server within 32 s, or a final error.
  public internal(set) var failed = 0
  /// Datagrams sent for them.
  public internal(set) var tries = 0
  /// Answers with 503 on the way.
  public internal(set) var unavailable = 0
  /// ICMP errors on the way.
  public internal(set) var unreachable = 0
  /// Silences of 500 ms on the way.
  public internal(set) var silences = 0
  /// First send to success, of all that succeeded.
  public internal(set) var gaps = GapHistogram()
  /// The longest gap of a request that met 503 or an ICMP error but no silence, in nanoseconds.
  public internal(set) var longestWithoutSilence: Int64 = 0
  /// The longest gap of a request that met silence, in nanoseconds.
  public internal(set) var longestWithSilence: Int64 = 0
  /// How often each reason ended a request.
  public internal(set) var failures: [FailureReason: Int] = [:]

  /// Nothing yet.
  public init() {}

  mutating func record(_ progress: RequestProgress, _ outcome: RequestOutcome, gap: Int64) {
    tries += progress.tries
    unavailable += progress.unavailable
    unreachable += progress.unreachable
    silences += progress.silences
    switch outcome {
    case .success:
      succeeded += 1
      gaps.record(gap)
      if progress.silences == 0 {
        longestWithoutSilence = max(longestWithoutSilence, gap)
      } else {
        longestWithSilence = max(longestWithSilence, gap)
      }
    case .failure(let reason):
      failed += 1
      failures[reason, default: 0] += 1
    }
  }
}

/// One of the slowest requests, or one that failed, for reports that say when and who.
public struct NotableRequest: Sendable {
  /// REGISTER or MESSAGE.
  public var method: String
  /// The user who sent it.
  public var user: String
  /// When it was first sent, in nanoseconds since the client's start.
  public var began: Int64
  /// First send to its end, in nanoseconds.
  public var gap: Int64
  /// 503s, ICMP errors and silences it met.
  public var met: String
  /// Why it failed, if it did.
  public var failure: FailureReason?
}

/// What a client's users saw since it started or since the last reset.
public struct ClientStatistics: Sendable {
  /// REGISTERs that register, refresh or remove.
  public internal(set) var registers = RequestTally()
  /// MESSAGEs sent.
  public internal(set) var messages = RequestTally()
  /// REGISTERs without Contact.
  public internal(set) var queries = RequestTally()
  /// MESSAGEs that reached the user they were for.
  public internal(set) var messagesDelivered = 0
  /// Requests that reached the wrong user or were not understood.
  public internal(set) var strayRequests = 0
  /// Datagrams that could not be parsed or belong to no request.
  public internal(set) var strayDatagrams = 0
  /// Refreshes that were due while the user's last REGISTER was still unanswered, and were left out.
  public internal(set) var skippedRefreshes = 0
  /// The longest gap of each user who made a request, in nanoseconds, in rising order.
  public internal(set) var longestGapOfUsers: [Int64] = []
  /// The slowest requests and the failed ones, 20 of each at most, slowest first.
  public internal(set) var notable: [NotableRequest] = []

  /// Nothing yet.
  public init() {}

  /// Requests of every kind.
  public var requests: Int { registers.begun + messages.begun + queries.begun }
  /// Failures of every kind.
  public var failed: Int { registers.failed + messages.failed + queries.failed }
  /// 503s of every kind.
  public var unavailable: Int { registers.unavailable + messages.unavailable + queries.unavailable }
  /// Datagrams beyond the first of each request.
  public var retries: Int {
    registers.tries + messages.tries + queries.tries - registers.succeeded - registers.failed
      - messages.succeeded
      - messages.failed - queries.succeeded - queries.failed
  }
  /// The longest gap of any request, in nanoseconds.
  public var longestGap: Int64 { max(registers.gaps.longest, messages.gaps.longest, queries.gaps.longest) }

  /// Keeps the 20 slowest and the 20 first failures.
  mutating func note(_ request: NotableRequest) {
    let failures = notable.count { $0.failure != nil }
    if request.failure != nil {
      if failures < 20 { notable.insert(request, at: 0) }
      return
    }
    let slow = notable.count - failures
    guard slow < 20 || request.gap > notable[notable.count - 1].gap else { return }
    let place = notable.firstIndex { $0.failure == nil && $0.gap < request.gap } ?? notable.count
    notable.insert(request, at: place)
    if slow >= 20 { notable.removeLast() }
  }
}
