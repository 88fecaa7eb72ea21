/// One server of a pool as its clients know it.
public struct ServerEndpoint: Hashable, Sendable {
  /// The name that reports use.
  public var name: String
  /// An IPv4 or IPv6 address, without brackets.
  public var host: String
  /// The UDP port.
  public var port: Int

  /// A server at `host` and `port`.
  public init(name: String, host: String, port: Int) {
    self.name = name
    self.host = host
    self.port = port
  }
}

/// The timers of RFC 3261 (table 4) that a non-INVITE client over UDP needs, and when it turns to another server.
public struct ClientTimers: Hashable, Sendable {
  /// T1: the first retransmission, and with more than one server the move to the next, in nanoseconds.
  public var silence: Int64 = 500_000_000
  /// T2: the longest interval between retransmissions, in nanoseconds.
  public var longestInterval: Int64 = 4_000_000_000
  /// How long after the first send a request that nobody answered has failed (64 times T1), in nanoseconds.
  public var giveUp: Int64 = 32_000_000_000
  /// The wait after every server turned the request away, in nanoseconds; doubles up to `longestPause`.
  public var firstPause: Int64 = 100_000_000
  /// The longest such wait, in nanoseconds.
  public var longestPause: Int64 = 500_000_000

  /// The values of RFC 3261.
  public init() {}
}

/// What a `PoolClient` is: its users and the servers they know.
public struct ClientConfiguration: Sendable {
  /// All servers of the pool; at least one, at most 255.
  public var servers: [ServerEndpoint]
  /// The SIP domain of the users.
  public var domain: String
  /// How many users; their names are `<prefix><6 digits>`.
  public var users: Int
  /// What the names of the users begin with.
  public var prefix: String
  /// The users' names, one for each; `nil` for numbered ones.
  public var names: [String]?
  /// A header field, as a line without its end, that each REGISTER carries besides; made from the user's name, the Call-ID
  /// and the CSeq.
  public var header: (@Sendable (_ user: String, _ callID: String, _ cseq: UInt32) -> String)?
  /// The address that the client's own sockets are bound to.
  public var localHost: String
  /// The port of the socket that the contacts name; 0 lets the system choose.
  public var contactPort: Int
  /// The expiry asked for, in seconds.
  public var expires: Int
  /// What makes the Call-IDs and the order of servers of this client its own.
  public var seed: UInt64
  /// The timers.
  public var timers: ClientTimers

  /// A client of `users` users.
  public init(
    servers: [ServerEndpoint],
    domain: String,
    users: Int,
    prefix: String = "u",
    localHost: String = "127.0.0.1",
    contactPort: Int = 0,
    expires: Int = 600,
    seed: UInt64 = 1,
    timers: ClientTimers = ClientTimers()
  ) {
    self.servers = servers
    self.domain = domain
    self.users = users
    self.prefix = prefix
    self.localHost = localHost
    self.contactPort = contactPort
    self.expires = expires
    self.seed = seed
    self.timers = timers
  }
}

/// Why a client could not be started.
public struct SIPClientError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What, where, and what to do, for people.
  public var message: String

  /// An error.
  public init(_ message: String) { self.message = message }

  /// The message alone.
  public var description: String { message }
}
