import PoolModel

extension ReplicationMachine {
  struct LeaseState: Hashable, Sendable {
    let instance: UInt64
    /// How long it may be acted on after a renewal: an eighth of the time to live is kept for the difference of two
    /// clocks' rates and for our own delays.
    private let span: Duration
    private(set) var renewedAt: Instant
    private(set) var deadline: Instant

    init(instance: UInt64, ttl: Duration, renewedAt: Instant) {
      self.instance = instance
      span = ttl - ttl / 8
      self.renewedAt = renewedAt
      deadline = renewedAt + span
    }

    mutating func renew(sentAt: Instant) {
      guard sentAt > renewedAt else { return }
      renewedAt = sentAt
      deadline = sentAt + span
    }
  }

  /// A group that has, or had a moment ago, a replica here.
  struct LocalGroup: Hashable, Sendable {
    var replica = ReplicaPhase.absent
    /// The record was seen to say that this instance has built the replica; a `builtBy` of 0 later asks for a new load.
    var declared = false
    var loadAttempts = 0
    /// The generation it leads at.
    var leading: UInt64?
    /// Writes are held.
    var isHeld = false
    private var box: HandOverBox?

    /// What is kept of handing it over. Most groups have nothing of it most of the time, and the rest is looked at often:
    /// so it lies in a box.
    private var handOver: HandOver {
      get { box?.value ?? HandOver() }
      set { box = newValue == HandOver() ? nil : HandOverBox(newValue) }
    }

    var swap: SwapPhase {
      get { box?.value.swap ?? .idle }
      set { if newValue != swap { handOver.swap = newValue } }
    }
    /// No swap is begun before that.
    var swapNotBefore: Instant? {
      get { box?.value.swapNotBefore }
      set { if newValue != swapNotBefore { handOver.swapNotBefore = newValue } }
    }
    /// Counted as one primary more there while the swap runs.
    var promisedTo: ServerName? {
      get { box?.value.promisedTo }
      set { if newValue != promisedTo { handOver.promisedTo = newValue } }
    }
    /// The revision that an offer of ours was committed on, until the view has passed it: so long the offer may
    /// still land, and the hold cannot end.
    var offerOn: UInt64? {
      get { box?.value.offerOn }
      set { if newValue != offerOn { handOver.offerOn = newValue } }
    }
    /// Who did not take the last offer.
    var reluctant: ServerName? {
      get { box?.value.reluctant }
      set { if newValue != reluctant { handOver.reluctant = newValue } }
    }
  }

  private struct HandOver: Hashable, Sendable {
    var swap = SwapPhase.idle
    var swapNotBefore: Instant?
    var promisedTo: ServerName?
    var offerOn: UInt64?
    var reluctant: ServerName?
  }

  private final class HandOverBox: Hashable, Sendable {
    let value: HandOver

    init(_ value: HandOver) { self.value = value }

    static func == (left: HandOverBox, right: HandOverBox) -> Bool { left.value == right.value }

    func hash(into hasher: inout Hasher) { hasher.combine(value) }
  }

  enum ReplicaPhase: Hashable, Sendable {
    case absent
    case loading
    /// To be tried again. While the group is led, what was loaded before is still there.
    case failed(retryAt: Instant)
    case loaded
    /// Led here, and loaded afresh because the watch had lost its place; see `takeView`.
    case refreshing
  }

  /// idle -> resolving (hold given) -> ready (no write in flight) -> offered (in the record) -> idle; from ready by way
  /// of retracting when it took too long and the offer may still land.
  enum SwapPhase: Hashable, Sendable {
    case idle
    case resolving(target: ServerName, since: Instant)
    case ready(target: ServerName, since: Instant)
    case offered(since: Instant)
    /// The record is rewritten, so that an offer whose outcome nobody knows can never land.
    case retracting

    var target: ServerName? {
      switch self {
      case .resolving(let target, _), .ready(let target, _): target
      case .idle, .offered, .retracting: nil
      }
    }
  }

  struct Announcement: Hashable, Sendable {
    var drained: Bool
    var clockOffset: Duration
  }

  /// An update under way, or the wait after one.
  struct PendingUpdate: Hashable, Sendable {
    enum Phase: Hashable, Sendable {
      /// The shell has it.
      case inFlight
      /// It applied; the view is not there yet.
      case applied(revision: UInt64, giveUpAt: Instant)
      /// It failed or was refused.
      case waiting(until: Instant)
    }

    var id: UInt64
    var phase: Phase
    /// Counts as one primary more there while it is under way.
    var primaryAt: ServerName?
    /// Counts as one replica more there.
    var replicasAt: [ServerName] = []
  }

  /// Whether the lease allows acting: as primary, as controller, as target.
  var isActing: Bool {
    guard hasView, let lease else { return false }
    return now < lease.deadline
  }

  var isActingController: Bool { controllerName == server && isActing && !isStopping }

  /// This server's service state; leaving out what is not recorded.
  var service: ServiceState? { view.servers[server]?.record.service }

  /// Counts of the view and of what is under way.
  var load: Placement.Load {
    var load = index.load
    for (server, count) in promised.primaries { load.primaries[server, default: 0] += count }
    for (server, count) in promised.replicas { load.replicas[server, default: 0] += count }
    return load
  }

  mutating func markAll() {
    dirty.formUnion(view.groups)
    placementDue = true
  }

  mutating func markLocal() { dirty.formUnion(local) }
}
