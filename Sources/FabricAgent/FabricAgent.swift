import FabricRecords
public import FabricStore
public import Logging
public import NIOCore
public import PoolModel
public import Replication

/// Copies out of the machine, as of its last event.
struct Known {
  var deadline: Instant?
  var revision: Revision = 0
  var groups: Int?
  /// Those that were asked for since.
  var routes: [RoutingGroupID: ReplicationMachine.Route] = [:]

  /// The machine has taken an event.
  mutating func refresh(from machine: ReplicationMachine) {
    deadline = machine.deadline
    revision = machine.view.revision
    groups = machine.view.pool?.record.groups
    routes.removeAll(keepingCapacity: true)
  }
}

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

  var machine: ReplicationMachine
  /// What every request asks of the machine: to ask the machine itself is to copy it.
  var known = Known()
  var shards: [RoutingGroupID: GroupShard] = [:]
  /// Groups whose shards remember deletions.
  var deleting: Set<RoutingGroupID> = []
  var tally = AgentCounters()
  /// What keeps this server from its part, for people; `nil` when nothing does.
  public internal(set) var trouble: String?
  /// When the store was last known to be followed.
  var heardAt: Instant?

  // Events that come up while directives are performed wait their turn.
  var events: [ReplicationMachine.Event] = []
  var isPerforming = false
  var tickTask: Scheduled<Void>?
  var tasks: [Task<Void, Never>] = []
  var isStarted = false
  var isStopped = false
  /// The store holds another pool.
  var isForeign = false
  var stopPromise: EventLoopPromise<Void>?
  /// What the store answers comes through here.
  let door: LoopDoor

  /// The values behind the view's records, for fields that a newer release put there.
  var values: [String: [UInt8]] = [:]
  var lease = LeaseKeeping()
  var clock = PoolClock()
  var live = LiveKeeping()
  var loading = LoadQueue()
  var writes = WriteQueue()
  var sweep = Sweep()

  /// An agent that has not started yet.
  public init(configuration: Configuration, store: any FabricStore, eventLoop: any EventLoop, logger: Logger)
  {
    self.configuration = configuration
    self.store = store
    self.eventLoop = eventLoop
    door = LoopDoor(eventLoop)
    self.logger = logger
    var timing = ReplicationMachine.Timing()
    timing.replicaRestartWait = configuration.replicaRestartWait
    timing.balanceWait = configuration.balanceWait
    timing.swapPatience = configuration.swapPatience
    machine = ReplicationMachine(server: configuration.server, timing: timing)
  }

  /// Starts: makes the pool's records if the store is empty (it never overwrites any), takes a lease, follows the
  /// store, loads the replicas that are placed here.
  public func start() {
    eventLoop.preconditionInEventLoop()
    guard !isStarted else { return }
    isStarted = true
    follow()
    sweepLater()
  }

  /// Where the writes of a group go now.
  public func route(_ group: RoutingGroupID) -> GroupRoute {
    switch machineRoute(group) {
    case .here(let generation):
      // The tick that ends leadership may be late when the loop is busy: the clock is what counts.
      guard let deadline = known.deadline, BootClock.now() < deadline else { return .unavailable }
      return .here(generation: generation)
    case .held: return .held
    case .elsewhere(let server):
      guard let address = peerAddress(of: server) else { return .unavailable }
      return .elsewhere(server, peerAddress: address)
    case .unavailable: return .unavailable
    }
  }

  private func machineRoute(_ group: RoutingGroupID) -> ReplicationMachine.Route {
    if let route = known.routes[group] { return route }
    let route = machine.route(group)
    known.routes[group] = route
    return route
  }

  /// The record of an address-of-record, out of a local replica of its group; `nil` when there is none, or no replica.
  /// - Parameter aor: the canonical address-of-record.
  public func record(of aor: String, in group: RoutingGroupID) -> StoredRecord? {
    shards[group]?.records[aor]
  }

  /// How long ago the store last renewed this server's lease, or was read as a whole: what is here may be as old as that.
  public var staleness: Duration { heardAt.map { BootClock.now() - $0 } ?? .zero }

  /// Whether a loaded replica of the group is here.
  public func holdsReplica(_ group: RoutingGroupID) -> Bool { shards[group]?.isLoaded ?? false }

  /// Says that the clients were moved and nothing is in flight, while the server is leaving or out.
  /// - Parameter clients: what became of them.
  public func drainFinished(_ clients: ClientTally = ClientTally()) {
    live.clients = clients
    tell(.drained)
  }

  /// Where another server of the pool is reached (`host:port`), while its lease is live.
  public func peerAddress(of server: ServerName) -> String? { machine.view.live[server]?.record.peerAddress }

  /// The fabric as this server last saw it.
  public var view: FabricView { machine.view }

  /// Pool time now: the store's clock, carried on by the boot-time clock since it was last asked.
  public var poolTime: PoolTime { clock.poolTime(at: BootClock.now()) }

  /// Whether the fabric was read, the lease is live and every replica placed here is loaded.
  public var isReady: Bool { machine.isReady }

  /// How many groups the pool has; `nil` before the pool's record was read.
  public var groupCount: Int? { known.groups }

  /// What it counted.
  public var counters: AgentCounters {
    var counters = tally
    counters.leading = machine.leading.count
    counters.replicas = shards.values.count { $0.isLoaded }
    counters.records = shards.values.reduce(0) { $0 + $1.countedRecords }
    counters.recordsLed = recordsLed
    counters.watchRevision = machine.view.revision
    return counters
  }

  /// Records in the groups it leads.
  var recordsLed: Int { machine.leading.reduce(0) { $0 + (shards[$1]?.countedRecords ?? 0) } }

  /// How many records a local replica of a group has; `nil` without one.
  public func recordCount(in group: RoutingGroupID) -> Int? {
    shards[group].flatMap { $0.isLoaded ? $0.records.count : nil }
  }

  /// Calls `body` for every record of a group's local replica, in no order: for audits and tests.
  public func forEachRecord(in group: RoutingGroupID, _ body: (_ aor: String, _ record: StoredRecord) -> Void)
  {
    for (aor, record) in shards[group]?.records ?? [:] { body(aor, record) }
  }

  var bound: NIOLoopBound<FabricAgent> { NIOLoopBound(self, eventLoop: eventLoop) }

  /// Runs a store call off the loop and takes its answer on the loop.
  func run<Answer: Sendable>(
    _ body: @escaping @Sendable () async -> Answer,
    then take: @escaping @Sendable (FabricAgent, Answer) -> Void
  ) {
    let bound = bound
    let door = door
    Task {
      let answer = await body()
      door.execute { take(bound.value, answer) }
    }
  }
}
