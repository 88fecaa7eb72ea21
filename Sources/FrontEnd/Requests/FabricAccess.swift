import FabricAgent
import FabricStore
import Logging
import NIOCore
import PoolModel
import Replication

/// What the SIP side uses of the fabric's agent: where a group's writes go, its records, and writing them. On the event
/// loop only. `FabricAgent` says what each does.
protocol FabricAccess: AnyObject {
  /// How many groups the pool has; `nil` before that is known.
  var groupCount: Int? { get }
  /// Pool time now.
  var poolTime: PoolTime { get }
  /// Where the writes of a group go now.
  func route(_ group: RoutingGroupID) -> GroupRoute
  /// Whether a loaded replica of the group is here.
  func holdsReplica(_ group: RoutingGroupID) -> Bool
  /// How long ago the store was last known to be followed: its records may be as old as that.
  var staleness: Duration { get }
  /// A record out of a replica here.
  func record(of addressOfRecord: String, in group: RoutingGroupID) -> StoredRecord?
  /// Writes a record if it is still at the revision expected.
  func write(
    _ bytes: [UInt8]?,
    for addressOfRecord: String,
    in group: RoutingGroupID,
    expecting revision: UInt64,
    completion: @escaping (WriteOutcome) -> Void
  )
}

/// The whole of the agent, as the server that runs it uses it.
protocol FabricPart: FabricAccess {
  /// The route of a group has changed.
  var onRouteChange: ((RoutingGroupID) -> Void)? { get set }
  /// This server's service state has changed, or became known.
  var onServiceChange: ((ServiceState) -> Void)? { get set }
  /// A commit call for writes ended.
  var onBatch: ((_ writes: Int, _ latency: Duration) -> Void)? { get set }
  /// A lease renewal ended well.
  var onRenewal: ((_ latency: Duration) -> Void)? { get set }
  /// The fabric as last seen.
  var view: FabricView { get }
  /// Whether the server can serve.
  var isReady: Bool { get }
  /// What the agent counted.
  var counters: AgentCounters { get }
  /// Begins.
  func start()
  /// Gives the groups away and the lease back.
  func stop() -> EventLoopFuture<Void>
  /// The loop is about to end: nothing may come onto it any more.
  func end()
  /// Says that the clients were moved and nothing is in flight.
  func drainFinished(_ clients: ClientTally)
  /// Where another server is reached.
  func peerAddress(of server: ServerName) -> String?
}

extension FabricAgent: FabricPart {}

/// Makes the agent of a server; another in tests.
typealias FabricPartMaker =
  @Sendable (FabricAgent.Configuration, any FabricStore, any EventLoop, Logger) -> any FabricPart
