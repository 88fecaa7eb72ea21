public import PoolModel

extension FabricAgent {
  /// A server of the pool as the pool file lists it.
  public struct ListedServer: Hashable, Sendable {
    /// Its name.
    public var name: ServerName
    /// Its upgrade domain.
    public var upgradeDomain: UpgradeDomain

    /// A server as listed.
    public init(name: ServerName, upgradeDomain: UpgradeDomain) {
      self.name = name
      self.upgradeDomain = upgradeDomain
    }
  }

  /// What an agent is told when it is made.
  public struct Configuration: Sendable {
    /// The pool.
    public var pool: PoolName
    /// The SIP domain, written into a new pool's record.
    public var domain: String
    /// How many routing groups a new pool gets. A pool that exists keeps its own number.
    public var groups: Int
    /// The servers of the pool file: recorded when the store is empty, otherwise only looked at for this one.
    public var servers: [ListedServer]
    /// This server.
    public var server: ServerName
    /// The version this process was built as.
    public var version: String
    /// Where the other servers reach this one: `host:port`.
    public var peerAddress: String
    /// Where clients reach this one: `host:port`.
    public var sipAddress: String
    /// This process, for people.
    public var processID: Int
    /// Time to live of the lease. At least 1 s.
    public var leaseTTL: Duration = .seconds(2)
    /// How long a server that is gone and not out-marked is waited for before its replicas are built elsewhere.
    public var replicaRestartWait: Duration = .seconds(1_800)
    /// How long the pool must be quiet before primaries are evened out unasked; `nil` for never.
    public var balanceWait: Duration? = .seconds(30)
    /// How long an offered swap may stay untaken before it is withdrawn.
    public var swapPatience: Duration = .seconds(1)
    /// How long `stop` waits for its groups to be taken over by others.
    public var stopPatience: Duration = .seconds(5)
    /// Whether a user is not counted in figures: one that the pool's own tools register.
    public var isHidden: @Sendable (_ addressOfRecord: String) -> Bool = { _ in false }
    /// Writes one group may have waiting; more are refused at once with `.failed(.unavailable)`.
    public var queueLimit = 4_096
    /// Reads, from a record's bytes, the pool time in milliseconds from which it is worthless; `nil` for never.
    /// Worthless records are deleted by the primary, a few at a time.
    public var expiry: (@Sendable ([UInt8]) -> Int64?)?

    /// A configuration with the usual times; change the members as needed.
    public init(
      pool: PoolName,
      domain: String,
      groups: Int,
      servers: [ListedServer],
      server: ServerName,
      version: String,
      peerAddress: String,
      sipAddress: String,
      processID: Int
    ) {
      self.pool = pool
      self.domain = domain
      self.groups = groups
      self.servers = servers
      self.server = server
      self.version = version
      self.peerAddress = peerAddress
      self.sipAddress = sipAddress
      self.processID = processID
    }
  }
}
