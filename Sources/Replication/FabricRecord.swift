public import PoolModel

/// The pool itself, at key `pool`. Written once, when the pool is made; changed only to raise the feature level.
public struct PoolRecord: Hashable, Sendable, Codable {
  /// The pool's name: a store belongs to one pool.
  public var name: PoolName
  /// The SIP domain it serves.
  public var domain: String
  /// How many routing groups it has, for ever.
  public var groups: Int
  /// Records are written in formats up to this level only, so that a rollback works below it.
  public var featureLevel: Int

  /// A pool as recorded.
  public init(name: PoolName, domain: String, groups: Int, featureLevel: Int) {
    self.name = name
    self.domain = domain
    self.groups = groups
    self.featureLevel = featureLevel
  }
}

/// A server of the pool, at key `server/<name>`. Durable: an out-mark outlives restarts.
public struct ServerRecord: Hashable, Sendable, Codable {
  /// Its name.
  public var name: ServerName
  /// Its upgrade domain.
  public var upgradeDomain: UpgradeDomain
  /// Whether it may serve.
  public var service: ServiceState

  /// A server as recorded.
  public init(name: ServerName, upgradeDomain: UpgradeDomain, service: ServiceState) {
    self.name = name
    self.upgradeDomain = upgradeDomain
    self.service = service
  }
}

/// A running server process, at key `live/<name>`, attached to its lease: it vanishes when the lease ends.
public struct LiveRecord: Hashable, Sendable, Codable {
  /// Its server.
  public var name: ServerName
  /// The fencing generation of its lease: names this run of the process.
  public var instance: UInt64
  /// The version the process was built as.
  public var version: String
  /// Where other servers of the pool pass requests to it: `host:port`.
  public var peerAddress: String
  /// Where clients reach it: `host:port`.
  public var sipAddress: String
  /// Its process ID, for people.
  public var processID: Int
  /// Bindings in the groups it leads, now and then brought up to date.
  public var bindings: Int
  /// How far its clock is from pool time, milliseconds.
  public var clockOffsetMilliseconds: Int64
  /// While it is leaving or out: its clients were told to move and nothing is in flight.
  public var drained: Bool
  /// The highest feature level it can read and write.
  public var featureLevel: Int
  /// What became of its clients, once it has drained; `nil` before, and from a release that does not say.
  public var clients: ClientTally?

  /// A process as recorded.
  public init(
    name: ServerName,
    instance: UInt64,
    version: String,
    peerAddress: String,
    sipAddress: String,
    processID: Int,
    bindings: Int = 0,
    clockOffsetMilliseconds: Int64 = 0,
    drained: Bool = false,
    featureLevel: Int = 1,
    clients: ClientTally? = nil
  ) {
    self.name = name
    self.instance = instance
    self.version = version
    self.peerAddress = peerAddress
    self.sipAddress = sipAddress
    self.processID = processID
    self.bindings = bindings
    self.clockOffsetMilliseconds = clockOffsetMilliseconds
    self.drained = drained
    self.featureLevel = featureLevel
    self.clients = clients
  }
}

/// A replica as declared in its group's record.
public struct ReplicaRecord: Hashable, Sendable, Codable {
  /// The server that holds it.
  public var server: ServerName
  /// The instance of that server which has caught up; 0 while it never has. The replica is up exactly while this is
  /// the instance of the server's live record: a restarted server has to catch up again.
  public var builtBy: UInt64

  /// A replica as recorded.
  public init(server: ServerName, builtBy: UInt64 = 0) {
    self.server = server
    self.builtBy = builtBy
  }
}

/// A primary's offer to hand a group over: written when its last write is resolved, so that whoever reads it from the
/// watch has applied all of them before it.
public struct SwapOffer: Hashable, Sendable, Codable {
  /// Who is to become primary.
  public var target: ServerName
  /// The instance of the target that the offer is for.
  public var targetInstance: UInt64

  /// An offer as recorded.
  public init(target: ServerName, targetInstance: UInt64) {
    self.target = target
    self.targetInstance = targetInstance
  }
}

/// A routing group, at key `group/<number>`.
public struct GroupRecord: Hashable, Sendable, Codable {
  /// Which group.
  public var id: RoutingGroupID
  /// Rises with every change of primary. Key `fence/<number>` holds it too, in the same transactions, and every write
  /// of a binding compares that.
  public var generation: UInt64
  /// Who leads; `nil` when nobody was placed yet or the leader was declared lost.
  public var primary: ServerName?
  /// The instance of the primary that leads. Another instance of the same server does not.
  public var primaryInstance: UInt64
  /// Its replicas, the primary's among them. Never two on one server.
  public var replicas: [ReplicaRecord]
  /// The swap that is under way.
  public var swap: SwapOffer?
  /// Where the primary should move when that is possible: set to even out, cleared when done.
  public var preferredPrimary: ServerName?

  /// A group as recorded.
  public init(
    id: RoutingGroupID,
    generation: UInt64,
    primary: ServerName?,
    primaryInstance: UInt64,
    replicas: [ReplicaRecord],
    swap: SwapOffer? = nil,
    preferredPrimary: ServerName? = nil
  ) {
    self.id = id
    self.generation = generation
    self.primary = primary
    self.primaryInstance = primaryInstance
    self.replicas = replicas
    self.swap = swap
    self.preferredPrimary = preferredPrimary
  }
}

/// A record and the revision of the store at which it was written. Handed from hand to hand much more often than changed:
/// the record lies in a box, so that a copy costs one count.
@frozen
public struct Versioned<Record: Hashable & Sendable>: Hashable, Sendable {
  @usableFromInline
  final class Box: Sendable {
    @usableFromInline let record: Record

    @inlinable
    init(_ record: Record) { self.record = record }
  }

  @usableFromInline var box: Box
  /// Its revision: what a change to it compares.
  public var revision: UInt64

  /// A record as read.
  @inlinable
  public init(_ record: Record, revision: UInt64) {
    box = Box(record)
    self.revision = revision
  }

  /// The record.
  @inlinable
  public var record: Record {
    get { box.record }
    set { box = Box(newValue) }
  }

  /// Equal records of one revision.
  public static func == (left: Self, right: Self) -> Bool {
    left.revision == right.revision && (left.box === right.box || left.record == right.record)
  }

  /// Hashes record and revision.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(record)
    hasher.combine(revision)
  }
}
