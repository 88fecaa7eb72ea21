import PatchRun
import PoolModel
import Registrar
import Replication

/// What can happen, to whom. Times are milliseconds of the simulation. `run` and `token` tell a happening of a process
/// that has ended since, which is then nobody's.
enum Happening {
  case nothing
  // Servers.
  case deliver(Int, run: Int)
  case renew(Int, run: Int)
  indirect case tell(Int, run: Int, ReplicationMachine.Event)
  case tick(Int, run: Int, number: Int)
  indirect case updateArrives(Int, run: Int, ReplicationMachine.PlannedUpdate, answers: Bool)
  case loaded(Int, run: Int, RoutingGroupID, number: Int)
  case boot(Int, number: Int)
  // Clients.
  case client
  indirect case writeArrives(BindingWrite, answers: Bool)
  indirect case writeAnswered(BindingWrite, applied: Bool)
  indirect case readBack(BindingWrite)
  // The store.
  case expiry(UInt64)
  // Coordinators.
  case newCoordinator
  indirect case coordinator(Int, CoordinatorTurn)
  indirect case takeArrives(TakeRequest)
  case keepArrives(Int, sentAt: Int, answers: Bool)
  indirect case appendArrives(AppendRequest, answers: Bool)
  indirect case releaseArrives(ReleaseRequest, answers: Bool)
  indirect case verbCommitArrives(VerbCommit)
  indirect case commandEnds(CommandCall)
  // The world.
  case fault
  case heal
  case giveUp
}

/// What a coordinator's own program does next. A stalled or dead program does nothing.
enum CoordinatorTurn {
  case look
  case taken(revision: UInt64?, count: Int)
  case keep
  case kept(Bool, sentAt: Int)
  case appended(number: Int, AppendOutcome)
  case appendAgain(number: Int)
  case released
  case event(MachineEvent)
  case observe
  case command(CommandCall)
  case verb(sequence: Int, token: Int)
}

/// How an append to the journal ended, as its writer sees it.
enum AppendOutcome { case written, refused, unknown }

/// One registration on its way to the store.
struct BindingWrite {
  var server: Int
  var run: Int
  var device: Int
  /// The request's CSeq number.
  var cseq: Int
  /// Whether the device waits for the answer.
  var isAwaited: Bool
  /// The user's record as it is to be; `nil` for none.
  var record: RegistrationRecord?
  var generation: UInt64
  var expecting: UInt64
}

/// A claim on the pool being taken.
struct TakeRequest {
  var coordinator: Int
  var lease: UInt64
  var claimRevision: UInt64
  var count: Int
  var isNewRun: Bool
}

/// Records on their way to the journal.
struct AppendRequest {
  var coordinator: Int
  var number: Int
  var generation: UInt64
  var claimRevision: UInt64
  var count: Int
  var records: [JournalRecord]
}

/// The end of a coordinator's hold.
struct ReleaseRequest {
  var coordinator: Int
  var lease: UInt64
  var claimRevision: UInt64
  var paused: String?
}

/// A driver's change of the fabric on its way.
struct VerbCommit {
  var coordinator: Int
  var sequence: Int
  var generation: UInt64
  var update: FabricUpdate
  /// The server that the act takes out by it, if it does.
  var marks: ServerName?
}

/// A command of the patch section.
struct CommandCall {
  var coordinator: Int
  var kind: CommandKind
  var server: Int?
  var sequence: Int
  var generation: UInt64
  var token = 0
  var within: Int
  /// It will be ended when its time is over.
  var hangs = false
}
