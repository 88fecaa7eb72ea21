public import PatchRun
import PoolModel
import Replication

/// One history of a pool of servers that is patched while everything around it fails: the real `RunMachine` and
/// `ReplicationMachine`s over a simulated store, clock and driver, single-threaded. Safety is checked as it happens; then
/// the faults end and liveness is demanded.
public struct PoolSimulation {
  static let leaseTime = 2_000
  static let users = 3
  /// Devices of one user.
  static let devices = 2
  static let run = "sim"
  static let target = "2.0"

  let seed: UInt64
  let weakness: Weakness?
  var scenario: Scenario
  var random: SeededRandom
  var store: SimulatedStore
  let servers: [SimulatedServer]
  var coordinators: [SimulatedCoordinator] = []
  var queue = HappeningQueue()
  /// Milliseconds.
  var now = 1_000
  var happenings = 0
  var isHealed = false
  var isOver = false
  /// How far the store's wall clock has jumped.
  var clockJump = 0
  /// The store answers slowly until then.
  var slowUntil = 0
  /// The store answers nobody until then.
  var goneUntil = 0
  var seedsDown: Set<Int> = []
  var longestGap = 0
  var resumes = 0

  var devices: [SimulatedDevice]
  let book: RequestBook
  var faults = FaultCounts()
  var lastCommand = 0
  var watch = Watchman()
  /// The newest reading of the pool, and how many changes of control records there had been.
  var lastReading: FabricState?
  var lastReadingAt = -1
  var violation: String?
  let trace: Trace

  /// A history that has not happened yet.
  /// - Parameters:
  ///   - servers: how many, 1 to 64.
  ///   - traced: whether the last events are kept for people.
  public init(seed: UInt64, servers count: Int = 5, weakness: Weakness? = nil, traced: Bool = false) {
    self.init(seed: seed, servers: count, weakness: weakness, traced: traced, book: RequestBook())
  }

  init(seed: UInt64, servers count: Int, weakness: Weakness?, traced: Bool, book: RequestBook) {
    self.seed = seed
    self.weakness = weakness
    var random = SeededRandom(seed: seed)
    scenario = Scenario(&random)
    self.random = random
    trace = Trace(isOn: traced)
    var timing = ReplicationMachine.Timing()
    timing.balanceWait = nil
    timing.replicaRestartWait = .seconds(6)
    let groups = scenario.groups
    store = SimulatedStore(groups: groups, users: Self.users)
    devices = Array(repeating: SimulatedDevice(), count: groups * Self.users * Self.devices)
    self.book = book
    book.prepare(devices.count)
    servers = (1...min(max(count, 1), 64)).map { number in
      SimulatedServer(
        name: ServerName(number < 10 ? "fe0\(number)" : "fe\(number)"),
        groups: groups,
        timing: timing
      )
    }
    let pool = PoolRecord(name: PoolName("sim"), domain: "example.com", groups: groups, featureLevel: 1)
    let records = servers.map {
      ServerRecord(name: $0.name, upgradeDomain: UpgradeDomain($0.name.rawValue), service: .inService)
    }
    for update in PoolFormation.updates(pool, servers: records) { _ = store.commit(update) }
  }

  var instant: Instant { Instant(nanoseconds: Int64(now) * 1_000_000) }
  var storeTime: PoolTime { PoolTime(milliseconds: 1_800_000_000_000 + Int64(now + clockJump)) }
  var isFaulty: Bool { now < scenario.faultsUntil }

  mutating func schedule(_ happening: Happening, in delay: Int) {
    queue.add(happening, at: now + max(0, delay))
  }

  mutating func count(_ fault: Fault) { faults.add(fault) }

  func index(of server: ServerName) -> Int? { servers.firstIndex { $0.name == server } }

  /// Lets the history happen, and says what came of it.
  public mutating func play() -> History {
    for server in servers.indices { boot(server, in: random.int(1, 30)) }
    schedule(.client, in: 120)
    schedule(.newCoordinator, in: random.int(150, 400))
    if scenario.rivals { schedule(.newCoordinator, in: random.int(200, 3_000)) }
    if let pause = scenario.faultPause { schedule(.fault, in: 100 + random.int(1, pause)) }
    schedule(.heal, in: max(scenario.faultsUntil - now, 0) + 400)
    schedule(.giveUp, in: scenario.faultsUntil + 180_000)
    while violation == nil, !isOver, let (at, happening) = queue.pop(until: .max) {
      now = at
      happenings += 1
      happen(happening)
      check()
    }
    if violation == nil { demandTheEnd() }
    return History(
      seed: seed,
      violation: violation.map { "\(now) ms: \($0)" },
      outcome: outcome,
      milliseconds: now,
      happenings: happenings,
      records: store.journal.count,
      faults: faults,
      fingerprint: random.state ^ store.view.revision &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(happenings),
      trace: trace.lines
    )
  }

  mutating func violate(_ what: String) {
    guard violation == nil else { return }
    violation = what
    note("VIOLATION \(what)")
  }

  func note(_ line: @autoclosure () -> String) {
    guard trace.isOn else { return }
    trace.add("\(now) \(line())")
  }
}

/// What came of a history.
public struct History: Sendable {
  /// Its seed.
  public var seed: UInt64
  /// What went wrong and when; `nil` when nothing did.
  public var violation: String?
  /// How the run ended; `nil` when there never was one.
  public var outcome: RunOutcome?
  /// Its length in milliseconds of simulated time.
  public var milliseconds: Int
  /// How many things happened.
  public var happenings: Int
  /// How many records its journal has.
  public var records: Int
  /// What went wrong around it.
  var faults: FaultCounts
  /// The same for the same history.
  public var fingerprint: UInt64
  /// The last events, when it was traced.
  public var trace: [String]
}

/// The last lines of what happened. A class, so that telling it something changes nothing in the simulation.
final class Trace {
  static let most = 400

  let isOn: Bool
  private(set) var lines: [String] = []

  init(isOn: Bool) { self.isOn = isOn }

  func add(_ line: String) {
    lines.append(line)
    if lines.count > Self.most * 2 { lines.removeFirst(Self.most) }
  }
}
