import PatchRun
import PoolModel
import Replication

/// A server of the simulation: the machine of its process, what it holds, what is installed on it. A class, so that
/// looking at one copies nothing.
final class SimulatedServer {
  let name: ServerName
  /// Rises with every start of the process: happenings of an earlier one are dropped.
  var run = 0
  var isUp = false
  /// Whether its process is to run: a crash is then followed by a start.
  var isWanted = true
  /// It will not start again, ever.
  var isBroken = false
  var isPartitioned = false
  /// Its replicas do not load.
  var lags = false
  /// They never will again.
  var lagsForEver = false
  var installed = "1.0"
  var running = "1.0"
  var bootNumber = 0

  var machine: ReplicationMachine
  /// The next entry of the store's history that its watch tells.
  var cursor = 0
  var isTold = false
  var tables: [[StoredBinding?]?]
  var loads: [Int]
  var loadedAt: [UInt64]
  var leads: [UInt64?]
  var held: [Bool]
  var inFlight: [Int]
  var busy: Set<Int> = []
  var tickNumber = 0
  /// When the next tick comes, and when it is wanted.
  var tickDue: Int?
  var tickWanted: Int?

  /// The lock that commands run under.
  var lockGeneration: UInt64 = 0
  var command: (generation: UInt64, token: Int)?
  /// The highest generation that acted on it.
  var actedGeneration: UInt64 = 0
  /// When it last stopped counting for its groups, as the store tells.
  var lostAt: Int?

  init(name: ServerName, groups: Int, timing: ReplicationMachine.Timing) {
    self.name = name
    machine = ReplicationMachine(server: name, timing: timing)
    tables = Array(repeating: nil, count: groups)
    loads = Array(repeating: 0, count: groups)
    loadedAt = Array(repeating: 0, count: groups)
    leads = Array(repeating: nil, count: groups)
    held = Array(repeating: false, count: groups)
    inFlight = Array(repeating: 0, count: groups)
  }

  /// What a new process begins with.
  func begin() {
    let groups = leads.count
    run += 1
    isUp = true
    running = installed
    isTold = false
    machine = ReplicationMachine(server: name, timing: machine.timing)
    tables = Array(repeating: nil, count: groups)
    loads = Array(repeating: 0, count: groups)
    loadedAt = Array(repeating: 0, count: groups)
    leads = Array(repeating: nil, count: groups)
    held = Array(repeating: false, count: groups)
    inFlight = Array(repeating: 0, count: groups)
    busy = []
    tickDue = nil
    tickWanted = nil
  }

  /// Takes a binding that the watch tells in.
  func apply(_ revision: StoreRevision) {
    guard let (index, user, binding) = revision.binding else { return }
    guard tables[index] != nil, revision.revision > loadedAt[index] else { return }
    if (tables[index]?[user]?.revision ?? 0) < binding.revision { tables[index]?[user] = binding }
  }
}
