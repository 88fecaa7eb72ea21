import SIPMessage
import SIPTransaction

/// What a proxy is told at its start. Times are milliseconds.
public struct ProxyConfiguration: Sendable {
  /// The key that branches and To tags are made with; the same on all servers of a pool, so that a loop through another
  /// server is seen.
  public var key: KeyedHash.Key
  /// Different in each life of each server, so that no branch is used twice.
  public var instance: UInt64
  /// The most requests without a final answer at a time; a request above it is answered 503.
  public var mostContexts: Int
  /// The most requests without a final answer of one source address at a time; a request above it is answered 503.
  public var mostPerSource: Int
  /// The most answered requests that are remembered for their repeats; above it the oldest is forgotten.
  public var mostRemembered: Int
  /// About how many bytes of messages are kept in all. Above it the oldest answered requests are forgotten, then new
  /// requests are answered 503, and of responses that wait for better ones only the status is kept.
  public var mostBytes: Int
  /// The most contacts that one request is tried at at the same time; further ones follow.
  public var mostTargets: Int
  /// Retry-After of that 503, in seconds.
  public var retryAfter: UInt64
  /// The option tags that Proxy-Require may name.
  public var supportedOptions: [String]
  /// T1, T2 and T4.
  public var timers: TimerValues
  /// How long an INVITE may ring, from its last provisional response (RFC 3261 section 16.6 step 11).
  public var timerC: Int64
  /// How long the shell may take to find the targets of a request.
  public var routingPatience: Int64
  /// Header lines of every response that is made here, such as Server.
  public var headers: SIPHeaderBlock
  /// The realm whose Proxy-Authorization is for us and goes no further; empty for none.
  public var realm: [UInt8]

  /// Makes a configuration.
  public init(
    key: KeyedHash.Key,
    instance: UInt64,
    mostContexts: Int = 20_000,
    mostPerSource: Int = 5_000,
    mostRemembered: Int = 100_000,
    mostBytes: Int = 268_435_456,
    mostTargets: Int = 32,
    retryAfter: UInt64 = 2,
    supportedOptions: [String] = ["path", "outbound"],
    timers: TimerValues = TimerValues(),
    timerC: Int64 = TimerValues.timerC,
    routingPatience: Int64 = 10_000,
    headers: SIPHeaderBlock = SIPHeaderBlock(),
    realm: [UInt8] = []
  ) {
    self.key = key
    self.instance = instance
    self.mostContexts = mostContexts
    self.mostPerSource = mostPerSource
    self.mostRemembered = mostRemembered
    self.mostBytes = mostBytes
    self.mostTargets = mostTargets
    self.retryAfter = retryAfter
    self.supportedOptions = supportedOptions
    self.timers = timers
    self.timerC = timerC
    self.routingPatience = routingPatience
    self.headers = headers
    self.realm = realm
  }
}
