public import FabricStore
public import Logging
public import NIOCore
public import PoolModel
public import Replication

/// A server's part in the fabric: keeps its lease, follows the store, holds replicas, leads groups, writes records.
///
/// It is confined to its event loop: make it, call it and release it there. Its closures are called there too.
/// Whoever needs it from elsewhere carries it in a `NIOLoopBound`. It decides nothing about the pool itself:
/// `ReplicationMachine` does, and the agent performs its directives.
public final class FabricAgent {
  /// The loop it lives on.
  public let eventLoop: any EventLoop
  /// What it was told.
  public let configuration: Configuration
  let store: any FabricStore
  let logger: Logger

  /// The route of a group has changed: a hold ended, or its primary moved. Ask `route` again.
  public var onRouteChange: ((RoutingGroupID) -> Void)?
  /// This server's service state in the fabric has changed, or became known. While it is `.leaving`, answer new work
  /// with 503, move the clients, and call `drainFinished` when that is done.
  public var onServiceChange: ((ServiceState) -> Void)?
  /// A commit call for writes ended: how many writes it held and how long it took.
  public var onBatch: ((_ writes: Int, _ latency: Duration) -> Void)?
  /// A lease renewal ended well: how long it took.
  public var onRenewal: ((_ latency: Duration) -> Void)?

  /// An agent that has not started yet.
  public init(configuration: Configuration, store: any FabricStore, eventLoop: any EventLoop, logger: Logger)
  {
    self.configuration = configuration
    self.store = store
    self.eventLoop = eventLoop
    self.logger = logger
  }

  /// Starts: makes the pool's records if the store is empty (it never overwrites any), takes a lease, follows the
  /// store, loads the replicas that are placed here.
  public func start() {}

  /// Stops: offers the groups it leads to others, waits for them a bounded time, gives its lease back.
  /// The future succeeds on the loop, always.
  public func stop() -> EventLoopFuture<Void> { eventLoop.makeSucceededVoidFuture() }

  /// Where the writes of a group go now.
  public func route(_ group: RoutingGroupID) -> GroupRoute { .unavailable }

  /// The record of an address-of-record, out of a local replica of its group; `nil` when there is none, or no replica.
  /// - Parameter aor: the canonical address-of-record.
  public func record(of aor: String, in group: RoutingGroupID) -> StoredRecord? { nil }

  /// Whether a loaded replica of the group is here.
  public func holdsReplica(_ group: RoutingGroupID) -> Bool { false }

  /// Writes a record, or deletes it, if it still is at the revision expected and this server still leads the group.
  /// Writes of one AoR are committed in the order they are asked for.
  /// - Parameters:
  ///   - bytes: the new value; `nil` deletes.
  ///   - aor: the canonical address-of-record.
  ///   - group: its group.
  ///   - revision: the revision it is at now; 0 when there is no record.
  ///   - completion: called on the loop, once, never before this method returns.
  public func write(
    _ bytes: [UInt8]?,
    for aor: String,
    in group: RoutingGroupID,
    expecting revision: UInt64,
    completion: @escaping (WriteOutcome) -> Void
  ) {}

  /// Says that the clients were moved and nothing is in flight, while the server is leaving or out.
  public func drainFinished() {}

  /// Where another server of the pool is reached (`host:port`), while its lease is live.
  public func peerAddress(of server: ServerName) -> String? { nil }

  /// The fabric as this server last saw it.
  public var view: FabricView { FabricView() }

  /// Pool time now: the store's clock, carried on by the boot-time clock since it was last asked.
  public var poolTime: PoolTime { PoolTime(milliseconds: 0) }

  /// Whether the fabric was read, the lease is live and every replica placed here is loaded.
  public var isReady: Bool { false }

  /// How many groups the pool has; `nil` before the pool's record was read.
  public var groupCount: Int? { nil }

  /// What it counted.
  public var counters: AgentCounters { AgentCounters() }
}
