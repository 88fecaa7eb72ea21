import PatchRun
import PoolModel

/// A coordinator's program: what PatchEngine's `Runner`, `Journal` and `LeaseKeeper` keep while they carry a run.
struct SimulatedCoordinator {
  enum Phase {
    /// Looks whether the pool is free or can be taken over.
    case looking
    /// Waits for the claim.
    case taking
    /// Waits for the next event.
    case idle
    /// Waits until a step's records are durable.
    case writing(Step)
    /// Gives the claim up, or leaves it paused.
    case releasing
    case ended
  }

  /// A driver's verb under way.
  struct Verb {
    enum Stage { case admission, following, undoing, stopping, ending }

    var directive: Directive
    var token: Int
    var stage = Stage.admission
    var deadline: Int
    var undoUntil = 0
    /// The mark that a fail-back took away.
    var mark: OutMark?
    /// A lease seen before a start: what counts is the next.
    var staleInstance: UInt64?
    var moved = 0
    var recovered: Set<RoutingGroupID> = []
    var lost: Set<ServerName> = []
    var preferred: Set<RoutingGroupID> = []
  }

  let number: Int
  var phase = Phase.looking
  var isAlive = true
  var isPartitioned = false
  var stalledUntil = 0
  var lease: UInt64 = 0
  var deadline = 0
  var claimRevision: UInt64 = 0
  /// How many records its journal has, as it knows.
  var count = 0
  var appendNumber = 0
  var state: RunState?
  var inbox: [MachineEvent] = []
  var verbs: [Int: Verb] = [:]
  var lastToken = 0
  /// Pool time minus the simulation's, as read when it began.
  var clockBase = 0
  /// What the pool was like at its last reading, told as it is.
  var truth: GateTruth?
  /// Servers whose last gate it judged itself.
  var gated: Set<ServerName> = []

  init(number: Int) { self.number = number }
}
