/// A lease's name in its store.
public struct LeaseID: Hashable, Sendable, CustomStringConvertible {
  /// The store's own number.
  public let rawValue: UInt64

  /// Names a lease.
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }

  /// The number in hexadecimal, as etcd shows it.
  public var description: String { String(rawValue, radix: 16) }
}

/// A lease as granted.
public struct LeaseGrant: Hashable, Sendable {
  /// Its name.
  public var id: LeaseID
  /// The fencing generation: greater than that of every lease this store granted before.
  public var generation: UInt64
  /// The time to live that was granted, at least what was asked for.
  public var ttl: Duration

  /// A grant.
  public init(id: LeaseID, generation: UInt64, ttl: Duration) {
    self.id = id
    self.generation = generation
    self.ttl = ttl
  }
}

/// The store's clock.
public struct StoreTime: Hashable, Sendable {
  /// Milliseconds since 1970-01-01 UTC.
  public var milliseconds: Int64

  /// A time.
  public init(milliseconds: Int64) { self.milliseconds = milliseconds }
}

/// How a store is.
public struct StoreStatus: Hashable, Sendable, Codable {
  /// A member of the store; a store in a file has one.
  public struct Member: Hashable, Sendable, Codable {
    /// Its name or address.
    public var name: String
    /// Whether it answers.
    public var isHealthy: Bool
    /// Whether it leads.
    public var isLeader: Bool
    /// The hosts it is reached at, as it says; empty for a store in a file.
    public var hosts: [String]
    /// Bytes of its copy; `nil` when it does not answer.
    public var size: Int64?

    /// A member as observed.
    public init(name: String, isHealthy: Bool, isLeader: Bool, hosts: [String] = [], size: Int64? = nil) {
      self.name = name
      self.isHealthy = isHealthy
      self.isLeader = isLeader
      self.hosts = hosts
      self.size = size
    }
  }

  /// What it is and where, for people: `sqlite:/var/lib/quorate/fabric.db`.
  public var name: String
  /// The newest revision.
  public var revision: UInt64
  /// The oldest revision that can still be read at.
  public var compactedRevision: UInt64
  /// Bytes on disk.
  public var size: Int64
  /// Its members.
  public var members: [Member]
  /// What is wrong, for people; empty when nothing is.
  public var alarms: [String]
  /// Bytes that a member may have at most; `nil` for no limit but the disk's.
  public var quota: Int64?

  /// A status as observed.
  public init(
    name: String,
    revision: UInt64,
    compactedRevision: UInt64,
    size: Int64,
    members: [Member],
    alarms: [String],
    quota: Int64? = nil
  ) {
    self.name = name
    self.revision = revision
    self.compactedRevision = compactedRevision
    self.size = size
    self.members = members
    self.alarms = alarms
    self.quota = quota
  }
}
