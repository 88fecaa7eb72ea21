/// What a server takes at most. Everything beyond is answered with 503 and Retry-After where there is something to
/// answer, else dropped, and counted.
public struct FrontEndLimits: Hashable, Sendable {
  /// Requests that were taken and not yet answered.
  public var requestsInFlight = 10_000
  /// Requests held while their group's primary is being swapped.
  public var requestsHeld = 5_000
  /// Requests of one address-of-record that wait for the one before.
  public var requestsPerAddressOfRecord = 16
  /// Requests passed on to other servers and not yet answered.
  public var requestsPassedOn = 10_000
  /// How often a decision is made again when another write of the same record came between.
  public var writeAttempts = 5
  /// How long a request looks for a primary that can take it: the lease's time to live and a little more.
  public var routingPatience: Duration = .seconds(3)
  /// How long a request waits when its group has no primary at all, before it gets 503: a promotion takes less.
  public var unavailablePatience: Duration = .milliseconds(250)
  /// Bytes of one message on a stream.
  public var streamMessageBytes = 65_536
  /// Stream connections in all.
  public var connections = 20_000
  /// Stream connections from one address.
  public var connectionsPerPeer = 2_000
  /// How long a stream may be silent.
  public var streamIdleTime: Duration = .seconds(3_900)
  /// How long a message on a stream may take from its first byte to its last.
  public var messageTime: Duration = .seconds(10)
  /// Bytes that wait to be sent on one stream; beyond it the connection is closed.
  public var streamBacklogBytes = 1_048_576
  /// Requests per second from one address, over some time; 0 for no limit.
  public var requestsPerSecondAndSource = 5_000
  /// How many requests one address may send at once above that rate.
  public var burstPerSource = 10_000
  /// Whether requests from a loopback address are not counted against the limit per source.
  public var loopbackIsUnlimited = true
  /// Addresses that the limit per source remembers.
  public var sourcesRemembered = 65_536
  /// Requests that are passed on to contacts and have no final answer yet.
  public var proxied = 20_000
  /// The same of one address.
  public var proxiedPerSource = 5_000
  /// Answered requests that are remembered for their repeats.
  public var proxiedRemembered = 100_000
  /// About how many bytes of messages the proxy keeps.
  public var proxiedBytes = 268_435_456
  /// Contacts that one request is sent to at the same time: all that a user may have by default.
  public var branches = 32
  /// How long an INVITE may ring after its last provisional response (timer C).
  public var ringTime: Duration = .seconds(181)
  /// Streams that this server has opened itself.
  public var outgoingConnections = 1_000
  /// How long such a stream may take to open, its TLS handshake included.
  public var connectTime: Duration = .seconds(3)
  /// How long such a stream may be silent.
  public var outgoingIdleTime: Duration = .seconds(180)
  /// Messages that wait for one such stream to open.
  public var outgoingWaiting = 256
  /// Bytes that wait for such streams in all.
  public var outgoingWaitingBytes = 16_777_216
  /// Names that are looked up at a time.
  public var nameLookUps = 64
  /// Requests that wait for one name.
  public var nameWaiters = 256
  /// How long a look-up may take.
  public var nameTime: Duration = .seconds(2)
  /// Names whose addresses are remembered.
  public var namesRemembered = 4_096
  /// Subscriptions to the event package `reg`.
  public var subscriptions = 20_000
  /// The same to one user.
  public var subscriptionsPerUser = 16
  /// The least time between two NOTIFYs of a subscription that were not asked for (RFC 3680 section 4.10).
  public var notifyInterval: Duration = .seconds(5)
  /// How often the records of watched users are looked at.
  public var recordLookInterval: Duration = .milliseconds(250)
  /// Connections that other servers may have open here.
  public var peerConnections = 256
  /// Largest frame between servers.
  public var peerFrameBytes = 131_072
  /// Calls to one other server that are not yet answered.
  public var peerCallsPending = 10_000
  /// How long a call to another server may stay unanswered.
  public var peerCallTime: Duration = .seconds(5)
  /// Bytes that wait to be sent to one other server.
  public var peerBacklogBytes = 16_777_216
  /// Size of the UDP sockets' buffers that is asked for; the system may grant less. More than is read in a tenth of a
  /// second (some 3,000 requests) would only make answers late.
  public var datagramBufferBytes = 2_097_152

  /// The defaults.
  public init() {}
}
