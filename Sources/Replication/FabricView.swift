public import PoolModel

/// The pool's control records at one revision: what every decision is made from.
public struct FabricView: Hashable, Sendable {
  /// The pool, `nil` before it is made.
  public var pool: Versioned<PoolRecord>?
  /// Servers that are not removed.
  public var servers: ServerTable<Versioned<ServerRecord>>
  /// Processes whose lease is live.
  public var live: ServerTable<Versioned<LiveRecord>>
  /// Routing groups by number.
  public var groups: GroupTable<Versioned<GroupRecord>>
  /// The revision of key `epoch`, 0 before it exists: changes of roles, replicas, membership and out-marks all write
  /// that key.
  public var epoch: UInt64
  /// Everything up to this revision of the store is in the view.
  public var revision: UInt64

  /// A view, empty unless told.
  public init(
    pool: Versioned<PoolRecord>? = nil,
    servers: ServerTable<Versioned<ServerRecord>> = [:],
    live: ServerTable<Versioned<LiveRecord>> = [:],
    groups: GroupTable<Versioned<GroupRecord>> = [:],
    epoch: UInt64 = 0,
    revision: UInt64 = 0
  ) {
    self.pool = pool
    self.servers = servers
    self.live = live
    self.groups = groups
    self.epoch = epoch
    self.revision = revision
  }
}

/// A change to one control record.
public enum FabricChange: Hashable, Sendable {
  /// The pool was written.
  case pool(Versioned<PoolRecord>)
  /// A server was written, or removed.
  case server(ServerName, Versioned<ServerRecord>?)
  /// A process came, changed, or its lease ended.
  case live(ServerName, Versioned<LiveRecord>?)
  /// A group was written, or removed.
  case group(RoutingGroupID, Versioned<GroupRecord>?)
  /// The epoch rose to this revision.
  case epoch(UInt64)
}

extension FabricView {
  /// Takes a change in. Changes come in the order of their revisions.
  public mutating func apply(_ change: FabricChange) {
    switch change {
    case .pool(let record): pool = record
    case .server(let name, let record): servers[name] = record
    case .live(let name, let record): live[name] = record
    case .group(let id, let record): groups[id] = record
    case .epoch(let revision): epoch = revision
    }
  }
}

/// A condition that a change of the fabric is committed under.
public enum FabricCondition: Hashable, Sendable {
  /// The epoch is still at this revision.
  case epochIs(UInt64)
  /// The server's record is still at this revision; 0 means that there is none.
  case serverIs(ServerName, revision: UInt64)
  /// The group's record is still at this revision; 0 means that there is none.
  case groupIs(RoutingGroupID, revision: UInt64)
  /// The group is still at this generation (compares `fence/<number>`).
  case generationIs(RoutingGroupID, UInt64)
  /// The server holds no lease.
  case notLive(ServerName)
  /// The server's live record is still at this revision.
  case liveIs(ServerName, revision: UInt64)
  /// The pool's record is absent.
  case noPool
}

/// One thing that a change of the fabric writes.
public enum FabricWrite: Hashable, Sendable {
  /// Writes the pool.
  case pool(PoolRecord)
  /// Writes a server.
  case server(ServerRecord)
  /// Removes a server.
  case removeServer(ServerName)
  /// Writes a group, and `fence/<number>` with its generation when `fencing`.
  case group(GroupRecord, fencing: Bool)
  /// Raises the epoch.
  case epoch
}

/// Conditions and writes that become one transaction of the store.
public struct FabricUpdate: Hashable, Sendable {
  /// All must hold.
  public var conditions: [FabricCondition]
  /// All are written, or none.
  public var writes: [FabricWrite]

  /// An update.
  public init(when conditions: [FabricCondition], write writes: [FabricWrite]) {
    self.conditions = conditions
    self.writes = writes
  }
}
