import PatchRun
import PoolModel
import PoolProcedures

/// A coordinator's program: what PatchEngine's `Runner`, `Journal` and `LeaseKeeper` keep while they carry a run. A class,
/// so that looking at one copies nothing.
final class SimulatedCoordinator {
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
  final class Verb {
    enum Stage { case admission, following, stopping, ending }

    let directive: Directive
    let token: Int
    var stage = Stage.admission
    var deadline: Int
    /// The procedure it follows; none for a process or a version.
    var work: Work?
    /// It has seen all changes of the fabric up to this one, and waits for the next.
    var seen = 0
    var isWaiting = false
    /// A lease seen before a start: what counts is the next.
    var staleInstance: UInt64?

    init(directive: Directive, token: Int, deadline: Int) {
      self.directive = directive
      self.token = token
      self.deadline = deadline
    }
  }

  /// The verbs under way, by their acts' numbers: a handful.
  struct Verbs {
    private var sequences: [Int] = []
    private var verbs: [Verb] = []

    subscript(_ sequence: Int) -> Verb? {
      get { sequences.firstIndex(of: sequence).map { verbs[$0] } }
      set {
        guard let position = sequences.firstIndex(of: sequence) else {
          guard let newValue else { return }
          sequences.append(sequence)
          verbs.append(newValue)
          return
        }
        if let newValue {
          verbs[position] = newValue
        } else {
          sequences.remove(at: position)
          verbs.remove(at: position)
        }
      }
    }
  }

  /// The procedures of the real driver, and those that put back what they did.
  enum Work {
    case failOver(FailOverProcedure)
    case failOverUndo(FailOverUndo)
    case failBack(FailBackProcedure)
    case failBackUndo(FailBackUndo, of: FailBackProcedure, why: ActFailure)
    case even(EvenProcedure)
    case evenUndo(EvenUndo)
    case recover(RecoveryProcedure)
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
  var verbs = Verbs()
  var lastToken = 0
  /// Pool time minus the simulation's, as read when it began.
  var clockBase = 0
  /// What the pool was like at its last reading, told as it is.
  var truth: GateTruth?
  /// Servers whose last gate it judged itself.
  var gated: Set<ServerName> = []

  init(number: Int) { self.number = number }
}
