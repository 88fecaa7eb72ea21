public import PoolModel

/// One server's part in the replication of a pool: which replicas it holds and leads, when it swaps, and, while it is
/// the controller, where replicas and primaries go. A value: events and times go in, directives come out; nothing in
/// it waits, reads a clock or draws a random number, and the same events give the same directives.
///
/// Safety does not rest on it alone. Every change is committed under conditions on what it was decided from, every
/// write of a binding compares the group's generation, and a server leads a group only once its own watch has told it
/// so: by then it has applied every write of the leaders before.
public struct ReplicationMachine: Hashable, Sendable {
  /// This server.
  public let server: ServerName
  /// The times it goes by.
  public let timing: Timing
  /// The fabric as far as it was told.
  public internal(set) var view = FabricView()
  /// Until when it may act as primary: the lease's end as counted from when its newest renewal was sent, less a margin.
  public var deadline: Instant? { lease?.deadline }
  /// The instance of the lease it holds, by its own knowledge.
  public var instance: UInt64? { lease?.instance }
  /// Groups it leads.
  public internal(set) var leading = GroupSet()
  /// Whether it was asked to stop.
  public internal(set) var isStopping = false

  var hasView = false
  var index = GroupIndex()
  var lease: LeaseState?
  var wasActing = false
  var local: GroupTable<LocalGroup> = [:]
  var routes: GroupTable<Route> = [:]
  var isDrained = false
  var toldService: ServiceState?
  /// The revision of the record that said so.
  var toldServiceAt: UInt64?
  var clockOffset = Duration.zero
  var announced: Announcement?
  var toldStopFinished = false

  var pending: GroupTable<PendingUpdate> = [:]
  var updateGroups: [UInt64: RoutingGroupID] = [:]
  var lastUpdate: UInt64 = 0
  var attempts: GroupTable<Int> = [:]
  var promised = Placement.Load()
  var backlog: [RoutingGroupID] = []
  var backlogged = GroupSet()

  var swapping = GroupSet()
  var swapBacklog: [RoutingGroupID] = []
  var swapBacklogged = GroupSet()

  var controllerName: ServerName?
  /// A server or a process changed, so the controller or this server's service may have.
  var serversChanged = true
  var placementDue = false
  var wanting = GroupSet()
  var goneSince: ServerTable<Instant> = [:]
  var longGone: Set<ServerName> = []
  var unrestAt = Instant(nanoseconds: 0)
  var balanced = false

  var now = Instant(nanoseconds: 0)
  var alarms = AlarmQueue()
  var dirty = GroupSet()
  var directives: [Directive] = []
  var commits: [PlannedUpdate] = []
  var toldTick: Instant?

  /// A machine that knows nothing yet.
  public init(server: ServerName, timing: Timing = Timing()) {
    self.server = server
    self.timing = timing
  }

  /// Takes an event in and says what to do. Directives are performed in order.
  public mutating func handle(_ event: Event, at instant: Instant) -> [Directive] {
    now = max(now, instant)
    take(event)
    settle()
    let told = directives
    directives = []
    return told
  }

  /// Where the writes of a group go, as of the last event.
  public func route(_ group: RoutingGroupID) -> Route { routes[group] ?? .unavailable }

  /// Whether the replica of a group is loaded here.
  public func isLoaded(_ group: RoutingGroupID) -> Bool { local[group]?.replica == .loaded }

  /// Whether the fabric is known, the lease is live, and every replica placed here is loaded and recorded so.
  public var isReady: Bool {
    guard hasView, let lease, isActing else { return false }
    return index.groups(on: server).allSatisfy { id in
      isLoaded(id)
        && (view.groups[id]?.record.replicas.contains {
          $0.server == server && $0.builtBy == lease.instance
        } ?? false)
    }
  }

  private mutating func take(_ event: Event) {
    switch event {
    case .viewRead(let view): takeView(view)
    case .viewChanged(let changes, let revision): takeChanges(changes, revision: revision)
    case .leaseGranted(let instance, let sentAt, let ttl):
      lease = LeaseState(instance: instance, ttl: ttl, renewedAt: sentAt)
      announced = nil
      markLocal()
    case .leaseRenewed(let sentAt): lease?.renew(sentAt: sentAt)
    case .leaseLost: lease = nil
    case .replicaLoaded(let group): takeLoad(group, succeeded: true)
    case .replicaLoadFailed(let group): takeLoad(group, succeeded: false)
    case .writesResolved(let group): takeResolved(group)
    case .updateFinished(let id, let outcome): takeOutcome(outcome, of: id)
    case .clockMeasured(let offset): takeClock(offset)
    case .drained: isDrained = true
    case .stopRequested: takeStop()
    case .tick: toldTick = nil
    }
  }

  /// Looks at every group that may need something, until none does.
  private mutating func settle() {
    takeTimers()
    takeActing()
    var rounds = 0
    while rounds < 8 {
      rounds += 1
      callBacklogs()
      guard !dirty.isEmpty else { break }
      let groups = dirty
      dirty = GroupSet()
      for group in groups { examine(group) }
    }
    placeMissing()
    announceIfNeeded()
    if !commits.isEmpty {
      directives.append(.commit(commits))
      commits.removeAll()
    }
    askForTick()
  }

  private mutating func examine(_ group: RoutingGroupID) {
    let record = view.groups[group]
    updateReplica(group, record)
    if let record {
      updateLeading(group, record)
      updateSwap(group, record)
      decide(group, record)
    }
    updateRoute(group, record)
  }
}
