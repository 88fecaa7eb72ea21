import PoolModel

@testable import Replication

/// A pool of machines over a model store, one seed one history: delays, crashes, partitions, unknown outcomes, planned
/// fail-overs. Violations are collected, not thrown, so that a test can show them all.
struct PoolSimulation {
  enum Happening {
    case deliver(Int, run: Int)
    case renew(Int, run: Int)
    case tell(Int, run: Int, ReplicationMachine.Event)
    case tick(Int, run: Int, number: Int)
    case arrive(Int, run: Int, ReplicationMachine.PlannedUpdate, answer: Bool)
    case load(Int, run: Int, RoutingGroupID, number: Int)
    case client
    case write(Int, run: Int, RoutingGroupID, user: Int, generation: UInt64, expecting: UInt64)
    case fault
    case start(Int)
    case operate(Int)
    case expiry
    case check
  }

  static let ttl = Duration.seconds(2)
  static let users = 4

  var random: SeededRandom
  var store = ModelStore()
  var servers: [SimulatedServer]
  var queue = HappeningQueue()
  var now = Instant(nanoseconds: 1_000_000)
  var violations: [String] = []
  var acknowledged: [RoutingGroupID: [Int: Int]] = [:]
  var nextValue = 1
  var faultsUntil: Instant
  var broken: Breakage?
  var transcript: [String] = []
  var keepsTranscript = false
  var lossSince: [RoutingGroupID: Instant] = [:]
  /// Acts that a planned fail-over has under way, so that at most one server is out at a time.
  var out: Int?
  var counts: [String: Int] = [:]

  init(seed: UInt64, servers count: Int, groups: Int, seconds: Int = 25, broken: Breakage? = nil) {
    random = SeededRandom(seed: seed)
    var timing = ReplicationMachine.Timing()
    timing.balanceWait = .seconds(3)
    timing.replicaRestartWait = .seconds(8)
    servers = (1...count).map { SimulatedServer(name: ServerName("fe\($0)"), timing: timing) }
    faultsUntil = now + .seconds(seconds)
    self.broken = broken
    store.broken = broken
    let pool = PoolRecord(
      name: PoolName("sim"),
      domain: "example.com",
      groups: groups,
      featureLevel: 1
    )
    let records = servers.map {
      ServerRecord(name: $0.name, upgradeDomain: UpgradeDomain($0.name.rawValue), service: .inService)
    }
    for update in PoolFormation.updates(pool, servers: records) { _ = store.commit(update) }
  }

  mutating func schedule(_ happening: Happening, in delay: Duration) { queue.add(happening, at: now + delay) }

  /// Runs the faults, then the healing, and says what went wrong.
  mutating func run() {
    for server in servers.indices { schedule(.start(server), in: milliseconds(0, 3_000)) }
    schedule(.client, in: .milliseconds(50))
    schedule(.fault, in: .seconds(6))
    schedule(.expiry, in: .milliseconds(10))
    schedule(.check, in: .milliseconds(100))
    advance(to: faultsUntil)
    heal()
    advance(to: now + .seconds(20))
    demandLiveness()
  }

  mutating func advance(to end: Instant) {
    while violations.count < 5, let (at, happening) = queue.pop(until: end) {
      now = at
      happen(happening)
    }
    now = max(now, end)
  }

  mutating func milliseconds(_ from: Int, _ to: Int) -> Duration { .milliseconds(random.int(from...to)) }

  mutating func violate(_ text: String) {
    violations.append("\(now.nanoseconds / 1_000_000) ms: \(text)")
  }

  /// Gives an event to a server's machine and performs what it says.
  mutating func tell(_ server: Int, _ event: ReplicationMachine.Event) {
    guard servers[server].isUp else { return }
    let directives = servers[server].machine.handle(event, at: now)
    if keepsTranscript {
      transcript.append("\(now.nanoseconds / 1_000_000) \(servers[server].name) <- \(event)")
      for directive in directives { transcript.append("    \(directive)") }
    }
    for directive in directives { perform(directive, on: server) }
    if broken == .offerForgotten {
      for group in servers[server].machine.local.keys { servers[server].machine.local[group]?.offerOn = nil }
    }
  }

  /// Faults end: everything is up, connected and in service.
  mutating func heal() {
    for server in servers.indices {
      servers[server].isPartitioned = false
      if !servers[server].isUp { start(server) }
    }
    out = nil
    for record in store.view.servers.values.map(\.record) where !record.service.isInService {
      setService(record.name, .inService)
    }
  }
}

/// Happenings in order of time, then of arrival. The heap holds small numbers; the happenings lie beside it.
struct HappeningQueue {
  private struct Entry: Comparable {
    var at: Instant
    var number: Int

    static func < (left: Self, right: Self) -> Bool { (left.at, left.number) < (right.at, right.number) }
  }

  private var heap: [Entry] = []
  private var happenings: [Int: PoolSimulation.Happening] = [:]
  private var number = 0

  mutating func add(_ happening: PoolSimulation.Happening, at instant: Instant) {
    number += 1
    happenings[number] = happening
    heap.append(Entry(at: instant, number: number))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child] < heap[parent] else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func pop(until end: Instant) -> (Instant, PoolSimulation.Happening)? {
    guard let first = heap.first, first.at <= end,
      let happening = happenings.removeValue(forKey: first.number)
    else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      if 2 * parent + 1 < heap.count, heap[2 * parent + 1] < heap[least] { least = 2 * parent + 1 }
      if 2 * parent + 2 < heap.count, heap[2 * parent + 2] < heap[least] { least = 2 * parent + 2 }
      guard least != parent else { return (first.at, happening) }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
