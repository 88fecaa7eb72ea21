public import PoolModel

extension ReplicationMachine {
  /// Times the machine goes by.
  public struct Timing: Hashable, Sendable {
    /// How long a server that is gone and not out-marked is waited for before its replicas are built elsewhere.
    public var replicaRestartWait: Duration = .seconds(1_800)
    /// How long the pool must be quiet before the controller evens out; `nil` for never.
    public var balanceWait: Duration? = .seconds(30)
    /// How long writes are held for a swap, and how long an offer may stay untaken.
    public var swapPatience: Duration = .seconds(1)
    /// The first delay before something refused or failed is tried again; it doubles.
    public var retryDelay: Duration = .milliseconds(25)
    /// The longest such delay.
    public var longestRetryDelay: Duration = .seconds(2)
    /// Swaps that one server runs at a time.
    public var swapsAtOnce = 64
    /// Updates of the fabric that one server has under way at a time.
    public var updatesAtOnce = 256

    /// The usual times.
    public init() {}
  }

  /// What the machine is told.
  public enum Event: Hashable, Sendable {
    /// The whole fabric was read, at the start or afresh because the watch fell behind.
    case viewRead(FabricView)
    /// Everything up to a revision was told by the watch.
    case viewChanged([FabricChange], revision: UInt64)
    /// A lease was granted and the live record is written. `sentAt`: when the request was sent.
    case leaseGranted(instance: UInt64, sentAt: Instant, ttl: Duration)
    /// The lease was renewed by a request sent then.
    case leaseRenewed(sentAt: Instant)
    /// The lease is gone.
    case leaseLost
    /// The bindings of a group are in memory and the watch keeps them current.
    case replicaLoaded(RoutingGroupID)
    /// They could not be read.
    case replicaLoadFailed(RoutingGroupID)
    /// After `hold`: no write of the group is queued or in flight.
    case writesResolved(RoutingGroupID)
    /// An update ended.
    case updateFinished(id: UInt64, UpdateOutcome)
    /// The machine's clock was compared with pool time.
    case clockMeasured(offset: Duration)
    /// While the server is leaving or out: its clients were moved and nothing is in flight.
    case drained
    /// The process is asked to stop: give everything away.
    case stopRequested
    /// The time asked for by `nextTick` has come.
    case tick
  }

  /// How an update ended.
  public enum UpdateOutcome: Hashable, Sendable {
    /// It applied, at this revision.
    case applied(revision: UInt64)
    /// A condition did not hold; the store was at this revision.
    case refused(revision: UInt64)
    /// Nobody knows, or the store did not answer. Every update is conditional, so it is safe to decide again.
    case unknown
  }

  /// Why an update is made.
  public enum Purpose: String, Hashable, Sendable {
    /// First placement of a group.
    case place
    /// A new primary because there is none.
    case promote
    /// A replica that is missing from the record.
    case fill
    /// A replica in place of one whose server was waited for long enough.
    case replace
    /// A replica too many, or one of a server that was removed.
    case trim
    /// A replica that moves to a server with fewer.
    case moveReplica
    /// A wish for another primary, to even out.
    case prefer
    /// A replica of this server has caught up.
    case build
    /// An offer of a group led here.
    case offer
    /// An offer that nobody took.
    case withdraw
    /// A group that was offered to this server.
    case take
  }

  /// A change of the fabric to commit.
  public struct PlannedUpdate: Hashable, Sendable {
    /// Names it in `updateFinished`.
    public var id: UInt64
    /// Of which group.
    public var group: RoutingGroupID
    /// Why.
    public var purpose: Purpose
    /// The change.
    public var update: FabricUpdate
  }

  /// What the machine wants done.
  public enum Directive: Hashable, Sendable {
    /// Commit these, each alone, in one call, urgently; say how each ended.
    case commit([PlannedUpdate])
    /// Read the bindings of a group into memory, afresh if they are there.
    case loadReplica(RoutingGroupID)
    /// Forget them.
    case dropReplica(RoutingGroupID)
    /// Accept writes of the group, fenced with this generation.
    case lead(RoutingGroupID, generation: UInt64)
    /// Accept no more writes of the group; those queued end as `notPrimary`.
    case stopLeading(RoutingGroupID)
    /// Begin no new write of the group, finish what is queued and in flight, then say `writesResolved`.
    case hold(RoutingGroupID)
    /// The hold is over: commit what waits if the group is still led here, else it ends as `notPrimary`.
    case release(RoutingGroupID)
    /// `route(_:)` of the group answers something else now.
    case routeChanged(RoutingGroupID)
    /// This server's service state became known or changed.
    case service(ServiceState)
    /// Write this into the server's live record.
    case announce(drained: Bool, clockOffset: Duration)
    /// After `stopRequested`: nothing is led here any more.
    case stopFinished
    /// Send `tick` at this time; an earlier wish is void.
    case nextTick(Instant)
  }

  /// Where a group's writes go.
  public enum Route: Hashable, Sendable {
    /// Here, at this generation.
    case here(generation: UInt64)
    /// Nowhere yet: a swap runs.
    case held
    /// To that server.
    case elsewhere(ServerName)
    /// Nobody leads it.
    case unavailable
  }
}
